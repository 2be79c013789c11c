"""Objects of S3 and files of one machine behind one small interface.

A URI is ``s3://bucket/key`` or ``file:///path``, raw: nothing in it is escaped, and ``a//b``, ``_x``,
``[1]``, ``?`` and ``%20`` are just names. Errors: ``Unreadable`` where one object is not what its upload
named, ``StoreError`` where the store does not let us work.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from ingest_parts.faults import SettingsError, StoreError, Unreadable
from ingest_parts.ranged import ObjectReader, S3Client, address
from ingest_parts.s3_errors import DELETED, ERRORS, is_gone, refused, translate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

ATTEMPTS = 8  # of one request, within a minute or two
THREADS = 32  # requests to the store that are under way at once in one process
# Names of files that are not committed yet; they are listed nowhere.
PENDING_SUFFIX = ".sparkdrop-pending"
_DELETE_BATCH = 1000  # https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html


@dataclass(frozen=True)
class Place:
    """Where one upload's bytes are: an object's version, or a local file (``path``)."""

    bucket: str = ""
    key: str = ""
    version_id: str | None = None
    etag: str | None = None
    path: str | None = None

    @classmethod
    def of(cls, entry: dict[str, Any]) -> Place:
        """The place of a manifest's file; its ``uri``, where given, stands in for bucket and key."""
        if not entry.get("uri"):
            etag = (entry.get("etag") or "").strip('"') or None
            return cls(str(entry["bucket"]), str(entry["key"]), entry.get("version_id") or None, etag)
        bucket, name = split_uri(str(entry["uri"]))
        return cls(path=name) if bucket is None else cls(bucket, name)

    @property
    def uri(self) -> str:
        """The place as people read it."""
        return f"file://{self.path}" if self.path is not None else f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True)
class Stat:
    """What is at a place; ``etag`` has no quotes."""

    bytes: int
    version_id: str | None
    etag: str | None
    modified: datetime | float


@dataclass(frozen=True)
class Listed:
    """One object or file under a prefix."""

    uri: str
    bytes: int


def split_uri(uri: str) -> tuple[str | None, str]:
    """Bucket and key of an ``s3://`` URI; None and the path of a ``file://`` one.

    Raises:
        SettingsError: it is neither.
    """
    if uri.startswith("file:///"):
        return None, uri.removeprefix("file://")
    bucket, slash, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket or not slash:
        raise SettingsError(
            f"{uri} is no place that can be read: it is neither s3://bucket/key nor file:///path."
        )
    return bucket, key


_clients: dict[tuple[int, str | None], Any] = {}
_clients_lock = threading.Lock()


def open_store(region: str | None) -> Store:
    """The store as this process sees it; its S3 client is made at the first use and then kept."""
    return Store(region)


def _client(region: str | None) -> S3Client:
    """This process's client of S3: a process that was forked does not share its parent's connections."""
    import boto3  # slow to import, and files on one machine do without
    from botocore.config import Config

    with _clients_lock:
        key = (os.getpid(), region)
        if key not in _clients:
            config = Config(
                retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
                connect_timeout=10, read_timeout=60, tcp_keepalive=True, max_pool_connections=2 * THREADS,
            )  # fmt: skip
            _clients[key] = boto3.session.Session().client("s3", region_name=region, config=config)
        return _clients[key]


