"""Typed values in another type, for as far as that type can give them back."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest_parts.columns import key_of
from ingest_parts.typed_text import to_text
from ingest_parts.typed_types import is_list, normal_type

Cast = tuple[pa.Array, np.ndarray]  # the values, null where they are bad; a mask of the bad ones
_Caster = Callable[[pa.Array], pa.Array]


def cast_typed(
    values: pa.Array, kind: pa.DataType, *, merged: bool = False, ignore_extra: bool = False
) -> Cast:
    """The values in that type, and a mask of those that it cannot give back.

    Integers change their width in range, numbers their kind where that is exact, decimals their scale without
    rounding, timestamps their unit without a remainder; one without a zone is UTC. Structs go by name without
    case: a missing field is null. Text takes any value in its canonical form.

    Args:
        values: of any type that a file can have but for views.
        kind: the type to give.
        merged: the type is one that `merge_types` made: a date becomes its midnight.
        ignore_extra: fields that a struct has not are dropped; else a value that has one is bad.
    """
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if isinstance(values.type, pa.BaseExtensionType) and not isinstance(values.type, pa.UuidType):
        values = values.storage
    if pa.types.is_float16(values.type):
        values = pc.cast(values, pa.float32())  # which holds each of them, and has kernels
    if values.type == kind:
        return values, np.zeros(len(values), np.bool_)
    if pa.types.is_null(values.type) or values.null_count == len(values):
        return pa.nulls(len(values), kind), np.zeros(len(values), np.bool_)
    if _is_nested(kind) and _is_nested(values.type):
        return _cast_nested(values, kind, merged=merged, ignore_extra=ignore_extra)
    if pa.types.is_string(kind):
        return _to_string(values)
    caster = _find_caster(values.type, kind, merged=merged)
    return _cast_in_halves(values, kind, caster)


def normalize(values: pa.Array) -> Cast:
    """The values in the type that their own becomes here; see `typed_types`."""
    kind = values.type
    if pa.types.is_duration(kind):
        values = pc.cast(values, pa.int64())
    return cast_typed(values, normal_type(kind))


def _is_nested(kind: pa.DataType) -> bool:
    return is_list(kind) or bool(pa.types.is_struct(kind) or pa.types.is_map(kind))


def _to_string(values: pa.Array) -> Cast:
    kind = values.type
    if pa.types.is_large_string(kind):
        return pc.cast(values, pa.string()), np.zeros(len(values), np.bool_)
    if pa.types.is_large_binary(kind):
        values = pc.cast(values, pa.binary())
    return to_text(values)


def _cast_in_halves(values: pa.Array, kind: pa.DataType, caster: _Caster | None) -> Cast:
    """Cast in one go; halve what does not go, until the bad values are alone."""
    bad = np.zeros(len(values), np.bool_)
    if caster is None:
        return pa.nulls(len(values), kind), pc.is_valid(values).to_numpy(zero_copy_only=False)
    parts: list[pa.Array] = []
    todo = [(0, len(values))]
    while todo:
        low, high = todo.pop()
        try:
            parts.append(caster(values.slice(low, high - low)))
        except (pa.ArrowInvalid, _Inexact):
            if high - low == 1:
                bad[low] = True
                parts.append(pa.nulls(1, kind))
            else:
                middle = (low + high) // 2
                todo += [(middle, high), (low, middle)]
    return pa.concat_arrays(parts), bad


class _Inexact(Exception):  # noqa: N818  a sign between two functions of this module
    """One of these values does not fit."""


def _find_caster(  # noqa: PLR0911  a table
    source: pa.DataType, kind: pa.DataType, *, merged: bool
) -> _Caster | None:
    """How values of one type become another's; None where the two have no value in common."""
    types = pa.types
    if types.is_timestamp(source) and types.is_timestamp(kind):
        return None if source.tz and not kind.tz else lambda values: pc.cast(values, kind)
    if types.is_date(source) and types.is_timestamp(kind):
        return (lambda values: pc.cast(values, kind)) if merged else None
    if types.is_date(source) and types.is_date(kind):
        return lambda values: pc.cast(values, kind)
    if types.is_timestamp(source) and types.is_date(kind):
        return None if source.tz else lambda values: _back_and_forth(values, kind)
    if _is_bytes(source) and types.is_binary(kind):
        return lambda values: pc.cast(values, kind)
    numbers = (types.is_integer, types.is_floating, types.is_decimal)
    if any(test(source) for test in numbers) and any(test(kind) for test in numbers):
        return lambda values: _cast_numbers(values, kind)
    return None


def _is_bytes(kind: pa.DataType) -> bool:
    tests = (
        pa.types.is_binary,
        pa.types.is_large_binary,
        pa.types.is_fixed_size_binary,
    )
    return any(test(kind) for test in (*tests, pa.types.is_string, pa.types.is_large_string))


def _back_and_forth(values: pa.Array, kind: pa.DataType) -> pa.Array:
    there = pc.cast(values, kind, safe=False)
    if not pc.cast(there, values.type, safe=False).equals(values):
        raise _Inexact
    return there


