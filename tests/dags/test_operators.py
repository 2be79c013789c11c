"""The operators, each run as Airflow runs it but for the worker."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from unittest.mock import Mock
from uuid import uuid4

import boto3
import pytest
import structlog
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, TaskInstanceState
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowSkipException,
    DownstreamTasksSkipped,
    TaskDeferred,
)
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import SkipDownstreamTasks
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
from moto.core import DEFAULT_ACCOUNT_ID
from moto.emr.models import emr_backends

from sparkdrop.aws.claims import claim_batch
from sparkdrop.aws.content_notes import note_contents
from sparkdrop.aws.emr import Emr, StepStatus
from sparkdrop.aws.invocation_view import read_invocation
from sparkdrop.aws.items import BatchState
from sparkdrop.aws.records import CancelCause, RunKey, UploadOutcome
from sparkdrop.aws.storage import split_uri
from sparkdrop.core.batch import BatchLimits, make_batch_id
from sparkdrop.core.emr_request import locate_batch
from sparkdrop.core.errors import StepStillLiveError
from sparkdrop.core.invocation import Invocation
from sparkdrop.core.uploads import UNROUTED, UploadState
from sparkdrop.orchestration.assets import WAKE_ALIAS
from sparkdrop.orchestration.claim_operator import ClaimBatchOperator
from sparkdrop.orchestration.emr_operators import AddStepOperator, CreateJobFlowOperator
from sparkdrop.orchestration.maintenance import ReapOperator, ReconcileOperator, SweepOperator
from sparkdrop.orchestration.publish_operator import PublishOperator

from ..aws.conftest import START  # noqa: TID252 - the tests are no installed package
from .conftest import FakeTaskInstance, make_context, make_pipeline, put_upload

OUTPUT = Asset(name="flights_output", uri="s3://sd-curated/flights/")


def claim(context, **settings):
    return ClaimBatchOperator(task_id="claim_batch", pipeline=make_pipeline(**settings)).execute(context)


def woken(context):
    return [event.dest_asset_key.name for event in context["outlet_events"][WAKE_ALIAS].asset_alias_events]


def read_manifest(services, claimed):
    return json.loads(services.storage.read_text(claimed["manifest_uri"]))


def test_what_waits_is_claimed_and_written_down_for_spark(services):
    entry = put_upload(services, "flights/a b+%20ü.csv")
    context = make_context()
    claimed = claim(context)
    assert (claimed["files"], claimed["bytes"], claimed["claim"]) == (1, 4, 1)
    manifest = read_manifest(services, claimed)
    (file,) = manifest["files"]
    assert (manifest["version"], manifest["region"]) == (2, services.storage.region)
    assert (file["key"], file["upload_id"]) == ("flights/a b+%20ü.csv", entry.upload_id)
    assert file["version_id"] == entry.arrival.version_id
    assert claimed["batch_id"] == make_batch_id("flights", "run1", START)
    assert woken(context) == []


@pytest.mark.usefixtures("services")
def test_nothing_that_waits_is_a_skipped_run():
    with pytest.raises(AirflowSkipException, match="nothing is waiting for flights"):
        claim(make_context())


def test_what_does_not_fit_wakes_the_pipeline_again(services):
    for number in range(3):
        put_upload(services, f"flights/{number}.csv")
    context = make_context()
    assert claim(context, batch={"max_files": 2})["files"] == 2
    assert woken(context) == ["flights_inbox"]


def test_a_retry_claims_the_same_and_nothing_new(services):
    put_upload(services, "flights/1.csv")
    first = claim(make_context())
    put_upload(services, "flights/2.csv")
    second = claim(make_context(ti=FakeTaskInstance(2)))
    assert second == first | {"claim": 2}


def test_a_batch_waits_for_more_to_come_along(services):
    put_upload(services, "flights/1.csv")
    with pytest.raises(TaskDeferred) as deferred:
        claim(make_context(), batch={"max_wait": "1h"})
    assert deferred.value.method_name == "execute"
    assert deferred.value.trigger.moment > datetime.now(UTC) + timedelta(minutes=50)
    assert services.ledger.is_waiting("flights")


def test_keys_and_prefix_of_the_form_are_taken_and_processed_again(services):
    for key in ("flights/1.csv", "flights/2.csv", "old/3.csv", "old/4.csv"):
        put_upload(services, key)
    claim(make_context(keys=["flights/1.csv"]))
    services.ledger.close_batch(make_batch_id("flights", "run1", START), BatchState.FAILED)
    context = make_context("run2", keys=["s3://sd-uploads/flights/2.csv"], prefix="old/")
    claimed = claim(context)
    manifest = read_manifest(services, claimed)
    assert sorted(file["key"] for file in manifest["files"]) == ["flights/2.csv", "old/3.csv", "old/4.csv"]


def test_a_key_that_is_not_there_fails_at_once_and_claims_nothing(services):
    put_upload(services, "flights/1.csv")
    with pytest.raises(AirflowFailException, match=r"s3://sd-uploads/flights/9\.csv"):
        claim(make_context(keys=["flights/1.csv", "flights/9.csv"]))
    assert services.ledger.read_open_batches() == []
    assert services.ledger.is_waiting("flights")


def test_objects_that_a_living_batch_holds_are_left_to_it(services):
    put_upload(services, "flights/1.csv")
    claim(make_context())
    with pytest.raises(AirflowSkipException):
        claim(make_context("run2", keys=["flights/1.csv"]))


def invoke(services, pipeline, place, *arguments, key="k"):
    request = Invocation(
        pipeline=pipeline, input=f"s3://sd-uploads/{place}", arguments=arguments, idempotency_key=key
    )
    record, _ = services.ledger.invocations.record(request, "me")
    return record


def test_an_invocations_arguments_end_those_of_its_step(services, emr):
    put_upload(services, "flights/1.csv")
    record = invoke(services, "flights", "flights/1.csv", "--day", "2013-01-01")
    claimed = claim(make_context())
    head = services.ledger.read_batch(claimed["batch_id"])
    assert (head.invocation_id, head.arguments) == (record.invocation_id, ("--day", "2013-01-01"))
    assert not services.ledger.is_waiting("flights"), "the invocation takes over what merely landed"
    job_flow_id = create(claimed)
    add_step(claimed, job_flow_id)
    (step,) = emr.list_steps(ClusterId=job_flow_id)["Steps"]
    assert step["Config"]["Args"][-4:] == ["--day", "2013-01-01", "--manifest", claimed["manifest_uri"]]


def test_an_invocation_and_what_landed_are_two_batches(services):
    put_upload(services, "flights/1.csv")
    put_upload(services, "flights/2.csv")
    invoke(services, "flights", "flights/2.csv")
    context = make_context()
    (first,) = read_manifest(services, claim(context))["files"]
    assert woken(context) == ["flights_inbox"]
    (second,) = read_manifest(services, claim(make_context("run2")))["files"]
    assert (first["key"], second["key"]) == ("flights/2.csv", "flights/1.csv")


@pytest.mark.usefixtures("config_dir")
def test_a_folder_leaves_what_belongs_to_another_pipeline(services, config_dir):
    for name in ("flights", "weather"):
        (config_dir / f"{name}.yaml").write_text(f"arrival: {{keys: ['mixed/{name}.csv']}}\n")
    for key in ("mixed/flights.csv", "mixed/nobody.csv", "mixed/weather.csv"):
        services.storage.client.put_object(Bucket="sd-uploads", Key=key, Body=b"a\n1\n")
    invoke(services, "flights", "mixed/")
    files = read_manifest(services, claim(make_context()))["files"]
    assert [file["key"] for file in files] == ["mixed/flights.csv", "mixed/nobody.csv"]


def test_a_key_that_is_not_there_fails_its_invocation_and_not_the_next(services):
    lost = invoke(services, "flights", "flights/lost.csv")
    put_upload(services, "flights/1.csv")
    assert claim(make_context())["files"] == 1
    view = read_invocation(services.ledger, lost.invocation_id)
    assert (view["state"], view["reason"]) == (
        "FAILED",
        "there is no object s3://sd-uploads/flights/lost.csv",
    )


NONE = {"arrival": {"mode": "none", "keys": ["flights/*.csv"]}}


def test_an_invocation_of_a_scheduled_pipeline_leaves_what_waits_for_the_schedule(services):
    put_upload(services, "flights/1.csv")
    put_upload(services, "flights/2.csv")
    invoke(services, "flights", "flights/2.csv")
    context = make_context("asset_triggered__1")
    (file,) = read_manifest(services, claim(context, **NONE))["files"]
    assert (file["key"], woken(context)) == ("flights/2.csv", [])
    with pytest.raises(AirflowSkipException):
        claim(make_context("asset_triggered__2", woken_with=({"from_trigger": True},)), **NONE)
    assert claim(make_context("scheduled__1"), **NONE)["files"] == 1


def test_a_schedules_run_that_leaves_some_is_gone_on_with(services):
    for number in range(3):
        put_upload(services, f"flights/{number}.csv")
    context = make_context("scheduled__1")
    assert claim(context, **NONE, batch={"max_files": 2})["files"] == 2
    (event,) = context["outlet_events"][WAKE_ALIAS].asset_alias_events
    assert claim(make_context("asset_triggered__1", woken_with=(event.extra,)), **NONE)["files"] == 1


def test_the_rest_of_a_schedules_run_is_taken_whatever_woke_the_next(services):
    """Of several wake-ups during a run the next run is told of the first alone."""
    for number in range(3):
        put_upload(services, f"flights/{number}.csv")
    claim(make_context("scheduled__1"), **NONE, batch={"max_files": 1})
    put_upload(services, "flights/late.csv")
    woken_with = ({"from_trigger": True},)
    context = make_context("asset_triggered__1", woken_with=woken_with)
    assert claim(context, **NONE, batch={"max_files": 2})["files"] == 2
    assert woken(context) == ["flights_inbox"]
    context = make_context("asset_triggered__2", woken_with=woken_with)
    assert claim(context, **NONE)["files"] == 1
    assert woken(context) == []
    put_upload(services, "flights/next_day.csv")
    with pytest.raises(AirflowSkipException):
        claim(make_context("asset_triggered__3", woken_with=woken_with), **NONE)


def test_a_retry_waits_for_no_schedule(services, monkeypatch):
    entry = put_upload(services, "planes/1.csv")
    services.ledger.drop("flights", [entry])
    retry = replace(entry, attempt=2, not_before=services.ledger.now() + timedelta(minutes=5))
    services.ledger.record("planes_daily", [retry])
    landed = put_upload(services, "planes/2.csv")
    services.ledger.drop("flights", [landed])
    services.ledger.record("planes_daily", [landed])
    assert sweep()[0]["woken"] == []
    later = services.ledger.now() + timedelta(minutes=6)
    monkeypatch.setattr(services.ledger, "now", lambda: later)
    assert sweep()[0]["woken"] == ["planes_daily"]
    woken_with = ({"from_trigger": True},)
    context = make_context("asset_triggered__1", dag_id="planes_daily", woken_with=woken_with)
    (file,) = read_manifest(services, claim(context, name="planes_daily", **NONE))["files"]
    assert file["key"] == "planes/1.csv", "what merely landed is the schedule's"
    assert woken(context) == []


def test_the_sweep_wakes_for_the_rest_of_a_schedules_run(services):
    entry = put_upload(services, "planes/1.csv")
    services.ledger.drop("flights", [entry])
    services.ledger.record("planes_daily", [entry])
    assert sweep()[0]["woken"] == []
    services.ledger.note_rest("planes_daily", is_left=True)
    assert sweep()[0]["woken"] == ["planes_daily"]
    services.ledger.note_rest("planes_daily", is_left=False)
    assert sweep()[0]["woken"] == []


def test_empty_files_and_touches_end_their_run_as_skipped(services):
    put_upload(services, "flights/1.csv", b"")
    with pytest.raises(AirflowSkipException):
        claim(make_context())
    assert services.ledger.read_open_batches() == []


def put_touches(services):
    """A touch of what is in the output already, and one more that does not fit into its claim."""
    entry = put_upload(services, "flights/1.csv")
    claimed = claim(make_context())
    end = UploadOutcome(entry, UploadState.SUCCEEDED, {})
    note_contents(services.ledger, "flights", [end])
    services.ledger.settle(services.ledger.read_batch(claimed["batch_id"]), [end])
    services.ledger.close_batch(claimed["batch_id"], BatchState.SUCCEEDED)
    put_upload(services, "flights/1.csv")
    put_upload(services, "flights/1.csv")


def test_a_claim_of_touches_alone_sends_its_wake_up_for_what_waits_behind(services, monkeypatch):
    """As Airflow's own runner of tasks ends it: the events of a task that is skipped are not sent."""
    put_touches(services)
    sent = Mock(**{"send.return_value.inactive_assets": []})
    monkeypatch.setattr("signal.signal", Mock())  # the runner has a process of its own
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", sent, raising=False)
    with DAG("flights"):
        operator = ClaimBatchOperator(task_id="claim_batch", pipeline=make_pipeline(batch={"max_files": 1}))
        operator >> [EmptyOperator(task_id="create_job_flow"), EmptyOperator(task_id="publish")]
    context = make_context("run2")
    ti = RuntimeTaskInstance.model_construct(
        id=uuid4(),
        task_id="claim_batch",
        dag_id="flights",
        run_id="run2",
        try_number=1,
        map_index=-1,
        task=operator,
        start_date=START,
        _ti_context_from_server=None,
    )
    state, message, error = task_runner.run(ti, context, structlog.get_logger())
    assert (state, error) == (TaskInstanceState.SUCCESS, None)
    assert [event["dest_asset_key"]["name"] for event in message.outlet_events] == ["flights_inbox"]
    (skipped,) = [
        call.kwargs["msg"].tasks
        for call in sent.send.mock_calls
        if isinstance(call.kwargs.get("msg"), SkipDownstreamTasks)
    ]
    assert skipped == ["create_job_flow", "publish"]


