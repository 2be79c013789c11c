"""Requests and responses of the local EMR's services, apart from WSGI."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

_SCOPE = re.compile(r"Credential=[^/\s]+/\d{8}/[^/]+/(?P<service>[^/]+)/aws4_request")


@dataclass(frozen=True, slots=True)
class Request:
    """One request; the names of its headers are in lower case."""

    method: str
    path: str
    query: Mapping[str, list[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def signed_for(self) -> str | None:
        """The service in the scope of its signature; None where it is not signed."""
        found = _SCOPE.search(self.headers.get("authorization", ""))
        return found["service"] if found else None


@dataclass(frozen=True, slots=True)
class Response:
    """One response."""

    status: HTTPStatus
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Service(Protocol):
    """Answers some requests."""

    def claims(self, request: Request) -> bool:
        """Whether the request is this service's; its body is not read yet."""

    def answer(self, request: Request) -> Response:
        """Answer a request of this service's."""

    def close(self) -> None:
        """Stop what it started; idempotent."""


def read_head(environ: "WSGIEnvironment") -> Request:
    """Read a request without its body."""
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    return Request(environ["REQUEST_METHOD"], environ.get("PATH_INFO", "/"), query, headers)


def read_body(environ: "WSGIEnvironment") -> bytes:
    """Read a request's body."""
    return bytes(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
