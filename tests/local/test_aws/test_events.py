"""From an object to the arrivals queue, and how the queue then behaves."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Emulation

AWKWARD_KEY = "flights/a b+c%20d/é ü/100%25.csv"
BODY = b"year,month\n2013,1\n"


def put(emulation: Emulation, key: str) -> None:
    emulation.client("s3").put_object(Bucket=emulation.uploads, Key=key, Body=BODY)


def put_presigned(emulation: Emulation, key: str) -> None:
    s3 = emulation.client("s3", signature_version="s3v4")
    params = {"Bucket": emulation.uploads, "Key": key, "ContentType": "text/csv", "IfNoneMatch": "*"}
    host, path = s3.generate_presigned_url("put_object", Params=params).removeprefix("http://").split("/", 1)
    connection = http.client.HTTPConnection(host, timeout=10)
    headers = {"Content-Type": "text/csv", "If-None-Match": "*"}
    connection.request("PUT", f"/{path}", body=BODY, headers=headers)
    assert read(connection) == (200, b"")
    connection.close()


def put_empty(emulation: Emulation, key: str) -> None:
    emulation.client("s3", read_timeout=10, retries={"total_max_attempts": 1}).put_object(
        Bucket=emulation.uploads, Key=key, Body=b""
    )


def put_multipart(emulation: Emulation, key: str) -> None:
    s3, place = emulation.client("s3"), {"Bucket": emulation.uploads, "Key": key}
    upload = s3.create_multipart_upload(**place)["UploadId"]
    part = s3.upload_part(**place, UploadId=upload, PartNumber=1, Body=BODY)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(**place, UploadId=upload, MultipartUpload=parts)


def copy(emulation: Emulation, key: str) -> None:
    s3, source = emulation.client("s3"), emulation.environment["SPARKDROP_ARTIFACTS_BUCKET"]
    s3.put_object(Bucket=source, Key=key, Body=BODY)  # another bucket: no event
    s3.copy_object(Bucket=emulation.uploads, Key=key, CopySource={"Bucket": source, "Key": key})


@pytest.mark.parametrize(
    ("create", "reason"),
    [
        (put, "PutObject"),
        (put_presigned, "PutObject"),
        (put_empty, "PutObject"),
        (put_multipart, "CompleteMultipartUpload"),
        (copy, "CopyObject"),
    ],
)
def test_every_creation_is_one_event_with_what_the_ledger_needs(
    emulation: Emulation, create: Callable[[Emulation, str], None], reason: str
) -> None:
    key = f"{AWKWARD_KEY}.{create.__name__}"
    create(emulation, key)
    (event,) = emulation.receive()
    stored = emulation.client("s3").head_object(Bucket=emulation.uploads, Key=key)
    assert stored["ContentLength"] == (0 if create is put_empty else len(BODY))
    assert (event["source"], event["detail-type"]) == ("aws.s3", "Object Created")
    time.strptime(event["time"], "%Y-%m-%dT%H:%M:%SZ")
    detail = event["detail"]
    assert (detail["reason"], detail["bucket"]["name"]) == (reason, emulation.uploads)
    sequencer = detail["object"].pop("sequencer")
    assert int(sequencer, 16) > 0
    assert detail["object"] == {
        "key": key,
        "size": stored["ContentLength"],
        "etag": stored["ETag"].strip('"'),
        "version-id": stored["VersionId"],
    }
    assert emulation.receive(wait_seconds=0) == []


def test_an_overwrite_is_a_new_version_with_a_later_sequencer(emulation: Emulation) -> None:
    seen = []
    for _ in range(3):
        put(emulation, "flights/again.csv")
        (event,) = emulation.receive()
        seen.append(event)
    objects = [event["detail"]["object"] for event in seen]
    assert len({event["id"] for event in seen}) == len({entry["version-id"] for entry in objects}) == 3
    sequencers = [entry["sequencer"] for entry in objects]
    assert sequencers == sorted(set(sequencers))
    s3 = emulation.client("s3")
    first = s3.get_object(
        Bucket=emulation.uploads, Key="flights/again.csv", VersionId=objects[0]["version-id"]
    )
    assert first["Body"].read() == BODY


def test_deleting_and_other_buckets_are_no_arrival(emulation: Emulation) -> None:
    s3 = emulation.client("s3")
    put(emulation, "flights/gone.csv")
    emulation.receive()
    marker = s3.delete_object(Bucket=emulation.uploads, Key="flights/gone.csv")["VersionId"]
    s3.delete_object(Bucket=emulation.uploads, Key="flights/gone.csv", VersionId=marker)
    s3.put_object(Bucket=emulation.environment["SPARKDROP_CURATED_BUCKET"], Key="x", Body=b"")
    assert emulation.receive(wait_seconds=1) == []


def test_a_long_poll_sees_an_upload_at_once(emulation: Emulation) -> None:
    seen: list[tuple[float, list[dict[str, Any]]]] = []
    polling = threading.Event()

    def poll() -> None:
        polling.set()
        events = emulation.receive(wait_seconds=20)
        seen.append((time.monotonic(), events))

    thread = threading.Thread(target=poll)
    thread.start()
    assert polling.wait(timeout=5)
    began = time.monotonic()
    put(emulation, "flights/now.csv")
    thread.join(timeout=25)
    ((ended, events),) = seen
    assert len(events) == 1
    # some 15 ms on an idle machine; a poll that looks once a second would fail this most of the time
    assert ended - began < 3


def test_a_poller_that_was_killed_takes_nothing_with_it(emulation: Emulation) -> None:
    script = (
        "import boto3, sys; print('polling', flush=True);"
        "boto3.client('sqs').receive_message(QueueUrl=sys.argv[1], WaitTimeSeconds=20)"
    )
    poller = subprocess.Popen(
        [sys.executable, "-c", script, emulation.queue],
        env={**os.environ, **emulation.environment},
        stdout=subprocess.PIPE,
    )
    assert poller.stdout is not None
    with poller.stdout:
        assert poller.stdout.readline() == b"polling\n"
    wait_for_connection(poller.pid, int(emulation.environment["AWS_ENDPOINT_URL"].rsplit(":", 1)[-1]))
    poller.kill()
    poller.wait()
    put(emulation, "flights/kept.csv")
    (event,) = emulation.receive()
    assert event["detail"]["object"]["key"] == "flights/kept.csv"


def wait_for_connection(pid: int, port: int) -> None:
    """Until the process is connected to the port: its request is on the way."""
    import psutil

    deadline = time.monotonic() + 30
    while not any(c.raddr and c.raddr.port == port for c in psutil.Process(pid).net_connections()):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_nobody_can_read_ends_in_the_dead_letters(emulation: Emulation) -> None:
    sqs = emulation.client("sqs")
    sqs.send_message(QueueUrl=emulation.queue, MessageBody="not an event")
    for attempt in range(1, 6):
        (message,) = sqs.receive_message(
            QueueUrl=emulation.queue, WaitTimeSeconds=5, MessageSystemAttributeNames=["All"]
        )["Messages"]
        assert message["Attributes"]["ApproximateReceiveCount"] == str(attempt)
        sqs.change_message_visibility(
            QueueUrl=emulation.queue, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
        )
    assert emulation.receive(wait_seconds=1) == []
    attributes = sqs.get_queue_attributes(QueueUrl=emulation.queue, AttributeNames=["RedrivePolicy"])
    target = json.loads(attributes["Attributes"]["RedrivePolicy"])["deadLetterTargetArn"]
    dead = sqs.get_queue_url(QueueName=target.rsplit(":", 1)[-1])["QueueUrl"]
    (message,) = sqs.receive_message(QueueUrl=dead, WaitTimeSeconds=5)["Messages"]
    assert message["Body"] == "not an event"


def test_one_connection_carries_chunked_and_aws_chunked_bodies(emulation: Emulation) -> None:
    connection = http.client.HTTPConnection(emulation.environment["AWS_ENDPOINT_URL"].removeprefix("http://"))
    bucket = emulation.environment["SPARKDROP_ARTIFACTS_BUCKET"]
    connection.request(
        "PUT",
        f"/{bucket}/chunked",
        body=iter([b"abc", b"def"]),
        headers={"Transfer-Encoding": "chunked"},
        encode_chunked=True,
    )
    assert read(connection) == (200, b"")
    socket = connection.sock
    body = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"
    headers = {
        "Content-Encoding": "aws-chunked",
        "x-amz-decoded-content-length": "5",
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-trailer": "x-amz-checksum-crc32",
    }
    connection.request("PUT", f"/{bucket}/aws-chunked", body=body, headers=headers)
    assert read(connection) == (200, b"")
    assert connection.sock is socket is not None  # kept alive
    connection.close()
    s3 = emulation.client("s3")
    held = [s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in ("chunked", "aws-chunked")]
    assert held == [b"abcdef", b"hello"]


def read(connection: http.client.HTTPConnection) -> tuple[int, bytes]:
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_metadata_names_and_large_bodies_come_back_as_they_were(emulation: Emulation) -> None:
    s3, bucket = emulation.client("s3"), emulation.environment["SPARKDROP_ARTIFACTS_BUCKET"]
    body = os.urandom(3 * 1024 * 1024)
    metadata = {"file_name": "a.csv", "kind-of": "Test"}
    s3.put_object(Bucket=bucket, Key="large", Body=body, Metadata=metadata)
    held = s3.get_object(Bucket=bucket, Key="large")
    assert held["Metadata"] == metadata
    assert hashlib.sha256(held["Body"].read()).digest() == hashlib.sha256(body).digest()
    part = s3.get_object(Bucket=bucket, Key="large", Range="bytes=1000-1999")["Body"].read()
    assert part == body[1000:2000]
