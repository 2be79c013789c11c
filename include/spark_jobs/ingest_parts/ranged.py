"""One object of S3 as a seekable stream: long GETs, read in turn, and new ranges where a reader jumps."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, IncompleteReadError
from urllib3.exceptions import HTTPError

from ingest_parts.faults import StoreError
from ingest_parts.s3_errors import ERRORS, translate

if TYPE_CHECKING:
    from ingest_parts.store import Place

S3Client = Any  # boto3 makes its clients at run time

HEAD_BYTES = 256 * 1024  # what the first GET after a jump asks for: often no more is wanted
CHUNK_BYTES = 1024 * 1024  # what is taken from a body at once, so that small reads cost no call each
SKIP_BYTES = 256 * 1024  # so near ahead, reading on is cheaper than another request
TRIES = 5  # times that a body may break without giving a single byte


class ObjectReader(io.RawIOBase):
    """The bytes of exactly one version, by its VersionId, or by its ETag where there are no versions.

    A body that breaks off is asked for again from where it broke. Errors: ``Unreadable`` where the version
    went away meanwhile, ``StoreError`` where S3 cannot be read.
    """

    def __init__(self, client: S3Client, place: Place, size: int) -> None:
        super().__init__()
        self._client, self._place, self._size = client, place, size
        self._position = 0  # of the reader
        self._chunk, self._chunk_start = memoryview(b""), 0
        self._body: Any = None
        self._body_at = self._body_end = 0  # the next byte that the body gives, and where it ends
        self._sequential_at = -1  # where the last GET was read to its end

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """The position of the next byte."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go there; nothing is asked for before it is read."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError(f"cannot seek to {base + offset}")
        self._position = base + offset
        return self._position

    def readinto(self, target: Any) -> int:  # noqa: ANN401  Python 3.11 has no name for a buffer
        """Fill the buffer as far as the object goes; more than one chunk where it is larger."""
        view = memoryview(target).cast("B")
        done = 0
        while done < len(view) and self._position < self._size:
            piece = self._next(len(view) - done)
            view[done : done + len(piece)] = piece
            done += len(piece)
        return done

    def readall(self) -> bytes:
        """All from here to the end."""
        return self.read(max(0, self._size - self._position)) or b""

    def close(self) -> None:
        """Let go of the connection."""
        self._drop_body()
        super().close()

    def _next(self, wanted: int) -> memoryview:
        """Some bytes at the position, at least one, at most ``wanted``."""
        start = self._position - self._chunk_start
        if not 0 <= start < len(self._chunk):
            self._chunk_start, self._chunk = self._position, memoryview(self._fetch(wanted))
            start = 0
        piece = self._chunk[start : start + wanted]
        self._position += len(piece)
        return piece

    def _fetch(self, wanted: int) -> bytes:
        """A chunk at the position, tried again as long as each try but a few brings something."""
        for attempt in range(1, TRIES + 1):
            try:
                self._point_body(wanted)
                data = bytes(self._body.read(min(CHUNK_BYTES, self._body_end - self._body_at)))
                if not data:
                    raise IncompleteReadError(actual_bytes=self._body_at, expected_bytes=self._body_end)
            except (HTTPError, BotoCoreError, OSError) as error:
                self._drop_body()
                if attempt == TRIES:
                    raise StoreError(
                        f"S3 breaks off at byte {self._position} of {self._place.uri}: {error}"
                    ) from error
                continue
            self._body_at += len(data)
            if self._body_at == self._body_end:
                self._sequential_at = self._body_end
                self._drop_body()
            return data
        raise AssertionError

    def _point_body(self, wanted: int) -> None:
        """Have a body whose next byte is the one at the position."""
        ahead = self._position - self._body_at
        if self._body is not None and 0 <= ahead <= SKIP_BYTES and self._position < self._body_end:
            while self._body_at < self._position:
                skipped = len(self._body.read(self._position - self._body_at))
                if not skipped:
                    raise IncompleteReadError(actual_bytes=self._body_at, expected_bytes=self._body_end)
                self._body_at += skipped
            return
        self._drop_body()
        end = self._size
        if self._position != self._sequential_at:
            end = min(self._size, self._position + max(wanted, HEAD_BYTES))
        self._get(self._position, end)

    def _get(self, start: int, end: int) -> None:
        arguments = {**address(self._place), "Range": f"bytes={start}-{end - 1}"}
        try:
            self._body = self._client.get_object(**arguments)["Body"]
        except ERRORS as error:
            raise translate(error, self._place.uri) from error
        self._body_at, self._body_end = start, end

    def _drop_body(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None


def address(place: Place) -> dict[str, str]:
    """The parameters of HeadObject and GetObject that mean this version and no other.

    A version ``null`` is the one that a bucket without versions overwrites, so its ETag is asked for too.
    """
    found = {"Bucket": place.bucket, "Key": place.key}
    if place.version_id:
        found["VersionId"] = place.version_id
    if place.etag and place.version_id in {None, "null"}:
        found["IfMatch"] = f'"{place.etag}"'
    return found
