"""Rows of Avro's object container files, block by block; each block's header says how many it has."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import fastavro
import pyarrow as pa

from ingest_parts.avro_codecs import register_codecs
from ingest_parts.avro_types import AvroSchema, AvroTypes, fit, needs_fit
from ingest_parts.faults import Unreadable
from ingest_parts.parquet_rows import plain
from ingest_parts.typed_blocks import build_block
from ingest_parts.typed_types import normal_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ingest_parts.blocks import Block

_Result = TypeVar("_Result")

BATCH_ROWS = 16 * 1024

register_codecs()


def read_avro(stream: BinaryIO, *, batch_rows: int = BATCH_ROWS) -> Iterator[Block]:
    """The file's rows; forward only.

    Raises:
        Unreadable: it is no Avro file, has a type that cannot be read, or a block is damaged or has other
            rows than its header says.
    """
    opened = _guard("its header", lambda: fastavro.block_reader(stream))
    schema = _table_schema(opened.writer_schema)
    blocks = iter(opened)
    records: list[dict[str, Any]] = []
    counted, done, number = 0, 0, 0
    while True:
        number += 1
        block = _guard(f"block {number}", lambda: next(blocks, None))
        if block is not None:
            counted += block.num_records
            records += _guard(f"block {number}", partial(list, block))
            # fastavro stops at the header's count, whatever stands behind it in the block
            if done + len(records) != counted or block.bytes_.read(1):  # type: ignore[attr-defined]  # the compiled reader has it
                raise Unreadable(f"block {number} has other rows than its header says")
        for start in range(0, len(records), batch_rows):
            if block is not None and len(records) - start < batch_rows:
                records = records[start:]
                break
            batch = _build_batch(records[start : start + batch_rows], schema)
            yield build_block(batch, done + 1, batch.num_rows)
            done += batch.num_rows
        else:
            records = []
        if block is None:
            return


def avro_schema(stream: BinaryIO) -> pa.Schema:
    """The columns as they come out, by the file's header.

    Raises:
        Unreadable: it is no Avro file, or has a type that cannot be read.
    """
    return _table_schema(_guard("its header", lambda: fastavro.block_reader(stream)).writer_schema)


def _guard(part: str, read: Callable[[], _Result]) -> _Result:
    """Call what may raise anything: fastavro meets damaged bytes with whatever error they lead to."""
    try:
        return read()
    except Exception as error:
        raise Unreadable(f"{part} cannot be read as Avro: {plain(error)}") from error


def _table_schema(schema: AvroSchema) -> pa.Schema:
    kind = AvroTypes().convert(schema)
    if not pa.types.is_struct(kind):
        raise Unreadable("its values are no records")
    return normal_schema(pa.schema(list(kind)))


def _build_batch(records: list[dict[str, Any]], schema: pa.Schema) -> pa.RecordBatch:
    arrays = []
    for field in schema:
        cells = [record.get(field.name) for record in records]
        if needs_fit(field.type):
            cells = [fit(cell, field.type) for cell in cells]
        try:
            arrays.append(pa.array(cells, field.type))
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            raise Unreadable(f"the column {field.name!r} cannot be read: {plain(error)}") from error
    return pa.record_batch(arrays, schema=schema)
