"""The AWS of this machine as a stranger starts it: a process, an endpoint, an empty account."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from sparkdrop_local.airflow import build_base_environment
from sparkdrop_local.system import aws_file

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).resolve().parents[3]
READY_SECONDS = 120
STOP_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Server:
    """The running emulation.

    Attributes:
        home: its folder.
        environment: what a client needs to know of it, as it says itself.
    """

    home: Path
    environment: dict[str, str] = field(repr=False)

    @property
    def endpoint_url(self) -> str:
        return self.environment["AWS_ENDPOINT_URL"]

    @property
    def client_environment(self) -> dict[str, str]:
        """The environment of a client's process: nothing of the caller's AWS, all of this one."""
        return build_base_environment(os.environ) | self.environment

    def make_client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.endpoint_url,
            region_name=self.environment["AWS_REGION"],
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
            # an error is for the test to see, at once
            config=Config(retries={"total_max_attempts": 1}),
        )


@contextmanager
def run_server(home: Path, **settings: str) -> Iterator[Server]:
    """Run the emulation with these SPARKDROP_LOCAL_* settings, until the end of the block."""
    home.mkdir(parents=True, exist_ok=True)
    log = home / "aws.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "sparkdrop_local.aws", "--empty", "--home", str(home)],
            env=build_base_environment(os.environ) | settings,
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _await_ready(process, home, log)
        yield Server(home, json.loads(aws_file(home).read_text())["environment"])
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


def _await_ready(process: subprocess.Popen[bytes], home: Path, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not aws_file(home).exists():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, f"not ready in {READY_SECONDS} s: {log.read_text()}"
        time.sleep(0.05)
