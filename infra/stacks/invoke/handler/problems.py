"""Every way in which a call fails, as a problem document (https://www.rfc-editor.org/rfc/rfc9457)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler.exceptions import ServiceError
from pydantic import ValidationError

from sparkdrop.core.errors import (
    InvocationConflictError,
    InvocationRefusedError,
    StorageError,
    UnknownPipelineError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_TYPES = "urn:sparkdrop:problem:"


class MalformedError(Exception):
    """The body is no JSON object."""


class CallerUnknownError(Exception):
    """Nobody knows who calls."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong.

    Attributes:
        name: Of its kind; it stays as it is for ever, since clients tell problems apart by it.
        status: HTTP's.
        title: Its kind, in words.
        detail: What it is this time, and how to mend it.
        errors: The fields that are wrong, each with a JSON pointer and what is accepted.
    """

    name: str
    status: int
    title: str
    detail: str
    errors: tuple[dict[str, str], ...] = ()

    @property
    def type(self) -> str:
        """Its kind, as a URI."""
        return _TYPES + self.name

    def to_document(self, *, request_id: str) -> dict[str, Any]:
        """Write it as the answer's body; the request's id finds it in the log."""
        document: dict[str, Any] = {
            "type": self.type,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "request_id": request_id,
        }
        return document | ({"errors": list(self.errors)} if self.errors else {})


# what an error's own text may tell the caller
_TOLD: dict[type[Exception], tuple[str, int, str]] = {
    MalformedError: ("malformed", 400, "The body is no JSON object"),
    UnicodeDecodeError: ("malformed", 400, "The body is no JSON object"),
    CallerUnknownError: ("caller-unknown", 403, "The caller is not known"),
    UnknownPipelineError: ("unknown-pipeline", 404, "There is no such pipeline"),
    InvocationConflictError: ("conflict", 409, "The key was used for another request"),
}


def describe_problem(error: Exception) -> Problem:
    """Name the problem of an error; one that nobody foresaw tells nothing of what is inside."""
    told = _TOLD.get(type(error))
    if told:
        return Problem(*told, str(error))
    if isinstance(error, ValidationError):
        return Problem("invalid-request", 422, "The request is not valid", *_describe(error))
    if isinstance(error, InvocationRefusedError):
        errors = ({"pointer": f"/{error.field}", "detail": str(error)},)
        return Problem("refused", 422, "The pipeline may not do this", str(error), errors)
    if isinstance(error, ServiceError):
        return Problem("no-such-route", error.status_code, "There is no such route", str(error.msg))
    if isinstance(error, StorageError):
        detail = "the pipelines are not published yet; try again later"
        return Problem("not-published", 503, "No pipeline is known", detail)
    detail = "nothing is recorded, or all of it is: repeat the request with the same idempotency_key"
    return Problem("internal", 500, "The request could not be processed", detail)


def _describe(error: ValidationError) -> tuple[str, tuple[dict[str, str], ...]]:
    problems: Sequence[Any] = error.errors(include_url=False, include_context=False, include_input=False)
    errors = tuple(
        {
            "pointer": "".join(f"/{_escape(str(part))}" for part in problem["loc"]),
            "detail": str(problem["msg"]).removeprefix("Value error, "),
        }
        for problem in problems
    )
    first = errors[0]
    return f"{first['pointer'].removeprefix('/') or 'the body'}: {first['detail']}", errors


def _escape(part: str) -> str:
    """Write a name as a part of a JSON pointer (https://www.rfc-editor.org/rfc/rfc6901)."""
    return part.replace("~", "~0").replace("/", "~1")
