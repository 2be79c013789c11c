"""Nested values of XML: the JSON that carries them, their types, and what each of them is in a type.

XML knows no types. So each leaf is text, held to the rules of text as a column without parts is. An element
that comes once may be an array of one, and one without parts may be a struct of its own text (``_VALUE``):
which it is, the type says, and an inferred type is made from all elements of the name in the batch.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa

from ingest_parts.columns import key_of
from ingest_parts.faults import Unreadable

Value = Any  # text, a dict of values by name, a list of values, or None
Cast = tuple[pa.Array, np.ndarray]  # the values, null where they are bad; a mask of the bad ones
CastText = Callable[[pa.Array, pa.DataType], Cast]
InferText = Callable[[pa.Array], pa.DataType]
JoinTypes = Callable[[pa.DataType, pa.DataType], pa.DataType]

MAX_DEPTH = 32  # of the elements of a type that is inferred; what is deeper is JSON
MAX_FIELDS = 1000  # of a struct that is inferred; an element with more is a map by nature

OWN_TEXT = "_VALUE"
_OWN_KEY = key_of(OWN_TEXT)
# What JSON has a word for; all other text is a string.
_BARE = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?|true|false")


def to_json(value: Value) -> str:
    """A value as JSON; text that JSON has as a number or a word stays as it is written."""
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{to_json(part)}" for name, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(to_json, value)) + "]"
    return value if _BARE.fullmatch(value) else json.dumps(value, ensure_ascii=False)


def _from_json(value: str) -> Value:
    """The value of ``to_json``, digit by digit."""
    return _restore(json.loads(value, parse_int=str, parse_float=str))


def _restore(value: Any) -> Value:  # noqa: ANN401  of JSON
    if isinstance(value, dict):
        return {name: _restore(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_restore(part) for part in value]
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else value


def _values(texts: pa.Array, plain: np.ndarray) -> list[Value]:
    return [
        text if is_plain or text is None else _from_json(text)
        for text, is_plain in zip(texts.to_pylist(), plain.tolist(), strict=True)
    ]


@dataclass(frozen=True)
class _Rules:
    cast_text: CastText
    ignore_extra: bool
    inferred: bool


def cast_xml(
    texts: pa.Array,
    plain: np.ndarray,
    kind: pa.DataType,
    cast_text: CastText,
    *,
    ignore_extra: bool = False,
    inferred: bool = False,
) -> Cast:
    """Values of XML in that type, and a mask of those that do not fit it.

    Args:
        texts: of elements without parts their text, of all others JSON; null is null.
        plain: which of them are an element's text.
        kind: the type; a leaf goes to ``cast_text``.
        cast_text: casts the leaves of one column by the rules of flat ones.
        ignore_extra: parts that a declared struct has not are dropped.
        inferred: whether the type has to tell all parts: a declared STRING takes any element as JSON.
    """
    if plain.all() and not pa.types.is_nested(kind):
        return cast_text(texts, kind)
    rules = _Rules(cast_text, ignore_extra=ignore_extra and not inferred, inferred=inferred)
    return _cast(_values(texts, plain), kind, rules, 0)


def _cast(values: list[Value], kind: pa.DataType, rules: _Rules, depth: int) -> Cast:
    if pa.types.is_struct(kind):
        return _cast_struct(values, kind, rules, depth)
    if pa.types.is_map(kind):
        return _cast_map(values, kind, rules, depth)
    if pa.types.is_list(kind):
        return _cast_list(values, kind, rules, depth)
    nested = np.array([isinstance(value, dict | list) for value in values], np.bool_)
    takes_any = pa.types.is_string(kind) or pa.types.is_binary(kind)
    if takes_any and (not rules.inferred or depth >= MAX_DEPTH):
        texts = [to_json(value) if isinstance(value, dict | list) else value for value in values]
        nested[:] = False
    else:
        texts = [None if isinstance(value, dict | list) else value for value in values]
    cells, bad = rules.cast_text(pa.array(texts, pa.string()), kind)
    return cells, bad | nested


def _cast_struct(values: list[Value], kind: pa.DataType, rules: _Rules, depth: int) -> Cast:
    known = {key_of(field.name) for field in kind}
    rows = [_as_parts(value, has_text=_OWN_KEY in known) for value in values]
    bad = np.array([isinstance(row, str | list) for row in rows], np.bool_)
    keyed = [_by_key(row) if isinstance(row, dict) else {} for row in rows]
    if not rules.ignore_extra:
        bad |= np.array([not known.issuperset(row) for row in keyed], np.bool_)
    children = []
    for field in kind:
        key = key_of(field.name)
        cells, bad_cells = _cast([row.get(key) for row in keyed], field.type, rules, depth + 1)
        children.append(cells)
        bad |= bad_cells
    mask = pa.array(np.array([row is None for row in rows], np.bool_) | bad)
    return pa.StructArray.from_arrays(children, fields=list(kind), mask=mask), bad


def _as_parts(value: Value, *, has_text: bool) -> Value:
    """An element without parts as a struct has it: its own text, or nothing where that is blank."""
    if not isinstance(value, str):
        return value
    if has_text:
        return {OWN_TEXT: value}
    return value if value.strip() else None


def _by_key(parts: dict[str, Value]) -> dict[str, Value]:
    """Parts by what their names mean; two names of one meaning are one element that repeats."""
    found: dict[str, Value] = {}
    for name, value in parts.items():
        key = key_of(name)
        found[key] = [*_as_list(found[key]), *_as_list(value)] if key in found else value
    return found


def _as_list(value: Value) -> list[Value]:
    return value if isinstance(value, list) else [value]


def _cast_list(values: list[Value], kind: pa.DataType, rules: _Rules, depth: int) -> Cast:
    lists = [[] if value is None else _as_list(value) for value in values]
    items, bad_items = _cast(list(chain.from_iterable(lists)), kind.value_type, rules, depth)
    offsets, owners = _place([len(some) for some in lists])
    bad = np.zeros(len(values), np.bool_)
    bad[owners[bad_items]] = True
    mask = pa.array(np.array([value is None for value in values], np.bool_) | bad)
    return pa.ListArray.from_arrays(offsets, items, type=kind, mask=mask), bad


def _cast_map(values: list[Value], kind: pa.DataType, rules: _Rules, depth: int) -> Cast:
    rows = [_as_parts(value, has_text=False) for value in values]
    bad = np.array([isinstance(row, str | list) for row in rows], np.bool_)
    maps = [row if isinstance(row, dict) else {} for row in rows]
    names = pa.array(list(chain.from_iterable(maps)), pa.string())
    keys, bad_keys = rules.cast_text(names, kind.key_type)
    bad_keys = bad_keys | keys.is_null().to_numpy(zero_copy_only=False)  # a map has no null key
    parts = list(chain.from_iterable(some.values() for some in maps))
    items, bad_items = _cast(parts, kind.item_type, rules, depth + 1)
    _, owners = _place([len(some) for some in maps])
    bad[owners[bad_keys | bad_items]] = True
    kept = np.flatnonzero(~bad_keys)
    offsets, _ = _place(np.bincount(owners[kept], minlength=len(maps)).tolist())
    mask = pa.array(np.array([row is None for row in rows], np.bool_) | bad)
    taken = pa.array(kept)
    return pa.MapArray.from_arrays(offsets, keys.take(taken), items.take(taken), type=kind, mask=mask), bad


def _place(lengths: Sequence[int]) -> tuple[pa.Array, np.ndarray]:
    """The offsets of lists of these lengths, and of each item the list that it is in."""
    offsets = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    return pa.array(offsets), np.repeat(np.arange(len(lengths)), lengths)


def infer_xml(texts: pa.Array, plain: np.ndarray, infer_text: InferText) -> pa.DataType:
    """The type that a column's elements show: ARRAY where one repeats, STRUCT where one has parts.

    Args:
        texts: of elements without parts their text, of all others JSON; null is null.
        plain: which of them are an element's text.
        infer_text: infers a leaf's type.

    Raises:
        Unreadable: an element has more than ``MAX_FIELDS`` parts of different names.
    """
    if plain.all():
        return infer_text(texts)
    return _infer(_values(texts, plain), infer_text, 0)


def _infer(values: list[Value], infer_text: InferText, depth: int) -> pa.DataType:
    if depth >= MAX_DEPTH:
        return pa.string()
    if any(isinstance(value, list) for value in values):
        items = list(chain.from_iterable(_as_list(value) for value in values if value is not None))
        return pa.list_(_infer(items, infer_text, depth))
    if not any(isinstance(value, dict) for value in values):
        return infer_text(pa.array(values, pa.string()))
    names: dict[str, str] = {}
    for value in values:
        parts = _as_parts(value, has_text=isinstance(value, str) and bool(value.strip()))
        for name in parts or ():
            names.setdefault(key_of(name), name)
    if len(names) > MAX_FIELDS:
        raise Unreadable(
            f"an element of it has {len(names)} parts of different names, more than {MAX_FIELDS} of a struct "
            "that is inferred: declare its column, as STRING or MAP"
        )
    keyed = [_by_key(_as_parts(value, has_text=True) or {}) for value in values]
    return pa.struct(
        [
            pa.field(name, _infer([row.get(key) for row in keyed], infer_text, depth + 1))
            for key, name in names.items()
        ]
    )


def join_xml(left: pa.DataType, right: pa.DataType, join: JoinTypes) -> pa.DataType:
    """The type for elements of two types, of which one or both are nested; ``join`` joins their parts."""
    if pa.types.is_list(left) or pa.types.is_list(right):
        return pa.list_(join(_item_type(left), _item_type(right)))
    fields = {key_of(field.name): field for field in _parts_of(left)}
    for field in _parts_of(right):
        key = key_of(field.name)
        known = fields.get(key)
        fields[key] = known.with_type(join(known.type, field.type)) if known else field
    return pa.struct(list(fields.values()))


def _item_type(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_list(kind) else kind


def _parts_of(kind: pa.DataType) -> list[pa.Field]:
    return list(kind) if pa.types.is_struct(kind) else [pa.field(OWN_TEXT, kind)]


def with_text_leaves(kind: pa.DataType) -> pa.DataType:
    """The type with STRING for each of its leaves, which takes any text."""
    if pa.types.is_list(kind):
        return pa.list_(with_text_leaves(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(with_text_leaves(field.type)) for field in kind])
    return pa.string()
