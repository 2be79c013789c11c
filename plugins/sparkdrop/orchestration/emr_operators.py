"""The provider's EMR operators, taught not to start a thing twice.

A retried EmrCreateJobFlowOperator starts a second cluster and a cleared EmrAddStepsOperator a second step
(https://github.com/apache/airflow/issues/27979): EMR takes no client token. Here a job flow is found again by
the tag that names its batch, and a step by its name.
"""

from datetime import timedelta
from typing import Any

from airflow.providers.amazon.aws.operators.emr import EmrAddStepsOperator, EmrCreateJobFlowOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException

from sparkdrop.aws.items import BatchState
from sparkdrop.core.emr_request import build_job_flow, build_step
from sparkdrop.core.pipeline import Pipeline
from sparkdrop.orchestration.claim_operator import ClaimedBatch
from sparkdrop.orchestration.services import get_services
from sparkdrop.orchestration.step_trigger import StepTrigger

_SLACK = timedelta(minutes=15)
"""Added to the longest that a step may wait and run: then the scheduler ends the wait, whatever the triggerer
does. The provider's waiter would give up after 30 minutes, and so end long jobs
(https://github.com/apache/airflow/issues/38658)."""


def _pull_claim(context: Context) -> ClaimedBatch:
    claimed: ClaimedBatch = context["ti"].xcom_pull(task_ids="claim_batch")
    return claimed


class CreateJobFlowOperator(EmrCreateJobFlowOperator):
    """Starts the batch's cluster, or finds the one that an earlier try started.

    It does not wait for the cluster: EMR takes steps while it starts.

    Args:
        pipeline: says what cluster.
    """

    def __init__(self, *, pipeline: Pipeline, **kwargs: Any) -> None:
        super().__init__(emr_conn_id=None, aws_conn_id=None, deferrable=False, **kwargs)
        self.pipeline = pipeline
        self._job_flow_id: str | None = None

    def execute(self, context: Context) -> str | None:
        """Start the cluster; the answer is its id."""
        claimed = _pull_claim(context)
        services = get_services()
        request = build_job_flow(
            self.pipeline, services.deployment, claimed["bytes"], batch_id=claimed["batch_id"]
        )
        if context["ti"].try_number > 1:
            found = services.emr.find_job_flow(request["Name"], claimed["batch_id"])
            if found:
                self.log.info("An earlier try started job flow %s", found)
                return found
        self.job_flow_overrides = request
        return super().execute(context)


class AddStepOperator(EmrAddStepsOperator):
    """Submits the batch's step, or finds the one that an earlier try submitted, and waits for its end.

    Args:
        pipeline: says which Spark program, and how.
        job_flow_id: where it runs (templated).
    """

    def __init__(self, *, pipeline: Pipeline, job_flow_id: str, **kwargs: Any) -> None:
        super().__init__(
            job_flow_id=job_flow_id,
            aws_conn_id=None,
            deferrable=False,  # `execute` defers itself, after it has written the step down
            wait_for_completion=False,
            **kwargs,
        )
        self.pipeline = pipeline

    def execute(self, context: Context) -> list[str]:
        """Submit the step; the task ends when the step does."""
        claimed = _pull_claim(context)
        services = get_services()
        head = services.ledger.read_batch(claimed["batch_id"])
        if head is None or head.state not in {BatchState.CLAIMED, BatchState.RUNNING}:
            raise AirflowFailException(
                f"batch {claimed['batch_id']} is over and its uploads may be in another one; "
                "clear claim_batch as well, so that the run claims them again"
            )
        step = build_step(
            self.pipeline,
            claimed["batch_id"],
            services.storage.ensure_program(self.pipeline, services.deployment),
            claimed["manifest_uri"],
            head.arguments,
        )
        step["Name"] += f" {claimed['claim']}"
        job_flow_id = str(self.job_flow_id)
        step_id: str | None = None
        if context["ti"].try_number > 1:
            step_id = services.emr.find_step(job_flow_id, step["Name"])
        if step_id is None:
            timeout = self.pipeline.job.timeout
            services.ledger.announce_step(claimed["batch_id"], job_flow_id, step["Name"], timeout)
            self.steps = [step]
            (step_id,) = super().execute(context)
        services.ledger.start_batch(claimed["batch_id"], step_id)
        self._wait(claimed["batch_id"], job_flow_id, step_id)
        return [step_id]

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> str:  # noqa: ARG002 - Airflow's signature
        """Fail for good: the step ran and failed, and `publish` decides what becomes of its uploads."""
        raise AirflowFailException(f"the step did not end well: {event}")

    def _wait(self, batch_id: str, job_flow_id: str, step_id: str) -> None:
        poll_seconds = int(self.pipeline.compute.poll_interval.total_seconds())
        timeout = self.pipeline.job.timeout
        longest = 2 * timeout + _SLACK  # it may wait for its cluster as long as it may run
        self.defer(
            trigger=StepTrigger(
                job_flow_id=job_flow_id,
                step_ids=[step_id],
                waiter_delay=poll_seconds,
                waiter_max_attempts=int(longest.total_seconds()) // poll_seconds + 1,
                aws_conn_id=None,
                batch_id=batch_id,
                timeout_seconds=timeout.total_seconds(),
                owns_job_flow=self.pipeline.compute.reuse == "never",
            ),
            timeout=longest,
            method_name="execute_complete",
        )
