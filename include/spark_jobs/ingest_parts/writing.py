"""A task's rows as output files: in partition folders, of the size that is asked for, counted as written."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ingest_parts.committing import Pending, abort, start_upload
from ingest_parts.encoding_files import CHUNK_BYTES, SUFFIXES, OutputFile, open_file
from ingest_parts.faults import IngestError
from ingest_parts.partitioning import find_columns, split

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingest_parts.store import Store

Table = Any  # pyarrow ships no types
HELD_BYTES = 128 * 1024**2  # Arrow bytes that wait for their files, over all partitions
SENT_BYTES = 256 * 1024**2  # encoded bytes that wait to be sent
OPEN_FILES = 256
CLOSING_FILES = 8  # that are ended at once
_FULL = 0.9  # of the size that is asked for: then a file is not worth another piece


@dataclass(frozen=True)
class Written:
    """A file that waits to be completed; ``partition`` is its folder, ``a=1/b=x``, or empty."""

    pending: Pending
    rows: int
    rows_by_upload: dict[str, int]
    partition: str


class TaskWriter:
    """Writes one task's rows below ``output``; nothing is visible before the driver completes it.

    ``write`` takes tables of the output's columns, all of the same types. Memory is bounded: what is held
    (``HELD_BYTES``) is written out, the largest partition first, and no more than ``OPEN_FILES`` are open.
    A file has between half and one and a half of ``file_bytes``, apart from a partition's only one.
    Use it as a context: what goes wrong leaves no upload open.
    """

    def __init__(
        self,
        store: Store,
        output: str,
        *,
        data_format: str,
        partition_by: Sequence[str],
        file_bytes: int,
        task_name: str,
    ) -> None:
        self._store, self._output, self._format = store, output.rstrip("/"), data_format
        self._partition_by, self._file_bytes, self._task_name = partition_by, file_bytes, task_name
        self._schema: Table = None
        self._by: list[str] = []
        self._parts: dict[str, _Partition] = {}
        self._closing: list[Future[Written]] = []
        self._closers = ThreadPoolExecutor(CLOSING_FILES, "close")
        self._names = 0
        self._encoded, self._arrow = 0, 0

    def __enter__(self) -> TaskWriter:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is not None:
            self.abort()

    def write(self, table: Table) -> None:
        """Take the rows.

        Raises:
            IngestError: their columns are not those of the first table, or a partition has no folder name.
        """
        if self._schema is None:
            self._schema, self._by = table.schema, find_columns(table.schema, self._partition_by)
        elif not table.schema.equals(self._schema):
            raise IngestError(
                f"A task's tables differ in their columns: {_difference(self._schema, table.schema)}."
            )
        if not table.num_rows:
            return
        for folder, rows in split(table, self._by):
            part = self._parts.get(folder)
            if part is None:
                part = self._parts[folder] = _Partition(self, folder)
            part.add(rows)
        self._spare_memory()

    def finish(self) -> list[Written]:
        """Write what is held and close every file."""
        for part in self._parts.values():
            part.flush(last=True)
        self._parts.clear()
        self._closers.shutdown()
        return [one.result() for one in self._closing]

    def abort(self) -> None:
        """Leave nothing of what was written."""
        for part in self._parts.values():
            if part.file is not None:
                part.file.sink.abort()
        self._parts.clear()
        self._closers.shutdown()
        abort(self._store, [one.result().pending for one in self._closing if not one.exception()])

    def _spare_memory(self) -> None:
        """Write out, and close, as much as the bounds ask for."""
        held = sorted(self._parts.values(), key=lambda part: part.held, reverse=True)
        total = sum(part.held for part in held)
        for part in held:
            if part.held < CHUNK_BYTES[self._format] and total <= HELD_BYTES:
                break
            before = part.held
            part.flush(all_rows=total > HELD_BYTES)
            total -= before - part.held
            self._close_files()
        self._close_files()

    def _close_files(self) -> None:
        opened = sorted((part for part in self._parts.values() if part.file), key=lambda part: part.file_size)
        while len(opened) > OPEN_FILES or sum(part.buffered for part in opened) > SENT_BYTES:
            opened.pop().close()

    def open_file(self, folder: str) -> OutputFile:
        """Begin the next file in a folder."""
        name = f"part-{self._task_name}-{self._names:05d}.{SUFFIXES[self._format]}"
        self._names += 1
        sink = start_upload(self._store, "/".join(filter(None, (self._output, folder, name))))
        columns = [column for column in self._schema.names if column not in self._by]
        try:
            return open_file(self._format, sink, self._schema, columns)
        except BaseException:
            sink.abort()
            raise

    def close_file(self, file: OutputFile, folder: str) -> None:
        """End a file, beside what comes next: each waits for the store's answers."""
        if len(self._closing) >= 2 * CLOSING_FILES:
            self._closing[-2 * CLOSING_FILES].result()
        self._closing.append(self._closers.submit(_finish, file, folder))

    def encode(self, file: OutputFile, rows: Table) -> None:
        """Write rows to a file, and learn how many bytes they become."""
        before = file.sink.size
        file.write(rows)
        self._encoded += file.sink.size - before
        self._arrow += rows.nbytes

    def chunk_bytes(self, room: float) -> int:
        """How many Arrow bytes to encode at once, to fill so many bytes of a file."""
        limit = CHUNK_BYTES[self._format]
        if not self._arrow:  # nothing is known yet: a little, which cannot be too much
            return int(max(1, min(limit / 4, self._file_bytes / 16)))
        return int(max(1, min(limit, room / self.ratio)))

    @property
    def ratio(self) -> float:
        """Encoded bytes of one Arrow byte, so far."""
        return max(self._encoded, 1) / max(self._arrow, 1)

    @property
    def file_bytes(self) -> int:
        """The size that is asked for."""
        return self._file_bytes


