"""Integer columns of regular CSV, converted while they are parsed; a sum of lengths proves each of them.

Arrow's conversion is lenient: ``007``, blanks, a hexadecimal number. But no text that it takes for a number
is shorter than the number written plainly, hexadecimal ones aside. So where all records together are as long
as all their values written plainly, with separators and quotes, every text was the plain one. Where they are
longer, or Arrow refuses one, the text is read again as text, and each value is judged by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest_parts.columns import Field, key_of

Parse = Callable[[Mapping[int, pa.DataType], Sequence[str]], pa.Table | None]

_TRIES = 3  # texts in a row that may fail before a file is read without it
_ZERO = ord("0")
_IS_X = bytes(chr(byte) in "xX" for byte in range(256))
_IN_WORD = np.array([chr(byte).isascii() and chr(byte).isalnum() for byte in range(256)])


class Integers:
    """The integer columns of one file.

    Args:
        names: of the file's fields, in order.
        fields: the columns of the output.
        nulls: texts that stand for a missing value, the empty one first.
        quote: around fields; None where there is none.
    """

    def __init__(
        self, names: Sequence[str], fields: Sequence[Field], nulls: Sequence[str], quote: bytes | None
    ) -> None:
        kinds = {field.key: field.target.arrow for field in fields if pa.types.is_integer(field.target.arrow)}
        found = {place: kinds.get(key_of(name)) for place, name in enumerate(names)}
        self._kinds = {place: kind for place, kind in found.items() if kind is not None}
        self._width = len(names)
        self._nulls = [text.encode() for text in nulls]
        self._quote = quote
        self._tries = _TRIES

    def parse(self, data: bytes, size: int, parse: Parse) -> list[pa.Array] | None:
        """All columns of a text, None where one of them has to be judged value by value.

        Args:
            data: whole records, every one of them to be read.
            size: bytes of the records without their line ends.
            parse: parses the text, given the types of columns by their place, and the texts that are null;
                None where a row does not fit.
        """
        if not (self._kinds and self._tries):
            return None
        self._tries -= 1
        there = [null for null in self._nulls[1:] if null in data] or self._nulls[:1]
        if len(there) > 1 or _has_hexadecimal(data):
            return None
        null = there[0]
        try:
            table = parse(self._kinds, [null.decode()])
        except pa.ArrowInvalid:
            table = None
        columns = [column.combine_chunks() for column in table.columns] if table is not None else []
        if null and any(map(_has_empty_text, columns)):
            return None  # an empty field is null as well
        if table is None or size != self._measure(columns, table.num_rows, len(null), data):
            return None
        self._tries = _TRIES
        return columns

    def _measure(self, columns: list[pa.Array], rows: int, null_size: int, data: bytes) -> int:
        """Bytes of records in which every value is written plainly."""
        size = rows * (self._width - 1)
        for column in columns:
            size += column.null_count * null_size
            size += _text_bytes(column) if pa.types.is_string(column.type) else _plain_bytes(column)
        if self._quote is not None and self._quote in data:
            size += data.count(self._quote)
            size -= sum(_count_bytes(column, self._quote) for column in columns)
        return size


def _has_hexadecimal(data: bytes) -> bool:
    """Whether a hexadecimal number may begin anywhere: ``0x`` that is not within a word."""
    view = np.frombuffer(data, np.uint8)
    places = np.flatnonzero(np.frombuffer(data.translate(_IS_X), np.bool_))
    places = places[places > 0]
    places = places[view[places - 1] == _ZERO]
    before = np.where(places > 1, view[places - 2], 0)
    return not _IN_WORD[before].all()


def _has_empty_text(column: pa.Array) -> bool:
    if not pa.types.is_string(column.type):
        return False
    return bool(pc.any(pc.equal(pc.binary_length(column), 0)).as_py())


def _offsets(column: pa.Array) -> np.ndarray:
    return np.frombuffer(column.buffers()[1], np.int32)[column.offset : column.offset + len(column) + 1]


def _text_bytes(column: pa.Array) -> int:
    if not len(column):
        return 0
    offsets = _offsets(column)
    return int(offsets[-1]) - int(offsets[0])


def _count_bytes(column: pa.Array, byte: bytes) -> int:
    """How often a byte stands in a column of text."""
    if not pa.types.is_string(column.type) or not _text_bytes(column):
        return 0
    offsets = _offsets(column)
    text = column.buffers()[2].slice(int(offsets[0]), int(offsets[-1]) - int(offsets[0]))
    return int(text.to_pybytes().count(byte))


def _plain_bytes(column: pa.Array) -> int:
    """Bytes of the integers, each written with no more digits than it needs."""
    values = column.drop_null().to_numpy()
    if not len(values):
        return 0
    size = len(values) + int(np.count_nonzero(values < 0))
    least, most = int(values.min()), int(values.max())
    bound = 10
    while bound <= most or -bound >= least:
        size += int(np.count_nonzero(values >= bound)) if bound <= most else 0
        size += int(np.count_nonzero(values <= -bound)) if -bound >= least else 0
        bound *= 10
    return size
