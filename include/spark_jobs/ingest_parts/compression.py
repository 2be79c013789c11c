"""Compressed files as streams of what is in them."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
import zlib
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa

from ingest_parts.faults import Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable

ENDINGS = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "Zstandard", ".zip": "zip"}
_DAMAGE = (
    EOFError,
    gzip.BadGzipFile,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    pa.ArrowInvalid,
    OSError,
)
_GZIP = b"\x1f\x8b"
_CHUNK = 256 * 1024  # bytes of a file that a decompressor is given at once


def ending_of(key: str) -> str:
    """The ending by which a key says that it is compressed; empty where it is not."""
    return next((ending for ending in ENDINGS if key.lower().endswith(ending)), "")


class Unpacked:
    """A forward stream of a compressed file's content, whose damage is a verdict on the file."""

    def __init__(self, stream: BinaryIO, ending: str) -> None:
        self._ending = ending
        self._stream = self._guard(lambda: _open(stream, ending))

    def _guard(self, action: Callable[[], Any]) -> Any:  # noqa: ANN401  streams of five libraries
        try:
            return action()
        except Unreadable:
            raise
        except _DAMAGE as error:
            said = str(error) or type(error).__name__
            raise Unreadable(f"the {ENDINGS[self._ending]} file is truncated or damaged ({said})") from error

    def read(self, size: int = -1, /) -> bytes:
        """Up to ``size`` bytes, all where it is negative.

        Raises:
            Unreadable: the file is damaged, or ends too early.
        """
        return bytes(self._guard(lambda: self._stream.read(size)))


class _Members:
    """The members of a .bz2 or .xz file, one behind the other, with zeros between them or none.

    Python's own readers take what does not begin as a member for the end of the file, in silence.
    """

    def __init__(self, stream: BinaryIO, new: Callable[[], Any]) -> None:
        self._stream, self._new = stream, new
        self._member = new()

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes, all where it is negative."""
        if size < 0:
            return b"".join(iter(lambda: self.read(_CHUNK), b""))
        while size:
            given = self._next_bytes()
            if given is None:
                return b""
            if self._member.eof:
                self._member = self._new()
            if data := self._member.decompress(given, size):
                return bytes(data)
        return b""

    def _next_bytes(self) -> bytes | None:
        """What the member needs, or the next one begins with; None behind the last one."""
        member = self._member
        if not member.eof:
            given = self._stream.read(_CHUNK) if member.needs_input else b""
            if member.needs_input and not given:
                raise EOFError("it ends too early")
            return given
        given = member.unused_data
        while not (given := given.lstrip(b"\0")):
            given = self._stream.read(_CHUNK)
            if not given:
                return None
        return given


def _open(stream: BinaryIO, ending: str) -> Any:  # noqa: ANN401  streams of five libraries
    if ending == ".gz":
        return gzip.GzipFile(fileobj=stream)
    if ending == ".bz2":
        return _Members(stream, bz2.BZ2Decompressor)
    if ending == ".xz":
        return _Members(stream, lzma.LZMADecompressor)
    if ending == ".zst":
        return pa.CompressedInputStream(pa.PythonFile(stream, "r"), "zstd")
    return _open_zip(stream)


def _open_zip(stream: BinaryIO) -> Any:  # noqa: ANN401  streams of five libraries
    archive = zipfile.ZipFile(stream)
    members = [
        item for item in archive.infolist() if not item.is_dir() and not item.filename.startswith("__MACOSX/")
    ]
    if len(members) != 1:
        raise Unreadable(f"the zip file holds {len(members)} files; it has to hold one")
    if members[0].flag_bits & 1:
        raise Unreadable("the zip file is encrypted")
    return archive.open(members[0])


def check_name(key: str, head: bytes) -> None:
    """Refuse what is compressed without saying so.

    Raises:
        Unreadable: it is gzip by its content, and not by its name.
    """
    if head.startswith(_GZIP) and not ending_of(key):
        raise Unreadable("it is gzip, but its name does not end in .gz")