def _cast_numbers(values: pa.Array, kind: pa.DataType) -> pa.Array:
    types = pa.types
    source = values.type
    if types.is_floating(source) and types.is_floating(kind):
        return _cast_floats(values, kind)
    if types.is_floating(source) != types.is_floating(kind):
        if types.is_decimal(source) or types.is_decimal(kind):
            return _cast_by_digits(values, kind)
        # Arrow's own check refuses what changes, but takes integers beyond 2^53 that happen to be even
        return pc.cast(values, kind) if types.is_integer(kind) else _integers_to_floats(values, kind)
    if types.is_integer(source) and types.is_decimal(kind):
        # Arrow wants room for any INT64 before it looks at a value
        values = pc.cast(values, pa.decimal128(20, 0))
    elif types.is_decimal(source) and types.is_integer(kind):
        values = pc.cast(
            values, pa.decimal256(76, 0) if types.is_decimal256(source) else pa.decimal128(38, 0)
        )
    return pc.cast(values, kind)


def _cast_floats(values: pa.Array, kind: pa.DataType) -> pa.Array:
    there = pc.cast(values, kind, safe=False)
    back = pc.cast(there, values.type, safe=False)
    same = pc.or_(pc.equal(back, values), pc.and_(pc.is_nan(back), pc.is_nan(values)))
    if not pc.all(same, skip_nulls=True).as_py():
        raise _Inexact
    return there


def _integers_to_floats(values: pa.Array, kind: pa.DataType) -> pa.Array:
    there = pc.cast(values, kind, safe=False)
    limit = 2**24 if pa.types.is_float32(kind) else 2**53
    extremes = pc.min_max(values).as_py()
    if extremes["min"] is not None and (extremes["min"] < -limit or extremes["max"] > limit):
        pairs = zip(values.to_pylist(), there.to_pylist(), strict=True)
        if any(value is not None and int(back) != value for value, back in pairs):
            raise _Inexact
    return there


def _cast_by_digits(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """Between decimals and floats: the float written with its own digits is the decimal."""
    if pa.types.is_floating(kind):
        there = pa.array([None if value is None else float(value) for value in values.to_pylist()], kind)
        texts, _ = to_text(there)
        pairs = zip(values.to_pylist(), texts.to_pylist(), strict=True)
        if any(value is not None and Decimal(text) != value for value, text in pairs):
            raise _Inexact
        return there
    texts, _ = to_text(values)
    decimals = [None if text is None else Decimal(text) for text in texts.to_pylist()]
    if any(value is not None and not value.is_finite() for value in decimals):
        raise _Inexact
    return pa.array(decimals, kind)


def _cast_nested(values: pa.Array, kind: pa.DataType, **rules: bool) -> Cast:
    """Parts of structs, lists and maps; a value is bad where one of its parts is."""
    source = values.type
    whole = values.take(
        pa.array(np.arange(len(values)))
    )  # without the offset of a slice, nulls without content
    if pa.types.is_struct(source) and pa.types.is_struct(kind):
        return _cast_struct(whole, kind, **rules)
    if is_list(source) and is_list(kind):
        lengths = pc.fill_null(pc.list_value_length(whole), 0).to_numpy(zero_copy_only=False)
        items, bad_items = cast_typed(whole.flatten(), kind.value_type, **rules)
        offsets, bad = _fold(lengths, bad_items)
        made = pa.ListArray.from_arrays(offsets, items, type=kind, mask=pc.is_null(whole))
        return _without(made, bad)
    if pa.types.is_map(source) and pa.types.is_map(kind):
        lengths = np.diff(whole.offsets.to_numpy())
        keys, bad_keys = cast_typed(whole.keys, kind.key_type, **rules)
        items, bad_items = cast_typed(whole.items, kind.item_type, **rules)
        offsets, bad = _fold(lengths, bad_keys | bad_items)
        keys = pc.fill_null(keys, _any_key(keys)) if bad_keys.any() else keys
        made = pa.MapArray.from_arrays(offsets, keys, items, type=kind, mask=pc.is_null(whole))
        return _without(made, bad)
    return pa.nulls(len(values), kind), pc.is_valid(values).to_numpy(zero_copy_only=False)


def _any_key(keys: pa.Array) -> pa.Scalar:
    """A key for maps that are bad: Arrow has none without."""
    good = keys.drop_null()
    return good[0] if len(good) else pa.scalar("0", pa.string()).cast(keys.type)


def _fold(lengths: np.ndarray, bad_items: np.ndarray) -> tuple[pa.Array, np.ndarray]:
    offsets = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    bad = np.zeros(len(lengths), np.bool_)
    bad[np.repeat(np.arange(len(lengths)), lengths)[bad_items]] = True
    return pa.array(offsets), bad


def _without(values: pa.Array, bad: np.ndarray) -> Cast:
    return (
        pc.if_else(pa.array(~bad), values, pa.nulls(len(values), values.type)) if bad.any() else values
    ), bad


def _cast_struct(values: pa.Array, kind: pa.DataType, **rules: bool) -> Cast:
    parts = dict(zip([key_of(field.name) for field in values.type], values.flatten(), strict=True))
    bad = np.zeros(len(values), np.bool_)
    made = []
    for field in kind:
        part = parts.pop(key_of(field.name), None)
        cells, bad_cells = cast_typed(
            pa.nulls(len(values), field.type) if part is None else part, field.type, **rules
        )
        made.append(cells)
        bad |= bad_cells
    for extra in () if rules["ignore_extra"] else parts.values():  # fields that the type has no place for
        bad |= pc.is_valid(extra).to_numpy(zero_copy_only=False)
    mask = pa.array(pc.is_null(values).to_numpy(zero_copy_only=False) | bad)
    return pa.StructArray.from_arrays(made, fields=list(kind), mask=mask), bad
