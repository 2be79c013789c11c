"""When the pass fails in the middle: which files are at fault."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from ingest_parts.faults import root_cause
from ingest_parts.sources import THREADS, Source

if TYPE_CHECKING:
    from ingest_parts.hadoop import Storage

# What Spark says when a file's bytes are at fault, and not the way to them (a lost connection, a full disk).
CONTENT_FAULTS = (
    "COLUMN_DATA_TYPE_MISMATCH", "ParquetDecodingException", "is not a Parquet file", "TextParsingException",
    "MALFORMED_CSV_RECORD", "could not read page", "Could not read footer", "CharConversionException",
)  # fmt: skip


def quarantine_failed(storage: Storage, sources: list[Source], error: Exception) -> list[Source]:
    """Find the files that made a pass fail and set their reasons; raises the error when none is at fault.

    A truncated gzip shows only at its end. To verify each one first would make the driver alone read every
    compressed byte, for a fault that is rare. So the pass itself is the check (its codec throws at a cut
    stream, and nothing is committed); only after such a failure all compressed files of the batch are
    verified, by the same codec: one more pass, however many are broken.
    """
    trace = f"{error}\n{getattr(error, '_stackTrace', '')}"
    named = {
        s.upload_id
        for s in sources
        if not s.reason and re.search(f"file {re.escape(s.uri)}(?![^\\s.,])", trace)
    }

    def judge(source: Source) -> Source:
        if source.reason:
            return source
        if storage.status(source.path) is None:
            return replace(source, reason="it was deleted before its run")
        fault = storage.decompress(source.path)
        if fault:
            return replace(source, reason=f"the compressed file is truncated or damaged ({fault})")
        if source.upload_id in named and any(sign in trace for sign in CONTENT_FAULTS):
            return replace(source, reason=f"Spark cannot read it: {root_cause(trace)}")
        return source

    with ThreadPoolExecutor(THREADS) as pool:
        judged = list(pool.map(judge, sources))
    if judged == sources:
        raise error
    return judged
