"""Requests and responses of the local EMR's services, apart from WSGI."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qs, urlsplit

from sparkdrop_local.emr.errors import EmrError

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
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

    @property
    def is_foreign(self) -> bool:
        """Whether a browser sends it for a page of another machine.

        Browsers name the page's origin with all that can change something, and a page may send a simple POST
        to any port of its visitor's machine; here that would run programs.
        https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Origin
        """
        origin = self.headers.get("origin")
        return origin is not None and not is_loopback(origin)


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

    def operation(self, request: Request) -> str:
        """The operation that a request of this service's names, as the service's model calls it."""

    def answer(self, request: Request) -> Response:
        """Answer a request of this service's."""

    def refuse(self, request: Request, error: EmrError) -> Response:
        """Answer a request of this service's with an error, in the shape of the service's protocol."""

    def resume(self) -> None:
        """Go on with what an earlier process left; called when it is known where S3 answers; idempotent."""

    def close(self) -> None:
        """Stop what it started; idempotent."""


def is_loopback(url: str) -> bool:
    """Whether a URL's host is this machine."""
    try:
        return urlsplit(url).hostname in _LOOPBACK
    except ValueError:
        return False


def read_head(environ: "WSGIEnvironment") -> Request:
    """Read a request without its body."""
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    headers["content-type"] = str(environ.get("CONTENT_TYPE", ""))
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    return Request(environ["REQUEST_METHOD"], environ.get("PATH_INFO", "/"), query, headers)


def read_body(environ: "WSGIEnvironment") -> bytes:
    """Read a request's body."""
    return bytes(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
