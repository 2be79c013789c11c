"""Where JSON's objects begin and end, found by their brackets alone and not by parsing.

This is what counts the records of a file apart from its parser. Text between quotes counts for nothing. A
line break ends a string, since JSON allows none inside: so one missing quote spoils a line and not the file.
"""

from __future__ import annotations

import itertools

import numpy as np

Span = tuple[int, int]  # the bytes [start, end)

BLANKS = b" \t\r\n"
_QUOTE, _BACKSLASH, _NEWLINE, _COMMA = b'"\\\n,'
_OPEN_OBJECT, _CLOSE_OBJECT, _OPEN_ARRAY, _CLOSE_ARRAY = b"{}[]"
_TOKENS = bytes(byte in b'"\n,:{}[]' for byte in range(256))
_STEPS = np.zeros(256, np.int64)
_STEPS[[_OPEN_OBJECT, _OPEN_ARRAY]] = 1
_STEPS[[_CLOSE_OBJECT, _CLOSE_ARRAY]] = -1


def scan_tokens(data: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Places and bytes of brackets, commas and colons outside of strings, and of quotes that open one."""
    raw = np.frombuffer(data, np.uint8)
    places = np.flatnonzero(np.frombuffer(data.translate(_TOKENS), np.bool_))
    kinds = raw[places]
    quotes = kinds == _QUOTE
    if b"\\" in data:
        quotes[np.flatnonzero(quotes)[_escaped(raw, places[quotes])]] = False
    passed = np.cumsum(quotes)
    newline = kinds == _NEWLINE
    # quotes before the line that a token stands in: those that were passed at its last line break
    before = np.maximum.accumulate(np.where(newline, passed, 0))
    within = (passed - before) % 2 == 1
    # a quote that opens a string stands for its value; one that closes it or is escaped, for nothing
    kept = np.where(kinds == _QUOTE, quotes & within, ~within & ~newline)
    return places[kept], kinds[kept]


def _escaped(raw: np.ndarray, quotes: np.ndarray) -> np.ndarray:
    """Which of these quotes stand behind an odd number of backslashes."""
    slashes = np.flatnonzero(raw == _BACKSLASH)
    begins = np.ones(len(slashes), np.bool_)
    begins[1:] = np.diff(slashes) != 1
    run_starts = slashes[np.maximum.accumulate(np.where(begins, np.arange(len(slashes)), 0))]
    last = np.searchsorted(slashes, quotes) - 1  # the last backslash before each quote
    touches = (last >= 0) & (slashes[last] == quotes - 1)
    return touches & ((quotes - run_starts[last]) % 2 == 1)


def object_starts(data: bytes) -> list[int]:
    """Where objects of the top level begin.

    Inside of other values an object follows a comma, a colon or ``[``. One that does not is a document of its
    own, even where the one before it was never closed.
    """
    places, kinds = scan_tokens(data)
    previous = np.concatenate([np.zeros(1, np.uint8), kinds[:-1]]) if len(kinds) else kinds
    inner = np.isin(previous, np.frombuffer(b",:[", np.uint8))
    starts: list[int] = places[(kinds == _OPEN_OBJECT) & ~inner].tolist()
    return starts


def object_spans(data: bytes) -> list[Span]:
    """The objects of the top level, each up to the next one: what stands behind it is part of its span."""
    starts = object_starts(data)
    return [trim(data, span) for span in itertools.pairwise([*starts, len(data)])]


def separators(data: bytes, depth: int) -> tuple[list[int], list[int], int | None]:
    """What parts the elements of a top-level array: ``[``, commas and ``]`` of that level.

    Args:
        data: the text from the start of the array, or of one of its elements.
        depth: brackets that are open where the text begins: 0 or 1.

    Returns:
        Their places, their bytes, and where the text closes more brackets than it opened, if it does.
    """
    places, kinds = scan_tokens(data)
    depths = depth + np.cumsum(_STEPS[kinds])
    below = np.flatnonzero(depths < 0)
    stop = int(places[below[0]]) if len(below) else None
    if len(below):
        places, kinds, depths = places[: below[0]], kinds[: below[0]], depths[: below[0]]
    parts = (
        ((kinds == _COMMA) & (depths == 1))
        | ((_STEPS[kinds] < 0) & (depths == 0))
        | ((_STEPS[kinds] > 0) & (depths == 1))
    )
    return places[parts].tolist(), kinds[parts].tolist(), stop


def open_brackets(data: bytes) -> int:
    """How many brackets the text opens and does not close."""
    return int(_STEPS[scan_tokens(data)[1]].sum())


def line_spans(data: bytes) -> list[Span]:
    """The lines that are not blank, without their line ends."""
    breaks = np.flatnonzero(np.frombuffer(data, np.uint8) == _NEWLINE).tolist()
    if not data.endswith(b"\n"):
        breaks.append(len(data))
    spans = []
    start = 0
    blank = frozenset(BLANKS)
    for end in breaks:
        if start < end:
            if data[start] in blank or data[end - 1] in blank:
                span = trim(data, (start, end))
                if span[0] < span[1]:
                    spans.append(span)
            else:
                spans.append((start, end))
        start = end + 1
    return spans


def trim(data: bytes, span: Span) -> Span:
    """The span without the blanks at its ends."""
    start, end = span
    text = data[start:end]
    stripped = text.lstrip(BLANKS)
    start += len(text) - len(stripped)
    return start, start + len(stripped.rstrip(BLANKS))
