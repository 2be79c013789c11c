# ruff: noqa: DTZ001 - times without a zone are among what is tested
"""A declared type takes what it can give back, and nothing else."""

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingest_parts.casting import Target, cast_text
from ingest_parts.dialect import Rules
from ingest_parts.inference import infer_text

ZONED, NAIVE = pa.timestamp("us", tz="UTC"), pa.timestamp("us")
BAD = object()
COMMA = Rules(decimal=",", grouping=".")
BERLIN = Rules(time_zone="Europe/Berlin")


def cast(text: str | None, kind: pa.DataType, rules: Rules | None = None, **more: Any) -> Any:
    values, bad = cast_text(pa.array([text], pa.string()), Target(kind, "", **more), rules or Rules())
    return BAD if bad[0] else values.to_pylist()[0]


def at(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=dt.UTC)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("text", "kind", "rules", "value"),
    [
        ("5", pa.int32(), None, 5),
        ("-5", pa.int32(), None, -5),
        (" 5 ", pa.int32(), None, 5),
        ("007", pa.int32(), None, BAD),
        ("007", pa.int32(), Rules(leading_zeros=True), 7),
        ("1.0", pa.int32(), None, BAD),
        ("+5", pa.int32(), None, BAD),
        ("0x1F", pa.int32(), None, BAD),
        ("1e3", pa.int32(), None, BAD),
        ("2147483647", pa.int32(), None, 2147483647),
        ("2147483648", pa.int32(), None, BAD),
        ("128", pa.int8(), None, BAD),
        ("9223372036854775807", pa.int64(), None, 2**63 - 1),
        ("9223372036854775808", pa.int64(), None, BAD),
        ("", pa.int32(), None, None),
        ("NA", pa.int32(), Rules(nulls=("NA",)), None),
        ("NA", pa.int32(), None, BAD),
        ("1.234", pa.int32(), COMMA, 1234),
        ("12.34", pa.int32(), COMMA, BAD),
        ("1.5", pa.float64(), None, 1.5),
        ("0.30000000000000004", pa.float64(), None, 0.30000000000000004),
        ("9007199254740993", pa.float64(), None, BAD),
        ("12D", pa.float64(), None, BAD),
        ("1e5", pa.float64(), None, 1e5),
        ("1e999", pa.float64(), None, BAD),
        ("1_0", pa.float64(), None, BAD),
        ("-Infinity", pa.float64(), None, float("-inf")),
        ("0.1", pa.float32(), None, 0.10000000149011612),
        ("16777217", pa.float32(), None, BAD),
        ("1,5", pa.float64(), COMMA, 1.5),
        ("1.5", pa.float64(), COMMA, BAD),
        ("12.50", pa.decimal128(10, 2), None, Decimal("12.50")),
        ("1.239", pa.decimal128(10, 2), None, BAD),
        ("1.2300", pa.decimal128(10, 2), None, Decimal("1.23")),
        ("12,50", pa.decimal128(10, 2), None, BAD),
        ("1.234,56", pa.decimal128(10, 2), COMMA, Decimal("1234.56")),
        ("1.23,4", pa.decimal128(10, 2), COMMA, BAD),
        ("123456789.00", pa.decimal128(10, 2), None, BAD),
        (" " + "9" * 38, pa.decimal128(38, 0), None, Decimal("9" * 38)),
        ("-" + "9" * 38 + ".0", pa.decimal128(38, 0), None, Decimal("-" + "9" * 38)),
        ("9" * 39, pa.decimal128(38, 0), None, BAD),
        (" " + "9" * 28 + ".10", pa.decimal128(38, 10), None, Decimal("9" * 28 + ".1")),
        (" 0." + "9" * 38, pa.decimal128(38, 38), None, Decimal("0." + "9" * 38)),
        ("9" * 38, pa.decimal128(38, 0), COMMA, Decimal("9" * 38)),
        ("1.", pa.float64(), None, 1.0),
        ("", pa.binary(), None, None),
        ("NA", pa.binary(), Rules(nulls=("NA",)), None),
        (" ab ", pa.binary(), None, b" ab "),
        ("TRUE", pa.bool_(), None, True),
        ("1", pa.bool_(), None, BAD),
        ("yes", pa.bool_(), None, BAD),
        ("2024-02-29", pa.date32(), None, dt.date(2024, 2, 29)),
        ("2023-02-29", pa.date32(), None, BAD),
        ("2024", pa.date32(), None, BAD),
        ("2024-01", pa.date32(), None, BAD),
        ("2024-1-5", pa.date32(), None, BAD),
        ("2024-01-05 junk", pa.date32(), None, BAD),
        ("0000-01-01", pa.date32(), None, BAD),
        ("05.01.2024", pa.date32(), Rules(date_format="dd.MM.yyyy"), dt.date(2024, 1, 5)),
        ("5.1.2024", pa.date32(), Rules(date_format="dd.MM.yyyy"), BAD),
        ("2024-01-05T10:00:00Z", ZONED, None, at(2024, 1, 5, 10)),
        ("2024-01-05 10:00:00", ZONED, None, at(2024, 1, 5, 10)),
        ("2024-01-05 10:00:00+02:00", ZONED, None, at(2024, 1, 5, 8)),
        ("08:30", ZONED, None, BAD),
        ("2024-01-05T10:00:00.123456", ZONED, None, at(2024, 1, 5, 10, 0, 0, 123456)),
        ("2024-01-05T10:00:00.1234567", ZONED, None, BAD),
        ("1388534400000", ZONED, None, BAD),
        ("2024-01-05 24:00:00", ZONED, None, BAD),
        ("2024-01-05 10:00:60", ZONED, None, BAD),
        ("2024-01-05", ZONED, None, BAD),
        ("2024-07-01 10:00:00", ZONED, BERLIN, at(2024, 7, 1, 8)),
        ("2024-03-31 02:30:00", ZONED, BERLIN, BAD),
        ("0001-01-01 00:00:00", ZONED, BERLIN, BAD),
        ("0001-01-01T00:00:00+02:00", ZONED, None, BAD),
        ("9999-12-31 23:59:59", ZONED, Rules(time_zone="America/New_York"), BAD),
        ("9999-12-31 23:59:59", ZONED, BERLIN, at(9999, 12, 31, 22, 59, 59)),
        ("2024-01-05 10:00:00", NAIVE, None, dt.datetime(2024, 1, 5, 10)),
        ("2024-01-05 10:00:00Z", NAIVE, None, BAD),
    ],
)
def test_what_a_type_takes(text: str, kind: pa.DataType, rules: Rules | None, value: Any) -> None:
    assert cast(text, kind, rules) == value


