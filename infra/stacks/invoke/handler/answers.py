"""Answers: JSON with a tag that saves the next one its body, and when to ask again."""

from __future__ import annotations

import hashlib
import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler import Response

from .problems import CONTENT_TYPE as PROBLEM_TYPE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

    from .problems import Problem

JSON = "application/json"
RETRY_SECONDS = {"AWAITING_UPLOAD": 2, "PENDING": 1, "CLAIMED": 2, "RUNNING": 3}
"""When to ask again, by an upload's or a run's state; in any other, nothing new is to come."""

_TAG_LENGTH = 32
_EXPOSED = "ETag, Retry-After, X-Request-Id"


def answer(model: BaseModel, *, status: int = HTTPStatus.OK, **headers: str) -> Response[Any]:
    """Answer with a model; headers' underscores are dashes."""
    return Response(int(status), JSON, model.model_dump_json(), _name_headers(headers))


def answer_tagged(model: BaseModel, *, state: str, known: str | None) -> Response[Any]:
    """Answer with how something stands, or that it stands as the caller knows it.

    Args:
        model: How it stands.
        state: Its state, which says when to ask again.
        known: The request's If-None-Match.
    """
    body = model.model_dump_json()
    tag = f'"{hashlib.sha256(body.encode()).hexdigest()[:_TAG_LENGTH]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if state in RETRY_SECONDS:
        headers["Retry-After"] = str(RETRY_SECONDS[state])
    if is_known(tag, known):
        return Response(int(HTTPStatus.NOT_MODIFIED), None, None, headers)
    return Response(int(HTTPStatus.OK), JSON, body, headers)


def answer_problem(problem: Problem, request_id: str) -> Response[Any]:
    """Answer with a problem document."""
    body = json.dumps(problem.to_document(request_id=request_id))
    return Response(problem.status, PROBLEM_TYPE, body, problem.headers)


def is_known(tag: str, known: str | None) -> bool:
    """Whether a caller has the version of this tag, by the weak comparison that If-None-Match asks for.

    https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2
    """
    listed = [one.strip().removeprefix("W/") for one in (known or "").split(",")]
    return tag in listed or listed == ["*"]


def build_common_headers(*, request_id: str, origin: str | None, origins: frozenset[str]) -> dict[str, str]:
    """Headers of every answer: which request it was, and that a listed page may read it."""
    headers = {"X-Request-Id": request_id, "X-Content-Type-Options": "nosniff"}
    if origins:
        headers["Vary"] = "Origin"
    if origin in origins and origin:
        headers["Access-Control-Allow-Origin"] = origin
        headers["Access-Control-Expose-Headers"] = _EXPOSED
    return headers


def _name_headers(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
