"""How the local EMR behaves: its delays, its place on disk and the Spark it runs."""

import math
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, TypeVar

from sparkdrop.core.errors import SparkdropError
from sparkdrop_local.spark import SparkRuntime

DELAYS_VARIABLE = "SPARKDROP_LOCAL_EMR_DELAYS"
RATE_VARIABLE = "SPARKDROP_LOCAL_EMR_CLOCK_RATE"
# eleven days a second: what runs faster soon leaves the years that a date can have
MAX_CLOCK_RATE = 1_000_000
STEP_MEMORY_VARIABLE = "SPARKDROP_LOCAL_EMR_STEP_MEMORY_MIB"
_MIB = 1024 * 1024
Value = TypeVar("Value")


class SettingsError(SparkdropError, ValueError):
    """A setting of the environment makes no sense; the message names it and what it takes."""


@dataclass(frozen=True, kw_only=True)
class Delays:
    """How long EMR takes for what it does by itself, in seconds of its clock.

    Attributes:
        starting: a cluster is STARTING.
        bootstrapping: a cluster is BOOTSTRAPPING, beside its bootstrap actions, which take their own time.
        terminating: a cluster is TERMINATING once its steps have ended.
        resizing: instances that are asked for come, or go.
        logs: from a step's end to its logs in S3.
        application: an EMR Serverless application is CREATING, STARTING or STOPPING.
        job_run: an EMR Serverless job run is SCHEDULED, before its driver starts.
    """

    starting: float = 0.5
    bootstrapping: float = 0.5
    terminating: float = 0.2
    resizing: float = 0.2
    logs: float = 0.0
    application: float = 0.2
    job_run: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``none``, ``local`` (the default), ``real``, or seconds from RunJobFlow to a ready cluster.

        Real ones are in the middle of what EMR shows; logs come every five minutes:
        https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-plan-debugging.html

        Raises:
            ValueError: the text is none of them.
        """
        if text == "local":
            return cls()
        if text == "none":
            return cls(
                starting=0, bootstrapping=0, terminating=0, resizing=0, logs=0, application=0, job_run=0
            )
        if text == "real":
            return cls(
                starting=240, bootstrapping=60, terminating=60, resizing=180, logs=300, application=60,
                job_run=20,
            )  # fmt: skip
        half = _parse_number(text) / 2
        return cls(starting=half, bootstrapping=half)


def _parse_rate(text: str) -> float:
    rate = _parse_number(text)
    if rate > MAX_CLOCK_RATE:
        raise ValueError(text)
    return rate


def _parse_number(text: str) -> float:
    """Read a number that is 0 or more, or raise ValueError."""
    number = float(text)
    if not math.isfinite(number) or number < 0:
        raise ValueError(text)
    return number


def _parse_memory(text: str) -> int:
    """Read MiB, one at least, or raise ValueError."""
    mebibytes = int(text)
    if mebibytes < 1:
        raise ValueError(text)
    return mebibytes * _MIB


NO_DELAYS = Delays.parse("none")


@dataclass(frozen=True, kw_only=True)
class EmrSettings:
    """Settings of one local EMR.

    Attributes:
        scratch_dir: where steps work, and their logs are written before they go to S3.
        state_file: where clusters are remembered over a restart; None remembers nothing.
        spark: the Spark that spark-submit steps run on; looked for at the first such step when None.
        delays: how long EMR takes for what it does by itself.
        clock_rate: how many of EMR's seconds pass in one of the machine's; 0 for a clock that is stepped.
        stop_grace_seconds: the machine's, between SIGTERM and SIGKILL when a running step is stopped.
        step_memory_bytes: what the processes of one step may hold together before they are killed.
        endpoint_url: where S3 and EventBridge answer; None until ``EmrApp.set_endpoint_url`` tells it.
        environment: what steps see beside the bare needs of a process; credentials for S3 go here.
        region: where ARNs and instances say they are.
        account_id: the account in ARNs.
    """

    scratch_dir: Path = field(
        default_factory=lambda: Path(tempfile.gettempdir()) / f"sparkdrop-emr-{os.getpid()}"
    )
    state_file: Path | None = None
    spark: SparkRuntime | None = None
    delays: Delays = field(default_factory=Delays)
    clock_rate: float = 1.0
    stop_grace_seconds: float = 5.0
    step_memory_bytes: int = 4096 * _MIB
    endpoint_url: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    region: str = "us-east-1"
    account_id: str = "123456789012"

    @classmethod
    def from_environment(cls, home: Path, environ: Mapping[str, str] | None = None) -> Self:
        """Take AWS_* from an environment, and delays, rate and memory from SPARKDROP_LOCAL_EMR_*.

        Raises:
            SettingsError: one of them makes no sense.
        """
        environ = os.environ if environ is None else environ
        names = (
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "AWS_REGION",
            "AWS_DEFAULT_REGION",
        )
        return cls(
            scratch_dir=home,
            state_file=home / "state.sqlite",
            delays=_read(environ, DELAYS_VARIABLE, "local", Delays.parse, "none, local, real or seconds"),
            clock_rate=_read(environ, RATE_VARIABLE, "1", _parse_rate, "a number, 0 to 1000000"),
            step_memory_bytes=_read(environ, STEP_MEMORY_VARIABLE, "4096", _parse_memory, "MiB, 1 or more"),
            endpoint_url=environ.get("AWS_ENDPOINT_URL"),
            environment={name: environ[name] for name in names if name in environ},
            region=environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "us-east-1",
        )


def _read(
    environ: Mapping[str, str], name: str, default: str, parse: Callable[[str], Value], takes: str
) -> Value:
    text = environ.get(name) or default
    try:
        return parse(text)
    except ValueError as error:
        raise SettingsError(f"{name}={text}: give {takes}") from error
