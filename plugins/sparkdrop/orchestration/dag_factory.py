"""A pipeline becomes a DAG.

::

    events, sensor:  claim_batch → [wait_for_keys] → create_job_flow → add_step → publish
    none:            [wait_for_keys] → claim_batch → create_job_flow → add_step → publish

and `terminate_job_flow`, a teardown, after `add_step`. A pipeline that reuses a job flow has neither
`create_job_flow` nor `terminate_job_flow`. With `mode: sensor` a second DAG, `<pipeline>.arrivals`, looks for
what is new and wakes the first.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.amazon.aws.operators.emr import EmrTerminateJobFlowOperator
from airflow.sdk import (
    DAG,
    AssetOrTimeSchedule,
    BaseOperator,
    CronTriggerTimetable,
    Param,
    TriggerRule,
    chain,
)

from sparkdrop.core.deployment import Deployment
from sparkdrop.core.pipeline import Pipeline
from sparkdrop.orchestration.arrival_sensor import ArrivalSensor, CompanionSensor
from sparkdrop.orchestration.assets import build_output_asset, build_watched_inbox_asset
from sparkdrop.orchestration.claim_operator import ClaimBatchOperator
from sparkdrop.orchestration.emr_operators import AddStepOperator, CreateJobFlowOperator
from sparkdrop.orchestration.publish_operator import PublishOperator

_LONGEST_WAIT = timedelta(days=1)
_DEFAULT_ARGS = {"retries": 3, "retry_delay": timedelta(seconds=10), "retry_exponential_backoff": True}
"""For AWS's bad moments: every task may be run again. What a batch's failure means is `publish`'s to say."""

_RUN_FORM = {
    "keys": Param(
        [],
        type="array",
        items={"type": "string"},
        title="Keys",
        description="Process these objects now: keys of the pipeline's bucket, or s3://bucket/key. "
        "What was processed before is processed again.",
    ),
    "prefix": Param(
        None,
        type=["null", "string"],
        title="Prefix",
        description="Process every object under this prefix now. Leave both empty to take what waits.",
    ),
}


def build_dags(pipeline: Pipeline, deployment: Deployment) -> list[DAG]:
    """Build the DAGs of a pipeline; the first one's id is the pipeline's name."""
    dags = [_build_batch_dag(pipeline, deployment)]
    if pipeline.arrival.mode == "sensor":
        dags.append(_build_sensor_dag(pipeline, deployment))
    return dags


def _build_batch_dag(pipeline: Pipeline, deployment: Deployment) -> DAG:
    with DAG(
        dag_id=pipeline.name,
        description=pipeline.description,
        schedule=_build_schedule(pipeline),
        # One batch at a time: what comes in meanwhile is the next batch, so cost follows bytes, not files.
        # A run that waits for companions shall not hold up one that a person started.
        max_active_runs=2 if pipeline.wait_for else 1,
        params=_RUN_FORM,
        **_build_common(pipeline),
    ) as dag:
        claim = ClaimBatchOperator(task_id="claim_batch", pipeline=pipeline)
        companions = _build_companions(pipeline, deployment)
        # What an event woke is claimed first: a wake-up that finds nothing shall not wait for companions.
        first = [*companions, claim] if pipeline.arrival.mode == "none" else [claim, *companions]
        chain(*first)
        publish = PublishOperator(
            task_id="publish",
            pipeline=pipeline,
            output_asset=build_output_asset(pipeline, deployment.curated_bucket),
            # after success and failure alike, but not where the claim was skipped
            trigger_rule=TriggerRule.NONE_SKIPPED,
        )
        [_build_step(pipeline, first[-1]), claim] >> publish
    return dag


def _build_sensor_dag(pipeline: Pipeline, deployment: Deployment) -> DAG:
    with DAG(
        dag_id=f"{pipeline.name}.arrivals",
        description=f"Looks for new files for {pipeline.name}",
        schedule="@continuous",
        max_active_runs=1,
        **_build_common(pipeline),
    ) as dag:
        ArrivalSensor(
            task_id="wait_for_arrival",
            pipeline=pipeline,
            bucket_name=pipeline.arrival.bucket or deployment.uploads_bucket,
            timeout=_LONGEST_WAIT.total_seconds(),
            soft_fail=True,
            # the same asset as the other DAG's: Airflow keeps the watchers of the one that it sees last
            outlets=[build_watched_inbox_asset(pipeline)],
        )
    return dag


def _build_common(pipeline: Pipeline) -> dict[str, Any]:
    return {
        "doc_md": _build_doc(pipeline),
        "start_date": datetime(2026, 1, 1, tzinfo=UTC),
        "catchup": False,
        "tags": ["sparkdrop", *pipeline.tags],
        "default_args": {"owner": pipeline.owner, **_DEFAULT_ARGS},
    }


def _build_step(pipeline: Pipeline, before: BaseOperator) -> BaseOperator:
    """Build what runs the batch, after `before`: on the cluster that is there, or on one of its own."""
    reuse = pipeline.compute.reuse
    if reuse != "never":
        step = AddStepOperator(task_id="add_step", pipeline=pipeline, job_flow_id=reuse)
        before >> step
        return step
    create = CreateJobFlowOperator(task_id="create_job_flow", pipeline=pipeline)
    job_flow_id = "{{ ti.xcom_pull(task_ids='create_job_flow') }}"
    step = AddStepOperator(task_id="add_step", pipeline=pipeline, job_flow_id=job_flow_id)
    terminate = EmrTerminateJobFlowOperator(
        task_id="terminate_job_flow", job_flow_id=job_flow_id, aws_conn_id=None, deferrable=False
    ).as_teardown(setups=create)
    before >> create >> step >> terminate
    return step


def _build_companions(pipeline: Pipeline, deployment: Deployment) -> list[BaseOperator]:
    """Build the wait for the objects that must be there first: exact keys, in the triggerer."""
    if not pipeline.wait_for:
        return []
    uploads = f"s3://{deployment.uploads_bucket}"
    keys = [key if key.startswith("s3://") else f"{uploads}/{key}" for key in pipeline.wait_for]
    sensor = CompanionSensor(
        task_id="wait_for_keys",
        bucket_key=keys,
        deferrable=True,
        aws_conn_id=None,
        poke_interval=pipeline.arrival.poll_interval.total_seconds(),
        timeout=_LONGEST_WAIT.total_seconds(),
        # a schedule's run that waits in vain has nothing to do; a claimed batch that does has failed
        soft_fail=pipeline.arrival.mode == "none",
    )
    return [sensor]


def _build_schedule(pipeline: Pipeline) -> Any:  # noqa: ANN401 - DAG.schedule has no narrower type
    inbox = build_watched_inbox_asset(pipeline)
    if pipeline.schedule is None:
        return [inbox]
    return AssetOrTimeSchedule(
        assets=[inbox], timetable=CronTriggerTimetable(pipeline.schedule, timezone="UTC")
    )


def _build_doc(pipeline: Pipeline) -> str:
    bucket = f" in `{pipeline.arrival.bucket}`" if pipeline.arrival.bucket else ""
    keys = ", ".join(f"`{key}`" for key in pipeline.arrival.keys)
    return (
        f"{pipeline.description}\n\n"
        f"- takes {keys}{bucket}\n"
        f"- runs `{pipeline.job.program}` on {pipeline.compute.release}\n"
        f"- writes {pipeline.output.format} to `{pipeline.output.prefix}`\n"
    )
