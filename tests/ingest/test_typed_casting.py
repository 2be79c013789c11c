"""A type takes what it can give back, and merging finds the narrowest that takes both."""

# ruff: noqa: DTZ001  a time without a zone is one of the types

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingest_parts.typed_casting import cast_typed
from ingest_parts.typed_merging import merge_types

_US = pa.timestamp("us")
_UTC = pa.timestamp("us", "UTC")


def cast(values: list[Any], source: pa.DataType, kind: pa.DataType, **rules: Any) -> list[Any]:
    """The values after casting; what is bad as an ellipsis."""
    made, bad = cast_typed(pa.array(values, source), kind, **rules)
    made.validate(full=True)
    assert made.type == kind
    return [... if is_bad else value for value, is_bad in zip(made.to_pylist(), bad, strict=True)]


@pytest.mark.parametrize(
    ("source", "kind", "values", "expected"),
    [
        (pa.int64(), pa.int8(), [127, 128, -128, None], [127, ..., -128, None]),
        (pa.uint64(), pa.int64(), [2**63 - 1, 2**63], [2**63 - 1, ...]),
        (pa.uint64(), pa.decimal128(20, 0), [2**64 - 1], [Decimal(2**64 - 1)]),
        (pa.int64(), pa.float64(), [2**53, 2**53 + 1, -(2**60)], [2.0**53, ..., -(2.0**60)]),
        (pa.int64(), pa.float64(), [2**63 - 1, -(2**63)], [..., -(2.0**63)]),
        (pa.int32(), pa.float32(), [2**24, 2**24 + 1], [2.0**24, ...]),
        (pa.float64(), pa.int32(), [1.0, 1.5, 1e10, float("nan")], [1, ..., ..., ...]),
        (pa.float64(), pa.int64(), [2.0**62, 2.0**63], [2**62, ...]),
        (pa.float64(), pa.float32(), [0.5, 0.1, 1e300], [0.5, ..., ...]),
        (pa.float32(), pa.float64(), [0.5], [0.5]),
        (pa.float16(), pa.float32(), [np.float16(1.5)], [1.5]),
        (
            pa.decimal128(10, 3),
            pa.decimal128(10, 2),
            [Decimal("1.230"), Decimal("1.239")],
            [Decimal("1.23"), ...],
        ),
        (pa.decimal128(12, 0), pa.decimal128(4, 2), [Decimal(99), Decimal(100)], [Decimal("99.00"), ...]),
        (
            pa.decimal256(60, 2),
            pa.decimal128(38, 2),
            [Decimal("1.23"), Decimal(10) ** 50],
            [Decimal("1.23"), ...],
        ),
        (pa.int32(), pa.decimal128(5, 2), [999, 1000], [Decimal("999.00"), ...]),
        (pa.decimal128(10, 2), pa.int32(), [Decimal("5.00"), Decimal("5.50")], [5, ...]),
        (pa.decimal128(10, 2), pa.float64(), [Decimal("0.10")], [0.1]),
        (pa.decimal128(38, 20), pa.float64(), [Decimal("0.10000000000000000001")], [...]),
        (pa.float64(), pa.decimal128(10, 2), [0.1, 0.125, float("inf")], [Decimal("0.10"), ..., ...]),
        (pa.bool_(), pa.int32(), [True, None], [..., None]),
        (pa.string(), pa.int32(), ["5"], [...]),
        (pa.string(), pa.binary(), ["é"], ["é".encode()]),
        (pa.binary(), pa.string(), ["é".encode(), b"\xff"], ["é", ...]),
        (pa.date32(), _US, [dt.date(2024, 1, 5)], [...]),
        (_US, pa.date32(), [dt.datetime(2024, 1, 5), dt.datetime(2024, 1, 5, 1)], [dt.date(2024, 1, 5), ...]),
        (pa.timestamp("ns"), _US, [1000, 1001], [dt.datetime(1970, 1, 1, 0, 0, 0, 1), ...]),
        (pa.timestamp("s"), _US, [1, 2**60], [dt.datetime(1970, 1, 1, 0, 0, 1), ...]),
        (_UTC, _US, [dt.datetime(2024, 1, 5, tzinfo=dt.UTC)], [...]),
        (_US, _UTC, [dt.datetime(2024, 1, 5)], [dt.datetime(2024, 1, 5, tzinfo=dt.UTC)]),
        (pa.null(), pa.int32(), [None], [None]),
        (pa.list_(pa.int64()), pa.list_(pa.int8()), [[1, None], [128], None, []], [[1, None], ..., None, []]),
        (pa.list_(pa.int64(), 2), pa.list_(pa.int8()), [[1, 2], [1, 300]], [[1, 2], ...]),
        (
            pa.map_(pa.string(), pa.int64()),
            pa.map_(pa.string(), pa.int8()),
            [[("a", 1)], [("a", 300)], None],
            [[("a", 1)], ..., None],
        ),
        (
            pa.struct([("A", pa.int64())]),
            pa.struct([("a", pa.int8()), ("b", pa.string())]),
            [{"A": 1}, {"A": 300}, None],
            [{"a": 1, "b": None}, ..., None],
        ),
        (
            pa.struct([("a", pa.int8()), ("x", pa.int8())]),
            pa.struct([("a", pa.int8())]),
            [{"a": 1, "x": None}, {"a": 1, "x": 2}],
            [{"a": 1}, ...],
        ),
        (pa.struct([("a", pa.int8())]), pa.int8(), [{"a": 1}, None], [..., None]),
    ],
)
def test_a_value_is_kept_or_bad(
    source: pa.DataType, kind: pa.DataType, values: list[Any], expected: list[Any]
) -> None:
    assert cast(values, source, kind) == expected


