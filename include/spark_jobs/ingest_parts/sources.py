"""One file of the batch: where the bytes are that its upload named, and whether they are still those."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ingest_parts.faults import Unreadable
from ingest_parts.manifest import Manifest, staging_uri

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingest_parts.hadoop import JavaObject, Storage

THREADS = 32  # requests to the store that are under way at once while files are looked at
HIDDEN = re.compile(r"^[_.]|\._COPYING_$")  # names that Spark passes over in silence
COMPRESSED = (".gz", ".bz2", ".zst", ".snappy", ".lz4", ".deflate")


@dataclass(frozen=True)
class Source:
    """One file of the batch: where its bytes are, and what is known of them.

    ``path`` is Hadoop's Path of the bytes to read (the object, or a staged copy), ``uri`` the same as Spark
    shows it in ``_metadata.file_path``, ``mark`` what changes when the object does, ``header`` the first line
    (of Parquet: the footer's schema). ``reason`` is set once the file is quarantined.
    """

    entry: dict[str, Any]
    path: JavaObject = None
    uri: str = ""
    bytes: int = 0
    mark: tuple[Any, ...] = ()
    status: JavaObject = field(default=None, compare=False)
    staged: bool = False
    header: str = ""
    columns: tuple[str, ...] = ()
    reason: str | None = None

    @property
    def upload_id(self) -> str:
        """The ledger's id of the upload."""
        return str(self.entry["upload_id"])

    @property
    def key(self) -> str:
        """The object's key, raw."""
        return str(self.entry["key"])


def locate(storage: Storage, manifest: Manifest, entry: dict[str, Any], place: int) -> Source:
    """Find the bytes that the upload named, and make a copy where Spark cannot read them in place.

    That is so when the key was overwritten since (the named version is copied), when Spark would hide the
    file (names that begin with ``_`` or ``.``) and when Hadoop's Path cannot spell the key (``a//b``).

    Raises:
        Unreadable: the object, or the version that the upload named, is gone.
    """
    path = storage.source_path(entry)
    spelled = bool(entry.get("uri")) or path.toUri().getPath() == f"/{entry['key']}"
    if spelled:
        status = storage.status(path)
        if status is None:
            raise Unreadable("it was deleted before its run")
        current = is_named_version(entry, status)
        if not current and not entry.get("version_id"):
            raise Unreadable("it was overwritten before its run, and its bucket keeps no versions")
        if current and not HIDDEN.search(path.getName()):
            return source_at(entry, status)
    suffix = re.search(r"\.[A-Za-z0-9]+$", str(entry["key"]))
    target = storage.path(f"{staging_uri(manifest)}/{place:06d}{suffix.group().lower() if suffix else ''}")
    storage.stage(entry, path, target)
    return replace(source_at(entry, storage.status(target)), staged=True)


def is_named_version(entry: dict[str, Any], status: JavaObject) -> bool:
    """Whether the object at the key is still what the upload named; yes where the store cannot tell."""
    if "S3A" not in status.getClass().getName():
        return True
    found = (status.getVersionId(), (status.getETag() or "").strip('"'))
    named = (entry.get("version_id"), (entry.get("etag") or "").strip('"'))
    return all(not have or not want or have == want for have, want in zip(found, named, strict=True))


def source_at(entry: dict[str, Any], status: JavaObject) -> Source:
    """The source whose bytes are at the status' path."""
    mark: tuple[Any, ...] = (status.getLen(), status.getModificationTime())
    if "S3A" in status.getClass().getName():
        mark = (*mark, status.getETag(), status.getVersionId())
    path = status.getPath()
    return Source(
        entry=entry, path=path, uri=path.toUri().toString(), bytes=status.getLen(), mark=mark, status=status
    )


def changed_since(storage: Storage, sources: Sequence[Source]) -> set[str]:
    """Uploads whose object was overwritten or deleted while it was read; copies of ours do not change."""

    def changed(source: Source) -> bool:
        if source.reason or source.staged:
            return False
        status = storage.status(source.path)
        return status is None or source_at(source.entry, status).mark != source.mark

    with ThreadPoolExecutor(THREADS) as pool:
        return {
            source.upload_id for source, hit in zip(sources, pool.map(changed, sources), strict=True) if hit
        }
