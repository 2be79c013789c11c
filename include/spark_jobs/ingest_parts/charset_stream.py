"""Text in any charset, read as UTF-8 bytes without losing what is no text.

Bytes that fit no character of the charset come out as bytes that are no UTF-8 either, so that whoever cuts
the text into records finds the one record that they stand in, and `byte_reason` the byte.
"""

from __future__ import annotations

import codecs
from typing import Protocol

from ingest_parts.faults import Unreadable

# Longest first: UTF-32's mark begins with UTF-16's.
_ORDERED_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
MARKS = tuple((mark, name.removesuffix("-le").removesuffix("-be")) for mark, name in _ORDERED_MARKS)
# A byte that fits nothing becomes a lone surrogate from here on, which `surrogatepass` writes as three bytes
# that no reader of UTF-8 takes.
_NO_CHARACTER = 0xDC00
_MARKED = "sparkdrop.marked"


class Readable(Protocol):
    """What is read from: bytes in pieces, empty at the end."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, at most ``size``; none at the end only."""
        ...


def _mark(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return chr(_NO_CHARACTER + error.object[error.start]), error.end


codecs.register_error(_MARKED, _mark)


def charset_reason(charset: str) -> str:
    """What is wrong with text that has such bytes, and what to do about it."""
    return f"has bytes that are no {charset}; {_advice(charset)}"


def byte_reason(record: bytes, charset: str) -> str:
    """Why a record of `open_utf8` that is no UTF-8 is rejected: its first byte that is no text."""
    try:
        record.decode()
    except UnicodeDecodeError as error:
        byte = record[error.start]
        if _family(charset) != "utf-8":
            marked = record[error.start : error.start + 3].decode("utf-8", "surrogatepass")
            byte = ord(marked) - _NO_CHARACTER
        return f"byte 0x{byte:02X} fits no character of {charset}; {_advice(charset)}"
    return charset_reason(charset)


def is_valid_utf8(data: bytes) -> bool:
    """Whether the bytes are UTF-8."""
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _advice(charset: str) -> str:
    other = "windows-1252" if _family(charset) == "utf-8" else "utf-8"
    return f"if the file is in another charset, declare it, as charset: {other}"


def open_utf8(stream: Readable, charset: str, *, is_start: bool = True) -> Readable:
    """The stream's text as UTF-8, without a byte-order mark.

    Args:
        stream: the bytes.
        charset: their charset, by any name that Python knows.
        is_start: whether the file begins here, so that there may be a mark.

    Raises:
        Unreadable: the charset is unknown, or the file begins with the mark of another one.
    """
    head = _read_fully(stream, 4) if is_start else b""
    mark, ordered = next(((m, name) for m, name in _ORDERED_MARKS if head.startswith(m)), (b"", ""))
    declared, marked = _family(charset), dict(MARKS).get(mark, "")
    name = codecs.lookup(charset).name
    if marked and marked != declared:
        raise Unreadable(f"it begins with the byte-order mark of {marked}: declare charset: {marked}")
    if marked and name not in (ordered, marked, "utf-8-sig"):
        raise Unreadable(f"it begins with the byte-order mark of {ordered}: declare charset: {ordered}")
    if declared in ("utf-8", "ascii"):
        _refuse_wide(head)
    if declared == "utf-8":
        return _Pieces(stream, head.removeprefix(mark), None)
    if declared in ("utf-16", "utf-32") and name == declared and not mark:
        # Without a mark the first character tells the order: text begins with one below U+0100.
        name = f"{name}-be" if head.startswith(b"\x00") else f"{name}-le"
    elif declared in ("utf-16", "utf-32") and name != declared:
        head = head.removeprefix(mark)
    return _Pieces(stream, head, codecs.getincrementaldecoder(name)(_MARKED))


def _family(charset: str) -> str:
    """Python's name of the charset; the byte orders of a UTF are one family.

    Raises:
        Unreadable: there is no such charset.
    """
    try:
        name = codecs.lookup(charset).name
    except LookupError as error:
        raise Unreadable(f"charset {charset!r} is not known") from error
    name = "utf-8" if name == "utf-8-sig" else name
    return name[: len("utf-16")] if name.startswith(("utf-16", "utf-32")) else name


def _refuse_wide(head: bytes) -> None:
    """Say so when text that is declared to be UTF-8 or ASCII looks like UTF-16 or UTF-32."""
    zeros = head.count(0)
    if zeros and len(head) >= 2:  # noqa: PLR2004  two bytes are one character of UTF-16
        wide = "utf-32" if zeros > 2 else "utf-16"  # noqa: PLR2004  of four bytes
        raise Unreadable(f"its text begins with zero bytes: declare charset: {wide}")


def _read_fully(stream: Readable, size: int) -> bytes:
    data = b""
    while len(data) < size and (piece := stream.read(size - len(data))):
        data += piece
    return data


class _Pieces:
    """Bytes that were read ahead, then the stream's, decoded where they are not UTF-8 already."""

    def __init__(self, stream: Readable, head: bytes, decoder: codecs.IncrementalDecoder | None) -> None:
        self._stream = stream
        self._head = head
        self._decoder = decoder

    def read(self, size: int, /) -> bytes:
        while True:
            data = self._head or self._stream.read(size)
            self._head = b""
            if self._decoder is None:
                return data
            text = self._decoder.decode(data, final=not data)
            if text or not data:
                return text.encode("utf-8", "surrogatepass")
