"""Avro's rows, counted by the headers of its blocks."""

# ruff: noqa: DTZ001  a time without a zone is a type of these files

from __future__ import annotations

import datetime as dt
import io
import uuid
from decimal import Decimal
from typing import Any

import fastavro
import pyarrow as pa
import pytest
from ingest_parts.avro_rows import read_avro
from ingest_parts.faults import Unreadable

from tests.ingest.reading import plain_rows

DATE = {"type": "int", "logicalType": "date"}
MILLIS = {"type": "long", "logicalType": "timestamp-millis"}
LOCAL = {"type": "long", "logicalType": "local-timestamp-micros"}


def write(fields: list[Any], rows: list[dict[str, Any]], **options: Any) -> bytes:
    file = io.BytesIO()
    fastavro.writer(file, {"type": "record", "name": "r", "fields": fields}, rows, **options)
    return file.getvalue()


def field(kind: Any) -> list[Any]:
    return [{"name": "c", "type": kind}]


@pytest.mark.parametrize(
    ("schema", "value", "kind", "read"),
    [
        ("int", 5, pa.int32(), 5),
        ("long", 2**40, pa.int64(), 2**40),
        ("float", 1.5, pa.float32(), 1.5),
        ("double", 0.1, pa.float64(), 0.1),
        ("boolean", True, pa.bool_(), True),
        ("string", "ü", pa.string(), "ü"),
        ("bytes", b"\xff", pa.binary(), b"\xff"),
        (["null", "int"], None, pa.int32(), None),
        (["int", "long", "null"], 2**40, pa.int64(), 2**40),
        (["int", "string"], 5, pa.string(), "5"),
        (["boolean", "string"], True, pa.string(), "true"),
        (
            [DATE, MILLIS],
            dt.date(2024, 1, 5),
            pa.timestamp("us", "UTC"),
            dt.datetime(2024, 1, 5, tzinfo=dt.UTC),
        ),
        ([DATE, LOCAL, "null"], dt.date(2024, 1, 5), pa.timestamp("us"), dt.datetime(2024, 1, 5)),
        ([LOCAL, DATE], dt.datetime(2024, 1, 5, 8), pa.timestamp("us"), dt.datetime(2024, 1, 5, 8)),
        ({"type": "enum", "name": "e", "symbols": ["A", "B"]}, "B", pa.string(), "B"),
        ({"type": "fixed", "name": "f", "size": 2}, b"xy", pa.binary(), b"xy"),
        ({"type": "array", "items": ["null", "int"]}, [1, None], pa.list_(pa.int32()), [1, None]),
        ({"type": "map", "values": "int"}, {"a": 1}, pa.map_(pa.string(), pa.int32()), [("a", 1)]),
        (
            {
                "type": "record",
                "name": "s",
                "namespace": "n.s",
                "fields": [{"name": "a", "type": ["null", "int"]}],
            },
            {"a": 1},
            pa.struct([("a", pa.int32())]),
            {"a": 1},
        ),
        ({"type": "int", "logicalType": "date"}, dt.date(2024, 1, 5), pa.date32(), dt.date(2024, 1, 5)),
        ({"type": "long", "logicalType": "time-micros"}, dt.time(8, 30), pa.string(), "08:30:00.000000"),
        (
            {"type": "long", "logicalType": "timestamp-millis"},
            dt.datetime(2024, 1, 5, tzinfo=dt.UTC),
            pa.timestamp("us", "UTC"),
            dt.datetime(2024, 1, 5, tzinfo=dt.UTC),
        ),
        (
            {"type": "long", "logicalType": "local-timestamp-micros"},
            dt.datetime(2024, 1, 5, 0, 0, 0, 1),
            pa.timestamp("us"),
            dt.datetime(2024, 1, 5, 0, 0, 0, 1),
        ),
        (
            {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2},
            Decimal("1.50"),
            pa.decimal128(10, 2),
            Decimal("1.50"),
        ),
        (
            {"type": "bytes", "logicalType": "decimal", "precision": 50, "scale": 2},
            Decimal("1.50"),
            pa.string(),
            "1.50",
        ),
        ({"type": "string", "logicalType": "uuid"}, uuid.UUID(int=1), pa.string(), str(uuid.UUID(int=1))),
    ],
)
def test_types_become_what_the_table_says(schema: Any, value: Any, kind: pa.DataType, read: Any) -> None:
    (block,) = read_avro(io.BytesIO(write(field(schema), [{"c": value}])))
    assert block.columns["c"].values.type.equals(kind)
    assert block.columns["c"].values.to_pylist() == [read]


