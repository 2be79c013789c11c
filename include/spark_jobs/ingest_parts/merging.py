"""Many small files become few: where tasks times partitions made too many pieces.

The tasks then write below a hidden folder of the output, and the driver completes those files.
``plan_merges`` puts every piece in a group, and each group becomes one pending file below the output; so this
commit is as deferred as any. Rows are counted again in what was written. One piece alone is copied as it is.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from ingest_parts.committing import start_upload
from ingest_parts.encoding_files import CHUNK_BYTES, SUFFIXES, open_file
from ingest_parts.faults import IngestError, StoreError
from ingest_parts.record_counts import count_records, read_csv_header
from ingest_parts.store import Place
from ingest_parts.writing import Written

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from ingest_parts.committing import Pending, Sink
    from ingest_parts.store import Store

COPY_BYTES = 8 * 1024**2


@dataclass(frozen=True)
class Group:
    """Pieces of one partition that become one file."""

    partition: str
    pieces: tuple[Written, ...]


def plan_merges(written: Sequence[Written], file_bytes: int) -> list[Group]:
    """Every piece in a group of its partition, of about ``file_bytes`` in all.

    The order of the answer and of each group's pieces is that of the URIs, whatever the order of the tasks.
    """
    by_partition: dict[str, list[Written]] = {}
    for piece in sorted(written, key=lambda one: one.pending.uri):
        by_partition.setdefault(piece.partition, []).append(piece)
    return [
        Group(partition, pieces)
        for partition, all_pieces in by_partition.items()
        for pieces in _cut(all_pieces, file_bytes)
    ]


def target_uri(output: str, group: Group, data_format: str, place: int) -> str:
    """Where the group's file belongs; ``place`` is the group's in the plan."""
    name = f"part-merged-{place:05d}.{SUFFIXES[data_format]}"
    return "/".join(filter(None, (output.rstrip("/"), group.partition, name)))


def merge_group(store: Store, group: Group, uri: str, *, data_format: str) -> Written:
    """Write the group's pieces, which are complete, as one pending file.

    Raises:
        IngestError: a piece cannot be read, or the rows that were written are not those of the pieces.
    """
    sink = start_upload(store, uri)
    try:
        if data_format != "parquet":
            pending, rows = _merge_bytes(store, group, sink, data_format)
        elif len(group.pieces) == 1:
            pending, rows = _copy(store, group.pieces[0], sink)
        else:
            pending, rows = _merge_parquet(store, group, sink)
    except BaseException:
        sink.abort()
        raise
    wanted = sum(piece.rows for piece in group.pieces)
    if rows != wanted:
        sink.abort()
        raise IngestError(f"{wanted} rows were to be merged into {uri}, but its bytes hold {rows}.")
    return Written(pending, rows, dict(_sum_uploads(group)), group.partition)


def _cut(pieces: list[Written], file_bytes: int) -> Iterator[tuple[Written, ...]]:
    """Pieces in their order, in as many stretches as make files of the right size."""
    total = sum(piece.pending.bytes for piece in pieces)
    wanted = total / max(1, round(total / file_bytes))
    taken: list[Written] = []
    seen, cuts = 0, 1
    for piece in pieces:
        if taken and seen + piece.pending.bytes / 2 > cuts * wanted:
            yield tuple(taken)
            taken, cuts = [], cuts + 1
        taken.append(piece)
        seen += piece.pending.bytes
    yield tuple(taken)


def _sum_uploads(group: Group) -> Counter[str]:
    total: Counter[str] = Counter()
    for piece in group.pieces:
        total.update(piece.rows_by_upload)
    return total


def _open(store: Store, piece: Written) -> BinaryIO:
    place = Place.of({"uri": piece.pending.uri})
    stat = store.stat(place)
    if stat is None or stat.bytes != piece.pending.bytes:
        raise StoreError(f"{piece.pending.uri} is not there as it was written.")
    return store.open(place, stat)


def _merge_parquet(store: Store, group: Group, sink: Sink) -> tuple[Pending, int]:
    """Row groups of the pieces, joined until they have the size of one."""
    file: Any = None
    held: list[Any] = []
    for piece in group.pieces:
        with _open(store, piece) as stream, pq.ParquetFile(stream) as source:
            if file is None:
                schema = source.schema_arrow
                file = open_file("parquet", sink, schema, schema.names)
            if not source.schema_arrow.equals(schema):
                raise IngestError(f"{piece.pending.uri} has other columns than the files beside it.")
            for place in range(source.num_row_groups):
                held.append(source.read_row_group(place))
                if sum(table.nbytes for table in held) >= CHUNK_BYTES["parquet"]:
                    file.write(pa.concat_tables(held))
                    held = []
    if held:
        file.write(pa.concat_tables(held))
    pending, rows = file.finish()
    if file.rows_by_upload and file.rows_by_upload != _sum_uploads(group):
        raise IngestError(f"The uploads whose rows are in {sink.uri} are not those of its pieces.")
    return pending, int(rows)


def _merge_bytes(store: Store, group: Group, sink: Sink, data_format: str) -> tuple[Pending, int]:
    """The pieces' bytes, the header of CSV once; the records are counted in what passes."""
    rows, header = 0, b""
    for piece in group.pieces:
        with _open(store, piece) as stream:
            if data_format == "csv":
                line = read_csv_header(stream)
                if header and line != header:
                    raise IngestError(f"{piece.pending.uri} has other columns than the files beside it.")
                sink.write(b"" if header else line)
                header = line
            records = count_records(data_format)
            while data := stream.read(COPY_BYTES):
                records.add(data)
                sink.write(data)
            rows += records.finish()
    return sink.finish(), rows


def _copy(store: Store, piece: Written, sink: Sink) -> tuple[Pending, int]:
    """The one piece, byte by byte; its rows are in its footer."""
    with _open(store, piece) as stream:
        rows = int(pq.read_metadata(stream).num_rows)
        stream.seek(0)
        while data := stream.read(COPY_BYTES):
            sink.write(data)
    return sink.finish(), rows
