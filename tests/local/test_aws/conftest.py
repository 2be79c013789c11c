"""The emulation as others start it: a process, with its home in a temporary folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from sparkdrop_local.aws.templates import StackTemplate, load_templates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

READY_SECONDS = 120  # cold templates and a busy machine; 2 seconds otherwise
STOP_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Emulation:
    process: subprocess.Popen[bytes]
    home: Path
    announcement: dict[str, Any]

    @property
    def environment(self) -> dict[str, str]:
        environment: dict[str, str] = self.announcement["environment"]
        return environment

    @property
    def uploads(self) -> str:
        return self.environment["SPARKDROP_UPLOADS_BUCKET"]

    @property
    def queue(self) -> str:
        return self.environment["SPARKDROP_ARRIVALS_QUEUE_URL"]

    def client(self, service: str, **config: Any) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.environment["AWS_ENDPOINT_URL"],
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
            region_name=self.environment["AWS_REGION"],
            config=Config(**config) if config else None,
        )

    def receive(self, *, wait_seconds: int = 10) -> list[dict[str, Any]]:
        """Take what waits in the arrivals queue, and delete it there."""
        sqs = self.client("sqs")
        answer = sqs.receive_message(
            QueueUrl=self.queue, WaitTimeSeconds=wait_seconds, MaxNumberOfMessages=10
        )
        messages = answer.get("Messages", [])
        for message in messages:
            sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in messages]


@contextmanager
def run_emulation(home: Path, *arguments: str) -> Iterator[Emulation]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    home.mkdir(parents=True, exist_ok=True)
    ready, log = home / "aws.json", home / "aws.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "sparkdrop_local.aws", "--home", str(home), *arguments],
            env=inherited,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + READY_SECONDS
        while not ready.exists():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield Emulation(process=process, home=home, announcement=json.loads(ready.read_bytes()))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=STOP_SECONDS)


@pytest.fixture(scope="session")
def emulation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulation]:
    with run_emulation(tmp_path_factory.mktemp("aws")) as running:
        yield running


@pytest.fixture(scope="session")
def templates() -> list[StackTemplate]:
    return load_templates()


@pytest.fixture(scope="session")
def start_emulation() -> Callable[..., Any]:
    return run_emulation
