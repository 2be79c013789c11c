"""What no event wakes, and what nobody ended: found and mended every few minutes.

*sweep* routes objects that a new pipeline matches, settles batches whose run is dead, and wakes pipelines
whose inbox is not empty; *reap* terminates job flows that no living run uses; *reconcile*, in a DAG of its
own that runs once an hour, records objects that no event told of.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import DAG, AssetAlias, BaseOperator, Context
from airflow.sdk.types import RuntimeTaskInstanceProtocol

from sparkdrop.aws.intake import route_again
from sparkdrop.aws.records import BatchHead
from sparkdrop.aws.watch import reconcile_bucket
from sparkdrop.core.deployment import Deployment
from sparkdrop.core.errors import StepStillLiveError
from sparkdrop.core.pipeline import Pipeline
from sparkdrop.orchestration.assets import WAKE_ALIAS, build_inbox_asset
from sparkdrop.orchestration.routes import Routes, load_pipelines
from sparkdrop.orchestration.services import get_services

_LIVE_RUN_STATES = ["queued", "running"]
_UNROUTED_A_SWEEP = 10_000
_REAP_AFTER = timedelta(minutes=10)
"""A job flow's age before it is looked at: its run has ended it by then, or never will."""

_EVENTS_ARE_LATE_AFTER = timedelta(minutes=15)
"""S3's events come within seconds; an object of this age without a row has lost its event."""


def _is_alive(ti: RuntimeTaskInstanceProtocol, head: BatchHead) -> bool:
    count: int = ti.get_dr_count(head.dag_id, run_ids=[head.run_id], states=_LIVE_RUN_STATES)
    return count > 0


def _wake(context: Context, alias: AssetAlias, names: set[str]) -> None:
    for name in sorted(names):
        context["outlet_events"][alias].add(build_inbox_asset(name))


class SweepOperator(BaseOperator):
    """Routes again, settles dead runs' batches, wakes pipelines."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(outlets=[WAKE_ALIAS], **kwargs)

    def execute(self, context: Context) -> dict[str, list[str]]:
        """Sweep; the answer is what was settled and who was woken."""
        services = get_services()
        pipelines = load_pipelines(services.deployment).pipelines
        routed = route_again(services.ledger, Routes(services.deployment).read(), _UNROUTED_A_SWEEP)
        if routed:
            self.log.info("Objects that were unrouted belong to %s now", sorted(routed))
        settled = [
            head.batch_id
            for head in services.ledger.read_open_batches()
            if not _is_alive(context["ti"], head) and self._settle(pipelines.get(head.pipeline), head)
        ]
        waiting = {
            name
            for name, pipeline in pipelines.items()
            if services.ledger.is_waiting(name, invoked_only=pipeline.arrival.mode == "none")
        }
        _wake(context, WAKE_ALIAS, waiting)
        result = {"settled": settled, "woken": sorted(waiting)}
        self.log.info("Swept: %s", result)
        return result

    def _settle(self, pipeline: Pipeline | None, head: BatchHead) -> bool:
        """Settle a batch that no run will: its step may have ended well, ended badly, or still be at it."""
        if pipeline is None:
            self.log.error(
                "Batch %s is stuck: its pipeline %s has no file any more, or a bad one; bring it back and "
                "the next sweep settles the batch",
                head.batch_id,
                head.pipeline,
            )
            return False
        services = get_services()
        try:
            settlement = services.settler.settle(pipeline, head, services.make_emr())
        except StepStillLiveError as error:
            self.log.warning("%s", error)
            return False
        except Exception:
            # the other batches are settled and the pipelines woken all the same
            self.log.exception("Batch %s cannot be settled; the next sweep tries again", head.batch_id)
            return False
        self.log.warning("Settled batch %s of a dead run: %s", head.batch_id, settlement.states)
        return True


class ReapOperator(BaseOperator):
    """Terminates job flows that carry our tag and have no living run."""

    def execute(self, context: Context) -> list[str]:
        """Reap; the answer is the ids of what was terminated."""
        services = get_services()
        emr = services.make_emr()
        reaped: list[str] = []
        for job_flow in emr.list_job_flows():
            if job_flow.created_at > services.ledger.now() - _REAP_AFTER:
                continue
            head = services.ledger.read_batch(job_flow.batch_id)
            if head is None or not _is_alive(context["ti"], head):
                self.log.warning("Job flow %s has no living run: terminating", job_flow.job_flow_id)
                emr.terminate(job_flow.job_flow_id)
                reaped.append(job_flow.job_flow_id)
        return reaped


class ReconcileOperator(BaseOperator):
    """Records objects that no event told of, and wakes their pipelines."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(outlets=[WAKE_ALIAS], **kwargs)

    def execute(self, context: Context) -> list[str]:
        """Reconcile each bucket that sends events; the answer is who was woken."""
        services = get_services()
        pipelines = load_pipelines(services.deployment).pipelines
        route = Routes(services.deployment).read()
        others = {
            pipeline.arrival.bucket for pipeline in pipelines.values() if pipeline.arrival.mode == "events"
        }
        buckets = {services.deployment.uploads_bucket, *(bucket for bucket in others if bucket)}
        found: set[str] = set()
        for bucket in sorted(buckets):
            found |= reconcile_bucket(
                services.ledger, services.storage, route, bucket, older_than=_EVENTS_ARE_LATE_AFTER
            )
        woken = {name for name in found & pipelines.keys() if pipelines[name].arrival.mode == "events"}
        _wake(context, WAKE_ALIAS, woken)
        return sorted(woken)


def build_maintenance_dags(deployment: Deployment) -> list[DAG]:
    """Build the DAGs `maintenance` and `reconcile`."""
    common: dict[str, Any] = {
        "start_date": datetime(2026, 1, 1, tzinfo=UTC),
        "catchup": False,
        "max_active_runs": 1,
        "tags": ["sparkdrop"],
        "default_args": {"owner": "sparkdrop", "retries": 1, "retry_delay": timedelta(seconds=30)},
        "doc_md": __doc__,
    }
    description = "Wakes what no event woke; ends what nobody ended"
    with DAG(
        "maintenance", schedule=deployment.sweep_schedule, description=description, **common
    ) as maintenance:
        SweepOperator(task_id="sweep")
        ReapOperator(task_id="reap")
    with DAG(
        "reconcile", schedule="@hourly", description="Finds objects that no event told of", **common
    ) as reconcile:
        ReconcileOperator(task_id="reconcile")
    return [maintenance, reconcile]