@pytest.mark.parametrize("codec", ["null", "deflate", "bzip2", "xz"])
def test_many_blocks_have_each_row_once(codec: str) -> None:
    rows = [{"c": n, "s": f"ü{n}"} for n in range(1000)]
    data = write(
        [{"name": "c", "type": "int"}, {"name": "s", "type": "string"}], rows, sync_interval=200, codec=codec
    )
    blocks = list(read_avro(io.BytesIO(data), batch_rows=130))
    assert plain_rows(blocks) == rows
    assert [block.rows for block in blocks] == [130] * 7 + [90]
    assert blocks[1].origins.locate([0]) == [(None, 131, '{"c": 130, "s": "ü130"}')]


def test_a_named_type_is_known_where_it_comes_again() -> None:
    point = {"type": "record", "name": "point", "namespace": "n", "fields": [{"name": "x", "type": "int"}]}
    fields = [{"name": "a", "type": point}, {"name": "b", "type": ["null", "n.point"]}]
    rows = [{"a": {"x": 1}, "b": {"x": 2}}, {"a": {"x": 1}, "b": None}]
    assert plain_rows(read_avro(io.BytesIO(write(fields, rows)))) == rows


def test_a_file_without_rows_has_no_blocks() -> None:
    assert list(read_avro(io.BytesIO(write(field("int"), [])))) == []


def test_a_type_with_itself_as_a_part_is_refused() -> None:
    data = write(field(["null", "r"]), [{"c": None}])
    with pytest.raises(Unreadable, match="itself as a part"):
        list(read_avro(io.BytesIO(data)))


@pytest.mark.parametrize("wrap", [lambda kind: kind, lambda kind: {"type": "array", "items": kind}])
def test_a_record_without_fields_is_refused(wrap: Any) -> None:
    kind = wrap({"type": "record", "name": "e", "fields": []})
    with pytest.raises(Unreadable, match=r"the column 'c' has the type struct<>, which cannot be read"):
        list(read_avro(io.BytesIO(write(field(kind), []))))


@pytest.mark.parametrize("data", [b"", b"Obj\x01", b"this is no avro file"])
def test_what_is_no_avro_says_so(data: bytes) -> None:
    with pytest.raises(Unreadable, match="its header cannot be read as Avro"):
        list(read_avro(io.BytesIO(data)))


@pytest.mark.parametrize("cut", [1, 20, 500])
def test_a_file_that_was_cut_is_no_success(cut: int) -> None:
    data = write(field("string"), [{"c": f"text {n}"} for n in range(1000)], sync_interval=500)
    with pytest.raises(Unreadable, match=r"block [0-9]+ cannot be read as Avro"):
        list(read_avro(io.BytesIO(data[:-cut])))


def test_a_block_with_other_rows_than_its_header_says_is_no_success() -> None:
    data = bytearray(write(field("int"), [{"c": 1}, {"c": 2}, {"c": 3}]))
    sync = bytes(data[-16:])
    place = data.index(sync) + 16
    assert data[place] == 6  # three rows, as Avro writes a long
    data[place] = 4
    with pytest.raises(Unreadable, match="block"):
        list(read_avro(io.BytesIO(bytes(data))))
