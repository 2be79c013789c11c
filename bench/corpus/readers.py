"""Readers of another make than the program's: what each file holds, and which of its records are no rows."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import sys
import zipfile
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import duckdb
from avro.datafile import DataFileReader
from avro.io import DatumReader

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pyspark.sql import SparkSession

_SPACE = " \t\r\n\ufeff"


class NoTableError(ValueError):
    """The file is no table: there are no rows in it that somebody could be owed."""


@dataclass
class Table:
    """What a reader found.

    Attributes:
        names: of the columns, in the file's order.
        rows: values by column; text where the format has no types.
        bad: how many records are no rows.
        is_text: whether values are text yet.
    """

    names: list[str]
    rows: list[list[Any]]
    bad: int = 0
    is_text: bool = False


def read(path: Path, kind: str, spark: SparkSession) -> Table:
    """Read a file.

    Raises:
        NoTableError: it cannot be read, with the reason.
    """
    try:
        if kind == "csv":
            return read_csv(decompress(path), "\t" if ".tsv" in path.name.lower() else ",")
        if kind == "json":
            return read_json(decompress(path))
        if kind == "avro":
            return read_avro(path)
        if kind == "parquet":
            with duckdb.connect() as connection:
                return of_arrow(connection.read_parquet(str(path)).to_arrow_table())
        return of_arrow(spark.read.orc(path.as_uri()).toArrow())
    except NoTableError:
        raise
    except Exception as error:  # what each reader raises is its own
        raise NoTableError(f"{type(error).__name__}: {error}") from error


def decompress(path: Path) -> bytes:
    """The text's bytes, by the ending of the file's name."""
    data = path.read_bytes()
    if path.suffix == ".zip":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [item for item in archive.infolist() if not item.is_dir()]
            if len(members) != 1:
                raise NoTableError(f"{len(members)} files in one archive")
            return archive.read(members[0])
    by_ending = {".gz": gzip.decompress, ".bz2": bz2.decompress, ".xz": lzma.decompress}
    return by_ending.get(path.suffix, bytes)(data)


def read_csv(data: bytes, separator: str) -> Table:
    """Read CSV by the standard library; records that are not of RFC 4180 or UTF-8 are only counted."""
    text = data.decode("utf-8-sig", "surrogateescape")
    if "\0" in text:
        raise NoTableError("a byte of zero")
    records = split_csv(text, separator)
    if not records or records[0] is None:
        raise NoTableError("no header")
    if not is_sound(records[0]):
        raise NoTableError("a header that is not UTF-8")
    names = [name.strip() or f"_c{place}" for place, name in enumerate(records[0])]
    again = [name for name, count in Counter(name.casefold() for name in names).items() if count > 1]
    if again:
        raise NoTableError(f"a column twice: {again}")
    rows = [record for record in records[1:] if record and len(record) == len(names) and is_sound(record)]
    if records[1:] and not rows:
        raise NoTableError("none of its records is a row")
    return Table(names, rows, len(records) - 1 - len(rows), is_text=True)


def split_csv(text: str, separator: str) -> list[list[str] | None]:
    """The records of a text; None stands for one that is none of RFC 4180.

    Raises:
        NoTableError: a quote is never closed.
    """
    csv.field_size_limit(sys.maxsize)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    records: list[list[str] | None] = []
    while True:
        try:
            record = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            if "unexpected end of data" in str(error):
                raise NoTableError("a quote that is never closed") from error
            records.append(None)
            continue
        if record:
            records.append(record)
    return records


def is_sound(record: Sequence[str]) -> bool:
    """Whether all bytes of a record were of the charset."""
    return not any("\udc80" <= mark <= "\udcff" for text in record for mark in text)


def read_json(data: bytes) -> Table:
    """Read one document, several, or an array by the standard library; each object is a row."""
    text = data.decode("utf-8-sig")
    decoder = json.JSONDecoder(parse_float=Decimal)
    found: list[Any] = []
    place = 0
    while place < len(text):
        if text[place] in _SPACE:
            place += 1
            continue
        value, place = decoder.raw_decode(text, place)
        found.append(value)
    if len(found) == 1 and isinstance(found[0], list):
        found = found[0]
    objects = [value for value in found if isinstance(value, dict)]
    if not objects:
        raise NoTableError("no object in it")
    names: dict[str, str] = {}
    for item in objects:
        for name in item:
            names.setdefault(name.strip().casefold(), name.strip())
    lowered = [{name.strip().casefold(): value for name, value in item.items()} for item in objects]
    if any(len(low) != len(item) for low, item in zip(lowered, objects, strict=True)):
        raise NoTableError("a name twice in one object")
    rows = [[low.get(key) for key in names] for low in lowered]
    return Table(list(names.values()), rows, len(found) - len(objects))


def read_avro(path: Path) -> Table:
    """Read Avro by Apache's own reader."""
    with DataFileReader(path.open("rb"), DatumReader()) as reader:
        rows: list[Any] = [row for row in reader]  # noqa: C416  its types do not say that list() takes it
        names = [item["name"] for item in json.loads(reader.schema)["fields"]]
    return Table(names, [[row[name] for name in names] for row in rows])


def of_arrow(table: Any) -> Table:  # noqa: ANN401  pyarrow has no types
    """Rows of an Arrow table."""
    names = list(table.column_names)
    return Table(names, [[row[name] for name in names] for row in table.to_pylist()])
