"""A large CSV is read in parts: where each begins follows from the quotes and line ends before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from ingest_parts.csv_framing import CR, LF, count_lines, line_ends
from ingest_parts.sources import Part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingest_parts.dialect import Dialect
    from ingest_parts.sources import Source
    from ingest_parts.store import Store

_CHUNK = 8 * 1024 * 1024


@dataclass(frozen=True)
class Measure:
    """What lies in a range of bytes: quotes, ends of lines, and what stands at its two ends."""

    quotes: int
    lines: int
    first: bytes
    last: bytes


def measure(store: Store, source: Source, start: int, stop: int, quote: str | None) -> Measure:
    """Count what tells where the records of the next range begin."""
    assert source.stat is not None  # noqa: S101  what has none is quarantined
    quotes = lines = 0
    first = last = b""
    with store.open(source.place, source.stat) as opened:
        opened.seek(start)
        left = stop - start
        while left > 0 and (data := opened.read(min(left, _CHUNK))):
            quotes += data.count(quote.encode()) if quote else 0
            lines += count_lines(data) - (last == b"\r" and data.startswith(b"\n"))
            first, last, left = first or data[:1], data[-1:], left - len(data)
    return Measure(quotes, lines, first, last)


def divide(
    source: Source, begin: int, bounds: Sequence[tuple[int, int]], measures: Sequence[Measure]
) -> list[Part]:
    """The parts of a file, each with whether it starts inside of quotes and on which line."""
    parts: list[Part] = []
    quotes, line = 0, source.line
    last = b""
    for number, ((start, stop), found) in enumerate(zip(bounds, measures, strict=True)):
        end = None if number == len(bounds) - 1 else stop
        parts.append(Part(source, 0 if start == begin else start, end, quotes % 2 == 1, line))
        quotes += found.quotes
        line += found.lines - (last == b"\r" and found.first == b"\n")
        last = found.last
    return parts


def find_first_record(opened: BinaryIO, dialect: Dialect, part: Part) -> tuple[int, int]:
    """Where the first record of a part begins, and on which line; the end of the file where none does."""
    opened.seek(part.start - 1)
    before = opened.read(1)
    place, line, inside = part.start, part.line, part.in_quotes
    while data := opened.read(_CHUNK):
        if before in (b"\n", b"\r") and not inside:
            half = before == b"\r" and data.startswith(b"\n")
            return place + half, line
        line -= before == b"\r" and data.startswith(b"\n")  # the half of a line end that counted already
        view = np.frombuffer(data, np.uint8)
        ends = line_ends(view)
        quotes = np.flatnonzero(view == ord(dialect.quote)) if dialect.quote else np.empty(0, np.int64)
        ends = ends[(np.searchsorted(quotes, ends) + inside) % 2 == 0]
        if len(ends) and ends[0] < len(data) - 1:
            end = int(ends[0]) + 1
            end += view[end - 1] == CR and view[end] == LF
            return place + end, line + count_lines(data[:end])
        line += count_lines(data)
        inside = (inside + len(quotes)) % 2 == 1
        place, before = place + len(data), data[-1:]
    return place, line
