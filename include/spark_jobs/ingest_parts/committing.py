"""A commit that waits: tasks write, and nothing is to be seen before the driver says so.

A task sends the parts of a multipart upload and answers with a ``Pending``; the driver completes it. A task
that dies leaves an open upload, which nobody can read and ``abort_leftovers`` ends. On one machine a hidden
file beside the target stands in for the upload, and a rename for its completion.

Completing twice is harmless: each upload carries a token in the object's metadata (locally it is the file's
inode and time). Where S3 knows the upload no more, an object of that size with that token is the one that the
first completion made. Anything else there is an error.
"""

from __future__ import annotations

import base64
import io
import os
import threading
import uuid
import zlib
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest_parts.faults import StoreError
from ingest_parts.s3_errors import ERRORS, code_of
from ingest_parts.store import PENDING_SUFFIX, THREADS, as_folder, split_uri, translated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ingest_parts.store import Store

# 10,000 parts, of 5 MiB to 5 GiB each: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
PART_BYTES = 8 * 1024**2
PARTS_OF_A_SIZE = 1000
_SENDERS = 4  # parts that one process sends at once
_SENT_AHEAD = 2  # and that one file has under way, each held in memory
_TOKEN = "sparkdrop-write"  # noqa: S105  the name of a piece of metadata


@dataclass(frozen=True)
class Pending:
    """A file that is written and not yet visible; ``parts`` are number, ETag and CRC-32 of each part."""

    uri: str
    upload_id: str
    parts: tuple[tuple[int, str, str], ...]
    bytes: int
    token: str


def start_upload(store: Store, uri: str) -> Sink:
    """Begin a file that becomes visible at ``uri`` when the driver completes it."""
    return _LocalSink(uri) if split_uri(uri)[0] is None else _ObjectSink(store, uri)


class Sink(io.RawIOBase):
    """A binary file to write to; ``finish`` after the last byte, or ``abort``."""

    def __init__(self, uri: str) -> None:
        super().__init__()
        self.uri, self.size = uri, 0

    def writable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """How much was written."""
        return self.size

    def write(self, data: Any) -> int:  # noqa: ANN401  whatever has a buffer; Python 3.11 has no name for it
        """Take all of it."""
        with memoryview(data).cast("B") as view:
            self._take(view)
            self.size += len(view)
            return len(view)

    @property
    def buffered(self) -> int:
        """How much of it is held in memory."""
        return 0

    def finish(self) -> Pending:
        """Send what is left; the file waits to be completed."""
        raise NotImplementedError

    def abort(self) -> None:
        """Leave nothing of it."""
        raise NotImplementedError

    def _take(self, view: memoryview) -> None:
        raise NotImplementedError


class _LocalSink(Sink):
    def __init__(self, uri: str) -> None:
        super().__init__(uri)
        target = Path(split_uri(uri)[1])
        target.parent.mkdir(parents=True, exist_ok=True)
        # a name of its own length: the target's may be as long as a name can be
        self._draft = target.with_name(f".{uuid.uuid4().hex}{PENDING_SUFFIX}")
        self._file = self._draft.open("xb")

    def _take(self, view: memoryview) -> None:
        self._file.write(view)

    def finish(self) -> Pending:
        self._file.close()
        found = self._draft.stat()
        return Pending(self.uri, str(self._draft), (), found.st_size, _mark(found))

    def abort(self) -> None:
        self._file.close()
        self._draft.unlink(missing_ok=True)


class _ObjectSink(Sink):
    def __init__(self, store: Store, uri: str) -> None:
        super().__init__(uri)
        self._store = store
        bucket, key = split_uri(uri)
        self._target = {"Bucket": bucket, "Key": key}
        self._token = uuid.uuid4().hex
        self._upload_id: str | None = None
        self._buffer = bytearray()
        self._sent: list[Future[tuple[int, str, str]]] = []

    @property
    def buffered(self) -> int:
        return len(self._buffer)

    def _take(self, view: memoryview) -> None:
        self._buffer += view
        while len(self._buffer) >= (size := part_bytes(len(self._sent))):
            self._send(bytes(memoryview(self._buffer)[:size]))
            del self._buffer[:size]

    def finish(self) -> Pending:
        if self._buffer or not self._sent:
            self._send(bytes(self._buffer))
            self._buffer.clear()
        parts = tuple(future.result() for future in self._sent)
        return Pending(self.uri, str(self._upload_id), parts, self.size, self._token)

    def abort(self) -> None:
        for future in self._sent:
            future.cancel()
        for future in self._sent:
            if not future.cancelled():
                future.exception()  # a part that lands after the abort would be kept
        if self._upload_id:
            abort(self._store, [Pending(self.uri, self._upload_id, (), self.size, self._token)])

    def _send(self, data: bytes) -> None:
        if self._upload_id is None:
            with translated(self.uri):
                answer = self._store.s3.create_multipart_upload(
                    **self._target, ChecksumAlgorithm="CRC32", Metadata={_TOKEN: self._token}
                )
            self._upload_id = answer["UploadId"]
        number = len(self._sent) + 1
        if number > _SENT_AHEAD:
            self._sent[number - 1 - _SENT_AHEAD].result()
        self._sent.append(_senders().submit(self._send_part, number, data))

    def _send_part(self, number: int, data: bytes) -> tuple[int, str, str]:
        checksum = base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()
        with translated(self.uri):
            answer = self._store.s3.upload_part(
                **self._target, UploadId=self._upload_id, PartNumber=number, Body=data, ChecksumCRC32=checksum
            )
        return number, str(answer["ETag"]), checksum