def test_the_last_claim_of_touches_alone_is_skipped(services):
    put_touches(services)
    with pytest.raises(DownstreamTasksSkipped):
        claim(make_context("run2"), batch={"max_files": 1})
    context = make_context("run3")
    with pytest.raises(AirflowSkipException):
        claim(context, batch={"max_files": 1})
    assert woken(context) == []


def test_a_hidden_key_is_taken_where_a_person_names_it(services):
    for key in ("flights/_a.csv", "flights/_b/1.csv", "flights/c.csv"):
        put_upload(services, key)
    files = read_manifest(services, claim(make_context(keys=["flights/_a.csv"], prefix="flights/_b/")))[
        "files"
    ]
    assert sorted(file["key"] for file in files) == ["flights/_a.csv", "flights/_b/1.csv"]
    files = read_manifest(services, claim(make_context("run2", prefix="flights/")))["files"]
    assert [file["key"] for file in files] == ["flights/c.csv"]


@pytest.fixture
def claimed(services):
    put_upload(services, "flights/1.csv")
    return claim(make_context())


@pytest.fixture
def emr(services):  # noqa: ARG001 - it has to be there first
    return boto3.client("emr")


def create(claimed, try_number=1):
    operator = CreateJobFlowOperator(task_id="create_job_flow", pipeline=make_pipeline())
    return operator.execute(make_context(ti=FakeTaskInstance(try_number, claim_batch=claimed)))


