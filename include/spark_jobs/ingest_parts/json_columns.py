"""Decoded rows of JSON as columns of text: the unescaped text of strings, the raw text of everything else."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any, Self

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest_parts.blocks import Column
from ingest_parts.columns import key_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingest_parts.json_decoding import Decoded
    from ingest_parts.json_shape import RowShape

_STRINGS = msgspec.json.Decoder(list[str])
_QUOTE, _BACKSLASH, _NULL = b'"\\n'


@dataclass(frozen=True)
class _Cells:
    """The cells of rows, one row behind the other.

    ``names`` are the columns of every row, where rows have all of them, or the name of each cell; ``owners``
    are then the rows that the cells are of.
    """

    text: bytes
    lengths: np.ndarray
    names: list[str]
    owners: np.ndarray | None = None

    @classmethod
    def of(cls, rows: list[Any], names: list[str]) -> Self:
        """All cells of structs, row by row as they lie in memory: by columns it takes four times as long."""
        cells = list(chain.from_iterable(map(msgspec.structs.astuple, rows)))
        return cls(b"".join(cells), _lengths(cells), names)  # Raw is a buffer

    @classmethod
    def there(cls, rows: list[dict[str, Any]]) -> Self:
        """The cells that dicts have."""
        cells = list(chain.from_iterable(map(dict.values, rows)))
        owners = np.repeat(np.arange(len(rows)), _lengths(rows))
        return cls(b"".join(cells), _lengths(cells), list(chain.from_iterable(rows)), owners)

    def count_colons(self) -> int:
        """The colons that these cells and their names account for."""
        if self.owners is not None:
            return len(self.names) + "".join(self.names).count(":") + self.text.count(b":")
        there = np.count_nonzero(self.lengths.reshape(-1, len(self.names)), axis=0) if self.names else []
        own = sum(int(count) * (1 + name.count(":")) for count, name in zip(there, self.names, strict=True))
        return own + self.text.count(b":")


def _lengths(items: list[Any]) -> np.ndarray:
    return np.fromiter(map(len, items), np.int64, len(items))


def build_columns(decoded: Decoded, shape: RowShape, data: bytes) -> dict[str, Column]:
    """The columns of a frame's rows; rows that name a column twice become faults of it."""
    rows = decoded.rows
    cells = _Cells.there(rows) if shape.are_dicts else _Cells.of(rows, shape.names)
    twice = _rows_with_doubles(decoded, cells, data)
    if twice:
        for index, name in sorted(twice.items()):
            decoded.faults.append((tuple(decoded.spans[index].tolist()), f"names the column {name!r} twice"))
        decoded.rows = [row for index, row in enumerate(rows) if index not in twice]
        decoded.spans = np.delete(decoded.spans, list(twice), axis=0)
        return build_columns(decoded, shape, data)
    if cells.owners is not None:
        return _spread(cells, cells.owners, shape.names, len(rows))
    values, quoted = text_column(cells.text, cells.lengths)
    columns = {}
    for fields in _by_key(shape.names).values():
        parts = [_cut_column(values, quoted, slice(field, None, len(shape.names))) for field in fields]
        columns[shape.names[fields[0]]] = parts[0] if len(parts) == 1 else _coalesce(parts)
    return columns


def _spread(cells: _Cells, owners: np.ndarray, names: Sequence[str], rows: int) -> dict[str, Column]:
    """The columns that have a cell at all, each cell in the row that owns it."""
    values, quoted = text_column(cells.text, cells.lengths)
    firsts: dict[str, int] = {}
    columns_of = {name: firsts.setdefault(key_of(name), place) for place, name in enumerate(names)}
    kept = np.fromiter((columns_of.get(name, -1) for name in cells.names), np.int64, len(cells.names))
    order = np.argsort(kept, kind="stable")
    order = order[np.count_nonzero(kept < 0) :]
    found, starts = np.unique(kept[order], return_index=True)
    columns = {}
    bounds = pairwise([*starts.tolist(), len(order)])
    for place, (start, end) in zip(found.tolist(), bounds, strict=True):
        own = order[start:end]
        at = owners[own]  # a row has one of them at most
        places, marks = np.full(rows, -1, np.int64), np.zeros(rows, np.bool_)
        places[at], marks[at] = own, quoted[own]
        column = pc.take(values, pa.array(places, mask=places < 0))
        columns[names[place]] = Column(column, is_text=True, quoted=marks)
    return columns


