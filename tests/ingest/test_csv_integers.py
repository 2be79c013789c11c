"""Integers that Arrow converts while it parses are what their texts say; else the texts are judged."""

from __future__ import annotations

import io
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ingest_parts.casting import Target
from ingest_parts.columns import Field, sql_of
from ingest_parts.csv_rows import read_csv
from ingest_parts.dialect import Dialect, Rules
from ingest_parts.fitting import fit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingest_parts.blocks import Block

NAMES = ("a", "B", " c ")
KINDS = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.string(), pa.float64(), pa.date32()]
USUAL = {
    pa.int8(): ["0", "-128", "127"],
    pa.int16(): ["10", "-10", "9", "99"],
    pa.int32(): ["2147483647", "-2147483648", "100", "-1"],
    pa.int64(): ["9223372036854775807", "-9223372036854775808", "1000000000000000000"],
    pa.string(): ["x", '"q"', '"a""b"', '""', "é", '"1,2"', '"l\n2"', "0x1", "N10X", "NA", "007"],
    pa.float64(): ["1.5", "007.5", "1e3"],
    pa.date32(): ["2024-02-29", "x"],
}
STRANGE = [
    "007", "00", "-0", "+1", " 1", "1 ", "\t1", '"1"', '" 1"', '"007"', "1.0", "1e2", "0x10", "0XFF",
    "0xFFFFFFFF", "-0x1", "1_0", "128", "9223372036854775808", "", '""', "NA", '"NA"', " NA", "null", "1,2",
    "1\r", "x", "1-", "--1", "٣", "1 2", '"1"2', "0x1", "0000000000000000000000000000000001",
]  # fmt: skip


@st.composite
def files(draw: st.DrawFn) -> tuple[bytes, tuple[pa.DataType, ...]]:
    kinds = tuple(draw(st.sampled_from(KINDS)) for _ in NAMES)
    usual = [
        st.sampled_from(USUAL[kind] + draw(st.sampled_from([[], [""], ["NA"], ["NA", ""]]))) for kind in kinds
    ]
    rows = [[draw(cell) for cell in usual] for _ in range(draw(st.integers(1, 8)))]
    for _ in range(draw(st.integers(0, 2))):
        rows[draw(st.integers(0, len(rows) - 1))][draw(st.integers(0, 2))] = draw(st.sampled_from(STRANGE))
    end = draw(st.sampled_from(["\n", "\r\n", "\r", "\n\n"]))
    return end.join(",".join(row) for row in rows).encode() + draw(st.sampled_from([b"", b"\n"])), kinds


def fields_of(kinds: Sequence[pa.DataType]) -> list[Field]:
    return [
        Field(name.strip(), Target(kind, sql_of(kind)), nullable=True)
        for name, kind in zip(NAMES, kinds, strict=True)
    ]


def blocks_of(
    data: bytes, dialect: Dialect, nulls: Sequence[str], size: int, fields: Sequence[Field]
) -> list[Block]:
    options: Any = {"nulls": nulls, "fields": fields, "block_bytes": size}
    return list(read_csv(io.BytesIO(data), NAMES, dialect, ",", **options))


def outcome(block: Block, fields: Sequence[Field], rules: Rules) -> Any:
    fitted = fit(block, fields, rules)
    rejects = [(item.line, item.text, item.column, item.value, item.reason) for item in fitted.rejects]
    return block.counted, fitted.rows, rejects, [array.to_pylist() for array in fitted.arrays]


@given(
    file=files(),
    nulls=st.sampled_from([(), ("NA",), ("NA", "-1"), ("-1",)]),
    quote=st.sampled_from(['"', '"', None]),
    leading_zeros=st.booleans(),
    size=st.sampled_from([20, 1 << 20]),
)
@example(  # an empty field is null beside a declared one
    file=(b"1,2,\n3,4,NA\n5,6,x\n", (pa.int32(), pa.int32(), pa.string())),
    nulls=("NA",), quote='"', leading_zeros=False, size=99,
)  # fmt: skip
@example(
    file=(b"0xFFFFFFF,1,x\n", (pa.int64(), pa.int32(), pa.string())),
    nulls=(), quote='"', leading_zeros=False, size=99,
)  # fmt: skip
def test_integers_are_what_their_texts_are(
    file: tuple[bytes, tuple[pa.DataType, ...]], nulls: tuple[str, ...], quote: str | None, size: int,
    *, leading_zeros: bool,
) -> None:  # fmt: skip
    data, kinds = file
    check(data, kinds, Rules(nulls=nulls, leading_zeros=leading_zeros), Dialect(quote=quote), size)


def check(data: bytes, kinds: Sequence[pa.DataType], rules: Rules, dialect: Dialect, size: int) -> None:
    """Hold what is converted while it is parsed against the texts, judged one by one."""
    fields = fields_of(kinds)
    as_text = blocks_of(data, dialect, rules.nulls, size, [])
    as_integers = blocks_of(data, dialect, rules.nulls, size, fields)
    for texts, integers in zip_longest(as_text, as_integers):
        assert outcome(integers, fields, rules) == outcome(texts, fields, rules)


@pytest.mark.parametrize("strange", STRANGE)
@pytest.mark.parametrize("nulls", [(), ("NA",)])
def test_a_text_that_is_no_plain_integer_is_judged(strange: str, nulls: tuple[str, ...]) -> None:
    for place, kinds in (
        (0, (pa.int64(), pa.int8(), pa.string())),
        (2, (pa.string(), pa.int8(), pa.int32())),
    ):
        rows = [["1", "2", "3"], ["4", "5", "6"], ["7", "8", "9"]]
        rows[1][place] = strange
        data = "".join(",".join(row) + "\n" for row in rows).encode()
        check(data, kinds, Rules(nulls=nulls), Dialect(), 1 << 20)


@pytest.mark.parametrize(
    ("text", "nulls"),
    [
        ("1,x,-5\n22,y,0\n", ()),
        ("1,x,-5\r\n22,y,0", ()),
        ('1,"a ""b"", c",-5\n"22","l\n2",0\n', ()),
        (",x,-5\n22,,\n\n", ()),
        ("NA,x,-5\n22,y,NA\n", ("NA",)),
        ("1,0x5,-5\n1,N10X,5\n", ()),
    ],
)
def test_plain_integers_are_not_judged_one_by_one(text: str, nulls: tuple[str, ...]) -> None:
    fields = fields_of([pa.int32(), pa.string(), pa.int16()])
    is_hexadecimal = ",0x" in text
    for block in blocks_of(text.encode(), Dialect(), nulls, 1 << 20, fields):
        assert [column.is_text for column in block.columns.values()] == [is_hexadecimal, True, is_hexadecimal]
        assert not fit(block, fields, Rules(nulls=nulls)).rejects
