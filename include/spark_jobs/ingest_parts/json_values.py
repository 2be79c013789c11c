"""Raw JSON of objects and arrays as STRUCT, ARRAY and MAP, and which of these they are."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest_parts.columns import key_of
from ingest_parts.json_columns import text_column

Cast = tuple[pa.Array, np.ndarray]  # the values, null where they are bad; a mask of the bad ones
CastText = Callable[[pa.Array, pa.DataType, np.ndarray], Cast]  # values, type, quoted
InferText = Callable[[pa.Array, np.ndarray], pa.DataType]  # values, quoted

MAX_DEPTH = 32  # of a type that is inferred; what is deeper stays JSON
MAX_FIELDS = 1000  # of a struct that is inferred; an object with more is a map by nature, and stays JSON

_OBJECTS = msgspec.json.Decoder(list[dict[str, msgspec.Raw] | None])
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LISTS = msgspec.json.Decoder(list[list[msgspec.Raw] | None])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_FAULTS = (msgspec.MsgspecError, UnicodeError, RecursionError)


@dataclass(frozen=True)
class _Rules:
    cast_text: CastText
    ignore_extra: bool


def cast_json(
    values: pa.Array,
    kind: pa.DataType,
    cast_text: CastText,
    *,
    quoted: np.ndarray | None = None,
    ignore_extra: bool = False,
) -> Cast:
    """Values of JSON in that type, and a mask of those that are none.

    Fields go by name without case; one that is missing is null. A value is bad where one of its leaves is,
    where it names a field twice, or a field that the struct has not.

    Args:
        values: the raw text of objects and arrays; null is null.
        kind: STRUCT, ARRAY or MAP; a leaf goes to ``cast_text``.
        cast_text: casts the leaves of one column by the rules of flat ones.
        quoted: which of the values are JSON strings; None where none is.
        ignore_extra: fields that the struct has not are dropped.
    """
    marks = np.zeros(len(values), np.bool_) if quoted is None else quoted
    return _cast(values, kind, marks, _Rules(cast_text, ignore_extra))


def _cast(values: pa.Array, kind: pa.DataType, quoted: np.ndarray, rules: _Rules) -> Cast:
    if not pa.types.is_nested(kind):
        return rules.cast_text(values, kind, quoted)
    texts = pc.if_else(pa.array(~quoted), values, pa.scalar(None, pa.string())).to_pylist()
    if pa.types.is_struct(kind):
        made, bad = _cast_struct(texts, kind, rules)
    elif pa.types.is_map(kind):
        made, bad = _cast_map(texts, kind, rules)
    else:
        made, bad = _cast_list(texts, kind, rules)
    return made, bad | (quoted & pc.is_valid(values).to_numpy(zero_copy_only=False))


def _cast_struct(texts: list[str | None], kind: pa.DataType, rules: _Rules) -> Cast:
    objects, bad = _decode_objects(texts)
    keyed = [None if row is None else {key_of(name): cell for name, cell in row.items()} for row in objects]
    children = []
    for field in kind:
        key = key_of(field.name)
        values, quoted = _raw_column([b"" if row is None else row.get(key, b"") for row in keyed])
        cells, bad_cells = _cast(values, field.type, quoted, rules)
        children.append(cells)
        bad |= bad_cells
    if not rules.ignore_extra:
        known = {key_of(field.name) for field in kind}
        bad |= np.array([row is not None and not known.issuperset(row) for row in keyed], np.bool_)
    mask = pa.array(np.array([row is None for row in keyed], np.bool_) | bad)
    return pa.StructArray.from_arrays(children, fields=list(kind), mask=mask), bad


def _cast_list(texts: list[str | None], kind: pa.DataType, rules: _Rules) -> Cast:
    lists, bad = _decode_lists(texts)
    values, quoted = _raw_column(list(chain.from_iterable(filter(None, lists))))
    items, bad_items = _cast(values, kind.value_type, quoted, rules)
    offsets, bad_lists = _fold([len(row or ()) for row in lists], bad_items)
    bad |= bad_lists
    mask = pa.array(np.array([row is None for row in lists], np.bool_) | bad)
    return pa.ListArray.from_arrays(offsets, items, type=kind, mask=mask), bad


def _cast_map(texts: list[str | None], kind: pa.DataType, rules: _Rules) -> Cast:
    objects, bad = _decode_objects(texts, by_case=True)
    names = pa.array(list(chain.from_iterable(filter(None, objects))), pa.string())
    # a name is always in quotes, which says nothing where the key is a number
    is_number = pa.types.is_decimal(kind.key_type) or (
        pa.types.is_primitive(kind.key_type) and not pa.types.is_temporal(kind.key_type)
    )
    keys, bad_keys = rules.cast_text(names, kind.key_type, np.full(len(names), not is_number))
    values, quoted = _raw_column([cell for row in filter(None, objects) for cell in row.values()])
    items, bad_items = _cast(values, kind.item_type, quoted, rules)
    kept = np.flatnonzero(~bad_keys)  # a map has no null key; a value with a bad one is bad itself
    lengths = [len(row or ()) for row in objects]
    _, bad_maps = _fold(lengths, bad_keys | bad_items)
    owners = np.repeat(np.arange(len(lengths)), lengths)[kept]
    offsets, _ = _fold(np.bincount(owners, minlength=len(lengths)), np.zeros(len(kept), np.bool_))
    bad |= bad_maps
    mask = pa.array(np.array([row is None for row in objects], np.bool_) | bad)
    taken = pa.array(kept)
    return pa.MapArray.from_arrays(offsets, keys.take(taken), items.take(taken), type=kind, mask=mask), bad


def _fold(lengths: Sequence[int] | np.ndarray, bad_items: np.ndarray) -> tuple[pa.Array, np.ndarray]:
    """Offsets of lists of these lengths, and which lists have a bad item."""
    offsets = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    bad = np.zeros(len(lengths), np.bool_)
    bad[np.repeat(np.arange(len(lengths)), lengths)[bad_items]] = True
    return pa.array(offsets), bad


def _raw_column(cells: list[Any]) -> tuple[pa.Array, np.ndarray]:
    """Text of the cells, and which are JSON strings."""
    lengths = np.fromiter(map(len, cells), np.int64, len(cells))
    return text_column(b"".join(cells), lengths)


def _decode_objects(
    texts: list[str | None], *, by_case: bool = False
) -> tuple[list[dict[str, Any] | None], Any]:
    """Each text as an object, None where it is none, and which are bad: no object, or with a name twice."""
    rows, bad = _decode(texts, _OBJECTS, _OBJECT)
    for index, row in enumerate(rows):
        if row is not None and _names_twice(texts[index] or "", row, by_case=by_case):
            rows[index] = None
            bad[index] = True
    return rows, bad


def _decode_lists(texts: list[str | None]) -> tuple[list[list[Any] | None], Any]:
    return _decode(texts, _LISTS, _LIST)


def _decode(
    texts: list[str | None], many: msgspec.json.Decoder[Any], one: msgspec.json.Decoder[Any]
) -> tuple[list[Any], Any]:
    bad = np.zeros(len(texts), np.bool_)
    try:
        rows = many.decode("[" + ",".join(["null" if text is None else text for text in texts]) + "]")
    except _FAULTS:
        rows = None
    if rows is not None and len(rows) == len(texts):
        return rows, bad
    rows = [None] * len(texts)
    for index, text in enumerate(texts):
        if text is not None:
            try:
                rows[index] = one.decode(text)
            except _FAULTS:
                bad[index] = True
    return rows, bad


def _names_twice(text: str, row: dict[str, Any], *, by_case: bool) -> bool:
    """Whether an object has a name twice.

    Each name has a colon behind it: where none is left over, none came twice.
    """
    keys = row if by_case else {key_of(name) for name in row}
    if len(keys) < len(row):
        return True
    cells = b"".join(row.values())
    expected = len(row) + sum(name.count(":") for name in row) + cells.count(b":")
    if expected == text.count(":") and "\\u003" not in text:
        return False
    try:
        pairs = json.loads(text, object_pairs_hook=lambda found: found)
    except (ValueError, RecursionError):
        return True
    return len(pairs) > len(row)


class _DisagreeError(Exception):
    """Objects, arrays and plain values in one column."""


def infer_json(values: pa.Array, quoted: np.ndarray, infer_text: InferText) -> pa.DataType:
    """The type of a column of JSON: STRUCT of its fields' types, ARRAY of its elements', or a leaf's.

    STRING, for the raw JSON, where values of one column are of different kinds. An array whose elements are
    is a STRING as a whole, so that ``"1"`` in it stays apart from ``1``.

    Args:
        values: text of strings, raw text of all else.
        quoted: which of the values are JSON strings.
        infer_text: infers a leaf's type from values and quoted.
    """
    try:
        return _infer(values, quoted, infer_text, 0)
    except _DisagreeError:
        return pa.string()


def _infer(values: pa.Array, quoted: np.ndarray, infer_text: InferText, depth: int) -> pa.DataType:
    there = pc.is_valid(values).to_numpy(zero_copy_only=False)
    firsts = pc.utf8_slice_codeunits(values, 0, 1)
    objects = pc.fill_null(pc.equal(firsts, "{"), fill_value=False).to_numpy(zero_copy_only=False) & ~quoted
    arrays = pc.fill_null(pc.equal(firsts, "["), fill_value=False).to_numpy(zero_copy_only=False) & ~quoted
    if not objects.any() and not arrays.any():
        return infer_text(values, quoted)
    if not (objects[there].all() or arrays[there].all()) or depth >= MAX_DEPTH:
        raise _DisagreeError
    texts = values.to_pylist()
    return _infer_list(texts, infer_text, depth) if arrays.any() else _infer_struct(texts, infer_text, depth)


def _infer_list(texts: list[str | None], infer_text: InferText, depth: int) -> pa.DataType:
    lists, bad = _decode_lists(texts)
    if bad.any():
        raise _DisagreeError
    values, quoted = _raw_column(list(chain.from_iterable(filter(None, lists))))
    return pa.list_(_infer(values, quoted, infer_text, depth + 1))


def _infer_struct(texts: list[str | None], infer_text: InferText, depth: int) -> pa.DataType:
    objects, bad = _decode_objects(texts)
    names: dict[str, str] = {}
    for name in dict.fromkeys(chain.from_iterable(filter(None, objects))):
        names.setdefault(key_of(name), name)
    if bad.any() or not 0 < len(names) <= MAX_FIELDS:
        raise _DisagreeError
    keyed = [None if row is None else {key_of(name): cell for name, cell in row.items()} for row in objects]
    fields = []
    for key, name in names.items():
        values, quoted = _raw_column([b"" if row is None else row.get(key, b"") for row in keyed])
        try:
            kind = _infer(values, quoted, infer_text, depth + 1)
        except _DisagreeError:
            kind = pa.string()
        fields.append(pa.field(name, kind))
    return pa.struct(fields)