def test_a_retry_finds_the_job_flow_that_the_first_try_started(claimed, emr):
    first = create(claimed)
    assert create(claimed, 2) == first
    (found,) = emr.list_clusters()["Clusters"]
    tags = emr.describe_cluster(ClusterId=found["Id"])["Cluster"]["Tags"]
    assert {"Key": "sparkdrop:batch_id", "Value": claimed["batch_id"]} in tags


def test_a_retry_starts_a_job_flow_where_the_first_try_died_before_its_call(claimed, emr):
    assert create(claimed, 2)
    assert len(emr.list_clusters()["Clusters"]) == 1


def add_step(claimed, job_flow_id, try_number=1):
    operator = AddStepOperator(task_id="add_step", pipeline=make_pipeline(), job_flow_id=job_flow_id)
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(make_context(ti=FakeTaskInstance(try_number, claim_batch=claimed)))
    return deferred.value.trigger


def test_a_step_is_submitted_once_and_written_down(services, claimed, emr):
    job_flow_id = create(claimed)
    trigger = add_step(claimed, job_flow_id)
    assert add_step(claimed, job_flow_id, 2).serialize() == trigger.serialize()
    (step,) = emr.list_steps(ClusterId=job_flow_id)["Steps"]
    head = services.ledger.read_batch(claimed["batch_id"])
    assert (head.state, head.job_flow_id, head.step_id) == (BatchState.RUNNING, job_flow_id, step["Id"])
    assert trigger.serialize() == (
        "sparkdrop.orchestration.step_trigger.StepTrigger",
        {
            "job_flow_id": job_flow_id,
            "step_ids": [step["Id"]],
            "waiter_delay": 15,
            "waiter_max_attempts": (4 * 60 + 15) * 4 + 1,
            "aws_conn_id": None,
            "batch_id": claimed["batch_id"],
            "timeout_seconds": 7200.0,
            "owns_job_flow": True,
        },
    )
    arguments = step["Config"]["Args"]
    assert arguments[:3] == ["spark-submit", "--deploy-mode", "cluster"]
    assert arguments[-2:] == ["--manifest", claimed["manifest_uri"]]
    assert services.storage.read_text(arguments[-3]), "the program is where the step looks for it"
    assert arguments[-5] == "--py-files"
    assert services.storage.read_arrival(*split_uri(arguments[-4])), "and so are its parts"


