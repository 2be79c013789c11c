"""ORC's rows, stripe by stripe."""

# ruff: noqa: DTZ001  a time without a zone is a type of these files

from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from ingest_parts.faults import Unreadable
from ingest_parts.orc_rows import read_orc
from pyarrow import orc

from tests.ingest.reading import all_rejects, plain_rows


def write(table: pa.Table, **options: Any) -> io.BytesIO:
    file = io.BytesIO()
    orc.write_table(table, file, **options)
    return io.BytesIO(file.getvalue())


def test_rows_and_types_come_back_equal() -> None:
    table = pa.table(
        {
            "i": pa.array([1, None], pa.int8()),
            "s": ["ü", None],
            "d": pa.array([Decimal("1.50"), None], pa.decimal128(10, 2)),
            "t": pa.array([dt.datetime(2024, 1, 5, 8, 30), None], pa.timestamp("us")),
            "n": pa.array([dt.date(2024, 1, 5), None], pa.date32()),
            "l": pa.array([[1, None], None], pa.list_(pa.int64())),
            "o": pa.array([{"a": 1.5}, None], pa.struct([("a", pa.float64())])),
            "m": pa.array([[("k", True)], None], pa.map_(pa.string(), pa.bool_())),
            "b": pa.array([b"\xff", None], pa.binary()),
        }
    )
    blocks = list(read_orc(write(table)))
    assert plain_rows(blocks) == table.to_pylist()
    types = {name: column.values.type for name, column in blocks[0].columns.items()}
    assert types == {**dict(zip(table.schema.names, table.schema.types, strict=True)), "m": types["m"]}


@pytest.mark.parametrize("compression", ["uncompressed", "zlib", "snappy", "zstd", "lz4"])
def test_many_stripes_and_batches_have_each_row_once(compression: str) -> None:
    table = pa.table({"id": range(50_000), "s": [f"{n * 7919}" for n in range(50_000)]})
    file = write(table, compression=compression, stripe_size=65536, batch_size=1000)
    assert orc.ORCFile(file).nstripes > 1
    blocks = list(read_orc(file, batch_rows=3000))
    assert plain_rows(blocks) == table.to_pylist()
    assert blocks[-1].origins.locate([blocks[-1].rows - 1])[0][1] == 50_000


def test_nanoseconds_that_are_none_of_microseconds_are_rejects() -> None:
    file = write(pa.table({"t": pa.array([1000, 1001], pa.timestamp("ns"))}))
    blocks = list(read_orc(file))
    assert [(reject.row, reject.column) for reject in all_rejects(blocks)] == [(2, "t")]


@pytest.mark.parametrize("data", [b"", b"ORC", b"not an orc file at all, by any means"])
def test_what_is_no_orc_says_so(data: bytes) -> None:
    with pytest.raises(Unreadable, match="as ORC"):
        list(read_orc(io.BytesIO(data)))


def test_a_damaged_stripe_is_named() -> None:
    data = bytearray(
        write(pa.table({"s": [f"{n * 7919}" for n in range(5000)]}), compression="zlib").getvalue()
    )
    data[100:2000] = bytes(1900)
    with pytest.raises(Unreadable, match="stripe 1 cannot be read"):
        list(read_orc(io.BytesIO(bytes(data))))
