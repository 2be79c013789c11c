"""One output file: rows go in as Arrow and are counted again in the bytes that come out.

Parquet's rows are those of the footer as it was written, group by group, with the statistics of the upload's
id. Records of CSV and JSON lines are counted by a scanner that knows no encoder. What differs is an error.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingest_parts.encoding_text import csv_values, json_values, normalized
from ingest_parts.faults import IngestError, SettingsError
from ingest_parts.record_counts import count_records

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ingest_parts.committing import Pending, Sink

Table = Any  # pyarrow ships no types
UPLOAD = "_upload_id"
SUFFIXES = {"parquet": "snappy.parquet", "csv": "csv", "json": "json"}
# Arrow bytes that are encoded at once: a row group of Parquet, a stretch of lines.
CHUNK_BYTES = {"parquet": 64 * 1024**2, "csv": 8 * 1024**2, "json": 8 * 1024**2}


class OutputFile(Protocol):
    """A file in the making; ``columns`` of the tables are what it holds."""

    sink: Sink
    rows_by_upload: Counter[str]

    def write(self, table: Table) -> None:
        """Encode the rows, at once."""
        ...

    def finish(self) -> tuple[Pending, int]:
        """Close it; the pending file and its rows, as counted in its bytes.

        Raises:
            IngestError: they are not the rows that were written to it.
        """
        ...


def open_file(data_format: str, sink: Sink, schema: Table, columns: Sequence[str]) -> OutputFile:
    """Begin a file of the format.

    Raises:
        SettingsError: the format cannot hold the columns.
    """
    if data_format == "parquet":
        return ParquetFile(sink, schema, columns)
    return LinesFile(sink, CsvLines(columns) if data_format == "csv" else JsonLines(columns))


class ParquetFile:
    """Parquet 2.6 with Snappy, statistics and microseconds, as Spark reads it; a row group a write."""

    def __init__(self, sink: Sink, schema: Table, columns: Sequence[str]) -> None:
        self.sink = sink
        self.rows_by_upload: Counter[str] = Counter()
        self._columns = list(columns)
        self._groups: list[tuple[int, set[str]]] = []
        self._tail = _Tail(sink)
        held = pa.schema([schema.field(name) for name in columns])
        self._writer = pq.ParquetWriter(
            self._tail,
            held,
            compression="snappy",
            version="2.6",
            write_statistics=True,
            coerce_timestamps="us",
        )

    def write(self, table: Table) -> None:
        """One row group."""
        uploads = _count_uploads(table) if UPLOAD in table.column_names else {}
        self.rows_by_upload.update(uploads)
        self._groups.append((table.num_rows, set(uploads)))
        self._writer.write_table(table.select(self._columns), row_group_size=table.num_rows)

    def finish(self) -> tuple[Pending, int]:
        """Close it, then read the footer from the bytes that were written last."""
        self._tail.begin()
        self._writer.close()
        footer = pq.read_metadata(pa.BufferReader(self._tail.taken.getvalue()))
        groups = [footer.row_group(place) for place in range(footer.num_row_groups)]
        counted = [group.num_rows for group in groups]
        agree = counted == [rows for rows, _ in self._groups] and footer.num_rows == sum(counted)
        if not agree or not all(map(self._has_uploads, groups, (ids for _, ids in self._groups))):
            raise _differs(self.sink, sum(rows for rows, _ in self._groups), footer.num_rows)
        return self.sink.finish(), int(footer.num_rows)

    def _has_uploads(self, group: Table, uploads: set[str]) -> bool:
        """Whether the group's statistics say that it holds these uploads' rows, every one named."""
        if UPLOAD not in self._columns:
            return True
        chunk = group.column(self._place(group))
        statistics = chunk.statistics
        if statistics is None or chunk.num_values != group.num_rows or statistics.null_count:
            return False
        ordered = sorted(uploads, key=str.encode)
        return not statistics.has_min_max or (statistics.min, statistics.max) == (ordered[0], ordered[-1])

    def _place(self, group: Table) -> int:
        """Where the upload's id is among the leaves of the schema."""
        paths = [group.column(place).path_in_schema for place in range(group.num_columns)]
        return paths.index(UPLOAD)


