"""What became of every row and every file: the step's lines of progress, and the report at its end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingest_parts.manifest import Manifest
    from ingest_parts.sources import Source


@dataclass
class Counts:
    """Rows of each upload, by upload id."""

    written: dict[str, int] = field(default_factory=dict)
    rejected: dict[str, int] = field(default_factory=dict)


def build_report(
    manifest: Manifest, sources: Sequence[Source], counts: Counts, seconds: float
) -> dict[str, Any]:
    """The report: the batch's totals and every file's own."""
    files: list[dict[str, Any]] = []
    for source in sources:
        written = 0 if source.reason else counts.written.get(source.upload_id, 0)
        rejected = 0 if source.reason else counts.rejected.get(source.upload_id, 0)
        files.append(
            {
                "upload_id": source.upload_id, "key": source.key,
                "state": "QUARANTINED" if source.reason else "SUCCEEDED",
                "rows_in": written + rejected, "rows_out": written, "rows_rejected": rejected,
                "reason": source.reason,
            }
        )  # fmt: skip
    totals = {name: sum(item[name] for item in files) for name in ("rows_in", "rows_out", "rows_rejected")}
    read_bytes = sum(source.bytes for source in sources if not source.reason)
    return {
        "version": 1, "batch_id": manifest.batch_id, "output": manifest.output_uri, **totals,
        "bytes_in": read_bytes, "seconds": round(seconds, 3), "files": files,
    }  # fmt: skip


def progress(text: str) -> None:
    """One line of progress on the step's stdout."""
    print(f"ingest: {text}", flush=True)
