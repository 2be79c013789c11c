"""Partition folders, named as Spark and Hive name them: ``name=value``.

A folder's name has to give its value back, so three kinds of values have none, and their rows are rejects
(``find_unplaceable``): the empty text and ``__HIVE_DEFAULT_PARTITION__``, which would be read as null, and
what is too long for a name. NaN has a folder of its own, ``NaN``; so have 0.0 and -0.0.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from ingest_parts.columns import key_of
from ingest_parts.encoding_text import normalized
from ingest_parts.faults import IngestError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Table = Any  # pyarrow ships no types
NULL_NAME = "__HIVE_DEFAULT_PARTITION__"
NAME_BYTES = 255  # of one folder's name, as most file systems have it; S3's keys have 1,024 in all
# ExternalCatalogUtils.escapePathName of Spark 4.0, and NUL:
# https://github.com/apache/spark/blob/v4.0.0/sql/catalyst/src/main/scala/org/apache/spark/sql/catalyst/catalog/ExternalCatalogUtils.scala
_ESCAPED = re.compile(r"[\x00-\x1f\x7f\"#%'*/:=?\\{\[\]^]")
# Java writes doubles plainly in this range, and with an exponent out of it.
_PLAIN_FROM, _PLAIN_TO = 1e-3, 1e7


def find_columns(schema: Table, partition_by: Sequence[str]) -> list[str]:
    """The table's own spelling of the partition columns, which are matched without case.

    Raises:
        SettingsError: there is no such column, its type makes no folders, or no other column is left.
    """
    names = {key_of(name): name for name in schema.names}
    missing = [name for name in partition_by if key_of(name) not in names]
    if missing:
        raise SettingsError(
            f"output.partition_by names {', '.join(missing)}, which is no column of the rows."
        )
    found = [names[key_of(name)] for name in partition_by]
    for name in found:
        kind = schema.field(name).type
        if types.is_nested(kind) or types.is_binary(kind) or types.is_large_binary(kind):
            raise SettingsError(f"output.partition_by names {name}, whose type {kind} makes no folders.")
    if len(set(found)) == len(schema.names):
        raise SettingsError("output.partition_by names every column; no column is left for the files.")
    return found


def find_unplaceable(table: Table, partition_by: Sequence[str]) -> list[tuple[int, str, str, str]]:
    """Rows whose partition has no folder name that gives it back: row, column, value and reason."""
    found: list[tuple[int, str, str, str]] = []
    for name in find_columns(table.schema, partition_by):
        codes, values = _encode(table[name])
        for code, value in enumerate(values):
            reason = _refusal(name, value)
            if reason:
                rows = np.flatnonzero(codes == code)
                found += [(int(row), name, str(value), reason) for row in rows]
    return sorted(found)


def split(table: Table, columns: Sequence[str]) -> Iterator[tuple[str, Table]]:
    """Each folder (``a=1/b=x``) with its rows, in their order; ``columns`` are spelled as the table's.

    Raises:
        IngestError: a value has no folder name of its own; see ``find_unplaceable``.
    """
    if not columns or not table.num_rows:
        yield "", table
        return
    joined = np.zeros(table.num_rows, np.int64)
    names: dict[int, str] = {0: ""}
    for column in columns:
        codes, values = _encode(table[column])
        folders = [folder_name(column, value) for value in values]
        both = joined * len(folders) + codes
        found, inverse = np.unique(both, return_inverse=True)
        names = {
            place: "/".join(filter(None, (names[one // len(folders)], folders[one % len(folders)])))
            for place, one in enumerate(found.tolist())
        }
        joined = inverse.astype(np.int64)
    order = np.argsort(joined, kind="stable")
    ends = np.cumsum(np.bincount(joined, minlength=len(names)))
    for place, name in names.items():
        start = int(ends[place - 1]) if place else 0
        yield name, table if len(names) == 1 else table.take(pa.array(order[start : int(ends[place])]))


def folder_name(column: str, value: object) -> str:
    """The folder of one value.

    Raises:
        IngestError: the value has none.
    """
    reason = _refusal(column, value)
    if reason:
        raise IngestError(f"Column {column}: {reason}.")
    return f"{_escape(column)}={_name(value)}"


def spark_text(value: object) -> str:
    """A value as Spark casts it to a string, in UTC."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return _java_double(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dt.datetime):
        text = (
            value.strftime("%H:%M:%S.%f").rstrip("0").rstrip(".")
            if value.microsecond
            else f"{value:%H:%M:%S}"
        )
        return f"{value.date().isoformat()} {text}"
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def _encode(values: Table) -> tuple[Any, list[object]]:
    """Each row's value by number, and the values; null is one of them."""
    plain = normalized(values)
    if types.is_timestamp(plain.type):
        plain = plain.cast(pa.timestamp("us"))
    single = types.is_float32(plain.type)
    if types.is_floating(plain.type):
        return _encode_floats(plain, single=single)
    encoded = pc.dictionary_encode(plain, null_encoding="encode")
    return encoded.indices.to_numpy(zero_copy_only=False), encoded.dictionary.to_pylist()


def _encode_floats(plain: Table, *, single: bool) -> tuple[Any, list[object]]:
    """As text: 0.0 and -0.0 are equal numbers, and NaN is not equal to itself."""
    numbers = (np.float32(item) if single and item is not None else item for item in plain.to_pylist())
    texts = [None if item is None else _java_double(item) for item in numbers]
    encoded = pc.dictionary_encode(pa.array(texts, pa.string()), null_encoding="encode")
    return encoded.indices.to_numpy(zero_copy_only=False), encoded.dictionary.to_pylist()


def _refusal(column: str, value: object) -> str | None:
    """Why the value has no folder name; None where it has one."""
    if value in {"", NULL_NAME}:
        return f"{value!r} cannot be the value of a partition: its folder means null"
    if len(f"{_escape(column)}={_name(value)}".encode()) > NAME_BYTES:
        return f"the value is longer than the {NAME_BYTES} bytes that a folder's name may have"
    return None


def _name(value: object) -> str:
    return NULL_NAME if value is None else _escape(spark_text(value))


def _escape(text: str) -> str:
    return _ESCAPED.sub(lambda found: f"%{ord(found.group()):02X}", text)


def _java_double(value: Any) -> str:  # noqa: ANN401  a float of Python's or NumPy's
    """The number as Java's Double.toString writes it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or _PLAIN_FROM <= abs(value) < _PLAIN_TO:
        return str(np.format_float_positional(value, unique=True, trim="0"))
    mantissa, _, exponent = np.format_float_scientific(value, unique=True, trim="0").partition("e")
    return f"{mantissa}E{int(exponent)}"
