"""What the local EMR knows, on disk, so that a restart knows it too: one JSON document a record, in SQLite.

A record is written when it changes, before the caller hears of the change; the system's own cache keeps it
when the process is killed.
"""

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (kind, id)
)
"""
_PUT = "INSERT INTO records VALUES (?, ?, ?) ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body"


class Store:
    """Records by kind and id, in the order in which each was first put. Thread-safe.

    Args:
        file: the database; its folder is made. None keeps everything in memory.
    """

    def __init__(self, file: Path | None) -> None:
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(file or ":memory:", isolation_level=None, check_same_thread=False)
        # a killed process loses nothing by this; only a machine that loses its power may
        for pragma in ("journal_mode = WAL", "synchronous = OFF"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute(_SCHEMA)

    def put(self, kind: str, identifier: str, body: Mapping[str, Any]) -> None:
        """Write a record, or write it anew."""
        text = json.dumps(body)
        with self._lock:
            self._connection.execute(_PUT, (kind, identifier, text))

    def delete(self, kind: str, identifier: str) -> None:
        """Delete a record, if it is there."""
        with self._lock:
            self._connection.execute("DELETE FROM records WHERE kind = ? AND id = ?", (kind, identifier))

    def load(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Read all records of a kind, the first one put first."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT id, body FROM records WHERE kind = ? ORDER BY rowid", (kind,)
            ).fetchall()
        for identifier, body in rows:
            yield identifier, json.loads(body)

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._connection.close()
