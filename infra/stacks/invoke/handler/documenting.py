"""What a call may answer, as its route tells the OpenAPI document."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from .models import ProblemDocument
from .problems import CONTENT_TYPE, KINDS

if TYPE_CHECKING:
    from pydantic import BaseModel

# by API Gateway, before any function: infra/constructs/api_problems.py
_GATEWAY = {
    401: ["unauthorized"],
    403: ["expired-credentials", "invalid-signature", "filtered"],
    413: ["too-large"],
    429: ["throttled"],
    504: ["timeout", "unavailable"],
}
_OF_ALL = ("caller-unknown", "internal")
_RETRY_AFTER = {
    "Retry-After": {"description": "seconds to wait before asking again", "schema": {"type": "integer"}}
}
# API Gateway's own 429 says nothing of it
_TELLS_WHEN = {"quota-exceeded", "throttled", "busy"}
_TAG_HEADERS = {
    "ETag": {"description": "what If-None-Match takes", "schema": {"type": "string"}},
    # none once nothing new is to come
    **_RETRY_AFTER,
}


def describe(
    model: type[BaseModel] | None, *problems: str, status: int = HTTPStatus.OK, tagged: bool = False
) -> dict[int, Any]:
    """Describe what a call answers.

    Args:
        model: Its body; None where it has none.
        problems: The kinds of problems that are its own.
        status: Of an answer that is no problem.
        tagged: Whether it knows If-None-Match.
    """
    answered: dict[int, Any] = {int(status): {"description": HTTPStatus(status).phrase}}
    # without a content Powertools writes one
    answered[int(status)]["content"] = {"application/json": {"model": model}} if model else {}
    if tagged:
        answered[int(status)]["headers"] = _TAG_HEADERS
        answered[int(HTTPStatus.NOT_MODIFIED)] = {
            "description": "it stands as the caller knows it",
            "content": {},
            "headers": _TAG_HEADERS,
        }
    return answered | _describe_problems(*_OF_ALL, *problems)


def _describe_problems(*names: str) -> dict[int, Any]:
    kinds: dict[int, list[str]] = {status: list(found) for status, found in _GATEWAY.items()}
    for name in names:
        kinds.setdefault(KINDS[name][0], []).append(name)
    return {
        status: {
            "description": f"{HTTPStatus(status).phrase}: {', '.join(sorted(kinds[status]))}",
            "content": {CONTENT_TYPE: {"model": ProblemDocument}},
            **({"headers": _RETRY_AFTER} if _TELLS_WHEN.intersection(kinds[status]) else {}),
        }
        for status in sorted(kinds)
    }
