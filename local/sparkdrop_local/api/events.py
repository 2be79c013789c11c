"""What a function gets, and what becomes of its answer: API Gateway's Lambda proxy integration.

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

from __future__ import annotations

import base64
import binascii
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sparkdrop_local.api.messages import Answer
from sparkdrop_local.aws.names import ACCOUNT_ID

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sparkdrop_local.api.messages import Request
    from sparkdrop_local.api.rest_api import Method

_API_ID = "local"


class MalformedAnswerError(Exception):
    """The function answered what API Gateway makes a 502 of."""


def build_event(
    request: Request,
    method: Method,
    path_parameters: Mapping[str, str],
    *,
    stage: str,
    request_id: str,
    claims: Mapping[str, str] | None,
) -> dict[str, Any]:
    """Build what the function is called with.

    Args:
        request: As it came.
        method: What it asks for.
        path_parameters: As they were sent, percent-encoded.
        stage: The API's.
        request_id: A UUID.
        claims: The user's, as texts; None where nobody was asked for.
    """
    return {
        "resource": method.resource,
        "path": request.path,
        "httpMethod": request.method,
        "headers": dict(request.headers) or None,
        "multiValueHeaders": _collect(request.headers),
        "queryStringParameters": dict(request.query) or None,
        "multiValueQueryStringParameters": _collect(request.query),
        "pathParameters": dict(path_parameters) or None,
        "stageVariables": None,
        "requestContext": _build_context(request, method, stage, request_id, claims),
        "body": request.body.decode("utf-8", "replace") if request.body else None,
        "isBase64Encoded": False,
    }


def _build_context(
    request: Request, method: Method, stage: str, request_id: str, claims: Mapping[str, str] | None
) -> dict[str, Any]:
    now = datetime.now(UTC)
    context: dict[str, Any] = {
        "accountId": ACCOUNT_ID,
        "apiId": _API_ID,
        "domainName": request.header("Host") or "",
        "domainPrefix": _API_ID,
        "extendedRequestId": request_id,
        "httpMethod": request.method,
        "identity": {
            "accessKey": None,
            "accountId": None,
            "caller": None,
            "cognitoIdentityId": None,
            "sourceIp": request.source_ip,
            "user": None,
            "userAgent": request.header("User-Agent"),
            "userArn": None,
        },
        "path": f"/{stage}{request.path}",
        "protocol": "HTTP/1.1",
        "requestId": request_id,
        "requestTime": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "requestTimeEpoch": int(time.time() * 1000),
        "resourceId": method.resource,
        "resourcePath": method.resource,
        "stage": stage,
    }
    return context if claims is None else {**context, "authorizer": {"claims": dict(claims)}}


def _collect(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]] | None:
    collected: dict[str, list[str]] = {}
    for name, value in pairs:
        collected.setdefault(name, []).append(value)
    return collected or None


def read_answer(answered: Any, *, binary: bool) -> Answer:  # noqa: ANN401 - JSON
    """Read what a function answered.

    Args:
        answered: Its return value.
        binary: Whether the API names types that are binary; without them nothing is decoded.

    Raises:
        MalformedAnswerError: It is not what API Gateway takes.
    """
    if not isinstance(answered, dict) or not isinstance(answered.get("statusCode"), int):
        raise MalformedAnswerError("no answer with a statusCode")
    body = answered.get("body")
    if body is None:
        body = ""
    if not isinstance(body, str):
        raise MalformedAnswerError("the body is no text")
    try:
        decoded = answered.get("isBase64Encoded") and binary
        content = base64.b64decode(body, validate=True) if decoded else body.encode()
    except binascii.Error as error:
        raise MalformedAnswerError("the body is not in base64") from error
    headers = [
        (name, str(value))
        for name, values in _merge_headers(answered).items()
        for value in values
        if name.lower() != "content-length"
    ]
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "application/json"))
    return Answer(answered["statusCode"], tuple(headers), content)


def _merge_headers(answered: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Where a header is in both maps, only its several values count."""
    merged = {name: [value] for name, value in (answered.get("headers") or {}).items()}
    for name, values in (answered.get("multiValueHeaders") or {}).items():
        merged[name] = list(values)
    return merged