def test_a_claim_that_was_run_again_is_another_step(claimed, emr):
    job_flow_id = create(claimed)
    add_step(claimed, job_flow_id)
    add_step(claimed | {"claim": 2}, job_flow_id, 2)
    assert len(emr.list_steps(ClusterId=job_flow_id)["Steps"]) == 2


def test_a_batch_that_is_over_gets_no_step(services, claimed, emr):
    job_flow_id = create(claimed)
    services.ledger.close_batch(claimed["batch_id"], BatchState.FAILED)
    operator = AddStepOperator(task_id="add_step", pipeline=make_pipeline(), job_flow_id=job_flow_id)
    with pytest.raises(AirflowFailException, match="clear claim_batch as well"):
        operator.execute(make_context(ti=FakeTaskInstance(claim_batch=claimed)))
    assert emr.list_steps(ClusterId=job_flow_id)["Steps"] == []


def test_a_step_that_failed_fails_its_task_for_good():
    operator = AddStepOperator(task_id="add_step", pipeline=make_pipeline(), job_flow_id="j-1")
    with pytest.raises(AirflowFailException, match="terminal failure"):
        operator.execute_complete(make_context(), {"status": "error", "message": "terminal failure"})


def end_step(job_flow_id, state):
    for step in emr_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].clusters[job_flow_id].steps:
        step.state = state


