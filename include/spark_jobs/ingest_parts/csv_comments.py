"""Comments of a CSV text: lines with a mark where a record would begin; quotes in them mean nothing."""

from __future__ import annotations

import numpy as np

from ingest_parts.csv_framing import LF, line_ends


def blank_comments(data: bytes, *, mark: int, quote: int | None, final: bool) -> bytes:
    """The text with line feeds in place of its comments, so that every other byte stays where it is.

    Which lines begin within quotes is told by the count of the quotes before them. That is right as far as
    the quotes stand as RFC 4180 has them, and ``frame`` finds the first one that does not.

    Args:
        data: begins with a record.
        mark: the byte that a comment begins with.
        quote: the byte around fields; None where there is none.
        final: whether the text ends here; else a comment whose line does not end is cut off.
    """
    if mark not in data:
        return data
    view = np.frombuffer(data, np.uint8)
    ends = line_ends(view)
    starts, stops = np.concatenate(([0], ends + 1)), np.concatenate((ends, [len(data)]))
    filled = starts < stops
    starts, stops = starts[filled], stops[filled]
    marked = view[starts] == mark
    starts, stops = starts[marked], stops[marked]
    if quote is not None:
        quotes = np.flatnonzero(view == quote)
        outside = _are_outside(np.searchsorted(quotes, starts), np.searchsorted(quotes, stops))
        starts, stops = starts[outside], stops[outside]
    blanked = bytearray(data)
    for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
        if stop == len(data) and not final:
            return bytes(blanked[:start])
        blanked[start:stop] = bytes((LF,)) * (stop - start)
    return bytes(blanked)


def _are_outside(before: np.ndarray, within: np.ndarray) -> np.ndarray:
    """Which lines begin outside of quotes, by the count of quotes before each and before its end.

    Only a comment with an odd count of quotes changes what the count says of the lines behind it.
    """
    odd = np.flatnonzero((within - before) % 2)
    shifts = [0]
    for count in before[odd].tolist():
        shifts.append(shifts[-1] ^ ((count + shifts[-1]) % 2 == 0))
    passed = np.searchsorted(odd, np.arange(len(before)))
    outside: np.ndarray = (before + np.array(shifts)[passed]) % 2 == 0
    return outside
