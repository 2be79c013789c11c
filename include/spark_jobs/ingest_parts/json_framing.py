"""Pieces of a JSON file, cut into frames of whole records; memory stays bounded by the size of a piece.

Which of three layouts a file has is told by its beginning: records that stand in lines, documents one behind
the other (over several lines, or without line breaks), or elements of one array or more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np

from ingest_parts.blocks import LineNumbers
from ingest_parts.faults import Unreadable
from ingest_parts.json_structure import (
    BLANKS,
    line_spans,
    no_spans,
    object_spans,
    object_starts,
    open_brackets,
    separators,
    trim,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ingest_parts.json_structure import Span, Spans

Layout = Literal["lines", "documents", "array"]

HEAD_BYTES = 64 * 1024  # tell a layout: the lines that are tried when the first one is no whole object


@dataclass
class Frame:
    """Whole records of one stretch of the file.

    ``spans`` are the records that brackets or line ends tell apart. ``junk`` is what stands between them and
    is no record. ``first_line`` is the number of the line that ``data`` begins in.
    """

    data: bytes
    spans: Spans
    first_line: int
    layout: Layout
    junk: list[tuple[Span, str]] = field(default_factory=list)

    def text(self, low: int, high: int) -> bytes:
        """The records ``low`` to ``high``, with blanks between them."""
        if self.layout == "array":
            return b"\n".join([self.data[start:end] for start, end in self.spans[low:high].tolist()])
        return self.data[self.spans[low, 0] : self.spans[high - 1, 1]]

    def lines(self) -> LineNumbers:
        """Finds the line of a place in ``data``."""
        breaks = np.flatnonzero(np.frombuffer(self.data, np.uint8) == ord("\n"))
        return LineNumbers(breaks, self.first_line)


def detect_layout(head: bytes) -> Layout:
    """The layout of a file that begins with these bytes (UTF-8 without a mark)."""
    text = head.lstrip(BLANKS)
    if text.startswith(b"["):
        return "array"
    if not text.startswith(b"{"):
        return "lines"
    if b"\n" not in text:
        return "documents"
    cut = text.find(b"\n", HEAD_BYTES)
    lines = [line for line in text[: cut if cut >= 0 else len(text)].split(b"\n") if line.strip(BLANKS)]
    place = next((index for index, line in enumerate(lines) if not _is_object(line)), None)
    if place is None or open_brackets(lines[place]) <= 0:
        return "lines"
    # It is a document's first line where an object begins with it. Where that object is broken, or longer
    # than the head, most lines tell: those of a document are no objects.
    rest = b"\n".join(lines[place:])
    spans = object_spans(rest)
    if len(spans) and _is_object(rest[: spans[0, 1]]):
        return "documents"
    return "lines" if sum(map(_is_object, lines)) * 2 >= len(lines) else "documents"


def frame_pieces(pieces: Iterable[bytes], layout: Layout, *, first_line: int, limit: int) -> Iterator[Frame]:
    """Frames of the pieces in their order.

    Args:
        pieces: the file's text in UTF-8.
        layout: how its records stand.
        first_line: the number of the line where the first piece begins.
        limit: bytes that one record may have at most.

    Raises:
        Unreadable: a record is larger than the limit, or an array's brackets do not match.
    """
    makers = {"lines": _lines, "documents": _documents, "array": _arrays}
    line = first_line
    for frame in makers[layout](pieces, limit):
        frame.first_line = line
        line += frame.data.count(b"\n")
        yield frame


def _is_object(line: bytes) -> bool:
    try:
        msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return False
    return True


def _grow(pieces: Iterator[bytes], carry: bytes, limit: int) -> tuple[bytes, bool]:
    """The carried bytes and as many new ones at least, and whether the text ends there."""
    if len(carry) > limit:
        raise Unreadable(f"one of its records is larger than {limit / 2**20:,.0f} MiB, or never ends")
    parts, size = [carry], 0
    while size <= len(carry):
        piece = next(pieces, b"")
        if not piece:
            return b"".join(parts), True
        parts.append(piece)
        size += len(piece)
    return b"".join(parts), False


def _lines(pieces: Iterable[bytes], limit: int) -> Iterator[Frame]:
    source, carry, ended = iter(pieces), b"", False
    while not ended:
        data, ended = _grow(source, carry, limit)
        cut = len(data) if ended else data.rfind(b"\n") + 1
        carry = data[cut:]
        if cut:
            data = data[:cut]
            yield Frame(data, line_spans(data), 0, "lines")


def _documents(pieces: Iterable[bytes], limit: int) -> Iterator[Frame]:
    source, carry, ended = iter(pieces), b"", False
    while not ended:
        data, ended = _grow(source, carry, limit)
        cut = len(data) if ended else max(object_starts(data), default=0)
        carry = data[cut:]
        if cut:
            data = data[:cut]
            yield Frame(data, object_spans(data), 0, "documents")


def _arrays(pieces: Iterable[bytes], limit: int) -> Iterator[Frame]:
    source, ended = iter(pieces), False
    arrays = _ArrayState()
    carry = b""
    while not ended:
        data, ended = _grow(source, carry, limit)
        frame, cut = arrays.cut(data)
        carry = data[cut:]
        if ended:
            frame.data = data
            arrays.finish(frame, (cut, len(data)))
        if frame.data:
            yield frame


class _ArrayState:
    """Whether the text that comes next stands within an array, an object beside arrays, or neither."""

    def __init__(self) -> None:
        self._opener = b""
        self._fresh = False  # the array has no element yet

    def cut(self, data: bytes) -> tuple[Frame, int]:
        """The elements that end in this text, and where the text begins that belongs to later ones."""
        places, kinds, stop = separators(data, 1 if self._opener else 0)
        if stop is not None:
            raise Unreadable("its brackets do not match: one closes an array that was never opened")
        frame = Frame(data, no_spans(), 0, "array")
        elements: list[Span] = []
        done = 0
        for place, kind in zip(places, map(chr, kinds), strict=True):
            if not self._opener:
                self._add_junk(frame, (done, place), "stands between arrays")
                self._opener, self._fresh = kind.encode(), True
                done = place + 1 if kind == "[" else place
                continue
            if kind in "}]" and kind.encode() != {b"[": b"]", b"{": b"}"}[self._opener]:
                raise Unreadable(f"its brackets do not match: {kind} closes a {self._opener.decode()}")
            if self._opener == b"[":
                self._add_element(frame, elements, (done, place), is_last=kind == "]")
                done = place + 1
            elif kind == "}":
                self._add_junk(frame, (done, place + 1), "stands beside an array and not in it")
                done = place + 1
            if kind in "}]":
                self._opener = b""
        frame.data = data[:done]
        frame.spans = np.array(elements, np.int64) if elements else no_spans()
        return frame, done

    def finish(self, frame: Frame, rest: Span) -> None:
        """What is left where the file ends."""
        span = trim(frame.data, rest)
        if self._opener:
            frame.junk.append((span, "the file ends inside of its array"))
        else:
            self._add_junk(frame, rest, "stands behind an array")

    def _add_element(self, frame: Frame, elements: list[Span], span: Span, *, is_last: bool) -> None:
        span = trim(frame.data, span)
        if span[0] < span[1]:
            elements.append(span)
        elif not (is_last and self._fresh):
            frame.junk.append((span, "an element of the array is empty"))
        self._fresh = False

    def _add_junk(self, frame: Frame, span: Span, reason: str) -> None:
        span = trim(frame.data, span)
        if span[0] < span[1]:
            frame.junk.append((span, reason))
