"""Where JSON's objects begin and end, found by their brackets alone and not by parsing.

This is what counts the records of a file apart from its parser. Text between quotes counts for nothing. A
line break ends a string, since JSON allows none inside: so one missing quote spoils a line and not the file.
"""

from __future__ import annotations

import itertools

import numpy as np

Span = tuple[int, int]  # the bytes [start, end)
Spans = np.ndarray  # one a row: start and end

BLANKS = b" \t\r\n"
_QUOTE, _BACKSLASH, _NEWLINE, _COMMA = b'"\\\n,'
_OPEN_OBJECT, _CLOSE_OBJECT, _OPEN_ARRAY, _CLOSE_ARRAY = b"{}[]"
_TOKENS = bytes(byte in b'"\n,:{}[]' for byte in range(256))
_IS_BLANK = np.isin(np.arange(256), np.frombuffer(BLANKS, np.uint8))
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
    odd = np.asarray((quotes - run_starts[last]) % 2 == 1)
    return np.asarray(touches & odd)


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


def object_spans(data: bytes) -> Spans:
    """The objects of the top level, each up to the next one: what stands behind it is part of its span."""
    starts = object_starts(data)
    spans = [trim(data, span) for span in itertools.pairwise([*starts, len(data)])]
    return np.array(spans, np.int64) if spans else no_spans()


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


def line_spans(data: bytes) -> Spans:
    """The lines that are not blank, without their line ends."""
    raw = np.frombuffer(data, np.uint8)
    breaks = np.flatnonzero(raw == _NEWLINE)
    if not data.endswith(b"\n"):
        breaks = np.append(breaks, len(data))
    spans = np.column_stack([np.concatenate([[0], breaks[:-1] + 1]), breaks]) if len(breaks) else no_spans()
    spans = spans[spans[:, 0] < spans[:, 1]]
    padded = np.flatnonzero(_IS_BLANK[raw[spans[:, 0]]] | _IS_BLANK[raw[spans[:, 1] - 1]])
    for line in padded.tolist():
        spans[line] = trim(data, (int(spans[line, 0]), int(spans[line, 1])))
    return spans[spans[:, 0] < spans[:, 1]] if len(padded) else spans


def no_spans() -> Spans:
    """None at all."""
    return np.zeros((0, 2), np.int64)


def are_whole(data: bytes, spans: Spans) -> bool:
    """Whether each of them begins and ends with the brace of an object."""
    raw = np.frombuffer(data, np.uint8)
    return bool(np.all(raw[spans[:, 0]] == _OPEN_OBJECT) and np.all(raw[spans[:, 1] - 1] == _CLOSE_OBJECT))


def trim(data: bytes, span: Span) -> Span:
    """The span without the blanks at its ends."""
    start, end = span
    text = data[start:end]
    stripped = text.lstrip(BLANKS)
    start += len(text) - len(stripped)
    return start, start + len(stripped.rstrip(BLANKS))
