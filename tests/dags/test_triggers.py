"""What the triggerer runs: exact serialization, and the arrival stream in Airflow's own machinery."""

import asyncio
import json
import socket
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import boto3
import pytest
from airflow.triggers.shared_stream import SharedStreamManager
from botocore.exceptions import EndpointConnectionError
from moto.moto_api._internal import moto_api_backend
from moto.server import ThreadedMotoServer

from sparkdrop.aws.arrivals_queue import ArrivalsQueue
from sparkdrop.aws.ledger import Ledger
from sparkdrop.core.batch import InboxEntry
from sparkdrop.core.events import build_wake_up
from sparkdrop.core.invocation import Invocation
from sparkdrop.core.uploads import UNROUTED, Arrival
from sparkdrop.orchestration import arrival_trigger, arrivals_stream
from sparkdrop.orchestration.arrival_sensor import ArrivalSensorTrigger
from sparkdrop.orchestration.arrival_trigger import ArrivalTrigger
from sparkdrop.orchestration.services import get_deployment, get_services
from sparkdrop.orchestration.step_trigger import StepTrigger
from sparkdrop.orchestration.trouble_trigger import TroubleTrigger

from .conftest import create_resources

IS_WAITING = arrival_trigger._is_waiting
DEADLINE_SECONDS = 30
STEP = {
    "job_flow_id": "j-1",
    "step_ids": ["s-1"],
    "waiter_delay": 15,
    "waiter_max_attempts": 9,
    "aws_conn_id": None,
    "batch_id": "B1",
    "timeout_seconds": 7200.0,
    "owns_job_flow": True,
}


class Airflow:
    """The triggerer's part: subscribes triggers, and confirms their events when the test says so."""

    def __init__(self):
        self.manager = SharedStreamManager()
        self.events = []
        self.tasks = []

    def start(self, *triggers):
        for number, trigger in enumerate(triggers):
            key = trigger.shared_stream_key()
            stream = self.manager.subscribe(trigger_id=number, trigger=trigger, key=key)
            self.tasks.append(asyncio.create_task(self._run(number, trigger, key, stream)))

    async def _run(self, number, trigger, key, stream):
        async for event in trigger.filter_shared_stream(stream):
            seq = self.manager.bind_pending_event(trigger_id=number, key=key)
            self.events.append((trigger.pipeline, event.payload, seq))

    def confirm(self):
        self.manager.confirm_persisted([seq for _, _, seq in self.events])

    async def stop(self):
        for task in self.tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self.manager.stop_all()


async def until(condition):
    """Wait for what has to become true."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - a server's state has no event
            await asyncio.sleep(0.05)


class System:
    """The queue and its dead letters, as others see them."""

    def __init__(self):
        self.sqs = boto3.client("sqs")
        self.dead = self.sqs.create_queue(QueueName="dead")["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=self.dead, AttributeNames=["QueueArn"])
        policy = {"deadLetterTargetArn": arn["Attributes"]["QueueArn"], "maxReceiveCount": 2}
        attributes = {"RedrivePolicy": json.dumps(policy), "VisibilityTimeout": "600"}
        self.url = self.sqs.create_queue(QueueName="arrivals", Attributes=attributes)["QueueUrl"]

    def land(self, *keys):
        for number, key in enumerate(keys):
            created = {"key": key, "size": 1, "etag": "e", "version-id": f"v{number}"}
            event = {
                "source": "aws.s3",
                "detail-type": "Object Created",
                "time": datetime.now(UTC).isoformat(),
                "detail": {"bucket": {"name": "sd-uploads"}, "object": created},
            }
            self.sqs.send_message(QueueUrl=self.url, MessageBody=json.dumps(event))

    def count(self, url=None):
        """Messages that are in a queue, seen or unseen."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.sqs.get_queue_attributes(QueueUrl=url or self.url, AttributeNames=names)
        return sum(int(value) for value in answer["Attributes"].values())


