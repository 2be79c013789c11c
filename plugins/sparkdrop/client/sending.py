"""Sending files through the API: in one request, or in parts, each checked and sent again by itself."""

from __future__ import annotations

import hashlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

import httpx

from sparkdrop.client.api import send_again
from sparkdrop.core.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from sparkdrop.client.api import ApiClient

ONE_REQUEST_BYTES = 64 * 2**20
"""Up to here a file goes in one request: what is lost on the way is little to send again."""

_FILES_AT_ONCE = 4
_PARTS_AT_ONCE = 4
# links for so many parts are asked for at once: they are good for minutes, not for hours
_PARTS_A_CALL = 8
_CHUNK_BYTES = 2**20
_TIMEOUT = httpx.Timeout(60.0, connect=10.0)
_CONFLICT = "urn:sparkdrop:problem:conflict"
# S3 answers so to a link that is used a second time: the first answer was lost on its way
_THERE_ALREADY = httpx.codes.PRECONDITION_FAILED


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a file.

    Attributes:
        path: the file.
        bytes: its size.
        upload_id: its id; None where the API refused it.
        error: why it is not there.
    """

    path: Path
    bytes: int
    upload_id: str | None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a file, to be sent."""

    path: Path
    start: int
    size: int

    def read(self, report_bytes: Callable[[int], None]) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            file.seek(self.start)
            for chunk in _read_chunks(file, self.size):
                yield chunk
                report_bytes(len(chunk))

    def hash(self) -> str:
        with self.path.open("rb") as file:
            file.seek(self.start)
            digest = hashlib.sha256()
            for chunk in _read_chunks(file, self.size):
                digest.update(chunk)
        return digest.hexdigest()


class Sender:
    """Sends files: a few at once, large ones in parts.

    Args:
        api: the API.
        transport: httpx's for S3, where it is not the network.
        sleep: waits between two attempts.
        one_request_bytes: larger files go in parts.
        announce: hears of each upload in parts when it is begun: what to go on with, whatever ends this.
    """

    def __init__(
        self,
        api: ApiClient,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        one_request_bytes: int = ONE_REQUEST_BYTES,
        announce: Callable[[Path, str], None] = lambda _path, _upload_id: None,
    ) -> None:
        self._api = api
        self._sleep = sleep
        self._one_request_bytes = one_request_bytes
        self._announce = announce
        self._stopped = threading.Event()
        # a link carries its own proof: what the API's client sends of its own would be one header too many
        self._http = httpx.Client(timeout=_TIMEOUT, transport=transport)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Sender:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send_all(
        self, pipeline: str, paths: Iterable[Path], report_bytes: Callable[[int], None] = lambda _: None
    ) -> Iterator[Sent]:
        """Send files; yield each as it ends. One that fails does not stop the others.

        Args:
            pipeline: which shall take them.
            paths: local files.
            report_bytes: called from other threads with the bytes just sent, or taken back (below 0) where
                they have to be sent again.
        """
        pool = ThreadPoolExecutor(_FILES_AT_ONCE, thread_name_prefix="send")
        try:
            for ended in as_completed([pool.submit(self._try, pipeline, one, report_bytes) for one in paths]):
                yield ended.result()
        finally:
            # whoever stops to listen is not waiting for the rest of a large file
            self._stopped.set()
            pool.shutdown(cancel_futures=True)
            self._stopped.clear()

    def _try(self, pipeline: str, path: Path, report_bytes: Callable[[int], None]) -> Sent:
        size = 0
        try:
            size = path.stat().st_size
            return Sent(path, size, self._send(pipeline, path, size, report_bytes))
        except (ApiError, OSError) as error:
            return Sent(path, size, None, str(error))

    def _send(self, pipeline: str, path: Path, size: int, report_bytes: Callable[[int], None]) -> str:
        whole = _Piece(path, 0, size)
        if size <= self._one_request_bytes:
            link = self._api.open_link(pipeline, path.name, size, whole.hash())
            self._put(link, whole, report_bytes)
            return str(link["upload_id"])
        begun = self._api.open_multipart(pipeline, path.name, size)
        upload_id = str(begun["upload_id"])
        self._announce(path, upload_id)
        self.resume(upload_id, path, report_bytes)
        return upload_id

    def resume(
        self, upload_id: str, path: Path, report_bytes: Callable[[int], None] = lambda _: None
    ) -> None:
        """Send those parts of a file that are not there, and end the upload.

        A part that is there is compared by its checksum: another file, or one that has changed, is refused.

        Raises:
            ApiError: the file is another one, or the API or S3 refuses.
            OSError: the file cannot be read.
        """
        try:
            known = self._api.read_parts(upload_id)
        except ApiError as error:
            if error.type != _CONFLICT:
                raise
            # all parts are there, and the answer to that was lost: asking again is harmless
            self._api.complete(upload_id)
            return
        if path.stat().st_size != known["size"]:
            raise ApiError(
                f"upload {upload_id} is of a file of {known['size']:,} bytes, and {path} has "
                f"{path.stat().st_size:,}: name the file that it was begun with"
            )
        pieces = _cut(path, known["size"], known["part_size"])
        for part in known["parts"]:
            piece = pieces.pop(part["part_number"])
            if piece.hash() != part["sha256"]:
                raise ApiError(f"{path} has changed since upload {upload_id} was begun: upload it anew")
            report_bytes(piece.size)
        with ThreadPoolExecutor(_PARTS_AT_ONCE, thread_name_prefix="part") as pool:
            waiting = sorted(pieces)
            while waiting and not self._stopped.is_set():
                numbers, waiting = waiting[:_PARTS_A_CALL], waiting[_PARTS_A_CALL:]
                hashes = dict(
                    zip(numbers, pool.map(lambda number: pieces[number].hash(), numbers), strict=True)
                )
                links = self._api.read_parts(upload_id, hashes)["urls"]
                jobs = [partial(self._put, link, pieces[link["part_number"]], report_bytes) for link in links]
                for done in [pool.submit(job) for job in jobs]:
                    done.result()
        if not self._stopped.is_set():
            self._api.complete(upload_id)

    def _put(self, link: Mapping[str, Any], piece: _Piece, report_bytes: Callable[[int], None]) -> None:
        attempts = 0
        sent = 0

        def count(number: int) -> None:
            nonlocal sent
            sent += number
            report_bytes(number)

        def put() -> httpx.Response:
            nonlocal attempts, sent
            report_bytes(-sent)  # of the attempt before
            attempts, sent = attempts + 1, 0
            headers = {**link["headers"], "Content-Length": str(piece.size)}
            return self._http.put(link["url"], content=piece.read(count), headers=headers)

        answer = send_again(put, self._sleep)
        was_there = answer.status_code == _THERE_ALREADY and attempts > 1
        if not answer.is_success and not was_there:
            raise ApiError(f"S3 answered {answer.status_code}: {answer.text[:300]}", answer.status_code)


def _cut(path: Path, size: int, part_bytes: int) -> dict[int, _Piece]:
    """Cut a file into parts, numbered from 1; all but the last have the same size."""
    starts = range(0, size, part_bytes)
    return {
        number: _Piece(path, start, min(part_bytes, size - start)) for number, start in enumerate(starts, 1)
    }


def _read_chunks(file: BinaryIO, count: int) -> Iterator[bytes]:
    while count > 0 and (chunk := file.read(min(_CHUNK_BYTES, count))):
        count -= len(chunk)
        yield chunk
