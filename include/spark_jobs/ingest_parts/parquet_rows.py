"""Rows of Parquet: what the footer tells without reading, and row groups batch by batch.

What becomes of each type is the table in `typed_types`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from ingest_parts.faults import Unreadable
from ingest_parts.parquet_int96 import find_finer, has_int96, int96_columns
from ingest_parts.typed_blocks import build_block
from ingest_parts.typed_types import normal_schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from ingest_parts.blocks import Block
    from ingest_parts.typed_blocks import Finer

BATCH_BYTES = 32 << 20  # of values in memory that make one block
MAX_BATCH_ROWS = 128 * 1024

# What pyarrow raises for a file that is not as it should be; a NotImplementedError is one of these.
_FAULTS = (pa.ArrowException, OSError, NotImplementedError, ValueError, OverflowError)


@dataclass(frozen=True)
class Footer:
    """What a file says about itself: its columns as they come out, and rows and bytes of each row group."""

    schema: pa.Schema
    row_groups: list[tuple[int, int]]


def parquet_footer(file: BinaryIO) -> Footer:
    """The footer, for as far as a file can be read by it.

    The columns of a row group are not asked for their codecs here: a codec that Arrow does not know ends the
    whole process then. Reading the pages raises for it as it should.

    Raises:
        Unreadable: it is no Parquet, is encrypted, or has a type that cannot be read.
    """
    return _read_footer(_open(file))


def _read_footer(opened: pq.ParquetFile) -> Footer:
    metadata = opened.metadata
    schema = normal_schema(opened.schema_arrow)
    groups = []
    for index in range(metadata.num_row_groups):
        group = metadata.row_group(index)
        groups.append((group.num_rows, group.total_byte_size))
    total = sum(rows for rows, _ in groups)
    if total != metadata.num_rows:
        raise Unreadable(f"its footer says {metadata.num_rows} rows, its row groups {total}")
    return Footer(schema, groups)


def read_parquet(
    file: BinaryIO, row_groups: Sequence[int] | None = None, *, batch_bytes: int = BATCH_BYTES
) -> Iterator[Block]:
    """The file's rows, or those of some row groups.

    Raises:
        Unreadable: the footer says so, a page is damaged or has a codec that cannot be read; the reason names
            the column.
    """
    opened = _open(file)
    footer = _read_footer(opened)
    wide = _open(file, coerce_int96_timestamp_unit="us") if has_int96(opened) else None
    first_rows = [1]
    for rows, _ in footer.row_groups:
        first_rows.append(first_rows[-1] + rows)
    for group in range(len(footer.row_groups)) if row_groups is None else row_groups:
        rows, size = footer.row_groups[group]
        batch_rows = min(MAX_BATCH_ROWS, max(1, batch_bytes * rows // max(size, 1)))
        done = 0
        for batch, finer in _batches(opened, wide, group, batch_rows):
            yield build_block(batch, first_rows[group] + done, batch.num_rows, finer=finer)
            done += batch.num_rows
        if done != rows:
            raise Unreadable(f"row group {group + 1} has {done} rows, the footer says {rows}")


def _open(file: BinaryIO, **options: str) -> pq.ParquetFile:
    file.seek(0)
    try:
        return pq.ParquetFile(file, page_checksum_verification=True, **options)
    except _FAULTS as error:
        raise Unreadable(f"it cannot be read as Parquet: {plain(error)}") from error


def _batches(
    opened: pq.ParquetFile, wide: pq.ParquetFile | None, group: int, batch_rows: int
) -> Iterator[tuple[pa.RecordBatch, Finer | None]]:
    """The batches of a row group, with what is finer in the file."""
    if wide is None:
        for batch in _read_group(opened, group, batch_rows):
            yield batch, None
        return
    names = int96_columns(opened, wide)
    pairs = zip_longest(
        _read_group(wide, group, batch_rows), _read_group(opened, group, batch_rows, columns=names)
    )
    for batch, exact in pairs:
        if batch is None or exact is None or batch.num_rows != exact.num_rows:
            raise Unreadable(f"row group {group + 1} has columns of several lengths")
        yield batch, find_finer(batch, exact)


def _read_group(
    opened: pq.ParquetFile, group: int, batch_rows: int, columns: list[str] | None = None
) -> Iterator[pa.RecordBatch]:
    batches = opened.iter_batches(
        batch_size=batch_rows, row_groups=[group], columns=columns, use_threads=False
    )
    while True:
        try:
            batch = next(batches, None)
        except _FAULTS as error:
            raise Unreadable(_name_damage(opened, group, error)) from error
        if batch is None:
            return
        yield batch


def _name_damage(opened: pq.ParquetFile, group: int, error: BaseException) -> str:
    """Which column of the row group cannot be read; each is tried alone."""
    for name in opened.schema_arrow.names:
        try:
            opened.read_row_group(group, columns=[name], use_threads=False)
        except _FAULTS as fault:
            return f"the column {name!r} of row group {group + 1} cannot be read: {plain(fault)}"
    return f"row group {group + 1} cannot be read: {plain(error)}"


def plain(error: BaseException) -> str:
    """An error's message in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]
