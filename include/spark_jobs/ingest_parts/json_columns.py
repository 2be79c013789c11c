"""Decoded rows of JSON as columns of text: the unescaped text of strings, the raw text of everything else."""

from __future__ import annotations

import json
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest_parts.blocks import Column
from ingest_parts.json_decoding import ABSENT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingest_parts.json_decoding import Decoded

_STRINGS = msgspec.json.Decoder(list[str])
_QUOTE, _BACKSLASH, _NULL = b'"\\n'


def name_key(name: str) -> str:
    """What two names have in common that are one column's."""
    return name.strip().lower()


def build_columns(decoded: Decoded, names: Sequence[str], data: bytes) -> dict[str, Column]:
    """The columns of a frame's rows; rows that name a column twice become faults of it."""
    twice = _rows_with_doubles(decoded, names, data)
    if twice:
        for index, name in sorted(twice.items()):
            decoded.faults.append((decoded.spans[index], f"names the column {name!r} twice"))
        decoded.rows = [row for index, row in enumerate(decoded.rows) if index not in twice]
        decoded.spans = [span for index, span in enumerate(decoded.spans) if index not in twice]
    columns = {}
    for fields in _by_key(names).values():
        cells = [_cells(decoded, field) for field in fields]
        one = cells[0] if len(cells) == 1 else [next(filter(len, row), ABSENT) for row in zip(*cells, strict=True)]
        columns[names[fields[0]]] = text_column(one)
    return columns


def text_column(cells: list[msgspec.Raw]) -> Column:
    """One column of raw values; an empty one is a value that is not there."""
    data = b"".join(cells)  # type: ignore[arg-type]  Raw is a buffer
    lengths = np.fromiter(map(len, cells), np.int64, len(cells))
    offsets = np.zeros(len(cells) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    raw = np.frombuffer(data, np.uint8)
    firsts = np.zeros(len(cells), np.uint8)
    there = lengths > 0
    firsts[there] = raw[offsets[:-1][there]]
    quoted = firsts == _QUOTE
    escaped = _escaped_cells(raw, offsets, quoted) if b"\\" in data else []
    if quoted.any():
        kept = np.ones(len(raw), np.bool_)
        kept[offsets[:-1][quoted]] = False
        kept[offsets[1:][quoted] - 1] = False
        raw = raw[kept]
        np.cumsum(lengths - 2 * quoted, out=offsets[1:])
    values = _strings(raw, offsets, there & (firsts != _NULL))
    if len(escaped):
        values = _unescape(values, escaped, cells)
    return Column(values, is_text=True, quoted=quoted)


def _strings(raw: Any, offsets: Any, valid: Any) -> Any:
    buffers = [
        None if valid.all() else pa.py_buffer(np.packbits(valid, bitorder="little")),
        pa.py_buffer(offsets.astype(np.int32)),
        pa.py_buffer(raw),
    ]
    return pa.Array.from_buffers(pa.string(), len(valid), buffers)


def _escaped_cells(raw: Any, offsets: Any, quoted: Any) -> Any:
    """The strings that have a backslash."""
    cells = np.unique(np.searchsorted(offsets, np.flatnonzero(raw == _BACKSLASH), side="right") - 1)
    return cells[quoted[cells]]


def _unescape(values: Any, places: Any, cells: list[msgspec.Raw]) -> Any:
    texts = _STRINGS.decode(b"[" + b",".join([cells[place] for place in places]) + b"]")  # type: ignore[misc]
    mask = np.zeros(len(values), np.bool_)
    mask[places] = True
    return pc.replace_with_mask(values, pa.array(mask), pa.array(texts, pa.string()))


def _cells(decoded: Decoded, field: int) -> list[msgspec.Raw]:
    return list(map(attrgetter(f"cell_{field}"), decoded.rows))


def _by_key(names: Sequence[str]) -> dict[str, list[int]]:
    fields: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        fields.setdefault(name_key(name), []).append(index)
    return fields


def _rows_with_doubles(decoded: Decoded, names: Sequence[str], data: bytes) -> dict[int, str]:
    """Rows that have a name twice, with the name; also where the two differ in case only.

    msgspec keeps the last of two equal names and says nothing. But every colon of a row stands behind a name, or
    in a name or a value that was kept: where the colons of the text are more than these, a name came twice.
    """
    same_key = [fields for fields in _by_key(names).values() if len(fields) > 1]
    if not same_key and _colons_of_text(decoded, data) == _colons_of_rows(decoded, names, data):
        return {}
    twice = {}
    for index, (start, end) in enumerate(decoded.spans):
        name = _double(data[start:end])
        if name is not None:
            twice[index] = name
    return twice


def _colons_of_text(decoded: Decoded, data: bytes) -> int:
    if len(decoded.spans) and not decoded.faults:
        return data.count(b":", decoded.spans[0][0], decoded.spans[-1][1])
    return sum(data.count(b":", start, end) for start, end in decoded.spans)


def _colons_of_rows(decoded: Decoded, names: Sequence[str], data: bytes) -> int:
    """The colons that the decoded rows account for; -1 where a name hides one behind an escape."""
    if any(":" in name for name in names) and b"\\u003" in data:
        return -1
    count = 0
    for index, name in enumerate(names):
        cells = _cells(decoded, index)
        there = sum(map(bool, map(len, cells)))
        count += there * (1 + name.count(":")) + b"".join(cells).count(b":")  # type: ignore[arg-type]
    return count


def _double(record: bytes) -> str | None:
    pairs = json.loads(record, object_pairs_hook=lambda found: found)
    seen: set[str] = set()
    for name, _ in pairs:
        key = name_key(name)
        if key in seen:
            return str(name)
        seen.add(key)
    return None