class Store:
    """S3 by boto3, with credentials and endpoint of its own environment; local files by ``file://``."""

    def __init__(self, region: str | None) -> None:
        self._region = region

    @property
    def s3(self) -> S3Client:
        """The boto3 client."""
        return _client(self._region)

    def stat(self, place: Place) -> Stat | None:
        """What is at the place; None where the object, or the version that is named, is gone.

        Raises:
            Unreadable: another object is there, and no version is named by which to find the one that was.
        """
        if place.path is not None:
            path = Path(place.path)
            if not path.is_file():
                return None
            found = path.stat()
            return Stat(found.st_size, None, f"{found.st_ino:x}-{found.st_mtime_ns:x}", found.st_mtime)
        try:
            head = self.s3.head_object(**address(place))
        except ERRORS as error:
            if is_gone(error):
                return None
            raise translate(error, place.uri) from error
        etag = head["ETag"].strip('"')
        return Stat(head["ContentLength"], head.get("VersionId"), etag, head["LastModified"])

    def open(self, place: Place, stat: Stat) -> BinaryIO:
        """A seekable stream of the bytes that ``stat`` found, and of no others.

        Raises (it, and each read): Unreadable, as of ``stat``.
        """
        if place.path is not None:
            try:
                return Path(place.path).open("rb", buffering=0)
            except FileNotFoundError as error:
                raise Unreadable(DELETED) from error
        exact = Place(place.bucket, place.key, place.version_id or stat.version_id, stat.etag)
        return cast("BinaryIO", ObjectReader(self.s3, exact, stat.bytes))

    def read_bytes(self, uri: str) -> bytes:
        """The whole of an object or file.

        Raises:
            StoreError: it is not there, or cannot be read.
        """
        bucket, name = split_uri(uri)
        place = Place(path=name) if bucket is None else Place(bucket, name)
        try:
            stat = self.stat(place)
            if stat is None:
                raise StoreError(f"{uri} is not there.")
            with self.open(place, stat) as stream:
                return stream.read()
        except (OSError, Unreadable) as error:
            raise StoreError(f"{uri} cannot be read: {error}") from error

    def write_bytes(self, uri: str, data: bytes) -> None:
        """Write the object or file whole, in place of what was there."""
        bucket, name = split_uri(uri)
        if bucket is not None:
            with translated(uri):
                self.s3.put_object(Bucket=bucket, Key=name, Body=data)
            return
        target = Path(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.{os.getpid()}-{threading.get_ident()}{PENDING_SUFFIX}")
        draft.write_bytes(data)
        draft.replace(target)

    def list(self, uri_prefix: str) -> Sequence[Listed]:
        """Everything whose URI begins so, in the order of the names; not what is not committed yet."""
        bucket, name = split_uri(uri_prefix)
        if bucket is None:
            return [Listed(f"file://{path}", path.stat().st_size) for path in _find_files(name)]
        found: list[Listed] = []
        with translated(uri_prefix):
            for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=name):
                found += [
                    Listed(f"s3://{bucket}/{item['Key']}", item["Size"]) for item in page.get("Contents", ())
                ]
        return found

    def delete_prefix(self, uri: str) -> int:
        """Remove everything in the folder, never what only begins with its name; how much that was.

        Raises:
            SettingsError: the URI names no folder.
            StoreError: the store keeps something in it.
        """
        bucket, name = split_uri(as_folder(uri))
        found = self.list(as_folder(uri))
        if bucket is None:
            for item in found:
                Path(item.uri.removeprefix("file://")).unlink(missing_ok=True)
            _remove_empty(Path(name))
            return len(found)
        keys = [split_uri(item.uri)[1] for item in found]
        batches = [keys[start : start + _DELETE_BATCH] for start in range(0, len(keys), _DELETE_BATCH)]
        with ThreadPoolExecutor(THREADS) as pool:
            for _ in pool.map(lambda batch: self._delete(bucket, batch), batches):
                pass
        return len(found)

    def _delete(self, bucket: str, keys: Sequence[str]) -> None:
        with translated(f"s3://{bucket}/{keys[0]}"):
            answer = self.s3.delete_objects(
                Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True}
            )
        for error in answer.get("Errors", ()):
            reason = error.get("Message") or error.get("Code")
            raise StoreError(f"s3://{bucket}/{error.get('Key')} cannot be deleted: {reason}")


def as_folder(uri: str) -> str:
    """The URI with a slash at its end, so that ``batch=1`` never means ``batch=10`` too.

    Raises:
        SettingsError: it is a whole bucket or disk.
    """
    bucket, name = split_uri(uri)
    if not name.strip("/"):
        raise SettingsError(
            f"{uri} is all of {'the disk' if bucket is None else 'a bucket'}, and no folder of ours."
        )
    return uri if uri.endswith("/") else f"{uri}/"


@contextmanager
def translated(uri: str) -> Iterator[None]:
    """Say S3's errors as the job's."""
    try:
        yield
    except ERRORS as error:
        raise refused(error, uri) from error


def _find_files(prefix: str) -> list[Path]:
    """The files whose path begins so, as S3 would list them."""
    folder = Path(prefix) if prefix.endswith("/") else Path(prefix).parent
    found = (path for path in folder.rglob("*") if path.is_file() and str(path).startswith(prefix))
    return sorted(path for path in found if not path.name.endswith(PENDING_SUFFIX))


def _remove_empty(folder: Path) -> None:
    """Remove what folders are left of a folder, from the inside; one with something in it stays."""
    if not folder.is_dir():
        return
    for inner in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
        _rmdir(inner)
    _rmdir(folder)


def _rmdir(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()
