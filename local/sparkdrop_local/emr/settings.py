"""How the local EMR behaves: its delays, its place on disk and the Spark it runs."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from sparkdrop_local.spark import SparkRuntime

START_DELAY_VARIABLE = "SPARKDROP_LOCAL_EMR_START_SECONDS"


@dataclass(frozen=True, kw_only=True)
class EmrSettings:
    """Settings of one local EMR.

    Attributes:
        scratch_dir: where steps work and their logs are written before they go to S3.
        spark: the Spark that spark-submit steps run on; looked for at the first such step when None.
        start_delay_seconds: from RunJobFlow to a cluster that is ready, half of it STARTING, half
            BOOTSTRAPPING. EMR itself takes minutes.
        terminate_delay_seconds: how long a cluster is TERMINATING once its steps have ended.
        stop_grace_seconds: between SIGTERM and SIGKILL when a running step is stopped.
        idle_time_scale: seconds that one second of an auto-termination policy lasts; tests turn hours to
            instants.
        endpoint_url: where S3 answers; None until ``EmrApp.set_endpoint_url`` tells it.
        environment: what steps see beside the bare needs of a process; credentials for S3 go here.
        region: where ARNs and instances say they are.
        account_id: the account in ARNs.
    """

    scratch_dir: Path = field(
        default_factory=lambda: Path(tempfile.gettempdir()) / f"sparkdrop-emr-{os.getpid()}"
    )
    spark: SparkRuntime | None = None
    start_delay_seconds: float = 1.0
    terminate_delay_seconds: float = 0.2
    stop_grace_seconds: float = 5.0
    idle_time_scale: float = 1.0
    endpoint_url: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    region: str = "us-east-1"
    account_id: str = "123456789012"

    @classmethod
    def from_environment(cls, scratch_dir: Path, environ: Mapping[str, str] | None = None) -> Self:
        """Take AWS_* from an environment, and the start-up delay from SPARKDROP_LOCAL_EMR_START_SECONDS.

        Raises:
            ValueError: the delay is not a number.
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
            scratch_dir=scratch_dir,
            start_delay_seconds=float(environ.get(START_DELAY_VARIABLE, "1.0")),
            endpoint_url=environ.get("AWS_ENDPOINT_URL"),
            environment={name: environ[name] for name in names if name in environ},
            region=environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "us-east-1",
        )
