"""Says whether the rows that came out are those that another reader finds in the file."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.corpus.readers import Table

SOURCE_COLUMNS = {"_source_key", "_upload_id", "_batch_id"}
RIGHT, DEFENSIBLE, WRONG = "right", "defensible", "wrong"


@dataclass(frozen=True)
class Verdict:
    """What became of a file, and why it is called so."""

    kind: str
    why: str = ""


def judge(file: dict[str, Any], folder: Path, table: Table | None, unreadable: str) -> Verdict:
    """Judge one file's outcome.

    Args:
        file: its entry in the report.
        folder: what was written.
        table: what another reader found; None where it could not read the file.
        unreadable: why it could not.
    """
    if table is None:
        if file["state"] == "QUARANTINED" or not file["rows_out"]:
            return Verdict(RIGHT)
        return Verdict(WRONG, f"{file['rows_out']} rows, but the other reader says: {unreadable}")
    if file["state"] == "QUARANTINED":
        return Verdict(WRONG, f"quarantined ({file['reason']}), but {len(table.rows)} rows can be read")
    found = (file["rows_out"], file["rows_rejected"])
    if found != (len(table.rows), table.bad):
        wanted = f"{len(table.rows)} and {table.bad}"
        return Verdict(WRONG, f"{found[0]} rows and {found[1]} rejected, where the other reader has {wanted}")
    difference = find_difference(*read_output(folder), table)
    return Verdict(WRONG, difference) if difference else Verdict(RIGHT)


def find_difference(names: list[str], rows: list[list[Any]], table: Table) -> str | None:
    """The first value that is another one; None where all are the same."""
    if rows and [name.casefold() for name in names] != [name.casefold() for name in table.names]:
        return f"columns {names}, where the file has {table.names}"
    compare = is_text_of if table.is_text else is_same
    for number, (found, wanted) in enumerate(zip(rows, table.rows, strict=True)):
        for name, ours, theirs in zip(names, found, wanted, strict=True):
            if not compare(theirs, ours):
                return f"row {number + 1}, {name}: {ours!r}, where the file has {theirs!r}"
    return None


def read_output(folder: Path) -> tuple[list[str], list[list[Any]]]:
    """The columns and rows of all Parquet files of a folder, in the order of their names."""
    paths = sorted(folder.rglob("*.parquet"))
    names: list[str] = []
    rows: list[list[Any]] = []
    for path in paths:
        table = pq.ParquetFile(path).read()
        names = [name for name in table.column_names if name not in SOURCE_COLUMNS]
        rows += [[row[name] for name in names] for row in table.select(names).to_pylist()]
    return names, rows


def is_text_of(text: str, value: Any) -> bool:  # noqa: ANN401  any value of a table
    """Whether a value is what a text of CSV says, digit by digit."""
    if value is None or value == "":
        return not text.strip()
    if isinstance(value, str):
        return value == text
    text = text.strip()
    if isinstance(value, bool):
        return text.lower() == str(value).lower()
    if isinstance(value, datetime):
        return moment_of(text) == in_utc(value)
    if isinstance(value, date):
        return value.isoformat() == text
    return is_number_of(text, value)


def is_number_of(text: str, value: float | Decimal) -> bool:
    """Whether a number is the one that is written, to its last digit."""
    if isinstance(value, float) and not math.isfinite(value):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)] == text
    try:
        exact = Decimal(text)
    except InvalidOperation:
        return False
    if not isinstance(value, float):
        return exact == value
    digits = len(exact.as_tuple().digits)
    return Decimal(f"{value:.{max(digits, 1) - 1}e}") == exact


def moment_of(text: str) -> datetime | None:
    """The moment that ISO 8601 writes, in UTC where it names no zone."""
    try:
        return in_utc(datetime.fromisoformat(text))
    except ValueError:
        return None


def in_utc(value: datetime) -> datetime:
    """The same moment in UTC; without a zone it is one of UTC."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def is_same(wanted: Any, value: Any) -> bool:  # noqa: ANN401, PLR0911  any value of a table
    """Whether a value of a typed file came out: what a struct lacks is null, and no number is changed."""
    if wanted is None or value is None:
        return wanted is None and value is None
    if isinstance(value, str):
        return value == wanted if isinstance(wanted, str) else is_raw(wanted, value)
    if isinstance(wanted, dict) and isinstance(value, (dict, list)):
        return is_same_struct(wanted, dict(value))
    if isinstance(wanted, (list, tuple)) and isinstance(value, (list, tuple)):
        return len(wanted) == len(value) and all(map(is_same, wanted, value))
    if isinstance(wanted, str):
        return is_text_of(wanted, value) and isinstance(value, (date, datetime, time))
    if isinstance(wanted, datetime) and isinstance(value, datetime):
        return in_utc(wanted) == in_utc(value)
    if isinstance(wanted, bool) or isinstance(value, bool):
        return wanted is value
    if isinstance(wanted, Decimal) and isinstance(value, float):
        return is_number_of(str(wanted), value)
    if isinstance(wanted, float) and math.isnan(wanted):
        return isinstance(value, float) and math.isnan(value)
    return bool(wanted == value)


def is_raw(wanted: Any, text: str) -> bool:  # noqa: ANN401  any value of JSON
    """Whether a text is a value's own JSON, where a column has values of several types."""
    try:
        return bool(json.loads(text, parse_float=Decimal) == wanted)
    except ValueError:
        return False


def is_same_struct(wanted: dict[str, Any], value: dict[str, Any]) -> bool:
    """Whether two objects have the same members; names go without case."""
    ours = {name.strip().casefold(): item for name, item in value.items()}
    theirs = {name.strip().casefold(): item for name, item in wanted.items()}
    return all(is_same(theirs.get(name), ours.get(name)) for name in {*ours, *theirs})


def count(verdicts: Sequence[Verdict], kind: str) -> int:
    """How many are of a kind."""
    return sum(verdict.kind == kind for verdict in verdicts)
