"""What no event wakes, and what nobody ended: found and mended.

It runs every few minutes, and at once where the triggerer sees that it is needed
(`sparkdrop.orchestration.trouble_trigger`). *sweep* routes objects that a new pipeline matches, settles
batches whose run is dead, cancels steps whose time is over, and wakes pipelines whose inbox is not empty;
*reap* terminates job flows that no living run uses; *reconcile*, in a DAG of its own that runs once an hour,
records objects that no event told of.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import (
    DAG,
    AssetAlias,
    AssetOrTimeSchedule,
    BaseOperator,
    Context,
    CronTriggerTimetable,
    TriggerRule,
)
from airflow.sdk.types import RuntimeTaskInstanceProtocol
from pydantic import JsonValue  # noqa: TC002 - as everywhere here

from sparkdrop.aws.emr import Emr
from sparkdrop.aws.intake import route_again
from sparkdrop.aws.items import format_time
from sparkdrop.aws.ledger import Ledger
from sparkdrop.aws.overtime import enforce_timeout, locate_step
from sparkdrop.aws.pace import find_slow
from sparkdrop.aws.records import BatchHead, CancelCause
from sparkdrop.aws.watch import reconcile_bucket
from sparkdrop.core.deployment import Deployment
from sparkdrop.core.errors import StepStillLiveError
from sparkdrop.core.pipeline import Pipeline
from sparkdrop.orchestration.assets import SLOW_ALIAS, SLOW_BATCHES, WAKE_ALIAS, build_inbox_asset
from sparkdrop.orchestration.routes import Routes, load_pipelines
from sparkdrop.orchestration.services import get_services
from sparkdrop.orchestration.trouble_trigger import LIVE_RUN_STATES, build_watched_troubles_asset

_UNROUTED_A_SWEEP = 10_000
_LEFT_TO_ITS_RUN = timedelta(minutes=5)
"""How long after its step was cancelled a batch is left to its run, which is told of it too."""

_EVENTS_ARE_LATE_AFTER = timedelta(minutes=15)
"""S3's events come within seconds; an object of this age without a row has lost its event."""


def _is_alive(ti: RuntimeTaskInstanceProtocol, head: BatchHead) -> bool:
    count: int = ti.get_dr_count(head.dag_id, run_ids=[head.run_id], states=LIVE_RUN_STATES)
    return count > 0


def _wake(context: Context, alias: AssetAlias, names: set[str]) -> None:
    for name in sorted(names):
        context["outlet_events"][alias].add(build_inbox_asset(name))


