"""Files of the cases that text cannot write down."""

import io
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import orc

MOMENT = datetime(2024, 1, 5, 8, 30, 0, 123456)  # noqa: DTZ001  a time without a zone
DAY = date(2024, 1, 5)


def late_latin1() -> bytes:
    """One byte of another charset behind 120 KB of ASCII."""
    lines = [f"{number},{'a' * 26}\n" for number in range(3999)]
    return ("id,name\n" + "".join(lines) + "4000,Jürgen\n").encode("latin-1")


def many_breaks() -> bytes:
    """Two MB in which a quoted break, a doubled quote or a CR LF stands wherever a read may end."""
    parts = [
        f'{number},"a\r\nb""{"x" * (number % 7)}\n",{"y" * (number % 11)}\r\n' for number in range(60_000)
    ]
    return ("id,text,note\r\n" + "".join(parts)).encode()


def late_code() -> bytes:
    """A column that looks like numbers until its last row."""
    return ("id,code\n" + "".join(f"{n},{n + 10}\n" for n in range(5000)) + "5000,00123\n").encode()


def late_repeat() -> bytes:
    """XML with an element that comes twice in the last row alone."""
    return ("<rows>" + "<row><t>a</t></row>" * 9000 + "<row><t>b</t><t>c</t></row></rows>").encode()


def parquet(columns: dict[str, pa.Array], **settings: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, **settings)
    return sink.getvalue()


def _times(identifier: Sequence[int], values: Sequence[Any], unit: str, **settings: Any) -> bytes:
    columns = {"id": pa.array(identifier, pa.int32()), "t": pa.array(values, pa.timestamp(unit))}
    return parquet(columns, **settings)


def _damaged() -> bytes:
    good = bytearray(_times([9] * 2000, [MOMENT] * 2000, "us", compression="gzip", use_dictionary=False))
    good[60:120] = b"\xff" * 60
    return bytes(good)


def _decimals(value: str, precision: int, scale: int) -> bytes:
    return parquet({"x": pa.array([Decimal(value)], pa.decimal128(precision, scale))})


def _wide_decimal() -> bytes:
    number = pa.array([Decimal(10) ** 50], pa.decimal256(60, 0))
    return parquet({"id": pa.array([1], pa.int32()), "t": number})


def _all_kinds() -> bytes:
    moment = datetime(2024, 1, 5, 8, 30, tzinfo=UTC)
    return parquet(
        {
            "d": pa.array([DAY]), "t": pa.array([moment], pa.timestamp("ms", "UTC")),
            "n": pa.array([moment.replace(tzinfo=None)], pa.timestamp("us")), "y": pa.array([b"ab"]),
            "x": pa.array([Decimal("1.50")], pa.decimal128(10, 2)), "b": pa.array([True]),
            "s": pa.array([{"k": 1}], pa.struct([("k", pa.int32())])),
        }
    )  # fmt: skip


AVRO_FIELDS: list[dict[str, Any]] = [
    {"name": "id", "type": "int"},
    {"name": "name", "type": ["null", "string"], "default": None},
    {"name": "d", "type": ["null", {"type": "int", "logicalType": "date"}], "default": None},
    {
        "name": "n",
        "type": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}],
        "default": None,
    },
    {"name": "l", "type": {"type": "array", "items": "int"}},
]


def avro(fields: list[dict[str, Any]], rows: list[dict[str, Any]]) -> bytes:
    sink = io.BytesIO()
    fastavro.writer(sink, fastavro.parse_schema({"type": "record", "name": "row", "fields": fields}), rows)
    return sink.getvalue()


def _avro_rows() -> bytes:
    first = {"id": 1, "name": "a", "d": DAY, "n": Decimal("1.50"), "l": [1, 2]}
    return avro(AVRO_FIELDS, [first, {"id": 2, "name": None, "d": None, "n": None, "l": []}])


def _avro_grown() -> bytes:
    fields = [*AVRO_FIELDS, {"name": "more", "type": "int"}]
    return avro(fields, [{"id": 3, "name": "c", "d": None, "n": None, "l": [], "more": 7}])


def _orc() -> bytes:
    sink = io.BytesIO()
    columns = {
        "id": pa.array([1, 2], pa.int32()), "name": pa.array(["a", None]),
        "d": pa.array([DAY, None], pa.date32()),
    }  # fmt: skip
    orc.write_table(pa.table(columns), sink)
    return sink.getvalue()


def _one(values: Sequence[Any], kind: pa.DataType) -> Callable[[], bytes]:
    return lambda: parquet({"x": pa.array(values, kind)})


def _list_of(values: Sequence[Any], kind: pa.DataType) -> Callable[[], bytes]:
    return lambda: parquet({"l": pa.array([values], pa.list_(kind))})


def _struct_of(value: dict[str, int]) -> Callable[[], bytes]:
    kind = pa.struct([(name, pa.int32()) for name in value])
    return lambda: parquet({"h": pa.array([value], kind)})


BUILDERS: dict[str, Callable[[], bytes]] = {
    "late_latin1": late_latin1,
    "many_breaks": many_breaks,
    "late_code": late_code,
    "late_repeat": late_repeat,
    "microseconds": lambda: _times([1], [MOMENT], "us"),
    "exact_nanoseconds": lambda: _times([2], [MOMENT], "ns"),
    "odd_nanoseconds": lambda: _times([3, 4], [1704443400000000123, 1704443400000001000], "ns"),
    "brotli": lambda: _times([5], [MOMENT], "us", compression="brotli"),
    "damaged_page": _damaged,
    "cut_off": lambda: _times([9], [MOMENT], "us")[:-20],
    "half_floats": lambda: parquet(
        {"id": pa.array([1, 2], pa.int32()), "x": pa.array([1.5, None], pa.float16())}
    ),
    "decimal256": _wide_decimal,
    "struct_of_one": _struct_of({"a": 1}),
    "struct_of_two": _struct_of({"a": 2, "b": 3}),
    "array_of_ints": _list_of([1, 2], pa.int32()),
    "array_of_longs": _list_of([3_000_000_000, None], pa.int64()),
    "floats": _one([0.5], pa.float32()),
    "doubles": _one([0.1], pa.float64()),
    "shorts": _one([7], pa.int16()),
    "longs": _one([3_000_000_000], pa.int64()),
    "dates": _one([DAY], pa.date32()),
    "decimal_12_4": lambda: _decimals("1.2345", 12, 4),
    "decimal_10_2": lambda: _decimals("12345678.90", 10, 2),
    "all_kinds": _all_kinds,
    "other_names": lambda: parquet({"NAME": pa.array(["a"]), " Id": pa.array([1], pa.int64())}),
    "avro": _avro_rows,
    "avro_grown": _avro_grown,
    "avro_empty_record": lambda: avro(
        [{"name": "id", "type": "int"}, {"name": "e", "type": {"type": "record", "name": "e", "fields": []}}],
        [{"id": 4, "e": {}}],
    ),
    "avro_cut_off": lambda: _avro_rows()[:-20],
    "orc": _orc,
}
