"""Which texts of a column are surely of a shape, told from the column's bytes as a whole by numpy.

Each function answers with suspects: texts that may or may not be good. What is no suspect is of the plain
canonical shape, so that Arrow's parser can only give its exact value.
"""

# ruff: noqa: PLR2004 - places and limits of digits in numbers and dates
from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

Array = Any  # of numpy, whose operators promise no type

MINUS, DOT, ZERO, COLON, BLANK, LETTER_T, LETTER_Z = (ord(mark) for mark in "-.0: TZ")


class Cells:
    """The bytes of a column of strings, and where each text lies in them."""

    def __init__(self, values: pa.Array) -> None:
        width = np.int64 if pa.types.is_large_string(values.type) else np.int32
        _, offsets, data = values.buffers()
        size = len(values) + 1
        self.valid: Array = values.is_valid().to_numpy(zero_copy_only=False)
        places = (
            np.frombuffer(offsets, width)[values.offset : values.offset + size]
            if offsets
            else np.zeros(size, width)
        )
        base, end = int(places[0]), int(places[-1])
        body = np.frombuffer(data, np.uint8)[base:end] if data is not None else np.empty(0, np.uint8)
        self.data = np.concatenate((body, np.zeros(32, np.uint8)))  # room to look behind the last text
        self.starts = places[:-1].astype(np.int64) - base
        self.lengths = np.diff(places).astype(np.int64)
        self.size = end - base

    def byte(self, place: int) -> Array:
        """The byte at a place of each text; what lies behind a short text is another's."""
        return self.data[self.starts + place]

    def counts(self, mask: Array) -> Array:
        """How many bytes of each text are in a mask over the data."""
        if not mask.any():
            return np.zeros(len(self.starts), np.int64)
        sums = np.concatenate(([0], np.cumsum(mask)))
        return sums[self.starts + self.lengths] - sums[self.starts]


def _digits(data: Array) -> Array:
    return (data - np.uint8(ZERO)) <= 9


def _leading_zero(cells: Cells, negative: Array) -> Array:
    """Texts whose first digit is a zero that another digit follows."""
    first: Array = np.where(negative, cells.byte(1), cells.byte(0))
    second: Array = np.where(negative, cells.byte(2), cells.byte(1))
    more = cells.lengths > (1 + negative)
    return (first == ZERO) & more & _digits(second)


def suspect_integers(cells: Cells) -> Array:
    """Texts that are not plainly a whole number of at most 18 digits."""
    other = ~_digits(cells.data[: cells.size])
    negative = cells.byte(0) == MINUS
    strange = cells.counts(other) != negative
    digits = cells.lengths - negative
    return strange | (digits < 1) | (digits > 18) | _leading_zero(cells, negative)


def _plain_decimals(cells: Cells) -> tuple[Array, Array, Array]:
    """Texts that are not ``-12.34`` or ``12``; and how many digits and how many places each has."""
    data = cells.data[: cells.size]
    dot = data == DOT
    other = ~(_digits(data) | dot)
    negative = cells.byte(0) == MINUS
    dots = cells.counts(dot)
    strange = (cells.counts(other) != negative) | (dots > 1) | _leading_zero(cells, negative)
    first: Array = np.where(negative, cells.byte(1), cells.byte(0))
    last = cells.data[np.maximum(cells.starts + cells.lengths - 1, 0)]
    digits = cells.lengths - negative - dots
    strange |= (digits < 1) | (first == DOT) | (last == DOT)
    places = np.zeros(len(cells.starts), np.int64)
    if dot.any():
        where = np.flatnonzero(dot)
        index = np.searchsorted(where, cells.starts)
        position = where[np.minimum(index, len(where) - 1)] - cells.starts
        places = np.where(dots == 1, cells.lengths - position - 1, 0)
    return strange, digits, places


def suspect_floats(cells: Cells, sure_digits: int) -> Array:
    """Texts that are not plainly a number of so few digits that a float gives them back."""
    strange, digits, _ = _plain_decimals(cells)
    return strange | (digits > sure_digits)


def suspect_decimals(cells: Cells, precision: int, scale: int) -> Array:
    """Texts that are not plainly a number with so many digits before and behind the point."""
    strange, digits, places = _plain_decimals(cells)
    return strange | (places > scale) | (digits - places > precision - scale)


def _pairs(matrix: Array, place: int) -> Array:
    """The number that two digits make, beginning at a column of the matrix."""
    return (matrix[:, place] - np.uint8(ZERO)).astype(np.int16) * 10 + (matrix[:, place + 1] - np.uint8(ZERO))


def _bad_days(matrix: Array) -> Array:
    """Rows of bytes that do not begin with a real ``yyyy-MM-dd``."""
    shape = _digits(matrix[:, [0, 1, 2, 3, 5, 6, 8, 9]]).all(axis=1) & (matrix[:, [4, 7]] == MINUS).all(
        axis=1
    )
    year = _pairs(matrix, 0) * 100 + _pairs(matrix, 2)
    month, day = _pairs(matrix, 5), _pairs(matrix, 8)
    real = (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 28)  # later days: judged alone
    return ~(shape & real)


def _late_days(matrix: Array) -> Array:
    """Rows that are the 29th, 30th or 31st of a month that has it."""
    month, day = _pairs(matrix, 5), _pairs(matrix, 8)
    last = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])[
        np.where((month >= 1) & (month <= 12), month, 0)
    ]
    shape = _digits(matrix[:, [0, 1, 2, 3, 5, 6, 8, 9]]).all(axis=1) & (matrix[:, [4, 7]] == MINUS).all(
        axis=1
    )
    year = _pairs(matrix, 0) * 100 + _pairs(matrix, 2)
    return shape & (year >= 1) & (day >= 29) & (day <= last)


def _matrix(cells: Cells, rows: Array, width: int) -> Array:
    return cells.data[cells.starts[rows][:, None] + np.arange(width)]


def suspect_dates(cells: Cells) -> Array:
    """Texts that are not plainly a day as ISO 8601 writes it."""
    suspects = np.ones(len(cells.starts), bool)
    rows = np.flatnonzero(cells.lengths == 10)
    if len(rows):
        matrix = _matrix(cells, rows, 10)
        suspects[rows] = _bad_days(matrix) & ~_late_days(matrix)
    return suspects


def suspect_timestamps(cells: Cells, *, zoned: bool) -> Array:
    """Texts that are not plainly ``yyyy-MM-dd[T ]HH:mm:ss``, with a Z behind it where a zone may be named."""
    suspects = np.ones(len(cells.starts), bool)
    for width, named in ((19, False), (20, True)):
        rows = np.flatnonzero(cells.lengths == width) if zoned or not named else np.empty(0, np.int64)
        if not len(rows):
            continue
        matrix = _matrix(cells, rows, width)
        clock = _digits(matrix[:, [11, 12, 14, 15, 17, 18]]).all(axis=1) & (matrix[:, [13, 16]] == COLON).all(
            axis=1
        )
        clock &= (matrix[:, 10] == BLANK) | (matrix[:, 10] == LETTER_T)
        clock &= (_pairs(matrix, 11) < 24) & (_pairs(matrix, 14) < 60) & (_pairs(matrix, 17) < 60)
        if named:
            clock &= matrix[:, 19] == LETTER_Z
        suspects[rows] = ~clock | (_bad_days(matrix) & ~_late_days(matrix))
    return suspects