def _cut_column(values: pa.Array, quoted: np.ndarray, cells: slice) -> Column:
    places = pa.array(np.arange(len(values))[cells])
    return Column(pc.take(values, places), is_text=True, quoted=quoted[cells])


def _coalesce(parts: list[Column]) -> Column:
    """One column of several, of which each row has one at most."""
    quoted = np.logical_or.reduce([part.quoted for part in parts if part.quoted is not None])
    return Column(pc.coalesce(*[part.values for part in parts]), is_text=True, quoted=quoted)


def text_column(data: bytes, lengths: np.ndarray) -> tuple[pa.Array, np.ndarray]:
    """Text of raw values that stand one behind the other, and which are strings; an empty one is null."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    raw = np.frombuffer(data, np.uint8)
    firsts = np.zeros(len(lengths), np.uint8)
    there = lengths > 0
    firsts[there] = raw[offsets[:-1][there]]
    quoted = firsts == _QUOTE
    escaped, texts = np.empty(0, np.int64), list[str]()
    if b"\\" in data:
        escaped, texts = _unescape(data, raw, offsets, quoted)
    if quoted.any():
        kept = np.ones(len(raw), np.bool_)
        kept[offsets[:-1][quoted]] = False
        kept[offsets[1:][quoted] - 1] = False
        raw = raw[kept]
        np.cumsum(lengths - 2 * quoted, out=offsets[1:])
    values = _strings(raw, offsets, there & (firsts != _NULL))
    if len(escaped):
        mask = np.zeros(len(values), np.bool_)
        mask[escaped] = True
        values = pc.replace_with_mask(values, pa.array(mask), pa.array(texts, pa.string()))
    return values, quoted


def _strings(raw: np.ndarray, offsets: np.ndarray, valid: np.ndarray) -> pa.Array:
    buffers = [
        None if valid.all() else pa.py_buffer(np.packbits(valid, bitorder="little")),
        pa.py_buffer(offsets.astype(np.int32)),
        pa.py_buffer(raw),
    ]
    return pa.Array.from_buffers(pa.string(), len(valid), buffers)


def _unescape(
    data: bytes, raw: np.ndarray, offsets: np.ndarray, quoted: np.ndarray
) -> tuple[np.ndarray, list[str]]:
    """The strings that have a backslash: which they are, and what they say."""
    cells = np.unique(np.searchsorted(offsets, np.flatnonzero(raw == _BACKSLASH), side="right") - 1)
    cells = cells[quoted[cells]]
    spans = zip(offsets[cells].tolist(), offsets[cells + 1].tolist(), strict=True)
    return cells, _STRINGS.decode(b"[" + b",".join([data[start:end] for start, end in spans]) + b"]")


def _by_key(names: Sequence[str]) -> dict[str, list[int]]:
    fields: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        fields.setdefault(key_of(name), []).append(index)
    return fields


def _rows_with_doubles(decoded: Decoded, cells: _Cells, data: bytes) -> dict[int, str]:
    """Rows that have a name twice, with the name; also where the two differ in case only.

    msgspec keeps the last of two equal names and says nothing. But every colon of a row stands behind a name,
    or in a name or a value that was kept: where the text has more colons than these, a name came twice. A
    name may hide a colon behind an escape.
    """
    names = cells.names if cells.owners is None else list(dict.fromkeys(cells.names))
    has_hidden = b"\\u003" in data and any(":" in name for name in names)
    if (
        len(set(map(key_of, names))) == len(names)
        and not has_hidden
        and _colons_of_text(decoded, data) == cells.count_colons()
    ):
        return {}
    twice = {}
    for index, (start, end) in enumerate(decoded.spans.tolist()):
        name = _double(data[start:end])
        if name is not None:
            twice[index] = name
    return twice


def _colons_of_text(decoded: Decoded, data: bytes) -> int:
    if len(decoded.spans) and not decoded.faults:
        return data.count(b":", decoded.spans[0, 0], decoded.spans[-1, 1])
    return sum(data.count(b":", start, end) for start, end in decoded.spans.tolist())


def _double(record: bytes) -> str | None:
    pairs = json.loads(record, object_pairs_hook=lambda found: found)
    seen: set[str] = set()
    for name, _ in pairs:
        key = key_of(name)
        if key in seen:
            return str(name)
        seen.add(key)
    return None
