"""Folders as Spark 4.0.2 names them (each name here is what it wrote), and the values that have none."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from ingest_parts.faults import IngestError
from ingest_parts.partitioning import find_columns, find_unplaceable, split

NAMES: list[tuple[pa.DataType, Any, str]] = [
    (pa.string(), "a/b", "a%2Fb"),
    (pa.string(), "q\"'`<>|&;!@$(),~+-._ ", "q%22%27`<>|&;!@$(),~+-._ "),
    (pa.string(), "#%*:=?\\{}[]^", "%23%25%2A%3A%3D%3F%5C%7B}%5B%5D%5E"),
    (pa.string(), "\x01\x1f\x7f\n\r\t", "%01%1F%7F%0A%0D%09"),
    (pa.string(), "é日本\u2028.", "é日本\u2028."),
    (pa.string(), None, "__HIVE_DEFAULT_PARTITION__"),
    (pa.bool_(), True, "true"),
    (pa.int64(), -(2**63), "-9223372036854775808"),
    (pa.float64(), 1e7, "1.0E7"),
    (pa.float64(), 9999999.0, "9999999.0"),
    (pa.float64(), 9.99e-4, "9.99E-4"),
    (pa.float64(), 1e-3, "0.001"),
    (pa.float64(), -0.0, "-0.0"),
    (pa.float64(), float("nan"), "NaN"),
    (pa.float64(), float("-inf"), "-Infinity"),
    (pa.float32(), 0.1, "0.1"),
    (pa.float32(), 3.4028234663852886e38, "3.4028235E38"),
    (pa.decimal128(20, 10), Decimal("0.0000000001"), "0.0000000001"),
    (pa.decimal128(20, 10), Decimal("12.5"), "12.5000000000"),
    (pa.date32(), dt.date(1, 1, 1), "0001-01-01"),
    (pa.timestamp("us", "UTC"), dt.datetime(2026, 1, 1, tzinfo=dt.UTC), "2026-01-01 00%3A00%3A00"),
    (pa.timestamp("us"), dt.datetime(2026, 1, 1, 1, 2, 3, 450000), "2026-01-01 01%3A02%3A03.45"),  # noqa: DTZ001
]


@pytest.mark.parametrize(("kind", "value", "name"), NAMES)
def test_folders_are_named_as_spark_names_them(kind: pa.DataType, value: Any, name: str) -> None:
    table = pa.table({"na me=1": pa.array([value], kind), "x": [1]})
    assert [folder for folder, _ in split(table, ["na me=1"])] == [f"na me%3D1={name}"]


def test_columns_are_found_without_case() -> None:
    schema = pa.schema([("Country", pa.string()), ("day", pa.date32()), ("x", pa.int32())])
    assert find_columns(schema, ["DAY", "country"]) == ["day", "Country"]


@pytest.mark.parametrize(
    ("by", "message"),
    [
        (["x", "y"], "names y, which is no column"),
        (["l"], r"names l, whose type list<.*> makes no folders"),
        (["b"], "names b, whose type binary makes no folders"),
        (["x", "l2"], "no column"),
    ],
)
def test_columns_that_make_no_folders_are_refused(by: list[str], message: str) -> None:
    schema = pa.schema([("x", pa.int32()), ("l", pa.list_(pa.int32())), ("b", pa.binary())])
    with pytest.raises(IngestError, match=message):
        find_columns(schema, by)


def test_some_column_is_left_for_the_files() -> None:
    with pytest.raises(IngestError, match="no column is left"):
        find_columns(pa.schema([("x", pa.int32()), ("y", pa.int32())]), ["Y", "x"])


def test_values_that_share_a_name_with_null_have_none() -> None:
    table = pa.table({"id": [1, 2, 3, 4, 5], "g": ["a", "", None, "__HIVE_DEFAULT_PARTITION__", "x" * 254]})
    found = find_unplaceable(table, ["G"])
    assert [(row, column) for row, column, _, _ in found] == [(1, "g"), (3, "g"), (4, "g")]
    assert found[0][2:] == ("", "'' cannot be the value of a partition: its folder means null")
    assert "255 bytes" in found[2][3]
    for row in (1, 3, 4):
        with pytest.raises(IngestError, match=r"^Column g: "):
            list(split(table.slice(row, 1), ["g"]))
    assert find_unplaceable(table.take([0, 2]), ["g"]) == []


def test_every_row_is_in_one_folder_in_its_order() -> None:
    table = pa.table({
        "id": list(range(9)), "a": [1, None, 2] * 3, "b": [0.0, -0.0, float("nan")] * 2 + [0.0, 0.0, None],
    })  # fmt: skip
    found = {folder: rows["id"].to_pylist() for folder, rows in split(table, ["a", "b"])}
    assert found == {
        "a=1/b=0.0": [0, 3, 6], "a=2/b=NaN": [2, 5], "a=2/b=__HIVE_DEFAULT_PARTITION__": [8],
        "a=__HIVE_DEFAULT_PARTITION__/b=-0.0": [1, 4], "a=__HIVE_DEFAULT_PARTITION__/b=0.0": [7],
    }  # fmt: skip
