"""What the local EMR Serverless remembers of an application and its job runs."""

import string
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from sparkdrop_local.emr.ids import make_name
from sparkdrop_local.emr.serverless.capacity import Resources
from sparkdrop_local.emr.serverless.words import (
    DEFAULT_FAILED_ATTEMPTS_PER_HOUR,
    DEFAULT_IDLE_MINUTES,
    DETAILS,
    ApplicationState,
    RunState,
)

_HOUR = 3_600


def make_id() -> str:
    """Make an id as EMR Serverless's look: 16 lower-case letters and digits, the first of them 00f."""
    return make_name("00f", string.ascii_lowercase + string.digits, 13)


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One attempt of a job run; times are seconds since 1970 by EMR's clock.

    Attributes:
        created: when it was made.
        updated: when it came into its state.
        started: when it was first RUNNING.
        ended: when it was over.
    """

    number: int
    created: float
    updated: float
    state: RunState = RunState.SUBMITTED
    details: str = DETAILS[RunState.SUBMITTED]
    started: float | None = None
    ended: float | None = None

    @property
    def seconds(self) -> float:
        """How long it ran."""
        return self.ended - self.started if self.ended is not None and self.started is not None else 0.0

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Read what ``asdict`` wrote."""
        return cls(**{**record, "state": RunState(record["state"])})


@dataclass(slots=True, kw_only=True)
class JobRun:
    """One job run; ``request`` is the StartJobRun that made it. Read and changed under the context's lock.

    Attributes:
        inherited: what its application was configured as when the run was made.
        created_by: the ARN of whoever started it.
        token: the client token, and what the request with it was, in short.
        queued_since: when it was last QUEUED.
        queued_seconds: how long it was QUEUED in all.
        held: what it takes of its application while it runs, or took when it ran last.
        workers: how many workers that is.
        ending: why it is being cancelled, once that is decided.
        kill_at: when a cancellation is no longer graceful.
    """

    request: Mapping[str, Any]
    inherited: Mapping[str, Any]
    application_id: str
    id: str
    arn: str
    created_by: str
    created: float
    token: tuple[str, str]
    tags: dict[str, str]
    attempts: list[Attempt]
    queued_since: float = 0.0
    queued_seconds: float = 0.0
    held: Resources = field(default_factory=Resources)
    workers: int = 0
    ending: str | None = None
    kill_at: float | None = None

    @property
    def attempt(self) -> Attempt:
        """The latest attempt."""
        return self.attempts[-1]

    @property
    def state(self) -> RunState:
        """The latest attempt's."""
        return self.attempt.state

    @property
    def mode(self) -> str:
        """BATCH or STREAMING."""
        return str(self.request.get("mode") or "BATCH")

    @property
    def started(self) -> float | None:
        """When it was RUNNING for the first time."""
        return self.attempts[0].started

    @property
    def running_seconds(self) -> float:
        """How long its attempts ran, together."""
        return sum(attempt.seconds for attempt in self.attempts)

    def may_retry(self, now: float) -> bool:
        """Whether its policy has another attempt after the latest one, which fails now.

        A BATCH run has one attempt unless it asks for more. A STREAMING run is tried again and again, until
        it has failed too often within an hour:
        https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/jobs-resiliency.html
        """
        policy = self.request.get("retryPolicy") or {}
        if self.mode == "BATCH":
            return self.attempt.number < int(policy.get("maxAttempts") or 1)
        before = sum(
            attempt.state is RunState.FAILED and attempt.updated > now - _HOUR for attempt in self.attempts
        )
        return before + 1 < int(policy.get("maxFailedAttemptsPerHour") or DEFAULT_FAILED_ATTEMPTS_PER_HOUR)

    def to_record(self) -> dict[str, Any]:
        """Write it as JSON holds it."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Read what ``to_record`` wrote."""
        token, fingerprint = record["token"]
        return cls(
            **{
                **record,
                "token": (token, fingerprint),
                "attempts": [Attempt.from_record(attempt) for attempt in record["attempts"]],
                "held": Resources(**record["held"]),
            }
        )


@dataclass(slots=True, kw_only=True)
class Application:
    """One application; ``request`` is the CreateApplication that made it, with what was updated since.

    Attributes:
        updated: when it came into its state, or was updated.
        token: the client token, and what the request with it was, in short.
        idle_since: when it was started, or its last job run was over.
        runs: its job runs, oldest first; each has a record of its own.
    """

    request: dict[str, Any]
    id: str
    arn: str
    created: float
    updated: float
    token: tuple[str, str]
    tags: dict[str, str]
    state: ApplicationState = ApplicationState.CREATING
    idle_since: float = 0.0
    runs: dict[str, JobRun] = field(default_factory=dict)

    @property
    def starts_by_itself(self) -> bool:
        """Whether a job run starts it."""
        return bool((self.request.get("autoStartConfiguration") or {}).get("enabled", True))

    @property
    def idle_minutes(self) -> int | None:
        """After how many idle minutes it stops; None for never."""
        config = self.request.get("autoStopConfiguration") or {}
        return (
            int(config.get("idleTimeoutMinutes") or DEFAULT_IDLE_MINUTES)
            if config.get("enabled", True)
            else None
        )

    @property
    def active(self) -> list[JobRun]:
        """Its job runs that are not over, oldest first."""
        return [run for run in self.runs.values() if not run.state.is_final]

    @property
    def used(self) -> Resources:
        """What its job runs take of it together."""
        held = [run.held for run in self.active if run.state in (RunState.RUNNING, RunState.CANCELLING)]
        return sum(held, Resources())

    def to_record(self) -> dict[str, Any]:
        """Write it as JSON holds it, without its job runs."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "runs"}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Read what ``to_record`` wrote."""
        token, fingerprint = record["token"]
        return cls(**{**record, "token": (token, fingerprint), "state": ApplicationState(record["state"])})
