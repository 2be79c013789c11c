"""What the local EMR knows, on disk, so that a restart knows it too: one JSON document a record, in SQLite.

A record is written when it changes, before the caller hears of the change; the system's own cache keeps it
when the process is killed.
"""

import json
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from sparkdrop.core.errors import SparkdropError

_LOGGER = logging.getLogger(__name__)
_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (kind, id)
)
"""
_PUT = "INSERT INTO records VALUES (?, ?, ?) ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body"
Record = TypeVar("Record")


class StoreError(SparkdropError):
    """The state cannot be read or written where it should be."""


class _UnreadableError(Exception):
    """The file is no state of ours."""


class Store:
    """Records by kind and id, in the order in which each was first put. Thread-safe.

    A file that is damaged, or that another version wrote, is put aside under another name, and a warning says
    so: an emulation that does not start would cost more than the clusters of yesterday.

    Args:
        file: the database; its folder is made. None keeps everything in memory.

    Raises:
        StoreError: the file cannot be opened or made.
    """

    def __init__(self, file: Path | None) -> None:
        self._lock = threading.Lock()
        self._is_closed = False
        try:
            self._connection = _open(file)
        except _UnreadableError as error:
            aside = _put_aside(Path(str(file)))
            _LOGGER.warning("the local EMR starts anew: %s %s; it is now %s", file, error, aside.name)
            self._connection = _open(file)

    def put(self, kind: str, identifier: str, body: Mapping[str, Any]) -> None:
        """Write a record, or write it anew."""
        self._write(_PUT, (kind, identifier, json.dumps(body)))

    def delete(self, kind: str, identifier: str) -> None:
        """Delete a record, if it is there."""
        self._write("DELETE FROM records WHERE kind = ? AND id = ?", (kind, identifier))

    def load(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Read all records of a kind, the one put first first."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT id, body FROM records WHERE kind = ? ORDER BY rowid", (kind,)
            ).fetchall()
        for identifier, body in rows:
            yield identifier, json.loads(body)

    def read(self, kind: str, parse: Callable[[dict[str, Any]], Record]) -> Iterator[tuple[str, Record]]:
        """Read all records of a kind as objects; one that ``parse`` cannot read is left out and warned of."""
        for identifier, body in self.load(kind):
            try:
                record = parse(body)
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                _LOGGER.warning(
                    "%s %s is left out: this version cannot read it (%r)", kind, identifier, error
                )
                continue
            yield identifier, record

    def count(self) -> dict[str, int]:
        """How many records of each kind there are."""
        with self._lock:
            rows = self._connection.execute("SELECT kind, count(*) FROM records GROUP BY kind").fetchall()
        return dict(rows)

    def close(self) -> None:
        """Close the database; what is put later is dropped, since nobody is answered any more."""
        with self._lock:
            self._is_closed = True
            self._connection.close()

    def _write(self, statement: str, values: tuple[str, ...]) -> None:
        with self._lock:
            if not self._is_closed:
                self._connection.execute(statement, values)


def _open(file: Path | None) -> sqlite3.Connection:
    """Open a database, new or one that this version wrote.

    Raises:
        _UnreadableError: it is damaged, or another version's.
        StoreError: it cannot be opened or made.
    """
    connection = None
    try:
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
        # autocommit; the lock above keeps threads apart
        connection = sqlite3.connect(file or ":memory:", isolation_level=None, check_same_thread=False)
        _prepare(connection)
    except (sqlite3.OperationalError, OSError) as error:
        _close(connection)
        raise StoreError(
            f"the local EMR cannot keep its state in {file}: {error}; make it writable or name another"
        ) from error
    except sqlite3.DatabaseError as error:
        _close(connection)
        raise _UnreadableError(f"cannot be read ({error})") from error
    except _UnreadableError:
        _close(connection)
        raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if tables and found != _VERSION:
        raise _UnreadableError(f"is of version {found}, not {_VERSION}")
    (health,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if health != "ok":
        raise _UnreadableError(f"is damaged ({health})")
    # a killed process loses nothing by this; only a machine that loses its power may
    for statement in (
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = OFF",
        _SCHEMA,
        f"PRAGMA user_version = {_VERSION}",
    ):
        connection.execute(statement)


def _close(connection: sqlite3.Connection | None) -> None:
    if connection is not None:
        connection.close()


def _put_aside(file: Path) -> Path:
    """Move a file, with what SQLite keeps beside it, to a name that nothing has."""
    number = 1
    while (aside := file.with_name(f"{file.name}.unreadable-{number}")).exists():
        number += 1
    file.rename(aside)
    for suffix in ("-wal", "-shm"):
        beside = file.with_name(file.name + suffix)
        if beside.exists():
            beside.rename(aside.with_name(aside.name + suffix))
    return aside
