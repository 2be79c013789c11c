"""Decoded rows of JSON as columns of text: the unescaped text of strings, the raw text of everything else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest_parts.blocks import Column
from ingest_parts.columns import key_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingest_parts.json_decoding import Decoded, RowShape

_STRINGS = msgspec.json.Decoder(list[str])
_QUOTE, _BACKSLASH, _NULL = b'"\\n'


def build_columns(decoded: Decoded, shape: RowShape, data: bytes) -> dict[str, Column]:
    """The columns of a frame's rows; rows that name a column twice become faults of it."""
    names = shape.names
    cells = shape.cells(decoded.rows)
    lengths = np.fromiter(map(len, cells), np.int64, len(cells))
    text = b"".join(cells)  # Raw is a buffer
    twice = _rows_with_doubles(decoded, names, data, (text, lengths))
    if twice:
        for index, name in sorted(twice.items()):
            decoded.faults.append((tuple(decoded.spans[index].tolist()), f"names the column {name!r} twice"))
        decoded.rows = [row for index, row in enumerate(decoded.rows) if index not in twice]
        decoded.spans = np.delete(decoded.spans, list(twice), axis=0)
        return build_columns(decoded, shape, data)
    values, quoted = text_column(text, lengths)
    columns = {}
    for fields in _by_key(names).values():
        parts = [_cut_column(values, quoted, slice(field, None, len(names))) for field in fields]
        columns[names[fields[0]]] = parts[0] if len(parts) == 1 else _coalesce(parts)
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


def _rows_with_doubles(
    decoded: Decoded, names: Sequence[str], data: bytes, cells: tuple[bytes, Any]
) -> dict[int, str]:
    """Rows that have a name twice, with the name; also where the two differ in case only.

    msgspec keeps the last of two equal names and says nothing. But every colon of a row stands behind a name,
    or in a name or a value that was kept: where the text has more colons than these, a name came twice.
    """
    same_key = [fields for fields in _by_key(names).values() if len(fields) > 1]
    if not same_key and _colons_of_text(decoded, data) == _colons_of_rows(names, data, cells):
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


def _colons_of_rows(names: Sequence[str], data: bytes, cells: tuple[bytes, Any]) -> int:
    """The colons that the decoded rows account for; -1 where a name may hide one behind an escape."""
    text, lengths = cells
    there = np.count_nonzero(lengths.reshape(-1, len(names)), axis=0) if names else []
    if any(":" in name for name in names) and b"\\u003" in data:
        return -1
    own = sum(int(count) * (1 + name.count(":")) for count, name in zip(there, names, strict=True))
    return own + text.count(b":")


def _double(record: bytes) -> str | None:
    pairs = json.loads(record, object_pairs_hook=lambda found: found)
    seen: set[str] = set()
    for name, _ in pairs:
        key = key_of(name)
        if key in seen:
            return str(name)
        seen.add(key)
    return None
