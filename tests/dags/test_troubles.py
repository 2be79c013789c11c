"""What nobody attends to is seen within seconds, told with longer and longer pauses, and mended."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace
from unittest.mock import AsyncMock

import boto3
import pytest
from airflow.sdk import AssetOrTimeSchedule
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
from asgiref.sync import sync_to_async
from botocore.exceptions import ClientError

from sparkdrop.aws.claims import claim_batch
from sparkdrop.aws.emr import Emr, StepEnd, StepStatus
from sparkdrop.aws.items import BatchState
from sparkdrop.aws.pace import note_pace
from sparkdrop.aws.records import CancelCause, RunKey
from sparkdrop.core.batch import BatchLimits, make_batch_id
from sparkdrop.core.emr_request import step_name
from sparkdrop.orchestration import routes, trouble_trigger
from sparkdrop.orchestration.assets import SLOW_ALIAS
from sparkdrop.orchestration.maintenance import SweepOperator, build_maintenance_dags
from sparkdrop.orchestration.step_trigger import StepTrigger
from sparkdrop.orchestration.trouble_trigger import Troubles, TroubleTrigger, find_troubles

from ..aws.conftest import START  # noqa: TID252 - the tests are no installed package
from .conftest import FakeTaskInstance, make_context, put_upload

TIMEOUT = timedelta(hours=2)


@pytest.fixture
def head(services):
    """A batch whose step runs."""
    put_upload(services, "flights/1.csv")
    run = RunKey(make_batch_id("flights", "run1", START), "flights", "flights", "run1")
    batch_id = claim_batch(services.ledger, run, BatchLimits(9)).head.batch_id
    emr = boto3.client("emr")
    job_flow_id = emr.run_job_flow(Name="x", Instances={"KeepJobFlowAliveWhenNoSteps": True})["JobFlowId"]
    services.ledger.announce_step(batch_id, job_flow_id, "step", TIMEOUT)
    step = {"Name": "step", "HadoopJarStep": {"Jar": "command-runner.jar"}}
    (step_id,) = emr.add_job_flow_steps(JobFlowId=job_flow_id, Steps=[step])["StepIds"]
    services.ledger.start_batch(batch_id, step_id)
    return services.ledger.read_batch(batch_id)


@pytest.fixture
def cancelled(monkeypatch):
    steps = []
    monkeypatch.setattr(Emr, "cancel_step", lambda _, *step: steps.append(step))
    return steps


def move(services, monkeypatch, by):
    later = services.ledger.now() + by
    monkeypatch.setattr(services.ledger, "now", lambda: later)


def look(services, *live):
    def count_runs(dag_id, *, states, run_ids=None):
        assert states == ["queued", "running"]
        return sum(run in live for run in (run_ids or [dag_id]))

    return find_troubles(services, count_runs)


def test_a_batch_without_a_living_run_is_a_trouble(services, head):
    assert look(services, "run1") == set()
    assert look(services) == {f"batch {head.batch_id}"}


def test_a_step_whose_time_is_over_is_a_trouble(services, head, monkeypatch):
    move(services, monkeypatch, TIMEOUT + timedelta(seconds=1))
    assert look(services, "run1") == {f"batch {head.batch_id}"}


def test_what_waits_without_a_run_is_a_trouble(services):
    put_upload(services, "flights/1.csv")
    assert look(services, "flights") == set()
    assert look(services) == {"pipeline flights"}


@pytest.fixture
def left(services, head):
    """A cluster that is up, though its batch is settled."""
    services.ledger.close_batch(head.batch_id, BatchState.FAILED)
    start_cluster(step_name("flights", head.batch_id))
    return f"cluster of batch {head.batch_id}"


def start_cluster(name):
    boto3.client("emr").run_job_flow(Name=name, Instances={"KeepJobFlowAliveWhenNoSteps": True})


def test_a_cluster_whose_batch_and_run_are_over_is_a_trouble(services, left):
    start_cluster(step_name("flights", "01JOFANOTHERDEPLOYMENT0000"))
    start_cluster("somebody else's")
    assert look(services, "run1") == set(), "its teardown is at it"
    assert look(services) == {left}


def test_a_cluster_of_an_open_batch_is_none(services, head):
    start_cluster(step_name("flights", head.batch_id))
    assert look(services, "run1") == set()
    assert look(services) == {f"batch {head.batch_id}"}


@pytest.mark.usefixtures("left")
def test_what_emr_does_not_answer_hides_no_other_trouble(services, monkeypatch):
    def refuse(_):
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "ListClusters")

    monkeypatch.setattr(Emr, "list_named_batches", refuse)
    put_upload(services, "flights/2.csv")
    assert look(services) == {"pipeline flights"}


def test_a_look_reads_the_pipelines_again_only_when_their_files_change(services, monkeypatch):
    loads = []
    load = routes.load_pipelines
    monkeypatch.setattr(routes, "load_pipelines", lambda deployment: loads.append(1) or load(deployment))
    look(services)
    look(services)
    assert len(loads) == 1


def test_pipelines_with_an_error_are_read_again(services, config_dir, monkeypatch):
    text = "variables: {keys: {airflow_variable: later}}\narrival: {keys: ['${keys}']}\n"
    (config_dir / "later.yaml").write_text(text)
    found = routes.Routes(services.deployment.model_copy(update={"config_dir": str(config_dir)}))
    assert set(found.read_pipelines()) == set()
    monkeypatch.setattr(routes.Variable, "get", lambda *_, **__: "later/*.csv")
    assert set(found.read_pipelines()) == {"later"}


async def test_a_look_blocks_none_of_the_threads_that_others_wait_for(services, monkeypatch):
    """`sync_to_async` has one thread for all: a look that hangs there keeps a kill waiting."""
    hangs, goes_on = threading.Event(), threading.Event()

    def hang(*_):
        hangs.set()
        goes_on.wait()
        return {"batch B"}

    monkeypatch.setattr(trouble_trigger, "find_troubles", hang)
    events = TroubleTrigger().run()
    looking = asyncio.create_task(anext(events))
    try:
        await asyncio.to_thread(hangs.wait)
        async with asyncio.timeout(10):
            assert await sync_to_async(services.ledger.now)()
    finally:
        goes_on.set()
    assert (await looking).payload == {"troubles": ["batch B"]}
    await events.aclose()


def test_threads_share_one_client_of_emr(services):
    with ThreadPoolExecutor(8) as pool:
        found = {id(emr) for emr in pool.map(lambda _: services.emr.client, range(8))}
    assert len(found) == 1


def test_a_trouble_is_told_at_once_and_then_less_and_less_often():
    troubles = Troubles()
    assert troubles.choose({"a"}, START) == ["a"]
    told = [second for second in range(1, 700) if troubles.choose({"a"}, START + timedelta(seconds=second))]
    assert told == [20, 60, 140, 300, 600]
    assert troubles.choose({"a", "b"}, START + timedelta(seconds=601)) == ["b"]
    assert troubles.choose(set(), START + timedelta(seconds=602)) == []
    assert troubles.choose({"a"}, START + timedelta(seconds=603)) == ["a"], "it is a new one"


def test_maintenance_runs_by_its_clock_and_when_it_is_woken(services):
    maintenance, _ = build_maintenance_dags(services.deployment)
    assert isinstance(maintenance.schedule, AssetOrTimeSchedule)
    (asset,) = maintenance.timetable.asset_condition.objects
    assert [watcher.name for watcher in asset.watchers] == ["sparkdrop_troubles"]


def sweep(*live_runs):
    context = make_context(dag_id="maintenance", ti=FakeTaskInstance(live_runs=live_runs))
    return SweepOperator(task_id="sweep").execute(context), context


def test_the_sweep_cancels_a_living_runs_step_whose_time_is_over(services, head, cancelled, monkeypatch):
    monkeypatch.setattr(Emr, "read_step", lambda *_: StepStatus("RUNNING"))
    assert sweep("run1")[0]["settled"] == []
    assert cancelled == []
    move(services, monkeypatch, TIMEOUT + timedelta(minutes=1))
    sweep("run1")
    assert cancelled == [(head.job_flow_id, head.step_id)]
    assert services.ledger.read_batch(head.batch_id).cancelled_for is CancelCause.TIMEOUT


def test_the_sweep_tells_once_of_a_batch_that_takes_far_longer(services, head, monkeypatch):
    for _ in range(3):
        note_pace(services.ledger, "flights", timedelta(minutes=5))
    move(services, monkeypatch, timedelta(minutes=16))
    _, context = sweep("run1")
    (event,) = context["outlet_events"][SLOW_ALIAS].asset_alias_events
    assert (event.extra["batch_id"], event.extra["usual_seconds"]) == (head.batch_id, 300.0)
    assert services.ledger.read_batch(head.batch_id).slow_since
    _, context = sweep("run1")
    assert context["outlet_events"][SLOW_ALIAS].asset_alias_events == []


@pytest.mark.parametrize("live", [(), ("run1",)], ids=["dead run", "time over"])
def test_that_emr_refuses_to_cancel_on_an_ending_cluster_is_one_line(
    services, head, monkeypatch, capsys, live
):
    def refuse(*_):
        raise ClientError(
            {"Error": {"Code": "InvalidRequestException", "Message": "TERMINATING"}}, "CancelSteps"
        )

    monkeypatch.setattr(Emr, "read_step", lambda *_: StepStatus("RUNNING"))
    monkeypatch.setattr(Emr, "read_step_end", lambda *_: StepEnd("RUNNING", None, None))
    monkeypatch.setattr(Emr, "cancel_step", refuse)
    move(services, monkeypatch, TIMEOUT + timedelta(minutes=1))
    assert sweep(*live)[0]["settled"] == []
    told = capsys.readouterr().out
    assert head.step_id in told
    assert told.count("TERMINATING") == 1
    assert "Traceback" not in told


def test_the_first_reason_of_a_cancellation_stays_whoever_read_the_batch_before_it(services, head):
    services.ledger.note_cancellation(head, CancelCause.TIMEOUT)
    services.ledger.note_cancellation(head, CancelCause.ABANDONED)
    assert services.ledger.read_batch(head.batch_id).cancelled_for is CancelCause.TIMEOUT


def slow_events(context):
    return [event.extra["batch_id"] for event in context["outlet_events"][SLOW_ALIAS].asset_alias_events]


@pytest.mark.parametrize(("broken", "raises"), [("is_waiting", True), ("note_slow", False)])
def test_a_sweep_that_fails_leaves_a_slow_batch_to_be_told_of_by_the_next(
    services, head, monkeypatch, broken, raises
):
    for _ in range(3):
        note_pace(services.ledger, "flights", timedelta(minutes=5))
    move(services, monkeypatch, timedelta(minutes=16))

    def fail(*_, **__):
        raise OSError("the network is away")

    with monkeypatch.context() as patch:
        patch.setattr(services.ledger, broken, fail)
        if raises:
            with pytest.raises(OSError, match="away"):
                sweep("run1")
        else:
            assert slow_events(sweep("run1")[1]) == []
    assert services.ledger.read_batch(head.batch_id).slow_since is None
    assert slow_events(sweep("run1")[1]) == [head.batch_id]


def test_the_trigger_cancels_a_step_whose_time_is_over_and_gives_up_in_the_end(
    services, head, cancelled, monkeypatch
):
    monkeypatch.setattr(Emr, "read_step", lambda *_: StepStatus("RUNNING"))
    trigger = StepTrigger(
        job_flow_id=head.job_flow_id,
        step_ids=[head.step_id],
        waiter_delay=1,
        waiter_max_attempts=9,
        aws_conn_id=None,
        batch_id=head.batch_id,
        timeout_seconds=TIMEOUT.total_seconds(),
        owns_job_flow=True,
    )
    pause, is_hopeless = trigger._enforce()
    assert not is_hopeless
    assert 7_000 < pause <= 7_200
    move(services, monkeypatch, TIMEOUT + timedelta(seconds=1))
    assert not trigger._enforce()[1]
    assert cancelled == [(head.job_flow_id, head.step_id)]
    move(services, monkeypatch, timedelta(minutes=4))
    assert trigger._enforce()[1]


@pytest.mark.parametrize(("state", "is_cancelled"), [("deferred", False), ("failed", True)])
async def test_a_kill_spares_a_step_that_another_triggerer_waits_for(monkeypatch, state, is_cancelled):
    client = AsyncMock()
    client.__aenter__.return_value = client
    hook = SimpleNamespace(get_async_conn=AsyncMock(return_value=client))
    monkeypatch.setattr(StepTrigger, "hook", lambda _: hook)
    trigger = StepTrigger(
        job_flow_id="j-1",
        step_ids=["s-1"],
        waiter_delay=1,
        waiter_max_attempts=9,
        batch_id="B",
        timeout_seconds=9.0,
        owns_job_flow=True,
    )
    trigger.task_instance = SimpleNamespace(dag_id="flights", run_id="run1", task_id="add_step")
    states = {"run1": {"add_step": state}}
    monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", lambda **_: states)
    await trigger.on_kill()
    assert client.cancel_steps.called is is_cancelled
