"""One type for values of two."""

from __future__ import annotations

import pyarrow as pa

from ingest_parts.columns import key_of
from ingest_parts.typed_types import MAX_DIGITS, is_list, normal_type

_DIGITS = {8: 3, 16: 5, 32: 10, 64: 19}  # of the largest integer of so many bits


def merge_types(first: pa.DataType, second: pa.DataType) -> pa.DataType:
    """The narrowest type that holds the values of both without change; STRING where there is none.

    BIGINT and DOUBLE make DOUBLE, though not every BIGINT fits: casting rejects the values that do not.
    """
    first, second = normal_type(first), normal_type(second)
    if first == second or pa.types.is_null(second):
        return first
    if pa.types.is_null(first):
        return second
    return _merge_numbers(first, second) or _merge_nested(first, second) or _merge_others(first, second)


def _merge_numbers(first: pa.DataType, second: pa.DataType) -> pa.DataType | None:
    types = pa.types
    if types.is_integer(first) and types.is_integer(second):
        return max(first, second, key=lambda kind: kind.bit_width)
    if types.is_floating(first) and types.is_floating(second):
        return pa.float64()
    if {types.is_integer(first), types.is_integer(second)} == {True, False} and (
        types.is_floating(first) or types.is_floating(second)
    ):
        return pa.float64()
    if (types.is_decimal(first) or types.is_integer(first)) and (
        types.is_decimal(second) or types.is_integer(second)
    ):
        return _merge_decimals(_as_decimal(first), _as_decimal(second))
    return None


def _as_decimal(kind: pa.DataType) -> tuple[int, int]:
    """Digits before the point and behind it."""
    if pa.types.is_decimal(kind):
        return kind.precision - kind.scale, kind.scale
    return _DIGITS[kind.bit_width], 0


def _merge_decimals(first: tuple[int, int], second: tuple[int, int]) -> pa.DataType:
    whole, scale = max(first[0], second[0]), max(first[1], second[1])
    return pa.decimal128(whole + scale, scale) if whole + scale <= MAX_DIGITS else pa.string()


def _merge_nested(first: pa.DataType, second: pa.DataType) -> pa.DataType | None:
    if is_list(first) and is_list(second):
        return pa.list_(merge_types(first.value_type, second.value_type))
    if pa.types.is_map(first) and pa.types.is_map(second):
        return pa.map_(
            merge_types(first.key_type, second.key_type), merge_types(first.item_type, second.item_type)
        )
    if not (pa.types.is_struct(first) and pa.types.is_struct(second)):
        return None
    fields = {key_of(field.name): field for field in first}
    for field in second:
        key = key_of(field.name)
        known = fields.get(key)
        fields[key] = pa.field(known.name, merge_types(known.type, field.type)) if known else field
    return pa.struct(list(fields.values()))


def _merge_others(first: pa.DataType, second: pa.DataType) -> pa.DataType:
    types = pa.types
    if types.is_timestamp(first) and types.is_timestamp(second):
        return pa.timestamp("us", "UTC")  # they differ in the zone only
    if types.is_date(first) and types.is_timestamp(second):
        return second
    if types.is_timestamp(first) and types.is_date(second):
        return first
    if {first, second} == {pa.string(), pa.binary()}:
        return pa.binary()
    return pa.string()
