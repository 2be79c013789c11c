"""Reads outputs with readers of another make, back into Python's values: pyarrow.dataset, csv and json."""

import base64
import csv
import datetime as dt
import io
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq

UTC = dt.UTC
NULL = "__HIVE_DEFAULT_PARTITION__"


def read_rows(folder: Path, data_format: str, schema: pa.Schema) -> list[dict[str, Any]]:
    """Every row below the folder with its partition's values, as ``comparable`` makes them."""
    rows = []
    for path in sorted(found for found in folder.rglob("*") if found.is_file()):
        levels = path.relative_to(folder).parent.parts
        fixed = dict(map(read_level, levels))
        names = [name for name in schema.names if name not in fixed]
        for row in READERS[data_format](path, pa.schema([schema.field(name) for name in names])):
            values = {
                **row,
                **{name: from_text(text, schema.field(name).type) for name, text in fixed.items()},
            }
            rows.append({name: comparable(values[name]) for name in schema.names})
    return rows


def read_level(level: str) -> tuple[str, str | None]:
    name, _, value = level.partition("=")
    return unquote(name), None if value == NULL else unquote(value)


def read_parquet(path: Path, schema: pa.Schema) -> Iterator[dict[str, Any]]:
    table = pq.ParquetFile(path).read()
    assert table.schema.equals(schema)
    yield from table.to_pylist()


def read_csv(path: Path, schema: pa.Schema) -> Iterator[dict[str, Any]]:
    """The csv module does not tell a null from an empty text, so it is asked beside a reader that does."""
    text = path.read_bytes().decode()
    records = list(split_csv(text))
    assert [[cell or "" for cell in record] for record in records] == list(
        csv.reader(io.StringIO(text, newline=""))
    )
    assert records[0] == schema.names
    for record in records[1:]:
        yield {
            field.name: from_text(cell, field.type) for field, cell in zip(schema, record, strict=True)
        }  # fmt: skip


def split_csv(text: str) -> Iterator[list[str | None]]:
    """RFC 4180 by hand, character by character; a field that is empty and not quoted is None."""
    record: list[str | None] = []
    place = 0
    while place < len(text):
        if text[place] == '"':
            value, place = "", place + 1
            while text[place] != '"' or text[place + 1] == '"':
                value += text[place]
                place += 2 if text[place] == '"' else 1
            place += 1
            record.append(value)
        else:
            end = min(found for found in (text.find(",", place), text.find("\n", place)) if found >= 0)
            assert '"' not in text[place:end]
            record.append(text[place:end] or None)
            place = end
        if text[place] == "\n":
            yield record
            record = []
        place += 1


def read_json(path: Path, schema: pa.Schema) -> Iterator[dict[str, Any]]:
    for line in path.read_bytes().decode().split("\n")[:-1]:
        row = json.loads(line, parse_float=Decimal, parse_constant=refuse)
        assert list(row) == schema.names
        yield {field.name: from_json(row[field.name], field.type) for field in schema}


READERS = {"parquet": read_parquet, "csv": read_csv, "json": read_json}


def refuse(word: str) -> None:
    raise AssertionError(word)


def from_text(text: str | None, kind: pa.DataType) -> Any:
    """A value from a field of CSV or a folder's name."""
    if text is None:
        return None
    if pa.types.is_nested(kind):
        return from_json(json.loads(text, parse_float=Decimal, parse_constant=refuse), kind)
    if pa.types.is_boolean(kind):
        return {"true": True, "false": False}[text]
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        assert pa.types.is_integer(kind) or set(text) & set(".eENI")
        return from_json(int(text) if pa.types.is_integer(kind) else float(text), kind)
    if pa.types.is_decimal(kind):
        assert "E" not in text
        return Decimal(text)
    return from_json(text, kind)


def from_json(value: Any, kind: pa.DataType) -> Any:
    """A value of JSON as the one it stands for."""
    if value is None:
        return None
    return from_nested(value, kind) if pa.types.is_nested(kind) else from_scalar(value, kind)


def from_nested(value: Any, kind: pa.DataType) -> Any:
    if pa.types.is_list(kind):
        return [from_json(item, kind.value_type) for item in value]
    if pa.types.is_map(kind):
        return [
            (from_text(key, kind.key_type), from_json(item, kind.item_type)) for key, item in value.items()
        ]
    assert list(value) == [field.name for field in kind]
    return {field.name: from_json(value[field.name], field.type) for field in kind}


def from_scalar(value: Any, kind: pa.DataType) -> Any:
    if pa.types.is_floating(kind):
        return pa.array([float(value)], pa.float64()).cast(kind)[0].as_py()
    if pa.types.is_date(kind):
        return dt.date.fromisoformat(value)
    if pa.types.is_timestamp(kind):
        assert value.endswith("Z") == bool(kind.tz) or " " in value
        found = dt.datetime.fromisoformat(value.removesuffix("Z"))
        return found.replace(tzinfo=UTC) if kind.tz else found
    if pa.types.is_binary(kind):
        return base64.b64decode(value, validate=True)
    return Decimal(value) if pa.types.is_decimal(kind) else value


def comparable(value: Any) -> Any:
    """A form in which equal values are equal, NaN too, and 0.0 is not -0.0."""
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, list | tuple):
        return [comparable(item) for item in value]
    if isinstance(value, dict):
        return {name: comparable(item) for name, item in value.items()}
    if isinstance(value, dt.datetime) and value.tzinfo:
        return value.astimezone(UTC).isoformat()
    return value
