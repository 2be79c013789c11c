"""The text of a file as UTF-8, whatever its charset and compression."""

from __future__ import annotations

import codecs
from typing import BinaryIO

from ingest_parts.compression import Unpacked, ending_of
from ingest_parts.faults import Unreadable

_BOM = codecs.BOM_UTF8
_CHUNK = 1024 * 1024


class Utf8:
    """A forward stream of another charset's text as UTF-8.

    Bytes that fit no character stay as they are, so that whoever checks UTF-8 finds them in their record.
    """

    def __init__(self, stream: BinaryIO | Unpacked, charset: str) -> None:
        self._stream = stream
        self._charset = charset
        wide = codecs.lookup(charset).name.startswith(("utf-16", "utf-32"))
        self._decoder = codecs.getincrementaldecoder(charset)("strict" if wide else "surrogateescape")
        self._left = b""
        self._at = 0
        self._ended = False

    def read(self, size: int = -1) -> bytes:
        """Up to ``size`` bytes, all where it is negative; nothing at the end.

        Raises:
            Unreadable: it is no text of a charset whose characters have two bytes or four.
        """
        parts = [self._left]
        have = len(self._left)
        while not self._ended and (size < 0 or have < size):
            raw = self._stream.read(_CHUNK)
            self._ended = not raw
            try:
                text = self._decoder.decode(raw, final=self._ended)
            except UnicodeDecodeError as error:
                raise Unreadable(
                    f"it is not a text file in {self._charset}: near byte {self._at + error.start} {error.reason}"
                ) from error
            self._at += len(raw)
            parts.append(text.encode("utf-8", "surrogateescape"))
            have += len(parts[-1])
        data = b"".join(parts)
        size = len(data) if size < 0 else size
        data, self._left = data[:size], data[size:]
        return data


class Text:
    """A forward stream of a file's text, without its byte order mark, which has ``mark`` bytes of UTF-8."""

    def __init__(self, stream: BinaryIO | Unpacked | Utf8) -> None:
        self._stream = stream
        head = stream.read(len(_BOM))
        self._head = head.removeprefix(_BOM)
        self.mark = len(head) - len(self._head)

    def read(self, size: int = -1) -> bytes:
        """Up to ``size`` bytes, all where it is negative; nothing at the end."""
        if not self._head:
            return self._stream.read(size)
        if size < 0:
            data, self._head = self._head, b""
            return data + self._stream.read()
        data, self._head = self._head[:size], self._head[size:]
        return data + self._stream.read(size - len(data)) if len(data) < size else data


def open_text(opened: BinaryIO, key: str, charset: str) -> Text:
    """The text of a file that is open at its start."""
    ending = ending_of(key)
    stream: BinaryIO | Unpacked | Utf8 = Unpacked(opened, ending) if ending else opened
    if not is_utf8(charset):
        stream = Utf8(stream, charset)
    return Text(stream)


def is_utf8(charset: str) -> bool:
    """Whether text of the charset is UTF-8 as it stands."""
    return codecs.lookup(charset).name in ("utf-8", "ascii", "utf-8-sig")


def skip(stream: Text, count: int) -> None:
    """Pass over bytes."""
    while count > 0:
        data = stream.read(min(count, _CHUNK))
        if not data:
            return
        count -= len(data)
