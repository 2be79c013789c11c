"""Blocks of typed rows: from a batch that a reader gave to columns of the types that leave it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ingest_parts.blocks import TEXT_LIMIT, Block, Column, Reject
from ingest_parts.typed_casting import normalize
from ingest_parts.typed_text import row_text
from ingest_parts.typed_types import normal_schema
from ingest_parts.typed_views import without_views

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True)
class Finer:
    """Values that are finer in the file than in a batch.

    ``rows`` are masks of them by column, ``told`` is the batch as rejects tell it.
    """

    rows: Mapping[str, np.ndarray]
    told: pa.RecordBatch


class BatchOrigins:
    """Rows by their place in the file; they have no lines."""

    def __init__(self, batch: pa.RecordBatch, first_row: int, kept: np.ndarray) -> None:
        self._batch = batch
        self._first_row = first_row
        self._kept = kept

    def locate(self, rows: Sequence[int]) -> list[tuple[int | None, int | None, str]]:
        """None, the row (1 is the file's first) and its values as JSON."""
        places = [int(self._kept[row]) for row in rows]
        texts = batch_texts(self._batch, places)
        return [(None, self._first_row + place, text) for place, text in zip(places, texts, strict=True)]


def batch_texts(batch: pa.RecordBatch, places: Sequence[int]) -> list[str]:
    """Rows of a batch as JSON, as far as a reject keeps them."""
    taken = [batch.column(index).take(pa.array(places, pa.int64())) for index in range(batch.num_columns)]
    names = batch.schema.names
    return [
        row_text({name: _read(column, row) for name, column in zip(names, taken, strict=True)})[:TEXT_LIMIT]
        for row in range(len(places))
    ]


def _read(column: pa.Array, row: int) -> object:
    """A value as Python has it; one that Python has not, as a nanosecond, in Arrow's own words."""
    try:
        return column[row].as_py()
    except (ValueError, OverflowError):
        return str(column[row])


def build_block(batch: pa.RecordBatch, first_row: int, counted: int, *, finer: Finer | None = None) -> Block:
    """The block of a batch.

    Args:
        batch: rows as the file's reader gave them.
        first_row: the place of its first row in the file, from 1.
        counted: rows that the file itself says are in these bytes.
        finer: values that the batch holds no more as they are; their rows are rejects.
    """
    normal_schema(batch.schema)
    batch = without_views(batch)
    told = without_views(finer.told) if finer else batch
    columns: dict[str, pa.Array] = {}
    bad_rows: dict[int, tuple[str, str]] = {}
    for index, name in enumerate(batch.schema.names):
        values, bad = normalize(batch.column(index))
        columns[name] = values
        if finer and name in finer.rows:
            bad = bad | finer.rows[name]
        for row in np.flatnonzero(bad).tolist():
            bad_rows.setdefault(row, (name, str(values.type)))
    kept = np.setdiff1d(np.arange(batch.num_rows), list(bad_rows)) if bad_rows else np.arange(batch.num_rows)
    if bad_rows:
        columns = {name: values.take(pa.array(kept)) for name, values in columns.items()}
    return Block(
        columns={name: Column(values, is_text=False) for name, values in columns.items()},
        rows=len(kept),
        counted=counted,
        origins=BatchOrigins(told, first_row, kept),
        rejects=_build_rejects(told, first_row, bad_rows),
    )


def _build_rejects(
    batch: pa.RecordBatch, first_row: int, bad_rows: dict[int, tuple[str, str]]
) -> list[Reject]:
    places = sorted(bad_rows)
    rejects = []
    for place, text in zip(places, batch_texts(batch, places), strict=True):
        name, kind = bad_rows[place]
        value = str(_read(batch.column(name), place))
        rejects.append(
            Reject(
                reason=f"has a value that {kind} cannot hold without changing it",
                text=text,
                row=first_row + place,
                column=name,
                value=value[:TEXT_LIMIT],
                type=kind,
            )
        )
    return rejects
