"""Reads back what a run has written, without Spark: rows as Python values, rejects as dicts."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow.parquet as pq

SOURCE_COLUMNS = ("_source_key", "_upload_id", "_batch_id")
NO_PARTITION = "__HIVE_DEFAULT_PARTITION__"


def list_files(uri: str) -> list[Path]:
    """The data files under a ``file://`` URI."""
    folder = Path(uri.removeprefix("file://"))
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if not path.name.startswith(("_", ".")))


def read_rejects(uri: str) -> list[dict[str, Any]]:
    """The rejected records of a run, in the order of file and line."""
    lines = [line for path in list_files(uri) for line in path.read_text("utf-8").split("\n") if line]
    rejects: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return sorted(
        rejects, key=lambda item: (item["_source_key"], item.get("line") or 0, item.get("row") or 0)
    )


def read_rows(uri: str, output_format: str = "parquet") -> list[dict[str, Any]]:
    """Every row that was written, with its partition's values (as text), by the names of its columns."""
    read = {"parquet": read_parquet, "json": read_json, "csv": read_csv}[output_format]
    return [
        {**row, **partition_of(path, uri)} for path in list_files(uri) for row in read(path)
    ]  # fmt: skip


def partition_of(path: Path, uri: str) -> dict[str, Any]:
    """The values that the folders of a file stand for."""
    parts = path.parent.relative_to(uri.removeprefix("file://")).parts
    pairs = (part.split("=", 1) for part in parts)
    return {unquote(name): None if value == NO_PARTITION else unquote(value) for name, value in pairs}


def read_parquet(path: Path) -> list[dict[str, Any]]:
    """Rows of one Parquet file; ``pq.ParquetFile`` looks at no folder's name."""
    with pq.ParquetFile(path) as file:
        return list(file.read().to_pylist())


def read_json(path: Path) -> list[dict[str, Any]]:
    """Rows of one file of JSON lines; numbers keep their digits."""
    lines = [line for line in path.read_text("utf-8").split("\n") if line]
    return [json.loads(line, parse_float=Decimal, parse_constant=str) for line in lines]


def read_csv(path: Path) -> list[dict[str, Any]]:
    """Rows of one CSV file, as text; an empty field without quotes is null."""
    records = list(split_csv(path.read_bytes().decode("utf-8")))
    return [dict(zip(records[0], record, strict=True)) for record in records[1:]]


def split_csv(text: str) -> Iterator[list[str | None]]:
    """Split text by RFC 4180; the standard library's ``csv`` cannot tell ``""`` from nothing."""
    record: list[str | None] = []
    for match in re.finditer(r'(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|\n|\r|\Z)', text):
        quoted, plain, end = match.groups()
        if end == "" and not record and match.group(0) == "":
            return
        record.append(quoted.replace('""', '"') if quoted is not None else plain or None)
        if end != ",":
            yield record
            record = []


def show(value: Any) -> Any:
    """A value as the cases write it: numbers and booleans as they are, else its text; times in UTC."""
    if isinstance(value, dict):
        return {name: show(item) for name, item in value.items()}
    if isinstance(value, list):
        return [show(item) for item in value]
    if isinstance(value, datetime):
        moment = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return moment.isoformat(" ")
    plain = {date: date.isoformat, Decimal: "{:f}".format, bytes: lambda data: data.decode("utf-8")}
    return plain.get(type(value), lambda same: same)(value)