def publish(context):
    return PublishOperator(task_id="publish", pipeline=make_pipeline(), output_asset=OUTPUT).execute(context)


def test_a_batch_that_went_well_is_published(claimed):
    job_flow_id = create(claimed)
    add_step(claimed, job_flow_id)
    end_step(job_flow_id, "COMPLETED")
    context = make_context()
    result = publish(context)
    assert result["output"] == f"s3://sd-curated/flights/batch={claimed['batch_id']}"
    assert result["files_succeeded"] == 1
    assert context["outlet_events"][OUTPUT].extra == result


def test_a_batch_that_wrote_nothing_emits_no_asset(services, claimed):
    job_flow_id = create(claimed)
    add_step(claimed, job_flow_id)
    end_step(job_flow_id, "COMPLETED")
    (entry,) = services.ledger.read_batch_entries(services.ledger.read_batch(claimed["batch_id"]))
    counts = {"rows_in": 0, "rows_out": 0, "rows_rejected": 0}
    file = {"upload_id": entry.upload_id, "key": "flights/1.csv", "state": "QUARANTINED", "reason": "bad"}
    report = {"version": 1, "batch_id": claimed["batch_id"], "output": "s3://sd-curated/flights/x"}
    report |= {"bytes_in": 4, "seconds": 1, "files": [file | counts]} | counts
    places = locate_batch(make_pipeline(), services.deployment, claimed["batch_id"])
    services.storage.write_manifest(places.report, report)
    ti = FakeTaskInstance()
    with pytest.raises(AirflowSkipException, match="nothing was written"):
        publish(make_context(ti=ti))
    assert ti.pushed["return_value"]["output"] is None
    assert ti.pushed["return_value"]["files_quarantined"] == 1
    assert services.ledger.read_open_batches() == []


def test_a_batch_that_failed_fails_its_run_with_the_reason(services, claimed):
    job_flow_id = create(claimed)
    add_step(claimed, job_flow_id)
    end_step(job_flow_id, "FAILED")
    with pytest.raises(AirflowFailException, match=f"batch {claimed['batch_id']} failed: "):
        publish(make_context())
    assert services.ledger.read_batch(claimed["batch_id"]).state is BatchState.FAILED


def test_a_step_that_lives_is_cancelled_before_its_batch_is_settled(services, claimed, monkeypatch):
    cancelled = []
    monkeypatch.setattr(Emr, "cancel_step", lambda _, *step: cancelled.append(step))
    job_flow_id = create(claimed)
    add_step(claimed, job_flow_id)
    with pytest.raises(StepStillLiveError):
        publish(make_context())
    assert cancelled == [(job_flow_id, services.ledger.read_batch(claimed["batch_id"]).step_id)]


