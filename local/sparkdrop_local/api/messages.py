"""One HTTP request and its answer, as API Gateway sees them."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

_NO_PREFIX = {"CONTENT_TYPE": "Content-Type", "CONTENT_LENGTH": "Content-Length"}


@dataclass(frozen=True, slots=True)
class Request:
    """A request.

    Attributes:
        method: In capitals.
        path: As it was sent, percent-encoded, without the query.
        query: Name and value, decoded, in the order of the request.
        headers: Names in capitals and small letters, since WSGI keeps no others, and values.
        body: As it was sent.
        source_ip: Who called.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    source_ip: str = "127.0.0.1"

    @classmethod
    def read(cls, environ: WSGIEnvironment) -> Request:
        """Read it from a server that says how the address was written (waitress does)."""
        path, _, query = str(environ["REQUEST_URI"]).partition("?")
        headers = {_NO_PREFIX[name]: environ[name] for name in _NO_PREFIX if environ.get(name)}
        for name, value in environ.items():
            if name.startswith("HTTP_"):
                headers["-".join(part.capitalize() for part in name[5:].split("_"))] = value
        length = int(environ.get("CONTENT_LENGTH") or 0)
        return cls(
            method=environ["REQUEST_METHOD"],
            path=path,
            query=tuple(parse_qsl(query, keep_blank_values=True)),
            headers=tuple(headers.items()),
            body=environ["wsgi.input"].read(length) if length else b"",
            source_ip=environ.get("REMOTE_ADDR", "127.0.0.1"),
        )

    def header(self, name: str) -> str | None:
        """A header's value, whatever the case of its name."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def parameter(self, name: str) -> str | None:
        """The first value of a query parameter."""
        return next((value for key, value in self.query if key == name), None)

    @property
    def form(self) -> dict[str, str]:
        """The fields of a form in the body; of a name that comes twice, the last."""
        if (self.header("Content-Type") or "").partition(";")[0].strip() != FORM:
            return {}
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies."""
        pairs = (pair.strip().partition("=") for pair in (self.header("Cookie") or "").split(";"))
        return {name: value for name, _, value in pairs if name}


FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer.

    Attributes:
        status: HTTP's.
        headers: Name and value; a name may come more than once.
        body: What is sent.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"")

    def send(self, start_response: StartResponse, *, with_body: bool = True) -> Iterable[bytes]:
        """Send it through WSGI; to HEAD without its body, of which the length is told all the same."""
        try:
            phrase = HTTPStatus(self.status).phrase
        except ValueError:
            phrase = "Unknown"
        headers = [*self.headers]
        if self.status not in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}:
            headers.append(("Content-Length", str(len(self.body))))
        start_response(f"{self.status} {phrase}", headers)
        return [self.body] if with_body else []
