"""The S3KeySensors of our DAGs: one that remembers what it has seen, and one that a person may pass by."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import pendulum
import structlog
from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor
from airflow.sdk import Context
from airflow.triggers.base import BaseTrigger, TriggerEvent

from sparkdrop.aws.watch import BucketWatch
from sparkdrop.core.pipeline import Pipeline
from sparkdrop.orchestration.services import get_services

log = structlog.get_logger(__name__)


def is_chosen_by_hand(context: Context) -> bool:
    """Whether a person named in the run's form what it shall process."""
    return bool(context["params"].get("keys") or context["params"].get("prefix"))


class CompanionSensor(S3KeySensor):
    """Waits for a pipeline's companions: exact keys, in the triggerer. "Process this now" does not wait.

    Its keys are rendered when it is sure that it waits, and not by Airflow before that: a run without a
    logical date (an event's, or the API's) has no `ds` there. Here every run has one.
    """

    template_fields: Sequence[str] = ()

    def execute(self, context: Context) -> None:
        """Look, and go on looking in the triggerer; a run whose form names its files looks for nothing."""
        if is_chosen_by_hand(context):
            return
        self.bucket_key = self.render_template(self.bucket_key, build_template_context(context))
        super().execute(context)


def build_template_context(context: Context) -> Context:
    """Add to a run's context the dates that it lacks: those of the time from which it may run.

    The names are Airflow's: https://airflow.apache.org/docs/apache-airflow/stable/templates-ref.html
    """
    if context.get("logical_date") is not None:
        return context
    moment = pendulum.instance(context["dag_run"].run_after)
    day, second = moment.strftime("%Y-%m-%d"), moment.strftime("%Y%m%dT%H%M%S")
    dates: Any = {
        "logical_date": moment,
        "data_interval_start": moment,
        "data_interval_end": moment,
        "ds": day,
        "ds_nodash": day.replace("-", ""),
        "ts": moment.isoformat(),
        "ts_nodash": second,
        "ts_nodash_with_tz": moment.isoformat().replace("-", "").replace(":", ""),
    }
    extended: Context = context | dates
    return extended


def _build_watch(pipeline: str, bucket: str, patterns: Sequence[str], hidden: str) -> BucketWatch:
    services = get_services()
    return BucketWatch(
        services.ledger,
        services.storage,
        pipeline=pipeline,
        bucket=bucket,
        patterns=patterns,
        hidden=hidden,
    )


class ArrivalSensor(S3KeySensor):
    """Waits until something new matches a pipeline's key patterns, and puts it into the inbox.

    The stock sensor matches a file for ever (https://github.com/apache/airflow/issues/24321); here the ledger
    says which are new. It waits in the triggerer.

    Args:
        pipeline: whose patterns and inbox they are.
        bucket_name: where to look.
    """

    def __init__(self, *, pipeline: Pipeline, bucket_name: str, **kwargs: Any) -> None:
        super().__init__(
            bucket_name=bucket_name,
            bucket_key=list(pipeline.arrival.keys),
            wildcard_match=True,
            deferrable=True,
            aws_conn_id=None,
            poke_interval=pipeline.arrival.poll_interval.total_seconds(),
            **kwargs,
        )
        self.pipeline = pipeline
        self.bucket = bucket_name

    def poke(self, context: Context) -> bool:  # noqa: ARG002 - Airflow's signature
        """Look once."""
        hidden = self.pipeline.arrival.hidden
        return _build_watch(self.pipeline.name, self.bucket, self.bucket_key, hidden).look()

    def _defer(self) -> None:
        """Go on looking in the triggerer."""
        self.defer(
            trigger=ArrivalSensorTrigger(
                pipeline=self.pipeline.name,
                bucket=self.bucket,
                patterns=list(self.bucket_key),
                poke_interval=self.poke_interval,
                hidden=self.pipeline.arrival.hidden,
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=self.timeout),
        )


class ArrivalSensorTrigger(BaseTrigger):
    """Looks again and again, until something is new.

    Args:
        pipeline: whose inbox it is.
        bucket: where to look.
        patterns: what to look for.
        poke_interval: seconds between two looks.
        hidden: whether keys with a hidden folder or name count.
    """

    def __init__(
        self, pipeline: str, bucket: str, patterns: list[str], poke_interval: float, hidden: str = "skip"
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's base has no annotations
        self.pipeline = pipeline
        self.bucket = bucket
        self.patterns = patterns
        self.poke_interval = poke_interval
        self.hidden = hidden

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Name the class and its arguments."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "pipeline": self.pipeline,
                "bucket": self.bucket,
                "patterns": self.patterns,
                "poke_interval": self.poke_interval,
                "hidden": self.hidden,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until something is new; an outage of S3 or the ledger is waited out."""
        watch = await asyncio.to_thread(_build_watch, self.pipeline, self.bucket, self.patterns, self.hidden)
        while True:
            try:
                if await asyncio.to_thread(watch.look):
                    break
            except Exception as error:  # noqa: BLE001 - whatever the outage is, the next look may go well
                log.warning("the bucket or the ledger cannot be read", bucket=self.bucket, error=str(error))
            await asyncio.sleep(self.poke_interval)
        # back to the worker: a task that its trigger ends emits no asset event
        yield TriggerEvent({"status": "success"})