def find_free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture
def system(environment, monkeypatch):  # noqa: ARG001 - it has to be there first
    # a poll that waits on the server would outlive the test by its 20 seconds
    monkeypatch.setattr("sparkdrop.aws.arrivals_queue._LONG_POLL_SECONDS", 1)
    monkeypatch.setattr(arrivals_stream, "_FIRST_PAUSE_SECONDS", 0.1)
    # what a trigger finds at its start depends on how far the stream is by then
    monkeypatch.setattr(arrival_trigger, "_is_waiting", lambda *_: False)
    moto_api_backend.reset()  # servers of one process share their state
    server = ThreadedMotoServer("127.0.0.1", find_free_port(), verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    create_resources()
    system = System()
    system.server = server
    monkeypatch.setenv("SPARKDROP_ARRIVALS_QUEUE_URL", system.url)
    get_deployment.cache_clear()
    get_services.cache_clear()
    yield system
    system.server.stop()
    boto3.client("sqs", endpoint_url=f"http://{host}:{port}").close()


@asynccontextmanager
async def airflow_with(*pipelines, invoked_only=()):
    airflow = Airflow()
    triggers = [ArrivalTrigger(name) for name in pipelines]
    airflow.start(*triggers, *(ArrivalTrigger(name, invoked_only=True) for name in invoked_only))
    try:
        yield airflow
    finally:
        await airflow.stop()


async def test_messages_are_deleted_only_when_their_wake_ups_are_stored(system):
    system.land("flights/1.csv", "flights/2.csv")
    async with airflow_with("flights") as airflow:
        await until(lambda: sum(payload["uploads"] for _, payload, _ in airflow.events) == 2)
        assert system.count() == 2
        assert len(get_services().ledger.read_inbox("flights", 9)) == 2
        airflow.confirm()
        await until(lambda: system.count() == 0)


async def test_pipelines_share_one_reader_and_are_woken_for_their_own(system):
    system.land("flights/1.csv", "weather/1.csv", "nobody/1.csv")
    async with airflow_with("flights", "weather", "airports") as airflow:
        await until(lambda: len(airflow.events) == 2)
        assert len(airflow.manager._groups) == 1
        assert sorted((name, payload["uploads"]) for name, payload, _ in airflow.events) == [
            ("flights", 1),
            ("weather", 1),
        ]
        airflow.confirm()
        await until(lambda: system.count() == 0)
    assert [entry.arrival.key for entry in get_services().ledger.read_inbox(UNROUTED, 9)] == ["nobody/1.csv"]


async def test_a_trigger_wakes_its_pipeline_for_what_came_before_it_joined(system, monkeypatch):
    monkeypatch.setattr(arrival_trigger, "_is_waiting", IS_WAITING)
    arrival = Arrival("sd-uploads", "flights/1.csv", "v1", None, 1, datetime.now(UTC))
    get_services().ledger.record("flights", [InboxEntry(arrival.upload_id, arrival)])
    async with airflow_with("flights", "weather") as airflow:
        await until(lambda: airflow.events)
        system.land("weather/1.csv")
        await until(lambda: len(airflow.events) == 2)
        assert [(name, payload["uploads"]) for name, payload, _ in airflow.events] == [
            ("flights", 0),
            ("weather", 1),
        ]
        airflow.confirm()
        await until(lambda: system.count() == 0)


async def test_an_invocation_wakes_its_pipeline_however_that_hears_of_files(system):
    async with airflow_with("flights", "weather", invoked_only=["planes"]) as airflow:
        system.land("planes/1.csv")
        for pipeline in ("flights", "planes", "nobody"):
            system.sqs.send_message(QueueUrl=system.url, MessageBody=build_wake_up(pipeline))
        await until(lambda: len(airflow.events) == 2)
        assert sorted((name, payload["uploads"]) for name, payload, _ in airflow.events) == [
            ("flights", 0),
            ("planes", 0),
        ]
        assert system.count() > 0
        airflow.confirm()
        await until(lambda: system.count() == 0)


async def test_a_trigger_that_joins_late_wakes_its_pipeline_for_an_invocation(system, monkeypatch):  # noqa: ARG001
    monkeypatch.setattr(arrival_trigger, "_is_waiting", IS_WAITING)
    arrival = Arrival("sd-uploads", "planes/1.csv", "v1", None, 1, datetime.now(UTC))
    ledger = get_services().ledger
    for pipeline in ("planes", "other"):
        ledger.record(pipeline, [InboxEntry(arrival.upload_id, arrival)])
    request = Invocation(pipeline="planes", input="s3://sd-uploads/planes/1.csv", idempotency_key="k")
    ledger.invocations.record(request, "me")
    async with airflow_with(invoked_only=["other", "planes"]) as airflow:
        await until(lambda: airflow.events)
        assert [(name, payload["uploads"]) for name, payload, _ in airflow.events] == [("planes", 0)]


async def test_rubbish_goes_to_the_dead_letters_and_the_stream_lives_on(system):
    for body in ("rubbish", "[" * 50_000, "{}"):
        system.sqs.send_message(QueueUrl=system.url, MessageBody=body)
    async with airflow_with("flights") as airflow:
        await until(lambda: system.count(system.dead) == 3)
        system.land("flights/1.csv")
        await until(lambda: airflow.events)
        airflow.confirm()
        await until(lambda: system.count() == 0)
        assert not any(task.done() for task in airflow.tasks)


async def test_an_outage_is_waited_out(system, monkeypatch):
    told = []
    monkeypatch.setattr(arrivals_stream.log, "warning", lambda text, **_: told.append(text), raising=False)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")  # else the client itself bridges some seconds
    host, port = system.server.get_host_and_port()
    async with airflow_with("flights") as airflow:
        system.land("flights/1.csv")
        await until(lambda: airflow.events)
        airflow.confirm()
        await until(lambda: system.count() == 0)
        await asyncio.to_thread(system.server.stop)
        await until(lambda: len(told) > 1)
        assert told[0] == "the arrivals queue or the ledger cannot be used"
        assert not any(task.done() for task in airflow.tasks)
        system.server = ThreadedMotoServer(host, port, verbose=False)
        await asyncio.to_thread(system.server.start)
        system.land("flights/2.csv")
        await until(lambda: len(airflow.events) == 2)
        airflow.confirm()
        await until(lambda: system.count() == 0)


class Outage:
    """A ledger that cannot be reached, for as long as this is not over."""

    def __init__(self, ledger, calls=""):
        self.tries = 0
        self._events = ledger.table.client.meta.events
        self._name = f"before-call.dynamodb{calls}"
        self._events.register(self._name, self._fail)

    def _fail(self, **_):
        self.tries += 1
        raise EndpointConnectionError(endpoint_url="the ledger's")

    def end(self):
        self._events.unregister(self._name, self._fail)


def see_always(system, max_receives=5):
    """Let the queue show its messages at once again: each receive counts, and none waits."""
    arn = system.sqs.get_queue_attributes(QueueUrl=system.dead, AttributeNames=["QueueArn"])
    policy = {"deadLetterTargetArn": arn["Attributes"]["QueueArn"], "maxReceiveCount": max_receives}
    attributes = {"RedrivePolicy": json.dumps(policy), "VisibilityTimeout": "0"}
    system.sqs.set_queue_attributes(QueueUrl=system.url, Attributes=attributes)


@pytest.mark.parametrize("begins", ["before", "after"])
async def test_an_outage_of_the_ledger_of_any_length_loses_nothing(system, monkeypatch, begins):
    """The outage lasts for many more tries than the queue has receives, and begins before or after one."""
    monkeypatch.setattr(arrivals_stream, "_LONGEST_PAUSE_SECONDS", 0.1)
    see_always(system)
    outage = Outage(get_services().ledger, "" if begins == "before" else ".BatchWriteItem")
    keys = [f"flights/{number}.csv" for number in range(7)]  # too few for a second receive
    system.land(*keys)
    async with airflow_with("flights") as airflow:
        await until(lambda: outage.tries > 30)
        assert (system.count(), system.count(system.dead)) == (7, 0)
        outage.end()
        await until(lambda: len(get_services().ledger.read_inbox("flights", 99)) == 7)
        await until(lambda: airflow.events)
        airflow.confirm()
        await until(lambda: system.count() == 0)
        assert system.count(system.dead) == 0
    landed = {entry.arrival.key for entry in get_services().ledger.read_inbox("flights", 99)}
    assert landed == set(keys)


async def test_what_is_recorded_is_never_a_dead_letter_though_no_wake_up_is_stored(system):
    see_always(system)
    system.land("flights/1.csv")
    async with airflow_with("flights") as airflow:
        await until(lambda: system.count() == 0)
        assert airflow.events
        assert system.count(system.dead) == 0
    assert get_services().ledger.is_waiting("flights")


async def test_an_arrival_that_the_ledger_cannot_hold_keeps_no_other_waiting(system, monkeypatch):
    record = Ledger.record

    def refuse_one(self, pipeline, entries):
        if any(entry.arrival.key == "flights/3.csv" for entry in entries):
            raise ValueError("this one cannot be written")
        record(self, pipeline, entries)

    monkeypatch.setattr(Ledger, "record", refuse_one)
    system.land(*(f"flights/{number}.csv" for number in range(7)))
    async with airflow_with("flights") as airflow:
        await until(lambda: sum(payload["uploads"] for _, payload, _ in airflow.events) == 6)
        await until(lambda: system.count(system.dead) == 1)
        airflow.confirm()
        await until(lambda: system.count() == 0)
    assert len(get_services().ledger.read_inbox("flights", 99)) == 6


async def test_a_message_that_cannot_be_given_back_keeps_no_other_waiting(system, monkeypatch):
    async def fail(*_):
        raise EndpointConnectionError(endpoint_url="the queue's")

    monkeypatch.setattr(ArrivalsQueue, "give_back", fail)
    system.sqs.send_message(QueueUrl=system.url, MessageBody="rubbish")
    system.land("flights/1.csv", "flights/2.csv")
    async with airflow_with("flights") as airflow:
        await until(lambda: sum(payload["uploads"] for _, payload, _ in airflow.events) == 2)
        airflow.confirm()
        await until(lambda: system.count() == 1)


async def test_a_parser_that_breaks_at_a_message_keeps_no_other_waiting(system, monkeypatch):
    parse = arrivals_stream.parse_arrival

    def break_at_one(body):
        if "flights/1.csv" in body:
            raise RuntimeError("nobody thought of this")
        return parse(body)

    monkeypatch.setattr(arrivals_stream, "parse_arrival", break_at_one)
    system.land("flights/1.csv", "flights/2.csv")
    async with airflow_with("flights") as airflow:
        await until(lambda: sum(payload["uploads"] for _, payload, _ in airflow.events) == 1)
        await until(lambda: system.count(system.dead) == 1)


async def test_a_stale_handle_does_not_end_the_stream(system):
    system.land("flights/1.csv")
    async with airflow_with("flights") as airflow:
        await until(lambda: airflow.events)
        system.sqs.purge_queue(QueueUrl=system.url)
        airflow.confirm()
        system.land("flights/2.csv")
        await until(lambda: len(airflow.events) == 2)
        assert not any(task.done() for task in airflow.tasks)


async def test_the_sensors_trigger_fires_when_something_new_is_there(system, monkeypatch):  # noqa: ARG001
    s3 = boto3.client("s3")
    trigger = ArrivalSensorTrigger("airports", "sd-uploads", ["airports/*.csv"], 0.1)
    first = asyncio.create_task(anext(trigger.run()))
    await asyncio.sleep(0.5)
    assert not first.done()
    s3.put_object(Bucket="sd-uploads", Key="airports/1.csv", Body=b"1")
    async with asyncio.timeout(DEADLINE_SECONDS):
        assert (await first).payload == {"status": "success"}
    assert get_services().ledger.is_waiting("airports")


@pytest.mark.parametrize(
    ("trigger", "path", "arguments"),
    [
        (
            ArrivalTrigger("flights"),
            "sparkdrop.orchestration.arrival_trigger.ArrivalTrigger",
            {"pipeline": "flights", "invoked_only": False},
        ),
        (
            ArrivalTrigger("planes", invoked_only=True),
            "sparkdrop.orchestration.arrival_trigger.ArrivalTrigger",
            {"pipeline": "planes", "invoked_only": True},
        ),
        (
            ArrivalSensorTrigger("airports", "partner", ["a/*.csv"], 9.0),
            "sparkdrop.orchestration.arrival_sensor.ArrivalSensorTrigger",
            {
                "pipeline": "airports",
                "bucket": "partner",
                "patterns": ["a/*.csv"],
                "poke_interval": 9.0,
                "hidden": "skip",
            },
        ),
        (
            StepTrigger(**STEP),
            "sparkdrop.orchestration.step_trigger.StepTrigger",
            STEP,
        ),
        (TroubleTrigger(), "sparkdrop.orchestration.trouble_trigger.TroubleTrigger", {}),
    ],
    ids=["arrival", "invocation", "sensor", "step", "trouble"],
)
def test_a_trigger_is_stored_by_its_class_and_arguments(trigger, path, arguments):
    assert trigger.serialize() == (path, arguments)
    again = type(trigger)(**arguments)
    assert again.serialize() == (path, arguments)


async def test_the_arrival_trigger_has_no_stream_of_its_own():
    with pytest.raises(NotImplementedError, match="shared stream"):
        await anext(ArrivalTrigger("flights").run())
