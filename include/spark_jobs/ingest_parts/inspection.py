"""One look at every file before Spark reads: what cannot be read is quarantined here, with its reason."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ingest_parts.faults import Unreadable
from ingest_parts.heads import HEAD_BYTES, column_fault, decode_head, gunzip_head, parse_header
from ingest_parts.manifest import Manifest, has_header, option
from ingest_parts.sources import COMPRESSED, THREADS, Source, locate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql.types import StructType

    from ingest_parts.hadoop import Storage


def look_at(
    storage: Storage,
    manifest: Manifest,
    schema: StructType | None,
    entries: Sequence[tuple[int, dict[str, Any]]],
) -> list[Source]:
    """Locate and inspect files, many at a time; a file that fails alone carries its reason."""

    def look(item: tuple[int, dict[str, Any]]) -> Source:
        place, entry = item
        try:
            return inspect(storage, manifest, schema, locate(storage, manifest, entry, place))
        except Unreadable as verdict:
            return Source(entry=entry, bytes=int(entry.get("bytes") or 0), reason=str(verdict))

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(look, entries))


def inspect(storage: Storage, manifest: Manifest, schema: StructType | None, source: Source) -> Source:
    """Look at the head of one file and tell its columns.

    Raises:
        Unreadable: it cannot be this format at all, or its columns are not the declared ones.
    """
    if source.bytes == 0:
        raise Unreadable("the file is empty")
    if manifest.format == "parquet":
        return inspect_parquet(storage, source)
    text = read_head(storage, manifest, source)
    if text is None or manifest.format == "json" or not has_header(manifest):
        return source
    header, columns = parse_header(text, manifest.options)
    fault = schema and column_fault(columns, schema.names, "the declared ones")
    if fault:
        raise Unreadable(fault)
    return replace(source, header=header, columns=columns)


def read_head(storage: Storage, manifest: Manifest, source: Source) -> str | None:
    """The text at the file's start; None where only Spark's codecs can tell.

    Raises:
        Unreadable: it is no text, or empty once it is decompressed.
    """
    data = storage.read_at(source.status, 0, HEAD_BYTES)
    complete = len(data) == source.bytes
    name = source.path.getName()
    if name.endswith(".gz"):
        data = gunzip_head(data, complete=complete)
    elif name.endswith(COMPRESSED):
        return None
    elif data.startswith(b"\x1f\x8b"):
        raise Unreadable("it is gzip, but its name does not end in .gz")
    if complete and not data.strip():
        raise Unreadable("the file is empty")
    encoding = option(manifest.options, "encoding", "charset", default="UTF-8")
    return decode_head(data, complete=complete, encoding=encoding)


def inspect_parquet(storage: Storage, source: Source) -> Source:
    """Check a Parquet file's marks at both ends, and note its schema as its footer spells it.

    Raises:
        Unreadable: it is not Parquet, or it is truncated.
    """
    if storage.read_at(source.status, 0, 4) != b"PAR1":
        raise Unreadable("it is not a Parquet file")
    if storage.read_at(source.status, max(0, source.bytes - 4), 4) != b"PAR1":
        raise Unreadable("the Parquet file is truncated: its footer is missing")
    return replace(source, header=storage.parquet_schema(source.status))


def agree_on_columns(sources: list[Source], *, declared: bool) -> list[Source]:
    """Quarantine what is there twice and, with no declared schema, what has other columns than most files."""
    seen: set[str] = set()
    named = Counter(frozenset(map(str.casefold, source.columns)) for source in sources if source.columns)
    usual = named.most_common(1)[0][0] if named and not declared else None
    main = next((s.columns for s in sources if frozenset(map(str.casefold, s.columns)) == usual), ())
    result = []
    for source in sources:
        reason = source.reason
        if not reason and source.uri in seen:
            reason = "the same object is in the batch twice"
        if not reason and main and source.columns:
            reason = column_fault(source.columns, main, "those of most files in the batch")
        seen.add(source.uri)
        result.append(replace(source, reason=reason))
    return result
