"""Where the records of a CSV text begin and end, told by its quotes and line ends and by no CSV parser.

RFC 4180: a field that begins with a quote ends with one, quotes in it are doubled, and line breaks in it are
data. Where every quote of a text stands so, the count of the quotes before a line end tells whether it ends a
record. That holds for most texts and takes numpy a nanosecond a byte. Where it does not (an inch mark in a
plain field, an escape character), the records are taken apart one by one by ``csv_irregular``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LF, CR = LINE_ENDS = (10, 13)
RECORD_LIMIT = 64 * 1024 * 1024  # bytes of one record: what is longer is a quote that nobody closed


@dataclass(frozen=True)
class Frames:
    """The whole records at the start of a text.

    ``end`` is where the last whole record ends, ``starts`` where each record (blank lines are none) begins,
    ``regular`` whether the quotes stand as RFC 4180 has them.
    """

    end: int
    starts: np.ndarray
    stops: np.ndarray
    regular: bool


def line_ends(view: np.ndarray) -> np.ndarray:
    """Places of all bytes that end a line; CR LF counts as two here."""
    return np.flatnonzero((view == LF) | (view == CR))


def frame(data: bytes, *, separator: int, quote: int | None, final: bool) -> Frames:
    """Find the whole records of a text that begins with a record.

    Args:
        data: UTF-8, or any charset in which ASCII is itself.
        separator: the byte between fields.
        quote: the byte around fields; None where there is none.
        final: whether the text ends here; else a last line end that may be half of CR LF is left over.
    """
    view = np.frombuffer(data, np.uint8)
    ends = line_ends(view) if b"\r" in data else np.flatnonzero(view == LF)
    if quote is not None and quote in data:
        quotes = np.flatnonzero(view == quote)
        outside = np.searchsorted(quotes, ends) % 2 == 0
        ends = ends[outside]
    else:
        quotes = np.empty(0, np.int64)
    if not final and len(ends) and ends[-1] == len(data) - 1 and view[-1] == CR:
        ends = ends[:-1]
    end = len(data) if final else (int(ends[-1]) + 1 if len(ends) else 0)
    ends = ends[ends < end]
    starts = np.concatenate(([0], ends + 1))
    stops = np.concatenate((ends, [end]))
    filled = starts < stops  # blank lines, and the half of CR LF between CR and LF
    used = quotes[quotes < end]
    return Frames(end, starts[filled], stops[filled], _is_regular(view[:end], used, separator))


def _is_regular(view: np.ndarray, quotes: np.ndarray, separator: int) -> bool:
    """Whether every quote opens a field, closes one, or is half of a doubled one."""
    if not len(quotes):
        return True
    if len(quotes) % 2:
        return False
    opening, closing = quotes[0::2], quotes[1::2]
    padded = np.concatenate(([LF], view, [LF]))
    before, after = padded[opening], padded[closing + 2]
    doubled = np.zeros(len(opening), bool)
    doubled[1:] = closing[:-1] + 1 == opening[1:]
    opens = doubled | (before == separator) | (before == LF) | (before == CR)
    joined = np.zeros(len(closing), bool)
    joined[:-1] = doubled[1:]
    closes = joined | (after == separator) | (after == LF) | (after == CR)
    return bool(opens.all() and closes.all())


def whole_line_ends(data: bytes) -> np.ndarray:
    """Places of the bytes that end a line; of CR LF, of the second."""
    view = np.frombuffer(data, np.uint8)
    if b"\r" not in data:
        return np.flatnonzero(view == LF)
    ends = line_ends(view)
    half = (view[ends] == CR) & (np.append(view, 0)[ends + 1] == LF)
    return np.asarray(ends[~half])


def count_lines(data: bytes) -> int:
    """How many lines end in a text; CR LF is one end."""
    if b"\r" not in data:
        return data.count(b"\n")
    return data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")
