"""What the bench of ingest.py reads: real flights in several layouts, made once in a temporary folder."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from bench.spark_programs import Batch
from sparkdrop_local.demo_data import FLIGHTS, prepare

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TIMES = 4  # each month, so many times over
SMALL_FILES, SMALL_LINES = 1000, 10  # a header and ten flights are 1 KB
LARGE_BYTES = 10**9
NULLS = ("NA",)
TEXTS = ("carrier", "tailnum", "origin", "dest")


@dataclass(frozen=True)
class Case:
    """One thing to measure: a batch, and its name in the table."""

    name: str
    batch: Batch

    @property
    def mebibytes(self) -> float:
        """Of all its files."""
        return sum(path.stat().st_size for path in self.batch.files.values()) / 2**20


def make_cases(folder: Path, *, large: bool) -> Iterator[Case]:
    """Make the inputs, one after the other."""
    months = {file.path.name: file.path for file in prepare(folder / "months") if file.pipeline == FLIGHTS}
    header = next(iter(months.values())).read_bytes().partition(b"\n")[0] + b"\n"
    schema = ", ".join(f"{name} {kind_of(name)}" for name in header.decode().strip().split(","))
    many = {
        f"{number}/{name}": save(folder / f"csv-{number}" / name, path.read_bytes())
        for number in range(TIMES)
        for name, path in months.items()
    }
    yield Case("48 CSV files, schema", Batch(many, schema=schema, nulls=NULLS))
    parts = ("year", "month")
    yield Case("… by year and month", Batch(many, schema=schema, partition_by=parts, nulls=NULLS))
    yield Case("… inferred", Batch(many, nulls=NULLS))
    packed = {
        f"{name}.gz": save(folder / "gzip" / f"{name}.gz", gzip.compress(path.read_bytes(), 6))
        for name, path in months.items()
    }
    yield Case("12 CSV files, gzip", Batch(packed, schema=schema, nulls=NULLS))
    tables = {name: to_table(path) for name, path in months.items()}
    objects = {
        f"{name}.json": save(folder / "json" / f"{name}.json", to_json(table))
        for name, table in tables.items()
    }
    yield Case("12 files of JSON lines", Batch(objects, "json", schema))
    parquet = {f"{name}.parquet": folder / f"{name}.parquet" for name in tables}
    for table, path in zip(tables.values(), parquet.values(), strict=True):
        pq.write_table(pa.concat_tables([table] * TIMES), path)
    yield Case("12 files of Parquet", Batch(parquet, "parquet"))
    lines = [line for path in months.values() for line in path.read_bytes().splitlines(keepends=True)[1:]]
    pieces = (
        lines[start : start + SMALL_LINES] for start in range(0, SMALL_FILES * SMALL_LINES, SMALL_LINES)
    )
    small = {
        f"{number:04d}.csv": save(folder / "small" / f"{number:04d}.csv", header + b"".join(piece))
        for number, piece in enumerate(pieces)
    }
    yield Case("1,000 CSV files of 1 KB", Batch(small, schema=schema, nulls=NULLS))
    if large:
        text = b"".join(lines)
        whole = save(folder / "large.csv", header + text * (LARGE_BYTES // len(text) + 1))
        yield Case("one CSV file of 1 GB", Batch({"large.csv": whole}, schema=schema, nulls=NULLS))


def kind_of(name: str) -> str:
    """The declared type of a column."""
    return "TIMESTAMP" if name == "time_hour" else "STRING" if name in TEXTS else "INT"


def save(path: Path, data: bytes) -> Path:
    """Write a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def to_table(path: Path) -> pa.Table:
    """The flights as Arrow has them."""
    options = csv.ConvertOptions(
        column_types=dict.fromkeys(TEXTS, pa.string()) | {"time_hour": pa.timestamp("us", "UTC")},
        null_values=NULLS, strings_can_be_null=True,
    )  # fmt: skip
    return csv.read_csv(path, convert_options=options)


def to_json(table: pa.Table) -> bytes:
    """The same as JSON lines."""
    place = table.column_names.index("time_hour")
    texts = pa.array([moment.strftime("%Y-%m-%dT%H:%M:%SZ") for moment in table.column(place).to_pylist()])
    frame = table.set_column(place, "time_hour", texts).to_pandas(integer_object_nulls=True)
    return str(frame.to_json(orient="records", lines=True)).encode()
