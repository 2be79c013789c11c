"""Rows of ORC, stripe by stripe. What becomes of each type is the table in `typed_types`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
from pyarrow import orc

from ingest_parts.faults import Unreadable
from ingest_parts.parquet_rows import plain
from ingest_parts.typed_blocks import build_block
from ingest_parts.typed_types import normal_schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from ingest_parts.blocks import Block

BATCH_ROWS = 64 * 1024

_FAULTS = (pa.ArrowException, OSError, NotImplementedError, ValueError, OverflowError)


def read_orc(file: BinaryIO, *, batch_rows: int = BATCH_ROWS) -> Iterator[Block]:
    """The file's rows; a stripe is read at once.

    Raises:
        Unreadable: it is no ORC, has a type that cannot be read, a stripe is damaged, or the stripes have
            other rows than the footer says.
    """
    opened, _ = _open(file)
    done = 0
    for index in range(opened.nstripes):
        try:
            stripe = opened.read_stripe(index)
        except _FAULTS as error:
            raise Unreadable(f"stripe {index + 1} cannot be read: {plain(error)}") from error
        for start in range(0, stripe.num_rows, batch_rows):
            batch = stripe.slice(start, batch_rows)
            yield build_block(batch, done + start + 1, batch.num_rows)
        done += stripe.num_rows
    if done != opened.nrows:
        raise Unreadable(f"its stripes have {done} rows, its footer says {opened.nrows}")


def orc_schema(file: BinaryIO) -> pa.Schema:
    """The columns as they come out, by the file's footer.

    Raises:
        Unreadable: it is no ORC, or has a type that cannot be read.
    """
    return _open(file)[1]


def _open(file: BinaryIO) -> tuple[orc.ORCFile, pa.Schema]:
    file.seek(0)
    try:
        opened = orc.ORCFile(file)
        return opened, normal_schema(opened.schema)
    except _FAULTS as error:
        raise Unreadable(f"it cannot be read as ORC: {plain(error)}") from error
