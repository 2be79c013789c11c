"""The text of a file as UTF-8, whatever its charset and compression."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from ingest_parts.charset_stream import open_utf8
from ingest_parts.compression import Unpacked, ending_of

if TYPE_CHECKING:
    from ingest_parts.charset_stream import Readable

_CHUNK = 1024 * 1024


class Text:
    """A forward stream that gives as many bytes as it is asked for, until its end."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self._left = b""

    def read(self, size: int) -> bytes:
        """The next ``size`` bytes; fewer at the end only."""
        parts, have = [self._left], len(self._left)
        while have < size and (more := self._stream.read(size - have)):
            parts.append(more)
            have += len(more)
        data = b"".join(parts)
        self._left = data[size:]
        return data[:size]

    def skip(self, size: int) -> None:
        """Pass over bytes."""
        while size > 0 and (data := self.read(min(size, _CHUNK))):
            size -= len(data)


def unpack(opened: BinaryIO, key: str) -> BinaryIO | Unpacked:
    """The content of a file that is open at its start."""
    ending = ending_of(key)
    return Unpacked(opened, ending) if ending else opened


def open_text(opened: BinaryIO, key: str, charset: str) -> Text:
    """The text of a file that is open at its start, as UTF-8 and without a byte order mark.

    Raises:
        Unreadable: it begins as another charset does.
    """
    return Text(open_utf8(unpack(opened, key), charset))


def is_utf8(charset: str) -> bool:
    """Whether text of the charset is UTF-8 as it stands; Python's name of it."""
    return charset in ("utf-8", "utf-8-sig")
