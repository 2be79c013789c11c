"""Parquet's types come out as the table says; what cannot be read is named."""

# ruff: noqa: DTZ001  a time without a zone is a type of these files

from __future__ import annotations

import datetime as dt
import io
import json
import uuid
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from ingest_parts import parquet_rows
from ingest_parts.faults import Unreadable
from ingest_parts.parquet_int96 import find_finer
from ingest_parts.parquet_rows import Footer, parquet_footer, read_parquet

from tests.ingest.reading import all_rejects, plain_rows


def write(table: pa.Table, **options: Any) -> io.BytesIO:
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file


def column(values: list[Any], kind: pa.DataType) -> pa.Table:
    return pa.table({"c": pa.array(values, kind)})


@pytest.mark.parametrize("codec", ["NONE", "SNAPPY", "GZIP", "BROTLI", "ZSTD", "LZ4"])
def test_rows_of_every_codec_are_those_that_duckdb_writes_and_reads(codec: str, tmp_path: Any) -> None:
    path = tmp_path / "x.parquet"
    table = pa.table(
        {"i": list(range(1000)), "s": [f"ü{n}" for n in range(1000)], "d": [n / 7 for n in range(1000)]}
    )
    pq.write_table(table, path, compression=codec, row_group_size=300)
    with path.open("rb") as file:
        rows = plain_rows(read_parquet(file, batch_bytes=1000))
    with duckdb.connect() as session:
        others = session.execute("SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
    assert [tuple(row.values()) for row in rows] == others


@pytest.mark.parametrize(
    ("kind", "value", "becomes", "read"),
    [
        (pa.uint8(), 255, pa.int16(), 255),
        (pa.uint32(), 2**32 - 1, pa.int64(), 2**32 - 1),
        (pa.uint64(), 2**64 - 1, pa.decimal128(20, 0), Decimal(2**64 - 1)),
        (pa.float16(), np.float16(1.5), pa.float32(), 1.5),
        (pa.timestamp("ns"), 1000, pa.timestamp("us"), dt.datetime(1970, 1, 1, 0, 0, 0, 1)),
        (
            pa.timestamp("ms", "Europe/Berlin"),
            1,
            pa.timestamp("us", "UTC"),
            dt.datetime(1970, 1, 1, 0, 0, 0, 1000, dt.UTC),
        ),
        (pa.time64("us"), dt.time(8, 30), pa.string(), "08:30:00.000000"),
        (pa.time64("ns"), 1001, pa.string(), "00:00:00.000001001"),
        (pa.uuid(), bytes(16), pa.string(), str(uuid.UUID(int=0))),
        (pa.decimal128(10, 2), Decimal("1.50"), pa.decimal128(10, 2), Decimal("1.50")),
        (pa.decimal256(50, 2), Decimal(10) ** 45, pa.string(), "1" + "0" * 45 + ".00"),
        (pa.decimal256(38, 2), Decimal("1.50"), pa.decimal128(38, 2), Decimal("1.50")),
        (pa.dictionary(pa.int32(), pa.string()), "x", pa.string(), "x"),
        (pa.large_string(), "x", pa.string(), "x"),
        (pa.large_binary(), b"x", pa.binary(), b"x"),
        (pa.string_view(), "x", pa.string(), "x"),
        (pa.binary_view(), b"\xff", pa.binary(), b"\xff"),
        (pa.list_(pa.string_view()), ["x", None], pa.list_(pa.string()), ["x", None]),
        (pa.list_(pa.string_view(), 1), ["x"], pa.list_(pa.string()), ["x"]),
        (pa.large_list(pa.string_view()), ["x"], pa.list_(pa.string()), ["x"]),
        (
            pa.struct([("a", pa.string_view()), ("t", pa.timestamp("ns"))]),
            {"a": "x", "t": 1000},
            pa.struct([("a", pa.string()), ("t", pa.timestamp("us"))]),
            {"a": "x", "t": dt.datetime(1970, 1, 1, 0, 0, 0, 1)},
        ),
        (
            pa.map_(pa.string_view(), pa.binary_view()),
            [("a", b"x")],
            pa.map_(pa.string(), pa.binary()),
            [("a", b"x")],
        ),
        (pa.binary(2), b"xy", pa.binary(), b"xy"),
        (pa.large_list(pa.uint8()), [1, None], pa.list_(pa.int16()), [1, None]),
        (pa.list_(pa.int8(), 2), [1, 2], pa.list_(pa.int8()), [1, 2]),
        (pa.map_(pa.string(), pa.uint8()), [("a", 1)], pa.map_(pa.string(), pa.int16()), [("a", 1)]),
        (
            pa.struct([("t", pa.timestamp("ns")), ("u", pa.time64("us"))]),
            {"t": 1000, "u": dt.time(8)},
            pa.struct([("t", pa.timestamp("us")), ("u", pa.string())]),
            {"t": dt.datetime(1970, 1, 1, 0, 0, 0, 1), "u": "08:00:00.000000"},
        ),
    ],
)
def test_types_become_what_the_table_says(
    kind: pa.DataType, value: Any, becomes: pa.DataType, read: Any
) -> None:
    file = write(column([value, None], kind))
    (block,) = read_parquet(file)
    assert block.columns["c"].values.to_pylist() == [read, None]
    assert block.columns["c"].values.type.equals(becomes)
    assert parquet_footer(file).schema.field("c").type.equals(becomes)
    assert not block.columns["c"].is_text


def test_a_nanosecond_that_is_none_of_microseconds_is_a_reject_with_its_row() -> None:
    file = write(
        pa.table({"id": range(5), "t": pa.array([1000, 2000, 1, None, 3000], pa.timestamp("ns"))}),
        row_group_size=2,
    )
    blocks = list(read_parquet(file))
    (reject,) = all_rejects(blocks)
    assert (reject.row, reject.line, reject.column, reject.type) == (3, None, "t", "timestamp[us]")
    assert json.loads(reject.text) == {"id": 2, "t": "1970-01-01 00:00:00.000000001"}
    assert [row["id"] for row in plain_rows(blocks)] == [0, 1, 3, 4]
    located = [place for block in blocks for place in block.origins.locate(range(block.rows))]
    assert [row for _, row, _ in located] == [1, 2, 4, 5]


def test_a_reject_tells_the_texts_of_views() -> None:
    texts, times = pa.array(["x", "y"], pa.string_view()), pa.array([1000, 1001], pa.timestamp("ns"))
    (reject,) = all_rejects(read_parquet(write(pa.table({"s": texts, "t": times}))))
    assert json.loads(reject.text) == {"s": "y", "t": "1970-01-01 00:00:00.000001001"}


FAR = [dt.datetime(9999, 12, 31, 23, 59, 59, 123456), dt.datetime(1, 1, 1), dt.datetime(2024, 1, 5, 8), None]


@pytest.mark.parametrize("wrap", [lambda value: value, lambda value: [value], lambda value: {"t": value}])
@pytest.mark.parametrize("name", ["c", "c.t"])
def test_int96_has_room_for_every_day(name: str, wrap: Any) -> None:
    values = [wrap(value) for value in FAR]
    kind = pa.infer_type(values)
    table = pa.table({"id": range(4), name: pa.array(values, kind)})
    file = write(table, use_deprecated_int96_timestamps=True, row_group_size=3)
    blocks = list(read_parquet(file, batch_bytes=1))
    assert plain_rows(blocks) == table.to_pylist()
    assert parquet_footer(file).schema.field(name).type.equals(blocks[0].columns[name].values.type)


def test_a_nanosecond_of_int96_is_a_reject_that_tells_it() -> None:
    times = pa.array([1000, 1704443400000000123, 2000], pa.timestamp("ns"))
    file = write(pa.table({"id": range(3), "t": times}), use_deprecated_int96_timestamps=True)
    blocks = list(read_parquet(file))
    (reject,) = all_rejects(blocks)
    assert (reject.row, reject.column, reject.value) == (2, "t", "2024-01-05 08:30:00.000000123")
    assert json.loads(reject.text) == {"id": 1, "t": "2024-01-05 08:30:00.000000123"}
    assert [row["id"] for row in plain_rows(blocks)] == [0, 2]


def test_a_nanosecond_is_found_in_any_year() -> None:
    day = dt.datetime(9999, 12, 31, 23, 59, 59, 123456)
    micros = pa.array([day, day, None], pa.timestamp("us"))
    turns = pc.cast(micros, pa.timestamp("ns"), safe=False).cast(pa.int64()).to_pylist()
    nanos = pa.array([turns[0], turns[1] + 616, None], pa.timestamp("ns"))
    finer = find_finer(pa.record_batch({"t": micros}), pa.record_batch({"t": nanos}))
    assert finer is not None
    assert finer.rows["t"].tolist() == [False, True, False]
    assert finer.told.column("t")[1].as_py() == "9999-12-31 23:59:59.123456616"


def test_some_row_groups_know_their_rows() -> None:
    file = write(pa.table({"id": range(10)}), row_group_size=4)
    footer = parquet_footer(file)
    assert [rows for rows, _ in footer.row_groups] == [4, 4, 2]
    (block,) = read_parquet(file, [2])
    assert block.origins.locate([1]) == [(None, 10, '{"id": 9}')]
    assert list(read_parquet(file, [])) == []


def test_a_file_without_rows_still_has_its_columns() -> None:
    file = write(column([], pa.int32()))
    assert list(read_parquet(file)) == []
    assert parquet_footer(file).schema.names == ["c"]


def test_a_damaged_page_is_named() -> None:
    table = pa.table({"good": range(2000), "bad": [f"text {n * 7919}" for n in range(2000)]})
    file = write(
        table, compression="NONE", use_dictionary=False, write_page_checksum=True, row_group_size=1000
    )
    data = bytearray(file.getvalue())
    place = data.rindex(b"text 7919000")
    data[place : place + 4] = b"TEXT"
    with pytest.raises(Unreadable, match="the column 'bad' of row group 2 cannot be read"):
        list(read_parquet(io.BytesIO(bytes(data))))


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", "as Parquet"), (b"PAR1", "as Parquet"), (b"id,name\n1,x\n" * 10, "as Parquet")],
)
def test_what_is_no_parquet_says_so(data: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        parquet_footer(io.BytesIO(data))


def test_a_file_that_was_cut_says_so() -> None:
    data = write(column([1], pa.int32())).getvalue()
    with pytest.raises(Unreadable, match="as Parquet"):
        parquet_footer(io.BytesIO(data[:-10]))


def test_a_codec_that_is_not_read_is_named() -> None:
    file = bytearray(write(column([1], pa.int32()), compression="SNAPPY").getvalue())
    place = file.rindex(b"\x19\x18\x01c\x15")  # the codec stands behind the column's path
    assert file[place + 5] == 2
    file[place + 5] = 6  # LZO, which Arrow knows and does not read
    with pytest.raises(Unreadable, match=r"the column 'c' of row group 1 cannot be read: .*LZO"):
        list(read_parquet(io.BytesIO(bytes(file))))


def test_the_footer_asks_no_column_for_its_codec(monkeypatch: pytest.MonkeyPatch) -> None:
    group = SimpleNamespace(num_rows=3, total_byte_size=9)
    metadata = SimpleNamespace(num_rows=3, num_row_groups=1, row_group=lambda _index: group)
    schema = pa.schema([("c", pa.int32())])
    opened = SimpleNamespace(metadata=metadata, schema_arrow=schema)
    monkeypatch.setattr(parquet_rows, "_open", lambda _file: opened)
    assert parquet_footer(io.BytesIO()) == Footer(schema, [(3, 9)])


def test_names_that_differ_in_case_only_are_refused() -> None:
    with pytest.raises(Unreadable, match="'ID' twice"):
        parquet_footer(write(pa.table({"id": [1], "ID": [2]})))
