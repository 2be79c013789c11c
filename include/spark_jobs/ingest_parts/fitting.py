"""A block of a file becomes rows and rejects: every value converted, and every row somewhere."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest_parts.blocks import Block, Column, Reject
from ingest_parts.casting import Bad, Target, cast_text
from ingest_parts.columns import Field, key_of
from ingest_parts.json_values import cast_json
from ingest_parts.limits import find_beyond
from ingest_parts.partitioning import find_unplaceable
from ingest_parts.typed_casting import cast_typed
from ingest_parts.xml_values import cast_xml

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingest_parts.dialect import Rules

_SHOWN = 60  # characters of a value in a reason


@dataclass(frozen=True)
class Fitted:
    """What became of a block.

    ``arrays`` are the fields' values of the rows that fit. ``misfits`` are inferred columns in which a value
    does not fit: their type has to be inferred again, and the rows are not rejects.
    """

    arrays: list[pa.Array]
    rows: int
    rejects: list[Reject]
    misfits: tuple[str, ...] = ()


def fit(
    block: Block,
    fields: Sequence[Field],
    rules: Rules,
    *,
    partition_by: Sequence[str] = (),
    ignore_extra: bool = False,
) -> Fitted:
    """Convert the columns of a block, in the fields' order.

    Args:
        block: what a reader found.
        fields: the columns of the output.
        rules: how values are spelled.
        partition_by: columns whose values have to name a folder.
        ignore_extra: whether structs may have fields that are not declared.
    """
    columns = by_key(block)
    arrays: list[pa.Array] = []
    faults: list[tuple[Field, Bad, Column | None]] = []
    misfits = []
    for field in fields:
        column = columns.get(field.key)
        if column is None:
            values, bad = _missing(block.rows, field)
        else:
            # what a struct has beside an inferred type makes the type wider, and is not left out
            drops = ignore_extra and not field.target.inferred
            values, bad = convert(column, field.target, rules, ignore_extra=drops)
        if field.target.inferred and bad.any():
            misfits.append(field.key)
        if not field.nullable and values.null_count:
            bad = bad | values.is_null().to_numpy(zero_copy_only=False)
        if bad.any():
            faults.append((field, bad, column))
        arrays.append(values)
    if misfits:
        return Fitted([], 0, [], tuple(misfits))
    unplaced = _find_unplaced(arrays, fields, partition_by)
    if not faults and not unplaced:
        return Fitted(arrays, block.rows, block.rejects)
    bad_rows = np.zeros(block.rows, bool)
    for _, bad, _ in faults:
        bad_rows |= bad
    rejects = [*block.rejects, *_rejects(block, bad_rows, faults)]
    homeless = [row for row in sorted(unplaced) if not bad_rows[row]]
    for row, (line, number, text) in zip(homeless, block.origins.locate(homeless), strict=True):
        name, value, reason = unplaced[row]
        rejects.append(Reject(f"column {name}: {reason}", text, line, number, name, value))
    bad_rows[homeless] = True
    keep = pa.array(~bad_rows)
    return Fitted([array.filter(keep) for array in arrays], int((~bad_rows).sum()), rejects)


def _find_unplaced(
    arrays: Sequence[pa.Array], fields: Sequence[Field], partition_by: Sequence[str]
) -> dict[int, tuple[str, str, str]]:
    """Rows whose partition cannot be a folder: the column, its value and why."""
    if not partition_by:
        return {}
    keys = set(map(key_of, partition_by))
    columns = {item.name: array for item, array in zip(fields, arrays, strict=True) if item.key in keys}
    if not columns:
        return {}
    table = pa.table({**columns, "": pa.nulls(len(arrays[0]))})  # one column is always left for the files
    found = find_unplaceable(table, list(columns))
    return {row: (name, value, reason) for row, name, value, reason in reversed(found)}


def convert(
    column: Column, target: Target, rules: Rules, *, ignore_extra: bool = False
) -> tuple[pa.Array, Bad]:
    """Convert one column; marked where a value does not fit."""
    values, bad = _cast(column, target, rules, ignore_extra=ignore_extra)
    return values, bad | find_beyond(values, target.limits) if target.limits else bad


def _cast(column: Column, target: Target, rules: Rules, *, ignore_extra: bool) -> tuple[pa.Array, Bad]:
    values = column.values
    if not column.is_text:
        values, bad = cast_typed(values, target.arrow, merged=target.inferred, ignore_extra=ignore_extra)
        if target.max_length is not None:
            values, long = cast_text(values, target, rules)
            bad = bad | long
        return values, bad
    if column.is_xml and column.quoted is not None:

        def text(some: pa.Array, kind: pa.DataType) -> tuple[pa.Array, Bad]:
            return cast_text(some, replace(target, arrow=kind), rules)

        return cast_xml(
            values, column.quoted, target.arrow, text, ignore_extra=ignore_extra, inferred=target.inferred
        )
    if pa.types.is_nested(target.arrow):

        def leaf(some: pa.Array, kind: pa.DataType, quoted: np.ndarray | None) -> tuple[pa.Array, Bad]:
            return cast_text(some, replace(target, arrow=kind, max_length=None), rules, quoted)

        return cast_json(values, target.arrow, leaf, quoted=column.quoted, ignore_extra=ignore_extra)
    return cast_text(values, target, rules, column.quoted)


def _missing(rows: int, field: Field) -> tuple[pa.Array, Bad]:
    return pa.nulls(rows, field.target.arrow), np.zeros(rows, bool)


def by_key(block: Block) -> dict[str, Column]:
    """A block's columns by what their names mean; two names of one column are joined.

    No row has both: a reader of objects rejects such a row.
    """
    found: dict[str, Column] = {}
    for name, column in block.columns.items():
        key = key_of(name)
        other = found.get(key)
        if other is None:
            found[key] = column
            continue
        here = column.values.is_valid()
        quoted = None
        if column.quoted is not None and other.quoted is not None:
            quoted = np.where(here.to_numpy(zero_copy_only=False), column.quoted, other.quoted)
        found[key] = replace(column, values=pc.coalesce(column.values, other.values), quoted=quoted)
    return found


def _rejects(block: Block, bad_rows: Bad, faults: Sequence[tuple[Field, Bad, Column | None]]) -> list[Reject]:
    """One reject for each bad row: where it is, and its first value at fault."""
    rows = np.flatnonzero(bad_rows).tolist()
    rejects = []
    for row, (line, number, text) in zip(rows, block.origins.locate(rows), strict=True):
        field, column = next((field, column) for field, bad, column in faults if bad[row])
        value = _show(column, row)
        if value is None:
            reason = f"column {field.name} may not be null"
        else:
            short = value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…"
            reason = f"column {field.name}: {short!r} is not {field.target.sql}"
        rejects.append(Reject(reason, text, line, number, field.name, value, field.target.sql))
    return rejects


def _show(column: Column | None, row: int) -> str | None:
    if column is None or not column.values[row].is_valid:
        return None
    value = column.values[row].as_py()
    return value if isinstance(value, str) else str(value)
