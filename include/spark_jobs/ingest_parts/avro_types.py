"""Avro's types as Arrow's, and Avro's values as far as Arrow takes them.

| in the file | here |
|---|---|
| null, boolean, int, long, float, double, bytes, string | the same |
| record, array, map | STRUCT, ARRAY, MAP |
| enum, uuid, time | STRING |
| fixed | BINARY |
| decimal of up to 38 digits; of more | DECIMAL; STRING |
| date | DATE |
| timestamp-millis, timestamp-micros; local ones | TIMESTAMP in UTC; TIMESTAMP without a zone |
| any other logical type | the type it is stored as |
| a union with null | the other type; of several | the type that holds them all, or STRING |
| a type that has itself as a part | the file is refused |
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

import pyarrow as pa

from ingest_parts.faults import Unreadable
from ingest_parts.typed_merging import merge_types
from ingest_parts.typed_text import row_text
from ingest_parts.typed_types import MAX_DIGITS

_PRIMITIVE = {
    "null": pa.null(),
    "boolean": pa.bool_(),
    "int": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "bytes": pa.binary(),
    "string": pa.string(),
}
_LOGICAL = {
    "date": pa.date32(),
    "uuid": pa.string(),
    "time-millis": pa.string(),
    "time-micros": pa.string(),
    "timestamp-millis": pa.timestamp("us", "UTC"),
    "timestamp-micros": pa.timestamp("us", "UTC"),
    "local-timestamp-millis": pa.timestamp("us"),
    "local-timestamp-micros": pa.timestamp("us"),
}
_NAMED = ("record", "error", "enum", "fixed")


AvroSchema = Any  # a name, a union's list, or a dict
Value = Any  # one of fastavro's


class AvroTypes:
    """The types of one schema; named ones are known from where they are first spelled out."""

    def __init__(self) -> None:
        self._named: dict[str, pa.DataType | None] = {}

    def convert(self, schema: AvroSchema) -> pa.DataType:
        """What a schema's type becomes.

        Raises:
            Unreadable: it has itself as a part, or is none that Avro has.
        """
        if isinstance(schema, list):
            kind = pa.null()
            for member in schema:
                kind = merge_types(kind, self.convert(member))
            return kind
        if isinstance(schema, str):
            return self._find(schema)
        logical = _logical_type(schema)
        if logical is not None:
            return logical
        name = schema.get("name")
        if schema["type"] in _NAMED and name:
            self._named[name] = None
        kind = self._complex(schema)
        if schema["type"] in _NAMED and name:
            self._named[name] = kind
        return kind

    def _find(self, name: str) -> pa.DataType:
        if name in _PRIMITIVE:
            return _PRIMITIVE[name]
        kind = self._named.get(name)
        if kind is None:
            raise Unreadable(f"its type {name!r} has itself as a part, which no table can hold")
        return kind

    def _complex(self, schema: dict[str, Any]) -> pa.DataType:
        kind = schema["type"]
        if kind in ("record", "error"):
            return pa.struct(
                [pa.field(field["name"], self.convert(field["type"])) for field in schema["fields"]]
            )
        if kind == "array":
            return pa.list_(self.convert(schema["items"]))
        if kind == "map":
            return pa.map_(pa.string(), self.convert(schema["values"]))
        if kind == "enum":
            return pa.string()
        if kind == "fixed":
            return pa.binary()
        return self.convert(kind)


def _logical_type(schema: dict[str, Any]) -> pa.DataType | None:
    name = schema.get("logicalType")
    if name == "decimal":
        digits, scale = schema["precision"], schema.get("scale", 0)
        return pa.decimal128(digits, scale) if digits <= MAX_DIGITS else pa.string()
    return _LOGICAL.get(str(name))


def fit(value: Value, kind: pa.DataType) -> Value:  # noqa: PLR0911  a table
    """A value of fastavro's as Arrow takes it for this type."""
    if value is None:
        return None
    if pa.types.is_struct(kind):
        return {field.name: fit(value.get(field.name), field.type) for field in kind}
    if pa.types.is_list(kind):
        return [fit(item, kind.value_type) for item in value]
    if pa.types.is_map(kind):
        return [(key, fit(item, kind.item_type)) for key, item in value.items()]
    if pa.types.is_string(kind) and not isinstance(value, str):
        return _text(value)
    if pa.types.is_binary(kind) and isinstance(value, str):
        return value.encode()
    if pa.types.is_timestamp(kind) and isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time(), UTC if kind.tz else None)
    return value


def needs_fit(kind: pa.DataType) -> bool:
    """Whether a column of this type may have values that Arrow does not take as they are."""
    simple = (
        pa.types.is_boolean,
        pa.types.is_integer,
        pa.types.is_floating,
        pa.types.is_date,
        pa.types.is_decimal,
    )
    return not any(test(kind) for test in simple)


def _text(value: Value) -> str:
    if isinstance(value, time):
        return value.isoformat(timespec="microseconds")
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return row_text(value).strip('"') if not isinstance(value, dict | list) else row_text(value)
