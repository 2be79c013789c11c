"""One look at the head or footer of every file, before any task reads: its columns and their types."""

from __future__ import annotations

import codecs
import io
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from ingest_parts.avro_rows import avro_schema
from ingest_parts.charset_stream import open_utf8
from ingest_parts.columns import check_names
from ingest_parts.compression import check_name, ending_of
from ingest_parts.csv_head import read_head
from ingest_parts.faults import CONTENT_FAULTS, Unreadable, describe_fault
from ingest_parts.json_rows import is_json_lines
from ingest_parts.orc_rows import orc_schema
from ingest_parts.parquet_rows import parquet_footer
from ingest_parts.sources import Source
from ingest_parts.text_stream import Text, is_utf8, open_text, unpack
from ingest_parts.xml_count import declared_charset

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from ingest_parts.manifest import Manifest
    from ingest_parts.store import Stat, Store

THREADS = 32  # requests to the store that are under way at once while files are looked at
SMALL_BYTES = 16 * 1024  # a file of no more is read here as a whole, so that no task asks for it again
HEAD_BYTES = 64 * 1024  # enough for a header and to tell text from rubbish


def look_at(store: Store, manifest: Manifest, entries: Sequence[dict[str, Any]]) -> list[Source]:
    """Inspect files, many at a time; a file that fails alone carries its reason."""

    def look(entry: dict[str, Any]) -> Source:
        source = Source(entry)
        try:
            source = replace(source, stat=_find(store, source))
            with store.open(source.place, cast("Stat", source.stat)) as opened:
                if source.bytes > SMALL_BYTES:
                    return inspect(manifest, source, opened)
                source = replace(source, content=opened.read())
            return inspect(manifest, source, io.BytesIO(source.content or b""))
        except Unreadable as verdict:
            return replace(source, reason=str(verdict))
        except CONTENT_FAULTS as error:
            traceback.print_exc()
            return replace(source, reason=describe_fault(error))

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(look, entries))


def _find(store: Store, source: Source) -> Stat:
    stat = store.stat(source.place)
    if stat is None:
        raise Unreadable("it was deleted before its run")
    if stat.bytes == 0:
        raise Unreadable("the file is empty")
    return stat


def inspect(manifest: Manifest, source: Source, opened: BinaryIO) -> Source:
    """Look at one file that is open.

    Raises:
        Unreadable: it cannot be this format at all, or has columns that no output can have.
    """
    kind = manifest.input.format
    if kind == "parquet":
        footer = parquet_footer(opened)
        source = _with_schema(source, footer.schema)
        return replace(source, row_groups=tuple(footer.row_groups))
    if kind == "orc":
        return _with_schema(source, orc_schema(opened))
    if kind == "avro":
        return _with_schema(source, avro_schema(opened))
    first = opened.read(8)
    check_name(source.key, first)
    opened.seek(0)
    mark = len(codecs.BOM_UTF8) if first.startswith(codecs.BOM_UTF8) else 0
    return _inspect_text(manifest, replace(source, mark=mark), opened)


def _with_schema(source: Source, schema: pa.Schema) -> Source:
    check_names(schema.names, "its schema")
    return replace(source, names=tuple(schema.names), types=tuple(schema.types))


def _inspect_text(manifest: Manifest, source: Source, opened: BinaryIO) -> Source:
    charset = manifest.input.charset
    if manifest.input.format == "xml":
        text = Text(open_utf8(*declared_charset(unpack(opened, source.key), charset)))
    else:
        text = open_text(opened, source.key, charset)
    head = text.read(HEAD_BYTES)
    if len(head) < HEAD_BYTES and not head.strip():
        raise Unreadable("the file is empty")
    if b"\x00" in head:
        raise Unreadable("it is not a text file: it has zero bytes in its first block")
    plain = not ending_of(source.key) and is_utf8(charset)
    if manifest.input.format == "csv":
        dialect = manifest.input.dialect
        return replace(
            read_head(source, head, text, manifest.input),
            divisible=plain and dialect.escape is None and dialect.comment is None,
        )
    if manifest.input.format == "json":
        return replace(source, divisible=plain and is_json_lines(head))
    return source