def test_a_string_keeps_all_up_to_its_length() -> None:
    assert cast(" a ", pa.string()) == " a "
    assert cast("abc", pa.string(), max_length=3) == "abc"
    assert cast("abcd", pa.string(), max_length=3) is BAD


def test_json_strings_are_no_numbers_and_its_numbers_no_dates() -> None:
    texts = pa.array(["5", "5", "2024-01-05", "20240105"])
    quoted = np.array([True, False, True, False])
    numbers, bad = cast_text(texts, Target(pa.int32(), ""), Rules(), quoted)
    assert (numbers.to_pylist(), bad.tolist()) == ([None, 5, None, 20240105], [True, False, True, False])
    decimals, bad = cast_text(texts, Target(pa.decimal128(10, 2), ""), Rules(), quoted)
    assert (decimals.to_pylist(), bad.tolist()) == ([None, 5, None, 20240105], [True, False, True, False])
    dates, bad = cast_text(texts, Target(pa.date32(), ""), Rules(), quoted)
    assert dates.to_pylist() == [None, None, dt.date(2024, 1, 5), None]
    assert bad.tolist() == [True, True, False, True]


@given(st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)), max_size=30))
def test_every_integer_comes_back(values: list[int | None]) -> None:
    texts = pa.array([None if value is None else str(value) for value in values], pa.string())
    found, bad = cast_text(texts, Target(pa.int64(), ""), Rules())
    assert found.to_pylist() == values
    assert not bad.any()


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=30))
def test_every_float_that_python_writes_comes_back(values: list[float]) -> None:
    found, bad = cast_text(
        pa.array([repr(value) for value in values], pa.string()), Target(pa.float64(), ""), Rules()
    )
    assert found.to_pylist() == values
    assert not bad.any()


@given(st.lists(st.text("0123456789-+.eE ,", max_size=9), min_size=1, max_size=20))
def test_no_text_becomes_another_number(texts: list[str]) -> None:
    for kind in (pa.int32(), pa.int64(), pa.float64(), pa.decimal128(10, 2)):
        found, bad = cast_text(pa.array(texts), Target(kind, ""), Rules())
        for text, value, is_bad in zip(texts, found.to_pylist(), bad, strict=True):
            if value is not None:
                assert Decimal(str(value)) == Decimal(text.strip())
            else:
                assert is_bad or not text.strip()


@given(
    st.lists(st.datetimes(min_value=dt.datetime(1, 1, 2), max_value=dt.datetime(9999, 12, 30)), max_size=20)
)
def test_every_time_comes_back(values: list[dt.datetime]) -> None:
    for separator, zone in (("T", ""), (" ", "Z")):
        texts = pa.array([value.isoformat(separator) + zone for value in values], pa.string())
        found, bad = cast_text(texts, Target(ZONED, ""), Rules())
        assert [value.replace(tzinfo=None) for value in found.to_pylist()] == values
        assert not bad.any()


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["1", None, "-2"], pa.int32()),
        (["1", "3000000000"], pa.int64()),
        (["1", "1.5"], pa.float64()),
        (["00123", "1"], pa.string()),
        (["12D", "3f"], pa.string()),
        (["12E4"], pa.string()),
        (["1.5e-7"], pa.float64()),
        (["9007199254740993", "1.5"], pa.string()),
        (["08:30"], pa.string()),
        (["2024-01-05"], pa.date32()),
        (["2024-01-05", "2024"], pa.string()),
        (["2024-01-05T10:00:00Z"], ZONED),
        (["true", "False"], pa.bool_()),
        ([None, None], pa.null()),
        (["", ""], pa.string()),
        (["NaN", "1.5"], pa.string()),
        (["1.", "2."], pa.string()),
        (["1.e5"], pa.string()),
        (["+49301234"], pa.string()),
        (["2024-01-05T10:00:00Z", "0001-01-01T00:00:00+02:00"], pa.string()),
    ],
)
def test_what_is_inferred(texts: list[str | None], kind: pa.DataType) -> None:
    assert infer_text(pa.array(texts, pa.string()), Rules()) == kind
