"""Outages on order of what is not EMR: S3, SQS, DynamoDB and the rest; EMR's own faults are ``/_emr/faults``.

========================  =======================================================================
``GET /_aws/outages``     what was ordered, and how many requests each one has refused
``POST /_aws/outages``    orders one: ``{"service": "dynamodb", "seconds": 30}``; see `OutageOrder`
``DELETE /_aws/outages``  ends all of them
========================  =======================================================================

It is for whoever has a shell on this machine, as the route of EMR is.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sparkdrop_local.aws.trail import read_caller
from sparkdrop_local.emr.app import cut_connection
from sparkdrop_local.emr.faults import Fault, FaultKind, Faults
from sparkdrop_local.emr.http import is_loopback, read_body, read_head

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

ROUTE = "/_aws/outages"
_MOST_SECONDS = 86_400
_REFUSAL = {"__type": "ServiceUnavailable", "message": "Service is unable to handle request."}
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
_S3_REFUSAL = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    "<Error><Code>ServiceUnavailable</Code><Message>Service is unable to handle request.</Message></Error>"
)


class OutageOrder(BaseModel):
    """What ``POST`` takes.

    Attributes:
        service: the name that its requests are signed for: s3, sqs, dynamodb, events, ...
        seconds: how long it lasts.
        cut: whether the connection is dropped; if not, the answer is 503.
        spared: access keys whose requests go through, as those of somebody who looks on.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    service: str = Field(min_length=1)
    seconds: float = Field(gt=0, le=_MOST_SECONDS)
    cut: bool = True
    spared: tuple[str, ...] = ()


class OutageApp:
    """A WSGI app that refuses what an outage is ordered for, and hands the rest on to the wrapped one."""

    def __init__(self, wrapped: WSGIApplication) -> None:
        self._wrapped = wrapped
        self._faults = Faults()
        self._spared: dict[str, tuple[str, ...]] = {}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer its own route, refuse, or hand on."""
        if environ.get("PATH_INFO") == ROUTE:
            return _send(start_response, *self._answer(environ))
        key, service = read_caller(environ)
        if service is None or (fault := self._find_outage(key, service)) is None:
            return self._wrapped(environ, start_response)
        if fault.cut:
            cut_connection(environ)
        return _send(
            start_response, HTTPStatus.SERVICE_UNAVAILABLE, _S3_REFUSAL if service == "s3" else _REFUSAL
        )

    def _find_outage(self, key: str | None, service: str) -> Fault | None:
        standing = [fault for fault in self._faults if fault.match == service]
        if any(key in self._spared.get(fault.id, ()) for fault in standing):
            return None
        return self._faults.take(FaultKind.OUTAGE, service) if standing else None

    def _answer(self, environ: WSGIEnvironment) -> tuple[HTTPStatus, Any]:
        request = read_head(environ)
        if request.is_foreign or not is_loopback(f"http://{request.headers.get('host', '')}"):
            return HTTPStatus.FORBIDDEN, {"error": f"{ROUTE} answers this machine only"}
        if request.method == "GET":
            return HTTPStatus.OK, {"outages": [_describe(fault) for fault in self._faults]}
        if request.method == "DELETE":
            self._faults.clear()
            return HTTPStatus.OK, {"outages": []}
        if request.method != "POST":
            return HTTPStatus.METHOD_NOT_ALLOWED, {"error": f"{ROUTE} takes GET, POST and DELETE"}
        try:
            order = OutageOrder.model_validate_json(read_body(environ) or b"{}")
        except ValidationError as error:
            return HTTPStatus.BAD_REQUEST, {"error": f"{ROUTE}: {error}"}
        ordered = Fault(
            kind=FaultKind.OUTAGE, match=order.service, times=None, seconds=order.seconds, cut=order.cut
        )
        fault = self._faults.add(ordered)
        self._spared[fault.id] = order.spared
        return HTTPStatus.CREATED, _describe(fault)


def _describe(fault: Fault) -> dict[str, Any]:
    return {
        "id": fault.id,
        "service": fault.match,
        "seconds": fault.seconds,
        "cut": fault.cut,
        "struck": fault.struck,
    }


def _send(start_response: StartResponse, status: HTTPStatus, body: Any) -> list[bytes]:  # noqa: ANN401 - JSON
    is_text = isinstance(body, str)
    sent = body.encode() if is_text else json.dumps(body).encode()
    headers = [
        ("Content-Type", "application/xml" if is_text else "application/json"),
        ("Content-Length", str(len(sent))),
    ]
    start_response(f"{status.value} {status.phrase}", headers)
    return [sent]
