"""Every way in which a call fails, as a problem document (https://www.rfc-editor.org/rfc/rfc9457)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler.exceptions import ServiceError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from pydantic import ValidationError

from sparkdrop.core.errors import (
    BusyError,
    ForbiddenError,
    IncompleteError,
    InvocationConflictError,
    InvocationRefusedError,
    LinkConflictError,
    LinkExpiredError,
    LinkRefusedError,
    QuotaExceededError,
    StorageError,
    TooLargeError,
    UnknownPipelineError,
    UnknownRunError,
    UnknownUploadError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

TYPES = "urn:sparkdrop:problem:"
CONTENT_TYPE = "application/problem+json"

KINDS: dict[str, tuple[int, str]] = {
    "malformed": (400, "The body is no JSON object"),
    "missing-parameter": (400, "A parameter is missing"),
    "caller-unknown": (403, "The caller is not known"),
    "forbidden": (403, "Not permitted"),
    "no-such-route": (404, "There is no such call"),
    "unknown-pipeline": (404, "There is no such pipeline"),
    "unknown-run": (404, "There is no such run"),
    "unknown-upload": (404, "There is no such upload"),
    "conflict": (409, "This contradicts what was asked for before"),
    "incomplete": (409, "Parts are missing"),
    "expired": (410, "The time for this upload is over"),
    "invalid-request": (422, "The request is not valid"),
    "refused": (422, "The pipeline may not do this"),
    "too-large": (422, "The file is too large"),
    "quota-exceeded": (429, "The day's quota is used up"),
    "internal": (500, "The request could not be processed"),
    "busy": (503, "Others do the same at this moment"),
    "not-published": (503, "No pipeline is known"),
}
"""The kinds of problems with their status and title; a kind never changes, as clients know it."""


class MalformedError(Exception):
    """The body is no JSON object."""


class CallerUnknownError(Exception):
    """Nobody knows who calls."""


class InvalidFieldError(Exception):
    """A field that is well-formed, and wrong all the same; `field` says which."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong.

    Attributes:
        name: Of its kind, one of `KINDS`.
        detail: What it is this time, and how to mend it.
        errors: The fields that are wrong, each with a JSON pointer and what is accepted.
        retry_seconds: When to try again, where that is known.
        parts: The numbers of the parts that are missing, or the first of them.
    """

    name: str
    detail: str
    errors: tuple[dict[str, str], ...] = ()
    retry_seconds: int | None = None
    parts: tuple[int, ...] = ()

    @property
    def type(self) -> str:
        """Its kind, as a URI."""
        return TYPES + self.name

    @property
    def status(self) -> int:
        """HTTP's."""
        return KINDS[self.name][0]

    @property
    def headers(self) -> dict[str, str]:
        """What the answer says beside its body."""
        return {} if self.retry_seconds is None else {"Retry-After": str(self.retry_seconds)}

    def to_document(self, *, request_id: str) -> dict[str, Any]:
        """Write it as the answer's body; the request's id finds it in the log."""
        document: dict[str, Any] = {
            "type": self.type,
            "title": KINDS[self.name][1],
            "status": self.status,
            "detail": self.detail,
            "request_id": request_id,
        }
        if self.errors:
            document["errors"] = list(self.errors)
        if self.parts:
            document["parts"] = list(self.parts)
        return document


# what an error's own text may tell the caller
_TOLD: dict[type[Exception], str] = {
    MalformedError: "malformed",
    CallerUnknownError: "caller-unknown",
    ForbiddenError: "forbidden",
    UnknownPipelineError: "unknown-pipeline",
    UnknownRunError: "unknown-run",
    UnknownUploadError: "unknown-upload",
    InvocationConflictError: "conflict",
    LinkConflictError: "conflict",
    LinkExpiredError: "expired",
}
# and where the error says which field it is about
_POINTED: dict[type[Exception], str] = {
    InvalidFieldError: "invalid-request",
    InvocationRefusedError: "refused",
    LinkRefusedError: "refused",
    TooLargeError: "too-large",
}
_BUSY_SECONDS = 1
_AGAIN = (
    "nothing is recorded, or all of it is: repeat the request, with the same idempotency_key if it has one"
)


def describe_problem(error: Exception) -> Problem:
    """Name the problem of an error; one that nobody foresaw tells nothing of what is inside."""
    if name := _TOLD.get(type(error)):
        return Problem(name, str(error))
    if name := _POINTED.get(type(error)):
        pointer = f"/{_escape(str(getattr(error, 'field', '')))}"
        return Problem(name, str(error), ({"pointer": pointer, "detail": str(error)},))
    if isinstance(error, (ValidationError, RequestValidationError)):
        return _describe_invalid(error)
    if isinstance(error, QuotaExceededError):
        return Problem("quota-exceeded", str(error), retry_seconds=error.retry_seconds)
    if isinstance(error, IncompleteError):
        return Problem("incomplete", str(error), parts=error.parts)
    return _describe_rest(error)


def _describe_rest(error: Exception) -> Problem:
    """Name the problems of which the error's own text says nothing, or too much."""
    if isinstance(error, StorageError):
        return Problem("not-published", "the pipelines are not published yet; try again later")
    if isinstance(error, BusyError):
        return Problem("busy", "nothing is done: repeat the request", retry_seconds=_BUSY_SECONDS)
    if isinstance(error, ServiceError):
        return Problem("no-such-route", "check method and path: GET /openapi.json lists every call")
    return Problem("internal", _AGAIN)


def _describe_invalid(error: ValidationError | RequestValidationError) -> Problem:
    found: Sequence[Any] = error.errors()
    # Powertools' places begin with where the field is: path, query or header
    start = 1 if isinstance(error, RequestValidationError) else 0
    errors = tuple(
        {
            "pointer": "".join(f"/{_escape(str(part))}" for part in one["loc"][start:]),
            "detail": str(one["msg"]).removeprefix("Value error, "),
        }
        for one in found
    )
    is_missing = start and any(one["type"] == "missing" for one in found)
    first = errors[0]
    where = first["pointer"].removeprefix("/") or "the body"
    return Problem(
        "missing-parameter" if is_missing else "invalid-request", f"{where}: {first['detail']}", errors
    )


def _escape(part: str) -> str:
    """Write a name as a part of a JSON pointer (https://www.rfc-editor.org/rfc/rfc6901)."""
    return part.replace("~", "~0").replace("/", "~1")
