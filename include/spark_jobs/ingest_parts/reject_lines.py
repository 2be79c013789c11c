"""The records that do not fit, as JSON lines beside the output: what, where and why."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from ingest_parts.blocks import TEXT_LIMIT, Reject
from ingest_parts.committing import Sink, start_upload
from ingest_parts.faults import IngestError
from ingest_parts.record_counts import count_records
from ingest_parts.writing import Written

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ingest_parts.store import Store

_BLOCK_BYTES = 1024**2


class RejectsWriter:
    """Writes one task's rejects to one file below ``folder``; no file where there are none.

    The file becomes visible when the driver completes it. A text is cut to ``TEXT_LIMIT`` bytes; what is not
    a character in it is written as its escape. Use it as a context: what goes wrong leaves no upload open.
    """

    def __init__(self, store: Store, folder: str, task_name: str) -> None:
        self._store, self._uri = store, f"{folder.rstrip('/')}/part-{task_name}.json"
        self._sink: Sink | None = None
        self._lines = bytearray()
        self._counter = count_records("json")
        self._by_upload: Counter[str] = Counter()

    def __enter__(self) -> RejectsWriter:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is not None:
            self.abort()

    def write(self, source_key: str, upload_id: str, rejects: Iterable[Reject]) -> None:
        """Take some of one upload's."""
        for reject in rejects:
            record = {
                "_source_key": source_key, "_upload_id": upload_id, "line": reject.line, "row": reject.row,
                "column": reject.column, "value": _cut(reject.value), "type": reject.type,
                "reason": _cut(reject.reason), "text": _cut(reject.text),
            }  # fmt: skip
            self._lines += json.dumps(record, ensure_ascii=False).encode() + b"\n"
            self._by_upload[upload_id] += 1
            if len(self._lines) >= _BLOCK_BYTES:
                self._send()

    def finish(self) -> list[Written]:
        """Close the file, if there is one.

        Raises:
            IngestError: its bytes do not hold as many records as were written.
        """
        self._send()
        if self._sink is None:
            return []
        counted, wanted = self._counter.finish(), self._by_upload.total()
        if counted != wanted:
            self.abort()
            raise IngestError(
                f"{wanted} rejects were to be written to {self._uri}, but its bytes hold {counted}."
            )
        return [Written(self._sink.finish(), counted, dict(self._by_upload), "")]

    def abort(self) -> None:
        """Leave nothing of it."""
        if self._sink is not None:
            self._sink.abort()

    def _send(self) -> None:
        if not self._lines:
            return
        if self._sink is None:
            self._sink = start_upload(self._store, self._uri)
        data = bytes(self._lines)
        self._lines.clear()
        self._counter.add(data)
        self._sink.write(data)


def _cut(text: str | None) -> str | None:
    """The text as UTF-8 can hold it, no longer than ``TEXT_LIMIT`` bytes, and no character cut in two."""
    if text is None:
        return None
    data = text.encode("utf-8", "backslashreplace")
    return data[:TEXT_LIMIT].decode("utf-8", "ignore")
