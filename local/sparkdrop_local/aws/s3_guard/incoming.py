"""A request as it arrived: what its client signed is not what WSGI makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import quote, unquote, urlsplit

from moto.core.request import PRESERVED_HEADER_NAMES_ENVIRON_KEY

from sparkdrop_local.aws.channel import IS_CHUNKED

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

_OF_THEIR_OWN = {"CONTENT_TYPE": "content-type", "CONTENT_LENGTH": "content-length"}


@dataclass(frozen=True, slots=True)
class Request:
    """A request for S3.

    Attributes:
        method: Such as PUT.
        path: Percent-encoded as a signature has it, whatever the client encoded.
        query: Names and values, decoded, in their order.
        headers: By name in lower case.
        body: The whole of it, to be read from its start.
        is_chunked: It came without a length.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: dict[str, str]
    body: BinaryIO
    is_chunked: bool

    @property
    def bucket(self) -> str:
        """The bucket, which the path begins with; empty where it names none."""
        return unquote(self.path).split("/", 2)[1]

    @property
    def key(self) -> str:
        """The object's key; empty where the path names a bucket alone."""
        return unquote(self.path)[len(self.bucket) + 2 :]

    def get(self, name: str) -> str | None:
        """Get a query parameter; None where it is not there."""
        return next((value for key, value in self.query if key == name), None)


def read_request(environ: WSGIEnvironment) -> Request:
    """Read a request from its WSGI environment."""
    # a client may ask for a whole address, as it would a proxy
    raw = environ["RAW_URI"]
    path = raw.split("?", 1)[0] if raw.startswith("/") else f"/{urlsplit(raw).path.lstrip('/')}"
    parts = [part.partition("=") for part in environ.get("QUERY_STRING", "").split("&") if part]
    # "+" is a plus here: no client of S3 writes a space so, and S3 reads none
    query = tuple((unquote(name), unquote(value)) for name, _, value in parts)
    return Request(
        method=environ["REQUEST_METHOD"],
        path=quote(unquote(path), safe="/~"),
        query=query,
        headers=_read_headers(environ),
        body=environ["wsgi.input"],
        is_chunked=environ.get(IS_CHUNKED, False),
    )


def _read_headers(environ: WSGIEnvironment) -> dict[str, str]:
    names = environ.get(PRESERVED_HEADER_NAMES_ENVIRON_KEY, {})
    headers = {}
    for key, value in environ.items():
        if key in _OF_THEIR_OWN:
            headers[_OF_THEIR_OWN[key]] = str(value)
        elif key.startswith("HTTP_"):
            headers[names.get(key) or key[5:].replace("_", "-").lower()] = str(value)
    return headers