class _Tail(io.RawIOBase):
    """Hands all bytes to the sink, and keeps those after ``begin``."""

    def __init__(self, sink: Sink) -> None:
        super().__init__()
        self._sink = sink
        self.taken = io.BytesIO()
        self._keeps = False

    def begin(self) -> None:
        """Keep what is written from here."""
        self._keeps = True

    def writable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """The sink's position."""
        return self._sink.tell()

    def write(self, data: Any) -> int:  # noqa: ANN401  Python 3.11 has no name for a buffer
        """Pass it on."""
        if self._keeps:
            self.taken.write(data)
        return self._sink.write(data)


class Lines(Protocol):
    """A format of lines."""

    data_format: str
    header: bytes

    def encode(self, table: Table) -> Any:  # noqa: ANN401  a buffer
        """The rows as one stretch of bytes."""
        ...


class LinesFile:
    """A file of CSV or JSON lines."""

    def __init__(self, sink: Sink, lines: Lines) -> None:
        self.sink, self._lines = sink, lines
        self.rows_by_upload: Counter[str] = Counter()
        sink.write(lines.header)

    def write(self, table: Table) -> None:
        """Encode each upload's rows for themselves, and count the records in what comes of them."""
        for upload, rows in _runs(table):
            data = self._lines.encode(rows)
            records = count_records(self._lines.data_format)
            records.add(data)
            counted = records.finish()
            if counted != rows.num_rows:
                raise _differs(self.sink, rows.num_rows, counted)
            self.rows_by_upload[upload] += counted
            self.sink.write(data)

    def finish(self) -> tuple[Pending, int]:
        """Close it."""
        return self.sink.finish(), self.rows_by_upload.total()


class CsvLines:
    """RFC 4180 with a header; a null is empty, an empty text is ``""``."""

    data_format = "csv"

    def __init__(self, columns: Sequence[str]) -> None:
        if len(columns) == 1:
            raise SettingsError(
                f"A CSV file of the one column {columns[0]} cannot tell a null from a blank line; "
                "name fewer columns in output.partition_by."
            )
        self._columns = list(columns)
        self.header = (",".join(csv_values(pa.array(columns, pa.string())).to_pylist()) + "\n").encode()

    def encode(self, table: Table) -> Any:  # noqa: ANN401  a buffer
        """The rows as lines."""
        parts: list[Any] = []
        for name in self._columns:
            parts += [*([","] if parts else []), csv_values(table[name])]
        return _text_bytes(pc.binary_join_element_wise(*parts, "\n", ""))


class JsonLines:
    """One object a line, nulls kept."""

    data_format = "json"
    header = b""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = list(columns)

    def encode(self, table: Table) -> Any:  # noqa: ANN401  a buffer
        """The rows as objects."""
        parts: list[Any] = []
        for name in self._columns:
            label = json.dumps(name, ensure_ascii=False)
            parts += [f"{',' if parts else '{'}{label}:", json_values(table[name])]
        return _text_bytes(pc.binary_join_element_wise(*parts, "}\n", ""))


def _text_bytes(lines: Table) -> memoryview:
    """The bytes of all texts of an array, one after the other, without a copy."""
    if not len(lines):
        return memoryview(b"")
    offsets = np.frombuffer(lines.buffers()[1], np.int32)[lines.offset : lines.offset + len(lines) + 1]
    return memoryview(lines.buffers()[2])[int(offsets[0]) : int(offsets[-1])]


def _count_uploads(table: Table) -> dict[str, int]:
    counts = pc.value_counts(normalized(table[UPLOAD]))
    return {str(item["values"]): item["counts"] for item in counts.to_pylist()}


def _runs(table: Table) -> Iterator[tuple[str, Table]]:
    """Stretches of rows of one upload."""
    runs = pc.run_end_encode(normalized(table[UPLOAD]))
    start = 0
    for end, upload in zip(runs.run_ends.to_pylist(), runs.values.to_pylist(), strict=True):
        yield str(upload), table.slice(start, end - start)
        start = end


def _differs(sink: Sink, wanted: int, counted: int) -> IngestError:
    return IngestError(f"{wanted} rows were to be written to {sink.uri}, but its bytes hold {counted}.")