def part_bytes(place: int) -> int:
    """The size of a part by its place: it doubles every 1,000 parts, so that 10,000 hold more than 5 TiB."""
    return PART_BYTES << (place // PARTS_OF_A_SIZE)


_pools: dict[int, ThreadPoolExecutor] = {}
_pools_lock = threading.Lock()


def _senders() -> ThreadPoolExecutor:
    """The threads that send parts; of this process, since threads do not survive a fork."""
    with _pools_lock:
        if os.getpid() not in _pools:
            _pools.clear()
            _pools[os.getpid()] = ThreadPoolExecutor(_SENDERS, "upload")
        return _pools[os.getpid()]


def complete(store: Store, pendings: Iterable[Pending]) -> None:
    """Make all of them visible.

    Raises:
        StoreError: one cannot be completed; others may be visible by then.
    """
    _in_threads(lambda one: _complete(store, one), pendings)


def abort(store: Store, pendings: Iterable[Pending]) -> None:
    """Leave nothing of files that are not completed; harmless where there is nothing."""
    _in_threads(lambda one: _abort(store, one), pendings)


def abort_leftovers(store: Store, uri_prefix: str) -> int:
    """End what died attempts left open in this folder, and nothing beside it; how many that was.

    Only for a folder that nobody else writes to: a batch's own.
    """
    folder = as_folder(uri_prefix)
    bucket, name = split_uri(folder)
    if bucket is None:
        drafts = list(Path(name).rglob(f".*{PENDING_SUFFIX}"))
        for draft in drafts:
            draft.unlink(missing_ok=True)
        return len(drafts)
    found: list[Pending] = []
    with translated(folder):
        for page in store.s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=name):
            found += [
                Pending(f"s3://{bucket}/{item['Key']}", item["UploadId"], (), 0, "")
                for item in page.get("Uploads", ())
                if item["Key"].startswith(name)
            ]
    abort(store, found)
    return len(found)


def _in_threads(work: Callable[[Pending], None], pendings: Iterable[Pending]) -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        for future in [pool.submit(work, one) for one in pendings]:
            future.result()


def _complete(store: Store, one: Pending) -> None:
    bucket, key = split_uri(one.uri)
    if bucket is None:
        _rename(Path(one.upload_id), Path(key), one)
        return
    parts = [{"PartNumber": number, "ETag": etag, "ChecksumCRC32": crc} for number, etag, crc in one.parts]
    try:
        store.s3.complete_multipart_upload(
            Bucket=bucket, Key=key, UploadId=one.upload_id, MultipartUpload={"Parts": parts}
        )
    except ERRORS as error:
        if not _is_there(store, one):
            raise StoreError(f"{one.uri} cannot be completed: {error}") from error


def _is_there(store: Store, one: Pending) -> bool:
    """Whether the object at the target is the one that this upload made."""
    bucket, key = split_uri(one.uri)
    try:
        head: dict[str, Any] = store.s3.head_object(Bucket=bucket, Key=key)
    except ERRORS:
        return False
    return (head["ContentLength"], head["Metadata"].get(_TOKEN)) == (one.bytes, one.token)


def _rename(draft: Path, target: Path, one: Pending) -> None:
    try:
        draft.replace(target)
    except FileNotFoundError as error:
        found = target.stat() if target.exists() else None
        if found is None or (found.st_size, _mark(found)) != (one.bytes, one.token):
            raise StoreError(f"{one.uri} cannot be completed: what was written is gone.") from error


def _mark(found: os.stat_result) -> str:
    """What a rename does not change, and another file does not have: inodes are used again."""
    return f"{found.st_ino:x}-{found.st_mtime_ns:x}"


def _abort(store: Store, one: Pending) -> None:
    bucket, key = split_uri(one.uri)
    if bucket is None:
        Path(one.upload_id).unlink(missing_ok=True)
        return
    try:
        store.s3.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=one.upload_id)
    except ERRORS as error:
        if code_of(error) != "NoSuchUpload":
            raise StoreError(f"The upload to {one.uri} cannot be ended: {error}") from error
