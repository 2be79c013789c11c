"""A pipeline's schema: Spark's DDL, parsed by Spark, as the columns of the output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyspark.errors import PySparkException
from pyspark.sql import types as sql

from ingest_parts.casting import Target
from ingest_parts.columns import RESERVED, Field, key_of, quoted, sql_of
from ingest_parts.faults import SettingsError, first_line
from ingest_parts.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Sequence

_PLAIN: dict[type[Any], pa.DataType] = {
    sql.BooleanType: pa.bool_(), sql.ByteType: pa.int8(), sql.ShortType: pa.int16(),
    sql.IntegerType: pa.int32(), sql.LongType: pa.int64(), sql.FloatType: pa.float32(),
    sql.DoubleType: pa.float64(), sql.StringType: pa.string(),
    sql.BinaryType: pa.binary(), sql.DateType: pa.date32(), sql.TimestampType: pa.timestamp("us", tz="UTC"),
    sql.TimestampNTZType: pa.timestamp("us"), sql.CharType: pa.string(), sql.VarcharType: pa.string(),
}  # fmt: skip


def parse_schema(ddl: str) -> tuple[Field, ...]:
    """The columns that the pipeline declares.

    Raises:
        SettingsError: it is not Spark DDL, has a type that files do not hold, or a name that this program
            adds.
    """
    try:
        schema: Any = sql.StructType.fromDDL(ddl)
    except PySparkException as error:
        raise SettingsError(f"input.schema is not Spark DDL: {first_line(error)}") from error
    taken = sorted(name for name in schema.names if key_of(name) in RESERVED)
    if taken:
        raise SettingsError(
            f"input.schema names {', '.join(taken)}, which this program adds itself; rename the column."
        )
    return tuple(_field(item) for item in schema)


def _field(item: Any) -> Field:  # noqa: ANN401  PySpark has no types here
    arrow = _arrow(item.dataType, item.name)
    if isinstance(item.dataType, (sql.CharType, sql.VarcharType)):
        length = int(item.dataType.length)
        return Field(item.name, Target(arrow, _spell(item.dataType, item.name), length), item.nullable)
    limits = _limits(item.dataType)
    return Field(item.name, Target(arrow, _spell(item.dataType, item.name), limits=limits), item.nullable)


def _arrow(kind: Any, name: str) -> pa.DataType:  # noqa: ANN401
    if type(kind) in _PLAIN:
        return _PLAIN[type(kind)]
    if isinstance(kind, sql.DecimalType):
        return pa.decimal128(kind.precision, kind.scale)
    if isinstance(kind, sql.ArrayType):
        return pa.list_(pa.field("element", _arrow(kind.elementType, name)))
    if isinstance(kind, sql.MapType):
        return pa.map_(_arrow(kind.keyType, name), _arrow(kind.valueType, name))
    if isinstance(kind, sql.StructType):
        return pa.struct([pa.field(item.name, _arrow(item.dataType, name)) for item in kind])
    raise SettingsError(
        f"input.schema: column {name} is {kind.simpleString().upper()}, which no file can hold."
    )


def _limits(kind: Any, *, nullable: bool = True) -> Limits:  # noqa: ANN401
    """What the values of a type, and their parts, are held to."""
    required = not nullable
    if isinstance(kind, (sql.CharType, sql.VarcharType)):
        return Limits(required, int(kind.length))
    parts: tuple[Limits, ...] = ()
    if isinstance(kind, sql.ArrayType):
        parts = (_limits(kind.elementType, nullable=kind.containsNull),)
    elif isinstance(kind, sql.MapType):
        parts = (_limits(kind.keyType), _limits(kind.valueType, nullable=kind.valueContainsNull))
    elif isinstance(kind, sql.StructType):
        parts = tuple(_limits(item.dataType, nullable=item.nullable) for item in kind)
    return Limits(required, parts=parts)


def _spell(kind: Any, name: str) -> str:  # noqa: ANN401
    """A type as DDL writes it, with what its parts are held to."""
    if isinstance(kind, (sql.CharType, sql.VarcharType)):
        return str(kind.simpleString()).upper()
    if isinstance(kind, sql.ArrayType):
        return f"ARRAY<{_spell(kind.elementType, name)}>"
    if isinstance(kind, sql.MapType):
        return f"MAP<{_spell(kind.keyType, name)}, {_spell(kind.valueType, name)}>"
    if isinstance(kind, sql.StructType):
        parts = (
            f"{quoted(item.name)}: {_spell(item.dataType, name)}{'' if item.nullable else ' NOT NULL'}"
            for item in kind
        )
        return f"STRUCT<{', '.join(parts)}>"
    return sql_of(_arrow(kind, name))


def check_partitions(partition_by: Sequence[str], fields: Sequence[Field]) -> None:
    """Refuse partition columns that the rows do not have, or whose values cannot name a folder.

    Raises:
        SettingsError: with the name.
    """
    known = {field.key: field for field in fields}
    unknown = [name for name in partition_by if key_of(name) not in known and key_of(name) not in RESERVED]
    if unknown:
        names = ", ".join(field.name for field in fields)
        raise SettingsError(f"output.partition_by names {', '.join(unknown)}, but the columns are {names}.")
    nested = [
        name
        for name in partition_by
        if key_of(name) in known and _names_no_folder(known[key_of(name)].target.arrow)
    ]
    if nested:
        raise SettingsError(
            f"output.partition_by names {', '.join(nested)}: an array, map, struct or BINARY names no folder."
        )


def _names_no_folder(kind: pa.DataType) -> bool:
    return bool(pa.types.is_nested(kind) or pa.types.is_binary(kind))
