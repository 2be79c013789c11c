"""What links need of S3, said without it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sparkdrop.core.links import Link


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request that whoever holds it may send once it is made as signed.

    Attributes:
        url: Where to.
        headers: What to send with it, beside Content-Length, which is signed as well.
        expires_at: When it is over.
    """

    url: str
    headers: Mapping[str, str]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A part of a multipart upload that S3 has.

    Attributes:
        number: From 1.
        bytes: Its size.
        etag: S3's tag of it.
        sha256: Its hash as S3 writes it, in base64; None of a part that came without.
    """

    number: int
    bytes: int
    etag: str
    sha256: str | None


class UploadStore(Protocol):
    """The uploads bucket, as the upload role sees it."""

    def sign_put(self, link: Link) -> SignedRequest:
        """Sign the one request that a link is for."""

    def create_multipart(self, link: Link) -> str:
        """Begin a multipart upload; answers S3's id of it."""

    def sign_part(self, link: Link, number: int, size: int, sha256: str) -> SignedRequest:
        """Sign the upload of one part, whose hash is given in hex."""

    def list_parts(self, link: Link) -> list[StoredPart] | None:
        """List all parts that S3 has, in their order; None where it knows of no such multipart upload."""

    def complete(self, link: Link, parts: list[StoredPart]) -> None:
        """Make one object of the parts; where that is done already, nothing changes."""

    def abort(self, link: Link) -> None:
        """Let go of all parts; where there are none any more, nothing changes."""
