"""Every error that Sparkdrop raises on purpose.

::

    SparkdropError
    ├── ConfigError            a pipeline file, or the deployment's settings, cannot be used
    ├── NotAnArrivalError      a queue message that tells of no object
    ├── LedgerError            the ledger refuses a move
    ├── StorageError           S3 refuses what has to be done
    ├── StepStillLiveError     a batch cannot be settled yet
    ├── UnknownPipelineError   a caller names a pipeline that is not there, or not there for it
    ├── InvocationRefusedError an invocation asks for what its pipeline may not do
    ├── InvocationConflictError an idempotency key was used before, for something else
    ├── ForbiddenError         a caller may see a pipeline, and may not do this with it
    ├── LinkRefusedError       a link is asked for that its pipeline cannot have
    │   └── TooLargeError      the file is larger than this kind of upload takes
    ├── QuotaExceededError     a caller has used up its day
    ├── UnknownUploadError     there is no such upload, or not for this caller
    ├── UnknownRunError        there is no such invocation, or not for this caller
    ├── LinkConflictError      a link is past what is asked of it
    ├── LinkExpiredError       a link's time is over
    ├── BusyError              others do the same at this moment, for longer than anybody waits
    ├── IncompleteError        parts of a multipart upload are missing
    ├── ApiError               the API refuses a call, or does not answer
    └── BatchFailedError       Spark, or the cluster under it, failed a batch

A message says what is wrong, where, and how to mend it.
"""

from __future__ import annotations

from dataclasses import dataclass


class SparkdropError(Exception):
    """The base of all."""


class NotAnArrivalError(SparkdropError):
    """A queue message that is not an S3 "Object Created" event."""


class LedgerError(SparkdropError):
    """The ledger's record does not permit the move that was asked for."""


class StorageError(SparkdropError):
    """S3 does not do what has to be done."""


class StepStillLiveError(SparkdropError):
    """A batch cannot be settled: its step is not over."""


class UnknownPipelineError(SparkdropError):
    """A caller names a pipeline that is not there, or that it must not know of."""


class InvocationRefusedError(SparkdropError):
    """An invocation asks for what its pipeline may not do; `field` says where."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class InvocationConflictError(SparkdropError):
    """An idempotency key was used before, by the same caller and for another request."""


class ForbiddenError(SparkdropError):
    """A caller may see a pipeline, and may not do with it what it asks for."""


class LinkRefusedError(SparkdropError):
    """A link is asked for that its pipeline cannot have; `field` says where."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class TooLargeError(LinkRefusedError):
    """A file is larger than its pipeline, or this kind of upload, takes."""

    def __init__(self, message: str) -> None:
        super().__init__("size", message)


class QuotaExceededError(SparkdropError):
    """A caller has used up its day; `retry_seconds` says when the next one begins."""

    def __init__(self, message: str, retry_seconds: int) -> None:
        super().__init__(message)
        self.retry_seconds = retry_seconds


class UnknownUploadError(SparkdropError):
    """There is no such upload, or the caller must not know of it."""


class UnknownRunError(SparkdropError):
    """There is no such invocation, or the caller must not know of it."""


class LinkConflictError(SparkdropError):
    """A link is past what is asked of it: it was completed, or cancelled, or its file has landed."""


class LinkExpiredError(SparkdropError):
    """A link's time is over, or that of its multipart upload."""


class BusyError(SparkdropError):
    """Others do the same at this moment, for longer than anybody waits: nothing is done, and may be again."""


class IncompleteError(SparkdropError):
    """Parts of a multipart upload are missing; `parts` are the first of their numbers."""

    def __init__(self, message: str, parts: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.parts = parts


class ApiError(SparkdropError):
    """The API refuses a call, or does not answer; `status` is HTTP's, `type` the problem's own.

    Both are empty (0 and "") where there was no answer, or none of a problem.
    """

    def __init__(self, message: str, status: int = 0, type_: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.type = type_


class BatchFailedError(SparkdropError):
    """Spark, or the cluster under it, failed a batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with a setting, and how to mend it.

    Attributes:
        file: The file's name as the reader knows it, or "environment".
        path: The key's path inside it (``compute.core_nodes.min``); empty for the whole file.
        line: Line in the file, from 1; None where no line is known.
        message: What was found and what is accepted.
        hint: How to mend it, often the nearest valid name; may be empty.
    """

    file: str
    path: str
    message: str
    line: int | None = None
    hint: str = ""

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        what = f"{self.path}: {self.message}" if self.path else self.message
        return f"{place}: {what}" + (f" ({self.hint})" if self.hint else "")


class ConfigError(SparkdropError):
    """A pipeline file, or the deployment's settings, cannot be used: all its problems at once.

    Its text is what Airflow's import error page shows: one line a problem.
    """

    def __init__(self, *problems: Problem) -> None:
        super().__init__(*problems)
        self.problems: tuple[Problem, ...] = problems

    def __str__(self) -> str:
        if len(self.problems) == 1:
            return str(self.problems[0])
        count = f"{len(self.problems)} problems:"
        return "\n".join([count, *(f"  {problem}" for problem in self.problems)])
