"""Tables that hypothesis draws: every type that an output can have, with the values that hurt."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["", "a,b", 'say "hi"', "l1\nl2", "\r", "\r\n", " x ", "\t", "null", "NA", "#1", '"', '""', "\\", "\\n",
     "\u2028", "{", "}\n{", "\x00", "é", "日本", "007", "1E5"]
)  # fmt: skip
YEARS = {"min_value": dt.datetime(1, 1, 1), "max_value": dt.datetime(9999, 12, 31, 23, 59, 59)}  # noqa: DTZ001


def integers(bits: int) -> Any:
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def decimals(precision: int, scale: int) -> Any:
    top = 10**precision - 1
    return st.integers(-top, top).map(
        lambda number: Decimal((number < 0, tuple(map(int, str(abs(number)))), -scale))
    )


SCALARS: list[tuple[pa.DataType, Any]] = [
    (pa.bool_(), st.booleans()),
    (pa.int8(), integers(8)),
    (pa.int16(), integers(16)),
    (pa.int32(), integers(32)),
    (pa.int64(), integers(64)),
    (pa.float32(), st.floats(width=32)),
    (pa.float64(), st.floats()),
    (pa.decimal128(10, 2), decimals(10, 2)),
    (pa.decimal128(38, 20), decimals(38, 20)),
    (pa.decimal128(38, 0), decimals(38, 0)),
    (pa.string(), TEXT),
    (pa.binary(), st.binary(max_size=6)),
    (pa.date32(), st.dates()),
    (pa.timestamp("us"), st.datetimes(**YEARS)),
    (pa.timestamp("us", "UTC"), st.datetimes(**YEARS, timezones=st.just(dt.UTC))),
]
PARTITIONS = [(kind, values) for kind, values in SCALARS if kind != pa.binary()]


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = inner.map(lambda one: (pa.list_(one[0]), st.lists(maybe(one[1]), max_size=3)))
    structs = st.lists(inner, min_size=1, max_size=3).map(build_struct)
    keys = st.sampled_from([(pa.string(), TEXT), (pa.int32(), integers(32))])
    return lists | structs | st.tuples(keys, inner).map(build_map)


def build_struct(fields: list[Any]) -> tuple[pa.DataType, Any]:
    names = [f"f{place}" for place in range(len(fields))]
    kind = pa.struct([pa.field(name, one[0]) for name, one in zip(names, fields, strict=True)])
    return kind, st.fixed_dictionaries({name: maybe(one[1]) for name, one in zip(names, fields, strict=True)})


def build_map(parts: Any) -> tuple[pa.DataType, Any]:
    (key_kind, keys), (kind, values) = parts
    return pa.map_(key_kind, kind), st.dictionaries(keys, maybe(values), max_size=3).map(
        lambda one: [*one.items()]
    )


def maybe(values: Any) -> Any:
    return st.none() | values


TYPES = st.recursive(st.sampled_from(SCALARS), nested, max_leaves=4)
NAMES = st.sampled_from(["a", "B c", "ü", 'q"x', "x,y", "l\nm", "p=q", "%41"])
UPLOADS = st.sampled_from(["up-1", "up-2", "up-10", 'up "x"'])


@st.composite
def tables(draw: Any) -> tuple[pa.Table, list[str]]:
    """A table of one data column to four, and the names that it is partitioned by."""
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    by = names[: draw(st.integers(0, min(2, len(names) - 1)))]
    rows = draw(st.integers(0, 12))
    columns, fields = [], []
    for name in names:
        kind, values = draw(st.sampled_from(PARTITIONS) if name in by else TYPES)
        if name in by and kind == pa.string():
            values = values.filter(lambda text: text not in {"", "__HIVE_DEFAULT_PARTITION__"})
        columns.append(pa.array(draw(st.lists(maybe(values), min_size=rows, max_size=rows)), kind))
        fields.append(pa.field(name, kind))
    for name, values in (("_source_key", TEXT), ("_upload_id", UPLOADS), ("_batch_id", st.just("b"))):
        columns.append(pa.array(draw(st.lists(values, min_size=rows, max_size=rows)), pa.string()))
        fields.append(pa.field(name, pa.string(), nullable=False))
    return pa.table(columns, pa.schema(fields)), by