class _Partition:
    """One folder of a task's: rows that wait, and the file that is open."""

    def __init__(self, writer: TaskWriter, folder: str) -> None:
        self._writer, self._folder = writer, folder
        self._tables: list[Table] = []
        self.held = 0
        self.file: OutputFile | None = None

    @property
    def file_size(self) -> int:
        return self.file.sink.size if self.file else 0

    @property
    def buffered(self) -> int:
        return self.file.sink.buffered if self.file else 0

    def add(self, rows: Table) -> None:
        self._tables.append(rows)
        self.held += rows.nbytes

    def close(self) -> None:
        if self.file is not None:
            file, self.file = self.file, None
            self._writer.close_file(file, self._folder)

    def flush(self, *, all_rows: bool = False, last: bool = False) -> None:
        """Encode what is held; unless ``all_rows``, only in full chunks.

        A full file is closed when there is enough for another; so the ``last`` rows are added to it instead
        of making a small one.
        """
        while self._tables:
            writer, size = self._writer, self.file_size
            room: float = writer.file_bytes - size
            expected, enough = self.held * writer.ratio, writer.file_bytes / 2
            if size >= _FULL * writer.file_bytes:
                if expected >= enough or (all_rows and not last):
                    self.close()
                    continue
                if not last:
                    return
                room = expected
            elif last and expected <= room + enough:
                room = expected
            chunk = writer.chunk_bytes(room)
            if self.held < chunk and not (all_rows or last):
                return
            if self.file is None:
                self.file = writer.open_file(self._folder)
            writer.encode(self.file, self._take(chunk))
        if last:
            self.close()

    def _take(self, wanted: int) -> Table:
        """About so many Arrow bytes of the rows that wait, one row at least."""
        table = pa.concat_tables(self._tables)
        rows = max(1, int(table.num_rows * min(1.0, wanted / max(self.held, 1))))
        rest = table.slice(rows)
        self._tables = [rest] if rest.num_rows else []
        self.held = rest.nbytes if rest.num_rows else 0
        return table.slice(0, rows)


def _finish(file: OutputFile, folder: str) -> Written:
    try:
        pending, rows = file.finish()
    except BaseException:
        file.sink.abort()
        raise
    return Written(pending, rows, dict(file.rows_by_upload), folder)


def _difference(first: Table, second: Table) -> str:
    one, other = ([f"{field.name} {field.type}" for field in schema] for schema in (first, second))
    return " and ".join(sorted({*one} ^ {*other})) or "their order, or what may be null"