@pytest.mark.usefixtures("services")
def test_a_run_that_claimed_nothing_has_nothing_to_publish():
    with pytest.raises(AirflowFailException, match="claim_batch failed before it claimed anything"):
        publish(make_context())


def sweep(*live_runs):
    context = make_context(dag_id="maintenance", ti=FakeTaskInstance(live_runs=live_runs))
    return SweepOperator(task_id="sweep").execute(context), context


@pytest.mark.usefixtures("claimed")
def test_the_sweep_wakes_what_waits_and_leaves_the_living_alone(services):
    put_upload(services, "flights/2.csv")
    result, context = sweep("run1")
    assert result == {"settled": [], "woken": ["flights"]}
    assert woken(context) == ["flights_inbox"]


def test_the_sweep_wakes_for_invocations_however_the_pipeline_hears_of_files(services):
    entry = put_upload(services, "planes/1.csv")
    services.ledger.drop("flights", [entry])
    services.ledger.record("planes_daily", [entry])
    assert sweep()[0]["woken"] == []
    for name in ("planes_daily", "airports", "flights"):
        invoke(services, name, "planes/1.csv")
    result, context = sweep()
    assert result["woken"] == ["airports", "flights", "planes_daily"]
    assert woken(context) == ["airports_inbox", "flights_inbox", "planes_daily_inbox"]


def test_the_sweep_settles_the_batches_of_dead_runs(services, claimed):
    result, _ = sweep()
    assert result == {"settled": [claimed["batch_id"]], "woken": []}
    assert services.ledger.read_open_batches() == []
    assert not services.ledger.is_waiting("flights"), "the retry waits its time"


def test_one_batch_that_cannot_be_settled_keeps_nobody_else_waiting(services, claimed, monkeypatch):
    other = RunKey(make_batch_id("flights", "run2", START), "flights", "flights", "run2")
    put_upload(services, "flights/2.csv")
    claim_batch(services.ledger, other, BatchLimits(9))
    put_upload(services, "flights/3.csv")
    settle = type(services.settler).settle

    def settle_but_one(self, pipeline, head, emr):
        if head.batch_id == claimed["batch_id"]:
            raise OSError("the network is away")
        return settle(self, pipeline, head, emr)

    monkeypatch.setattr(type(services.settler), "settle", settle_but_one)
    result, _ = sweep()
    assert result == {"settled": [other.batch_id], "woken": ["flights"]}


def test_the_sweep_gives_unrouted_objects_to_pipelines_that_match_by_now(services):
    entry = put_upload(services, "weather/1.csv")
    services.ledger.drop("flights", [entry])
    services.ledger.record(UNROUTED, [entry])
    result, _ = sweep()
    assert result["woken"] == ["weather"]


def test_the_reaper_ends_job_flows_without_a_living_run(claimed, emr):
    job_flow_id = create(claimed)

    def reap(*live_runs):
        return ReapOperator(task_id="reap").execute(make_context(ti=FakeTaskInstance(live_runs=live_runs)))

    assert reap("run1") == []
    assert reap() == [job_flow_id], "at once, however young it is"
    state = emr.describe_cluster(ClusterId=job_flow_id)["Cluster"]["Status"]["State"]
    assert state in {"TERMINATING", "TERMINATED"}


@pytest.mark.parametrize(("is_live", "cause"), [(True, CancelCause.ABANDONED), (False, None)])
def test_the_reaper_writes_down_why_a_step_goes_with_its_cluster(
    services, claimed, monkeypatch, is_live, cause
):
    job_flow_id = create(claimed)
    add_step(claimed, job_flow_id)
    monkeypatch.setattr(Emr, "read_step", lambda *_: StepStatus("RUNNING" if is_live else "FAILED"))
    assert ReapOperator(task_id="reap").execute(make_context()) == [job_flow_id]
    assert services.ledger.read_batch(claimed["batch_id"]).cancelled_for is cause


def test_the_reconciliation_wakes_only_those_that_events_wake(services, monkeypatch):
    for key in ("flights/1.csv", "airports/1.csv", "lost"):
        services.storage.client.put_object(Bucket="sd-uploads", Key=key, Body=b"1")
    later = datetime.now(UTC) + timedelta(minutes=20)
    monkeypatch.setattr(services.ledger, "now", lambda: later)
    context = make_context()
    assert ReconcileOperator(task_id="reconcile").execute(context) == ["flights"]
    assert woken(context) == ["flights_inbox"]
    assert services.ledger.is_waiting("airports")
    assert services.ledger.is_waiting(UNROUTED)
