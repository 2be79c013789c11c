"""What is run for a step, a bootstrap action or a job run, and how it ended."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sparkdrop_local.emr.jobs.commands import Command


class JobState(StrEnum):
    """How a job ended."""

    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    INTERRUPTED = "INTERRUPTED"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job failed: EMR's FailureDetails."""

    reason: str
    message: str
    log_file: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended; the exit code is that of its process, None when none was started."""

    state: JobState
    failure: Failure | None = None
    exit_code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTask:
    """What a job's thread needs, copied so that it holds no lock.

    Attributes:
        folder: its place under the scratch folder, as ``j-1/s-1``: no other job has it.
        names: by what a fault may be ordered for it: its name, its id, its cluster's.
        line: the command as the controller's log names it.
        build_command: reads what was asked for; raises CommandError where that makes no command.
        log_uris: where each log goes in S3 once the job has ended, by its name (controller, stdout, stderr,
            syslog); empty keeps none.
        configurations: EMR's Configurations, each with its Classification and Properties.
        environment: variables of its own.
        application_id: YARN's id of the Spark application that it may start; None where there is no YARN.
    """

    folder: str
    names: tuple[str, ...]
    line: str
    build_command: Callable[[], Command]
    log_uris: Mapping[str, str] = field(default_factory=dict)
    configurations: Sequence[Mapping[str, Any]] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    application_id: str | None = None