@pytest.mark.parametrize(
    ("source", "value", "text"),
    [
        (pa.bool_(), True, "true"),
        (pa.int64(), -5, "-5"),
        (pa.float64(), 1.0, "1.0"),
        (pa.float64(), float("nan"), "NaN"),
        (pa.float32(), 0.1, "0.1"),
        (pa.decimal128(12, 10), Decimal("0.0000000001"), "0.0000000001"),
        (pa.date32(), dt.date(2024, 1, 5), "2024-01-05"),
        (_US, dt.datetime(2024, 1, 5, 8), "2024-01-05 08:00:00.000000"),
        (_UTC, dt.datetime(2024, 1, 5, 8, tzinfo=dt.UTC), "2024-01-05 08:00:00.000000Z"),
        (pa.time32("s"), dt.time(8, 30), "08:30:00.000000"),
        (pa.time64("ns"), 1000, "00:00:00.000001"),
        (pa.time64("ns"), 1001, "00:00:00.000001001"),
        (pa.uuid(), bytes(range(16)), "00010203-0405-0607-0809-0a0b0c0d0e0f"),
        (pa.large_string(), "x", "x"),
        (pa.dictionary(pa.int8(), pa.string()), "x", "x"),
        (pa.struct([("a", pa.decimal128(4, 2))]), {"a": Decimal("1.50")}, '{"a": "1.50"}'),
    ],
)
def test_text_is_canonical(source: pa.DataType, value: Any, text: str) -> None:
    assert cast([value, None], source, pa.string()) == [text, None]


def test_a_date_is_its_midnight_where_types_were_merged() -> None:
    assert cast([dt.date(2024, 1, 5)], pa.date32(), _US, merged=True) == [dt.datetime(2024, 1, 5)]


def test_fields_that_the_struct_has_not_are_dropped_where_that_is_asked_for() -> None:
    source = pa.struct([("a", pa.int8()), ("more", pa.int8())])
    kind = pa.struct([("a", pa.int8())])
    assert cast([{"a": 1, "more": 2}], source, kind, ignore_extra=True) == [{"a": 1}]
    nested = cast([[{"a": 1, "more": 2}]], pa.list_(source), pa.list_(kind), ignore_extra=True)
    assert nested == [[{"a": 1}]]


def test_slices_of_nested_values_are_cast_alone() -> None:
    values = pa.array([[300], [1], None, [2, 3]], pa.list_(pa.int64())).slice(1)
    made, bad = cast_typed(values, pa.list_(pa.int8()))
    assert (made.to_pylist(), bad.tolist()) == ([[1], None, [2, 3]], [False, False, False])


@pytest.mark.parametrize(
    ("first", "second", "merged"),
    [
        (pa.null(), pa.int8(), pa.int8()),
        (pa.int16(), pa.int64(), pa.int64()),
        (pa.uint32(), pa.int32(), pa.int64()),
        (pa.float32(), pa.float64(), pa.float64()),
        (pa.float16(), pa.float32(), pa.float32()),
        (pa.int64(), pa.float64(), pa.float64()),
        (pa.decimal128(12, 4), pa.decimal128(10, 2), pa.decimal128(12, 4)),
        (pa.decimal128(10, 0), pa.decimal128(10, 8), pa.decimal128(18, 8)),
        (pa.decimal128(38, 0), pa.decimal128(38, 38), pa.string()),
        (pa.int32(), pa.decimal128(4, 2), pa.decimal128(12, 2)),
        (pa.decimal128(4, 2), pa.float64(), pa.string()),
        (pa.date32(), _US, _US),
        (_UTC, pa.date32(), _UTC),
        (pa.timestamp("ns"), _UTC, _UTC),
        (pa.string(), pa.int32(), pa.string()),
        (pa.string(), pa.binary(), pa.binary()),
        (pa.bool_(), pa.int8(), pa.string()),
        (pa.list_(pa.int8()), pa.large_list(pa.int64()), pa.list_(pa.int64())),
        (pa.list_(pa.int8()), pa.int8(), pa.string()),
        (
            pa.struct([("a", pa.int32())]),
            pa.struct([("A", pa.int64()), ("b", pa.int32())]),
            pa.struct([("a", pa.int64()), ("b", pa.int32())]),
        ),
        (
            pa.map_(pa.string(), pa.int8()),
            pa.map_(pa.string(), pa.float32()),
            pa.map_(pa.string(), pa.float64()),
        ),
    ],
)
def test_the_narrowest_type_of_both(first: pa.DataType, second: pa.DataType, merged: pa.DataType) -> None:
    assert merge_types(first, second) == merged
    assert merge_types(second, first) == merged or pa.types.is_struct(merged)


_TYPES = st.sampled_from(
    [
        pa.int8(),
        pa.int16(),
        pa.int32(),
        pa.float32(),
        pa.decimal128(5, 2),
        pa.decimal128(9, 0),
        pa.string(),
        pa.bool_(),
    ]
)


@given(source=_TYPES, other=_TYPES, number=st.integers(-100, 100))
def test_a_merged_type_takes_every_value_of_both(
    source: pa.DataType, other: pa.DataType, number: int
) -> None:
    values = (
        pa.array([number]).cast(pa.decimal128(20, 0)) if pa.types.is_decimal(source) else pa.array([number])
    )
    values = pa.array([number > 0]) if pa.types.is_boolean(source) else values.cast(source)
    made, bad = cast_typed(values, merge_types(source, other), merged=True)
    assert not bad.any()
    back, bad = cast_typed(made, source)
    if made.type != pa.string():
        assert not bad.any()
        assert back.equals(values)
