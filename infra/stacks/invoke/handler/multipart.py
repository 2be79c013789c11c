"""Uploads in parts: which parts are there, where the others go, and what makes one object of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sparkdrop.core.errors import (
    IncompleteError,
    LinkConflictError,
    LinkExpiredError,
    LinkRefusedError,
)
from sparkdrop.core.links import LinkKind, LinkState, count_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from sparkdrop.aws.links import FoundLink, Links
    from sparkdrop.core.links import Link

    from .upload_store import SignedRequest, StoredPart, UploadStore

_PARTS_NAMED = 10


@dataclass(frozen=True, slots=True)
class WantedPart:
    """A part that somebody is about to upload.

    Attributes:
        number: From 1.
        sha256: Its hash in hex.
    """

    number: int
    sha256: str


@dataclass(frozen=True, slots=True)
class SignedPart:
    """Where a part goes.

    Attributes:
        number: From 1.
        size: Its size in bytes.
        request: What to send.
    """

    number: int
    size: int
    request: SignedRequest


class Multiparts:
    """What may happen to an upload in parts, and to a link that is not wanted any more.

    Args:
        links: Where links are on record.
        store: Where parts are.
        clock: Says what time it is.
    """

    def __init__(self, links: Links, store: UploadStore, *, clock: Callable[[], datetime]) -> None:
        self._links = links
        self._store = store
        self._now = clock

    def list_parts(self, found: FoundLink) -> list[StoredPart]:
        """List the parts that are there.

        Raises:
            LinkConflictError: It is no upload in parts, or not open any more.
            LinkExpiredError: Its time is over.
        """
        self._check_unexpired(found)
        return self._find_parts(found.link)

    def sign_parts(self, found: FoundLink, wanted: Iterable[WantedPart]) -> list[SignedPart]:
        """Sign the upload of parts.

        Raises:
            LinkRefusedError: The upload has no such part.
            LinkConflictError: It is no upload in parts, or not open any more.
            LinkExpiredError: Its time is over.
        """
        self._check_unexpired(found)
        signed = []
        for part in wanted:
            size = measure_part(found.link, part.number)
            request = self._store.sign_part(found.link, part.number, size, part.sha256)
            signed.append(SignedPart(part.number, size, request))
        return signed

    def complete(self, found: FoundLink) -> None:
        """Make one object of the parts; once more changes nothing.

        It is noted first: from then on nobody cancels it, and whoever hears no answer may ask again. Parts
        that are all there become an object as long as the bucket keeps them, also when none may be added.

        Raises:
            IncompleteError: Parts are missing.
            LinkConflictError: It is no upload in parts, or was cancelled.
            LinkExpiredError: The bucket has let go of its parts.
            BusyError: Another request does it at this moment.
        """
        link = found.link
        if link.kind is LinkKind.MULTIPART and found.landing:
            return
        if link.state is LinkState.COMPLETED:
            parts = self._store.list_parts(link)
            if parts is not None:  # the request that was to do it did not get so far
                self._store.complete(link, parts)
            return
        self._check_open(found)
        parts = self._find_parts(link)
        _check_complete(link, parts)
        self._links.complete(link.upload_id)
        self._store.complete(link, parts)

    def cancel(self, found: FoundLink) -> None:
        """Let go of a link and of its parts; once more changes nothing.

        Raises:
            LinkConflictError: It was completed, or its file has landed.
        """
        if found.landing:
            raise LinkConflictError(f"the file of {found.link.upload_id} has landed already")
        link = self._links.cancel(found.link.upload_id)
        if link.kind is LinkKind.MULTIPART:
            self._store.abort(link)

    def _check_open(self, found: FoundLink) -> None:
        link = found.link
        if link.kind is not LinkKind.MULTIPART:
            raise LinkConflictError(f"{link.upload_id} is for one request and has no parts")
        if found.landing or link.state is not LinkState.OPEN:
            state = link.state.value if link.state is not LinkState.OPEN else LinkState.COMPLETED.value
            raise LinkConflictError(f"upload {link.upload_id} is {state} already")

    def _check_unexpired(self, found: FoundLink) -> None:
        self._check_open(found)
        if self._now() > found.link.expires_at:
            raise _expire(found.link)

    def _find_parts(self, link: Link) -> list[StoredPart]:
        parts = self._store.list_parts(link)
        if parts is None:
            raise _expire(link)
        return parts


def measure_part(link: Link, number: int) -> int:
    """Say how many bytes a part of an upload has: the last one has the rest.

    Raises:
        LinkRefusedError: There is no such part.
    """
    whole = link.part_bytes or link.bytes
    count = count_parts(link.bytes, whole)
    if not 1 <= number <= count:
        raise LinkRefusedError("part", f"there is no part {number}: this upload has the parts 1 to {count}")
    return whole if number < count else link.bytes - whole * (count - 1)


def _check_complete(link: Link, parts: list[StoredPart]) -> None:
    stored = {part.number: part.bytes for part in parts}
    count = count_parts(link.bytes, link.part_bytes or link.bytes)
    missing = [number for number in range(1, count + 1) if stored.get(number) != measure_part(link, number)]
    if missing:
        more = f", and {len(missing) - _PARTS_NAMED} more" if len(missing) > _PARTS_NAMED else ""
        named = tuple(missing[:_PARTS_NAMED])
        raise IncompleteError(f"missing are the parts {', '.join(map(str, named))}{more} of {count}", named)


def _expire(link: Link) -> LinkExpiredError:
    return LinkExpiredError(
        f"the time to upload {link.filename!r} in parts is over: begin again, with POST /uploads"
    )
