"""What became of every row and every file: the step's lines of progress, and the report at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingest_parts.columns import ddl_of, final_fields

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ingest_parts.columns import Field
    from ingest_parts.manifest import Manifest
    from ingest_parts.sources import Source
    from ingest_parts.task import Tally


def build_report(
    manifest: Manifest,
    sources: Sequence[Source],
    tallies: Mapping[str, Tally],
    fields: Sequence[Field],
    seconds: float,
) -> dict[str, Any]:
    """The report: the batch's totals and every file's own. ``output`` is null where nothing was written."""
    files: list[dict[str, Any]] = []
    for source in sources:
        tally = None if source.reason else tallies.get(source.upload_id)
        written, rejected = (tally.rows, tally.rejected) if tally else (0, 0)
        files.append(
            {
                "upload_id": source.upload_id, "key": source.key,
                "state": "QUARANTINED" if source.reason else "SUCCEEDED",
                "rows_in": written + rejected, "rows_out": written, "rows_rejected": rejected,
                "reason": source.reason, "missing_columns": list(source.missing),
                "extra_columns": list(source.extra),
            }
        )  # fmt: skip
    totals = {name: sum(item[name] for item in files) for name in ("rows_in", "rows_out", "rows_rejected")}
    good = [source for source in sources if not source.reason]
    return {
        "version": 1, "batch_id": manifest.batch_id,
        "output": manifest.output.uri if totals["rows_out"] else None,
        "schema": ddl_of(final_fields(fields)) if good and fields else None, **totals,
        "bytes_in": sum(source.bytes for source in good), "seconds": round(seconds, 3), "files": files,
    }  # fmt: skip


def progress(text: str) -> None:
    """One line of progress on the step's stdout."""
    print(f"ingest: {text}", flush=True)
