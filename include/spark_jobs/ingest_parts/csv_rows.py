"""Rows of a CSV text as columns of text: framed by its own bytes, parsed by Arrow, and the two compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from pyarrow import csv

from ingest_parts.blocks import Block, Column, Reject
from ingest_parts.charset_stream import byte_reason, is_valid_utf8
from ingest_parts.csv_comments import blank_comments
from ingest_parts.csv_framing import LINE_ENDS, RECORD_LIMIT, Frames, count_lines, frame
from ingest_parts.csv_integers import Integers
from ingest_parts.csv_irregular import Marks, Record, take_apart
from ingest_parts.csv_origins import CsvOrigins
from ingest_parts.faults import Unreadable, Unsplittable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import BinaryIO

    from ingest_parts.columns import Field
    from ingest_parts.dialect import Dialect

BLOCK_BYTES = 8 * 1024 * 1024


def read_csv(
    stream: BinaryIO,
    names: Sequence[str],
    dialect: Dialect,
    separator: str,
    *,
    first_line: int = 1,
    owned: int | None = None,
    nulls: Sequence[str] = (),
    fields: Sequence[Field] = (),
    charset: str = "utf-8",
    divided: bool = False,
    block_bytes: int = BLOCK_BYTES,
) -> Iterator[Block]:
    """Read the records that follow in a stream of UTF-8, which stands at the begin of one.

    Args:
        stream: forward only.
        names: of the fields, in order.
        dialect: of the text.
        separator: between fields.
        first_line: the number of the line at which the stream stands.
        owned: bytes from here on in which a record may begin to be read; None reads to the end.
        nulls: texts without quotes that stand for a missing value; the empty one does always.
        fields: the columns of the output; integers are given as such where every text is plainly one.
        charset: what the file is declared to be, for the reasons of rejects.
        divided: others read the rest of the file.
        block_bytes: about how much of the text makes a block.

    Raises:
        Unsplittable: the quotes of a divided file do not tell where records begin.
        Unreadable: its records cannot be told apart, or the parser does not find the records that are there.
    """
    quote = dialect.quote.encode() if dialect.quote else None
    integers = Integers(names, fields, ("", *nulls), quote)
    reader = _Reader(tuple(names), dialect, separator, charset, ("", *nulls), divided, integers)
    carry, offset, line = b"", 0, first_line
    while True:
        more = stream.read(block_bytes)
        final = not more
        data = carry + more
        if not data:
            return
        block, end = reader.read(
            data, final=final, first_line=line, owned=None if owned is None else owned - offset
        )
        if block is not None:
            yield block
        if final or (owned is not None and offset + end >= owned):
            return
        if len(data) - end > RECORD_LIMIT:
            raise Unreadable(
                f"the record on line {line} has more than 64 MiB: is a quote there never closed?"
            )
        line += count_lines(data[:end])
        offset += end
        carry = data[end:]


@dataclass(frozen=True)
class _Reader:
    names: tuple[str, ...]
    dialect: Dialect
    separator: str
    charset: str
    nulls: tuple[str, ...]
    divided: bool
    integers: Integers

    def read(
        self, data: bytes, *, final: bool, first_line: int, owned: int | None
    ) -> tuple[Block | None, int]:
        """The rows of the whole records of a text, and where the last of them ends."""
        dialect = self.dialect
        quote = ord(dialect.quote) if dialect.quote else None
        text = data  # with line feeds in place of comments, and without one that does not end here
        if dialect.comment:
            text = blank_comments(data, mark=ord(dialect.comment), quote=quote, final=final)
        frames = frame(text, separator=ord(self.separator), quote=quote, final=final)
        irregular = not frames.regular or (dialect.escape is not None and dialect.escape.encode() in text)
        records: list[Record] = []
        if irregular and self.divided:
            raise Unsplittable
        if irregular:
            marks = Marks.of(dialect, self.separator, self.nulls)
            records, end = take_apart(data, marks, final=final, first_line=first_line)
            starts, stops = ([getattr(record, edge) for record in records] for edge in ("start", "stop"))
            frames = Frames(end, np.array(starts, np.int64), np.array(stops, np.int64), regular=False)
        if owned is not None:
            frames = _keep_owned(frames, owned)
        if not len(frames.starts):
            return None, frames.end
        origins = CsvOrigins(data, frames.starts, frames.stops, first_line)
        rejects: list[Reject] = []
        keep = self._sound(data[: frames.end], frames, origins, rejects)
        if irregular:
            return self._from_records(records, keep, origins, rejects), frames.end
        return self._parse(text, frames, keep, origins, rejects), frames.end

    def _sound(self, data: bytes, frames: Frames, origins: CsvOrigins, rejects: list[Reject]) -> np.ndarray:
        """Which records are of the charset; the others are rejected."""
        keep = np.ones(len(frames.starts), bool)
        if is_valid_utf8(data):
            return keep
        for number, (start, stop) in enumerate(zip(frames.starts, frames.stops, strict=True)):
            record = data[start:stop]
            if not is_valid_utf8(record):
                keep[number] = False
                line, row, text = origins.record(number)
                rejects.append(Reject(byte_reason(record, self.charset), text, line, row))
        return keep

    def _from_records(
        self, records: list[Record], keep: np.ndarray, origins: CsvOrigins, rejects: list[Reject]
    ) -> Block:
        rows: list[int] = []
        cells: list[list[bytes | None]] = [[] for _ in self.names]
        for number, record in enumerate(records):
            if not keep[number]:
                continue
            fault = record.fault or self._width_fault(len(record.fields))
            if fault:
                line, row, text = origins.record(number)
                rejects.append(Reject(fault, text, line, row))
                continue
            rows.append(number)
            for column, value in zip(cells, record.fields, strict=True):
                column.append(value)
        origins.rows = np.array(rows, np.int64)
        columns = {
            name: Column(pa.array(column, pa.binary()).cast(pa.string()))
            for name, column in zip(self.names, cells, strict=True)
        }
        return Block(columns, len(rows), len(records), origins, rejects)

    def _width_fault(self, found: int) -> str | None:
        if found == len(self.names):
            return None
        return f"it has {found} fields, not {len(self.names)}"

    def _parse(
        self, data: bytes, frames: Frames, keep: np.ndarray, origins: CsvOrigins, rejects: list[Reject]
    ) -> Block:
        """Parse regular text without comments by Arrow, and hold what it found against the frames."""
        whole = keep.all()
        text: bytes | pa.Buffer = pa.py_buffer(data).slice(0, frames.end)
        places = np.flatnonzero(keep)
        if not whole:
            ends = [data[a:b] for a, b in zip(frames.starts[keep], frames.stops[keep], strict=True)]
            text = b"\n".join(ends) + b"\n"
        elif data[frames.end - 1] not in LINE_ENDS:
            # without one, Arrow takes an empty last field for a quoted one if the field before it is
            text = data[: frames.end] + b"\n"
        wrong: list[tuple[int, int]] = []

        def note(row: csv.InvalidRow) -> str:
            wrong.append((row.number, row.actual_columns))
            return "skip"

        def parse(kinds: Mapping[int, pa.DataType], nulls: Sequence[str]) -> pa.Table | None:
            table = self._read_arrow(text, note, kinds, nulls)
            return None if wrong or table.num_rows != len(places) else table

        if whole and len(places):
            size = int((frames.stops - frames.starts).sum())
            arrays = self.integers.parse(data[: frames.end], size, parse)
            if arrays is not None:
                origins.rows = places
                named = dict(zip(self.names, map(_column, arrays), strict=True))
                return Block(named, len(places), len(frames.starts), origins, rejects)
            wrong.clear()
        table = self._read_arrow(text, note, {}, self.nulls) if len(places) else None
        found = table.num_rows if table is not None else 0
        bad = [places[number - 1] for number, _ in wrong if number is not None and number <= len(places)]
        for number, (_, width) in zip(bad, wrong, strict=False):
            line, row, record = origins.record(int(number))
            rejects.append(Reject(self._width_fault(width) or "", record, line, row))
        if found + len(bad) != len(places):
            raise Unreadable(
                f"the CSV parser found {found + len(wrong)} records from line {origins.first_line} on, where "
                f"a count of the bytes finds {len(places)}: its rows cannot be trusted"
            )
        origins.rows = np.setdiff1d(places, np.array(bad, np.int64), assume_unique=True) if bad else places
        columns = {}
        for number, name in enumerate(self.names):
            values = table.column(number).combine_chunks() if table is not None else pa.array([], pa.string())
            columns[name] = Column(values)
        return Block(columns, found, len(frames.starts), origins, rejects)

    def _read_arrow(
        self, text: bytes | pa.Buffer, note: object, kinds: Mapping[int, pa.DataType], nulls: Sequence[str]
    ) -> pa.Table:
        names = [str(number) for number in range(len(self.names))]
        types = {name: kinds.get(number, pa.string()) for number, name in enumerate(names)}
        return csv.read_csv(
            pa.BufferReader(text),
            read_options=csv.ReadOptions(use_threads=False, block_size=len(text) + 1, column_names=names),
            parse_options=csv.ParseOptions(
                delimiter=self.separator, quote_char=self.dialect.quote or False, double_quote=True,
                newlines_in_values=self.dialect.quote is not None, ignore_empty_lines=True,
                invalid_row_handler=note,
            ),
            convert_options=csv.ConvertOptions(
                column_types=types, null_values=list(nulls),
                strings_can_be_null=True, quoted_strings_can_be_null=False, check_utf8=False,
            ),
        )  # fmt: skip


def _column(values: pa.Array) -> Column:
    return Column(values, is_text=bool(pa.types.is_string(values.type)))


def _keep_owned(frames: Frames, owned: int) -> Frames:
    """Leave out the records that begin where another reader reads."""
    count = int(np.searchsorted(frames.starts, owned))
    if count == len(frames.starts):
        return frames
    return Frames(int(frames.starts[count]), frames.starts[:count], frames.stops[:count], frames.regular)
