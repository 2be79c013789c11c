"""Typed values as text: one canonical form a type, from which the value can be read again."""

from __future__ import annotations

import base64
import json
import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest_parts.typed_types import is_uuid

if TYPE_CHECKING:
    from collections.abc import Mapping


Value = Any  # of Python, as Arrow gives it


def to_text(values: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """Strings of the values, and a mask of those that have no text: bytes that are not UTF-8."""
    kind = values.type
    none_bad = np.zeros(len(values), np.bool_)
    if is_uuid(kind):
        texts = [None if raw is None else str(uuid.UUID(bytes=raw)) for raw in values.storage.to_pylist()]
        return pa.array(texts, pa.string()), none_bad
    if pa.types.is_time(kind):
        return _times(values), none_bad
    if pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return _decode_bytes(values)
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_nested(kind):
        texts = [None if value is None else _say(value, kind) for value in values.to_pylist()]
        return pa.array(texts, pa.string()), none_bad
    return pc.cast(values, pa.string()), none_bad


def row_text(row: Mapping[str, Any] | list[Any]) -> str:
    """A row as JSON, for a person to read."""
    return json.dumps(row, ensure_ascii=False, default=_plain)


def _say(value: Value, kind: pa.DataType) -> str:
    if pa.types.is_decimal(kind):
        return format(value, "f")
    if pa.types.is_nested(kind):
        return json.dumps(value, ensure_ascii=False, default=_plain)
    named = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
    text = str(np.float32(value)) if pa.types.is_float32(kind) else repr(value)
    return named.get(text, text)


def _plain(value: Value) -> Value:
    """What JSON has no word for."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _times(values: pa.Array) -> pa.Array:
    if values.type.unit != "ns":
        return pc.cast(pc.cast(values, pa.time64("us")), pa.string())
    texts = pc.cast(values, pa.string())
    whole = pc.equal(pc.utf8_slice_codeunits(texts, -3), "000")
    return pc.if_else(whole, pc.utf8_slice_codeunits(texts, 0, -3), texts)


def _decode_bytes(values: pa.Array) -> tuple[pa.Array, np.ndarray]:
    bad = np.zeros(len(values), np.bool_)
    texts: list[str | None] = []
    for index, raw in enumerate(values.to_pylist()):
        try:
            texts.append(None if raw is None else raw.decode())
        except UnicodeDecodeError:
            texts.append(None)
            bad[index] = True
    return pa.array(texts, pa.string()), bad
