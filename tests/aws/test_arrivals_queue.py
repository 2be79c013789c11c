"""The arrivals queue against a server, through the client that the triggerer uses."""

import asyncio
import json

import pytest
from aiobotocore.session import get_session
from moto.moto_api._internal import moto_api_backend
from moto.server import ThreadedMotoServer

from sparkdrop.aws import arrivals_queue
from sparkdrop.aws.arrivals_queue import ArrivalsQueue

from .conftest import REGION


@pytest.fixture
def endpoint_url():
    moto_api_backend.reset()  # servers of one process share their state
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
async def client(endpoint_url):
    session = get_session()
    async with session.create_client(
        "sqs",
        region_name=REGION,
        endpoint_url=endpoint_url,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    ) as client:
        yield client


async def make_queues(client, max_receive_count=3):
    """The queue and its dead letters: URLs."""
    dead = (await client.create_queue(QueueName="dead"))["QueueUrl"]
    answer = await client.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])
    arn = answer["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": max_receive_count})
    queue = await client.create_queue(
        QueueName="arrivals", Attributes={"RedrivePolicy": policy, "VisibilityTimeout": "60"}
    )
    return queue["QueueUrl"], dead


async def send(client, url, many):
    for start in range(0, many, 10):
        entries = [{"Id": str(n), "MessageBody": f"m{n}"} for n in range(start, min(start + 10, many))]
        await client.send_message_batch(QueueUrl=url, Entries=entries)


async def test_a_burst_is_taken_together_and_deleted(client):
    url, _ = await make_queues(client)
    await send(client, url, 57)
    queue = ArrivalsQueue(client, url)
    messages = await queue.receive()
    assert len(messages) > 10, "one request's worth"
    while len(messages) < 57:  # SQS may hold some back from a request that does not wait
        messages += await queue.receive()
    assert sorted(message.body for message in messages) == sorted(f"m{n}" for n in range(57))
    handles = [message.receipt_handle for message in messages]
    assert await queue.delete(handles) == []
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = await client.get_queue_attributes(QueueUrl=url, AttributeNames=names)
    assert set(answer["Attributes"].values()) == {"0"}


async def test_a_few_messages_are_handed_over_at_once(client):
    url, _ = await make_queues(client)
    await send(client, url, 3)
    started = asyncio.get_running_loop().time()
    assert len(await ArrivalsQueue(client, url).receive()) == 3
    assert asyncio.get_running_loop().time() - started < 10, "it polled again for more"


async def test_a_message_that_is_given_back_often_ends_in_the_dead_letters(client):
    url, dead = await make_queues(client, max_receive_count=3)
    await send(client, url, 1)
    queue = ArrivalsQueue(client, url)
    for _ in range(3):
        (message,) = await queue.receive()
        await queue.give_back(message.receipt_handle)
    assert "Messages" not in await client.receive_message(QueueUrl=url, WaitTimeSeconds=0)
    (letter,) = (await client.receive_message(QueueUrl=dead, WaitTimeSeconds=0))["Messages"]
    assert letter["Body"] == "m0"


async def test_a_stale_handle_is_told_and_no_error(client):
    url, _ = await make_queues(client)
    await send(client, url, 2)
    queue = ArrivalsQueue(client, url)
    good, other = await queue.receive()
    failures = await queue.delete([good.receipt_handle, "stale"])
    assert len(failures) == 1
    assert await queue.delete([other.receipt_handle]) == []


async def test_messages_are_kept_from_others_for_as_long_as_the_work_takes(client, monkeypatch):
    monkeypatch.setattr(arrivals_queue, "_HOLD_AGAIN_SECONDS", 0.05)
    url, _ = await make_queues(client)
    await client.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "1"})
    await send(client, url, 12)
    queue = ArrivalsQueue(client, url)
    messages = await queue.receive()
    held = [message.receipt_handle for message in messages]
    extended = asyncio.Event()
    client.meta.events.register("after-call.sqs.ChangeMessageVisibilityBatch", lambda **_: extended.set())
    async with asyncio.timeout(30), queue.hold(held):
        for _ in range(20):
            extended.clear()
            await extended.wait()
        assert await ArrivalsQueue(client, url)._receive(1) == []
    assert len(held) == 12


async def test_a_message_tells_how_often_it_was_received(client):
    url, _ = await make_queues(client)
    await send(client, url, 1)
    queue = ArrivalsQueue(client, url)
    for number in (1, 2):
        (message,) = await queue.receive()
        assert message.receives == number
        await queue.give_back(message.receipt_handle)


async def test_a_receive_that_fails_costs_no_message_of_the_others(client, monkeypatch):
    url, _ = await make_queues(client)
    await send(client, url, 40)
    queue = ArrivalsQueue(client, url)
    receive = ArrivalsQueue._receive
    calls = []

    async def fail_once(self, wait_seconds):
        calls.append(wait_seconds)
        if len(calls) == 3:
            raise OSError("the network is away")
        return await receive(self, wait_seconds)

    monkeypatch.setattr(ArrivalsQueue, "_receive", fail_once)
    assert len(await queue.receive()) == 40
    assert len(calls) == 5