class SweepOperator(BaseOperator):
    """Routes again, settles dead runs' batches, wakes pipelines."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(outlets=[WAKE_ALIAS, SLOW_ALIAS], **kwargs)

    def execute(self, context: Context) -> dict[str, list[str]]:
        """Sweep; the answer is what was settled and who was woken."""
        services = get_services()
        pipelines = load_pipelines(services.deployment).pipelines
        routed = route_again(services.ledger, Routes(services.deployment).read(), _UNROUTED_A_SWEEP)
        if routed:
            self.log.info("Objects that were unrouted belong to %s now", sorted(routed))
        heads = services.ledger.read_open_batches()
        slow: list[tuple[BatchHead, timedelta]] = []
        settled = [
            head.batch_id for head in heads if self._attend(context, pipelines.get(head.pipeline), head, slow)
        ]
        waiting = {
            name
            for name, pipeline in pipelines.items()
            if services.ledger.is_waiting(name, invoked_only=pipeline.arrival.mode == "none")
        }
        _wake(context, WAKE_ALIAS, waiting)
        result = {"settled": settled, "woken": sorted(waiting)}
        self.log.info("Swept: %s", result)
        self._tell_of(context, slow)
        return result

    def _attend(
        self,
        context: Context,
        pipeline: Pipeline | None,
        head: BatchHead,
        slow: list[tuple[BatchHead, timedelta]],
    ) -> bool:
        """See to an open batch, and note in `slow` if it is; the answer is whether it was settled."""
        services = get_services()
        if not _is_alive(context["ti"], head):
            return self._settle(pipeline, head)
        if pipeline is None:
            return False
        try:
            usual = find_slow(services.ledger, head) if head.slow_since is None else None
            if usual is not None:
                slow.append((head, usual))
            return self._end_if_over_time(pipeline, head)
        except StepStillLiveError as error:
            self.log.warning("%s", error)
            return False
        except Exception:
            self.log.exception("Batch %s cannot be looked at; the next sweep tries again", head.batch_id)
            return False

    def _tell_of(self, context: Context, slow: list[tuple[BatchHead, timedelta]]) -> None:
        """Tell of slow batches, once of each.

        Last of all, and without an error: a task that fails loses its events, and its next try would find
        that they were told.
        """
        for head, usual in slow:
            facts: dict[str, JsonValue] = {
                "batch_id": head.batch_id,
                "pipeline": head.pipeline,
                "run_id": head.run_id,
                "since": format_time(head.announced_at or head.opened_at),
                "usual_seconds": usual.total_seconds(),
            }
            self.log.warning("A batch takes far longer than its pipeline's usual: %s", facts)
            try:
                get_services().ledger.note_slow(head.batch_id)
            except Exception:
                self.log.exception("That it is slow cannot be noted; the next sweep tells of it")
            else:
                context["outlet_events"][SLOW_ALIAS].add(SLOW_BATCHES, extra=facts)

    def _end_if_over_time(self, pipeline: Pipeline, head: BatchHead) -> bool:
        """Cancel a living run's step whose time is over: the trigger that should have done it may be gone.

        The run hears of it from that trigger and settles the batch. Where it does not, the sweep does.
        """
        services = get_services()
        enforce_timeout(
            services.ledger,
            services.emr,
            head,
            pipeline.job.timeout,
            owns_job_flow=pipeline.compute.reuse == "never",
        )
        is_left = head.cancelled_at is None or head.cancelled_at + _LEFT_TO_ITS_RUN > services.ledger.now()
        return not is_left and self._settle(pipeline, head)

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
            settlement = services.settler.settle(pipeline, head, services.emr)
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
        """Reap; the answer is the ids of what was terminated.

        A cluster goes as soon as its batch is settled or its run is over. One of whose batch nothing is on
        record has an age to reach first: the ledger may be away, and we not know better.
        """
        services = get_services()
        emr = services.emr
        reaped: list[str] = []
        for job_flow in emr.list_job_flows():
            head = services.ledger.read_batch(job_flow.batch_id)
            if head is None:
                age = services.ledger.now() - job_flow.created_at
                is_useless = age > services.deployment.reap_after
            else:
                is_useless = head.state.is_over or not _is_alive(context["ti"], head)
            if is_useless:
                self.log.warning("Job flow %s has no living run: terminating", job_flow.job_flow_id)
                if head and not head.state.is_over:
                    self._note_end(services.ledger, emr, head)
                emr.terminate(job_flow.job_flow_id)
                reaped.append(job_flow.job_flow_id)
        return reaped

    @staticmethod
    def _note_end(ledger: Ledger, emr: Emr, head: BatchHead) -> None:
        """Write down why a step ends that the sweep could not cancel: EMR will name the cluster's end."""
        head = locate_step(emr, head)
        if head.job_flow_id and head.step_id and emr.read_step(head.job_flow_id, head.step_id).is_live:
            ledger.note_cancellation(head, CancelCause.ABANDONED)


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
    # by its clock, and at once when something is found that waits for it
    schedule = AssetOrTimeSchedule(
        assets=[build_watched_troubles_asset()],
        timetable=CronTriggerTimetable(deployment.sweep_schedule, timezone="UTC"),
    )
    with DAG("maintenance", schedule=schedule, description=description, **common) as maintenance:
        sweep = SweepOperator(task_id="sweep")
        # a step whose run is over is cancelled with its reason on record, before its cluster goes under it
        reap = ReapOperator(task_id="reap", trigger_rule=TriggerRule.ALL_DONE)
        sweep >> reap
        # the run fails with either of them
        [sweep, reap] >> EmptyOperator(task_id="attended")
    with DAG(
        "reconcile", schedule="@hourly", description="Finds objects that no event told of", **common
    ) as reconcile:
        ReconcileOperator(task_id="reconcile")
    return [maintenance, reconcile]
