"""What the types that Parquet, ORC and Avro files declare become.

| in the file | here |
|---|---|
| BOOLEAN, INT8 to INT64, FLOAT, DOUBLE, DATE, STRING, BINARY | the same |
| UINT8, UINT16, UINT32, UINT64 | INT16, INT32, INT64, DECIMAL(20,0) |
| FLOAT16 | FLOAT |
| DECIMAL of up to 38 digits, of any width | DECIMAL of 128 bits |
| DECIMAL of more digits | STRING, plain digits |
| TIMESTAMP of seconds, milliseconds, nanoseconds | microseconds; a value that has more is a reject |
| TIMESTAMP of Parquet's INT96 | the same, also before 1677 and after 2262 |
| TIMESTAMP with a zone | the same instant in UTC |
| TIME | STRING, `HH:MM:SS.ffffff`; nine places where a value needs them |
| UUID | STRING, as 8-4-4-4-12 hexadecimal digits |
| DURATION | BIGINT, in the file's own unit |
| a dictionary | the type of its values |
| large, view and fixed-size strings, binaries and lists | STRING, BINARY, ARRAY |
| any other extension (JSON, geometry) | the type it is stored as |
| STRUCT, ARRAY, MAP | the same, of what their parts become |
| UNION, INTERVAL, run-end encoded, a STRUCT without fields | the file is refused |
"""

from __future__ import annotations

import pyarrow as pa

from ingest_parts.columns import key_of
from ingest_parts.faults import Unreadable

MICROSECONDS = pa.timestamp("us")
MAX_DIGITS = 38

_SIMPLE = {
    pa.uint8(): pa.int16(),
    pa.uint16(): pa.int32(),
    pa.uint32(): pa.int64(),
    pa.uint64(): pa.decimal128(20, 0),
    pa.float16(): pa.float32(),
    pa.date64(): pa.date32(),
}
_SAME = (
    pa.types.is_boolean,
    pa.types.is_signed_integer,
    pa.types.is_floating,
    pa.types.is_date32,
    pa.types.is_null,
)
_TEXT = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_time)
_BYTES = (
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
    pa.types.is_fixed_size_binary,
)


def is_list(kind: pa.DataType) -> bool:
    """Whether it is a list of any make."""
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def is_uuid(kind: pa.DataType) -> bool:
    """Whether it is Arrow's UUID."""
    return isinstance(kind, pa.UuidType)


def normal_schema(schema: pa.Schema) -> pa.Schema:
    """The columns as they come out, by the table above.

    Raises:
        Unreadable: one cannot be read, or two have names that differ in case only.
    """
    fields = []
    seen: dict[str, str] = {}
    for field in schema:
        key = key_of(field.name)
        if key in seen:
            raise Unreadable(f"it has the column {field.name!r} twice, as names go without case")
        seen[key] = field.name
        try:
            fields.append(pa.field(field.name, normal_type(field.type)))
        except Unreadable as error:
            raise Unreadable(f"the column {field.name!r} {error}") from error
    return pa.schema(fields)


def normal_type(kind: pa.DataType) -> pa.DataType:  # noqa: PLR0911  a table
    """What one type becomes.

    Raises:
        Unreadable: it cannot be read.
    """
    if isinstance(kind, pa.BaseExtensionType):
        return pa.string() if is_uuid(kind) else normal_type(kind.storage_type)
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    if any(test(kind) for test in _SAME):
        return kind
    if any(test(kind) for test in _TEXT):
        return pa.string()
    if any(test(kind) for test in _BYTES):
        return pa.binary()
    if pa.types.is_decimal(kind):
        return pa.decimal128(kind.precision, kind.scale) if kind.precision <= MAX_DIGITS else pa.string()
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", "UTC" if kind.tz else None)
    if pa.types.is_duration(kind):
        return pa.int64()
    return _nested_type(kind)


def _nested_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return normal_type(kind.value_type)
    if is_list(kind):
        return pa.list_(normal_type(kind.value_type))
    if pa.types.is_map(kind):
        return pa.map_(normal_type(kind.key_type), normal_type(kind.item_type))
    if pa.types.is_struct(kind) and kind.num_fields:
        return pa.struct(normal_schema(pa.schema(list(kind))))
    raise Unreadable(f"has the type {kind}, which cannot be read")
