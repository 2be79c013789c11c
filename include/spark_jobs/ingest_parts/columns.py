"""The columns of a batch: what is declared, what files have, and how the two differ."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from ingest_parts.casting import Target
from ingest_parts.faults import Unreadable
from ingest_parts.manifest import SOURCE_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_NAMES = 10_000  # of columns that only the rows of files tell; more are maps by nature
RESERVED = {name.casefold() for name in SOURCE_COLUMNS}


def key_of(name: str) -> str:
    """What two names have in common that mean one column: case and blanks around do not count."""
    return name.strip().casefold()


@dataclass(frozen=True)
class Field:
    """One column of the output."""

    name: str
    target: Target
    nullable: bool = True

    @property
    def key(self) -> str:
        """What files' names for it have in common."""
        return key_of(self.name)


@dataclass(frozen=True)
class Difference:
    """How the columns of a file differ from those that are expected."""

    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()

    def describe(self, expected: Sequence[str], whose: str) -> str:
        """Say it as the reason of a quarantine."""
        parts = [
            f"{what} {', '.join(names)}"
            for what, names in (("lacks", self.missing), ("has also", self.extra))
            if names
        ]
        return f"wrong columns: {whose} are {', '.join(expected)}; the file {' and '.join(parts)}"


def compare(found: Iterable[str], expected: Iterable[str]) -> Difference:
    """The names that a file lacks, and those that it has beside the expected ones."""
    found, expected = list(found), list(expected)
    have, want = set(map(key_of, found)), set(map(key_of, expected))
    return Difference(
        tuple(name for name in expected if key_of(name) not in have),
        tuple(name for name in found if key_of(name) not in want),
    )


def check_names(names: Sequence[str], whose: str) -> None:
    """Refuse names that stand twice, or that the output adds itself.

    Raises:
        Unreadable: with the name.
    """
    double = [name for name, count in Counter(map(key_of, names)).items() if count > 1]
    if double:
        raise Unreadable(f"{whose} names {double[0]!r} more than once")
    taken = sorted(name for name in names if key_of(name) in RESERVED)
    if taken:
        raise Unreadable(f"{whose} names {', '.join(taken)}, which is added on reading")


def usual_columns(found: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The columns of most files, as the first of them writes them."""
    sets = Counter(frozenset(map(key_of, names)) for names in found)
    usual = sets.most_common(1)[0][0]
    return next(names for names in found if frozenset(map(key_of, names)) == usual)


def all_columns(found: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """The columns of all files, each as the first file writes it."""
    names: dict[str, str] = {}
    for some in found:
        for name in some:
            names.setdefault(key_of(name), name.strip())
    return tuple(names.values())


def inferred_field(name: str, kind: pa.DataType) -> Field:
    """A column whose type its values have to show."""
    return Field(name.strip(), Target(kind, sql_of(kind), inferred=True))


def final_fields(fields: Sequence[Field]) -> tuple[Field, ...]:
    """The fields as they are written: where no value was ever seen, the type is STRING."""
    return tuple(
        replace(field, target=inferred_field(field.name, _seen(field.target.arrow)).target)
        if field.target.inferred
        else field
        for field in fields
    )


def _seen(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_null(kind):
        return pa.string()
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_seen(kind.value_type)))
    if pa.types.is_struct(kind):
        return pa.struct([item.with_type(_seen(item.type)) for item in kind])
    return kind


_SQL = {
    "bool": "BOOLEAN", "int8": "TINYINT", "int16": "SMALLINT", "int32": "INT", "int64": "BIGINT",
    "float": "FLOAT", "double": "DOUBLE", "string": "STRING", "binary": "BINARY", "date32[day]": "DATE",
    "timestamp[us, tz=UTC]": "TIMESTAMP", "timestamp[us]": "TIMESTAMP_NTZ", "null": "VOID",
}  # fmt: skip


def sql_of(kind: pa.DataType) -> str:
    """A type as Spark's DDL writes it."""
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision},{kind.scale})"
    if pa.types.is_list(kind):
        return f"ARRAY<{sql_of(kind.value_type)}>"
    if pa.types.is_map(kind):
        return f"MAP<{sql_of(kind.key_type)}, {sql_of(kind.item_type)}>"
    if pa.types.is_struct(kind):
        inner = (f"{quoted(item.name)}: {sql_of(item.type)}" for item in kind)
        return f"STRUCT<{', '.join(inner)}>"
    return _SQL[str(kind)]


def quoted(name: str) -> str:
    """A name as DDL writes it."""
    return name if name.isidentifier() and name.isascii() else "`" + name.replace("`", "``") + "`"


def ddl_of(fields: Sequence[Field]) -> str:
    """The columns as Spark's DDL."""
    return ", ".join(
        f"{quoted(field.name)} {field.target.sql}{'' if field.nullable else ' NOT NULL'}" for field in fields
    )
