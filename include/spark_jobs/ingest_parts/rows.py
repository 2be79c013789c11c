"""The blocks of one part of a file, by whichever reader its format has."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO, cast

from ingest_parts.avro_rows import read_avro
from ingest_parts.csv_rows import read_csv
from ingest_parts.csv_split import find_first_record
from ingest_parts.json_rows import read_json
from ingest_parts.json_typed import TypedFrames
from ingest_parts.orc_rows import read_orc
from ingest_parts.parquet_rows import read_parquet
from ingest_parts.text_stream import open_text, unpack
from ingest_parts.xml_rows import read_xml

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ingest_parts.blocks import Block
    from ingest_parts.columns import Field
    from ingest_parts.manifest import Input
    from ingest_parts.sources import Part, Source
    from ingest_parts.store import Store
    from ingest_parts.text_stream import Text


def read_part(store: Store, given: Input, part: Part, fields: Sequence[Field] = ()) -> Iterator[Block]:
    """Read a part of a file, block by block; ``fields`` are the columns that its rows are for.

    Raises:
        Unreadable: the file is at fault.
        Unsplittable: it has to be read as a whole.
    """
    source = part.source
    with _open(store, source) as opened:
        if given.format == "parquet":
            yield from read_parquet(opened, part.row_groups)
        elif given.format == "orc":
            yield from read_orc(opened)
        elif given.format == "avro":
            yield from read_avro(opened)
        elif given.format == "csv":
            yield from _read_csv(opened, given, part, fields)
        elif given.format == "json":
            yield from _read_json(opened, given, part, fields)
        else:
            text = cast("BinaryIO", unpack(opened, source.key))
            yield from read_xml(
                text, row_tag=given.row_tag or "", charset=given.charset, nulls=given.rules.nulls
            )


def _open(store: Store, source: Source) -> BinaryIO:
    if source.content is not None:
        return io.BytesIO(source.content)
    assert source.stat is not None  # noqa: S101  what has none is quarantined
    return store.open(source.place, source.stat)


def _read_csv(opened: BinaryIO, given: Input, part: Part, fields: Sequence[Field]) -> Iterator[Block]:
    source, line = part.source, part.source.line
    if part.start:
        begin, line = find_first_record(opened, given.dialect, part)
        opened.seek(begin)
        stream: BinaryIO | Text = opened
    else:
        stream = open_text(opened, source.key, given.charset)
        stream.skip(source.body)
        begin = source.begin
    owned = part.stop - begin if part.stop is not None else None
    if owned is not None and owned <= 0:
        return
    yield from read_csv(
        cast("BinaryIO", stream), source.names or (), given.dialect, source.separator, first_line=line,
        owned=owned, nulls=given.rules.nulls, fields=fields, charset=given.charset, divided=part.is_division,
    )  # fmt: skip


def _read_json(opened: BinaryIO, given: Input, part: Part, fields: Sequence[Field]) -> Iterator[Block]:
    is_bound = given.ddl is not None and given.columns == "ignore_extra"
    declared = {item.key for item in fields} if is_bound else None
    text = opened if part.is_division else cast("BinaryIO", unpack(opened, part.source.key))
    yield from read_json(
        text, charset=given.charset, start=part.start, end=part.stop, first_line=part.line,
        typed=TypedFrames(fields, given.rules), width=len(fields), declared=declared,
    )  # fmt: skip
