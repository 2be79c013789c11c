"""Versions of objects, listed without their bytes.

moto 5.2.5 copies all versions of a bucket for each ListObjectVersions, bytes included, to files of their own,
and keeps the copies for as long as it runs: a bucket with 70 MB in it costs 70 MB of disk for each listing.
"""

from __future__ import annotations

from typing import Any

from moto.s3.models import FakeDeleteMarker, FakeKey


def copy_without_bytes(self: FakeKey, memo: dict[int, Any]) -> FakeKey:
    """Copy what is told of a version; the copy has no bytes that it would close at its end."""
    del memo
    told = {"_etag": self.etag, "disposed": True, "_value_buffer": None, "multipart": None}
    copied = object.__new__(FakeKey)  # moto's own way to make one keeps it for ever
    copied.__dict__.update(self.__dict__ | told)
    return copied


def copy_marker(self: FakeDeleteMarker, memo: dict[int, Any]) -> FakeDeleteMarker:
    """Copy a delete marker; nothing keeps the copy."""
    del memo
    copied = object.__new__(FakeDeleteMarker)
    copied.__dict__.update(self.__dict__)
    return copied


def apply() -> None:
    """Let listings copy no bytes."""
    FakeKey.__deepcopy__ = copy_without_bytes  # type: ignore[attr-defined]
    FakeDeleteMarker.__deepcopy__ = copy_marker  # type: ignore[attr-defined]
