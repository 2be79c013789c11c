"""Nested values of XML are text, held to the rules of text; the type says what an element is."""

from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingest_parts.casting import Target
from ingest_parts.dialect import Rules
from ingest_parts.faults import Unreadable
from ingest_parts.fitting import convert
from ingest_parts.inference import infer_column, join_types
from ingest_parts.xml_rows import read_xml
from ingest_parts.xml_values import MAX_DEPTH, with_text_leaves

if TYPE_CHECKING:
    from ingest_parts.blocks import Column

COMMA = Rules(decimal=",", grouping=".")
BAD = object()
INTS = pa.list_(pa.int32())
LISTED = pa.struct([("i", INTS)])
PRICE = pa.struct([("_VALUE", pa.float64()), ("_c", pa.string())])


def read(*elements: str) -> Column:
    """The column of these elements, one a row."""
    text = "".join(f"<r>{element}</r>" for element in elements)
    (block,) = read_xml(io.BytesIO(f"<x>{text}</x>".encode()), row_tag="r", charset="utf-8")
    (column,) = block.columns.values()
    return column


def cast(element: str, kind: pa.DataType, rules: Rules | None = None, **more: Any) -> Any:
    values, bad = convert(read(element), Target(kind, ""), rules or Rules(), **more)
    values.validate(full=True)
    return BAD if bad[0] else values.to_pylist()[0]


def infer(*elements: str) -> pa.DataType:
    return infer_column(read(*elements), Rules())


@pytest.mark.parametrize(
    ("text", "kind", "rules", "value"),
    [
        ("12,50", pa.float64(), COMMA, 12.5),
        ("1.234,50", pa.decimal128(10, 2), COMMA, Decimal("1234.50")),
        ("12.50", pa.decimal128(10, 2), Rules(), Decimal("12.50")),
        ("12.505", pa.decimal128(10, 2), Rules(), BAD),
        (" 5 ", pa.int32(), Rules(), 5),
        ("5.0", pa.int32(), Rules(), BAD),
        ("x", pa.int32(), Rules(), BAD),
        ("007", pa.int32(), Rules(), BAD),
        ("007", pa.int32(), Rules(leading_zeros=True), 7),
        ("TRUE", pa.bool_(), Rules(), True),
        ("true", pa.string(), Rules(), "true"),
        ("-Infinity", pa.float64(), Rules(), float("-inf")),
        ("20240105", pa.date32(), Rules(date_format="yyyyMMdd"), dt.date(2024, 1, 5)),
        ("1.50", pa.string(), Rules(), "1.50"),
        ("ab", pa.binary(), Rules(), b"ab"),
    ],
)
def test_a_leaf_is_judged_as_flat_text_is(text: str, kind: pa.DataType, rules: Rules, value: Any) -> None:
    struct, items = pa.struct([("v", kind)]), pa.list_(kind)
    assert cast(f"<p>{text}</p>", kind, rules) == value
    assert cast(f"<p><v>{text}</v></p>", struct, rules) == (value if value is BAD else {"v": value})
    assert cast(f'<p v="{text}"/>', pa.struct([("_v", kind)]), rules) == (
        value if value is BAD else {"_v": value}
    )
    assert cast(f"<p>{text}</p><p>{text}</p>", items, rules) == (value if value is BAD else [value, value])
    assert cast(f"<p><k>{text}</k></p>", pa.map_(pa.string(), kind), rules) == (
        value if value is BAD else [("k", value)]
    )


@pytest.mark.parametrize(
    ("element", "kind", "value"),
    [
        ("<v>5</v>", INTS, [5]),
        ("<v/>", INTS, None),
        ("<v>1</v><v/>", INTS, [1, None]),
        ("<o><i>1</i></o>", LISTED, {"i": [1]}),
        ("<o><i>1</i></o><o><i/><i>3</i></o>", pa.list_(LISTED), [{"i": [1]}, {"i": [None, 3]}]),
        ("<o><i>1</i><i>2</i></o>", pa.struct([("i", pa.int32())]), BAD),
        ("<o><i>1</i><I>2</I></o>", LISTED, {"i": [1, 2]}),
        ("<p>6.5</p>", PRICE, {"_VALUE": 6.5, "_c": None}),
        ("<p>6.5</p>", pa.struct([("c", pa.string())]), BAD),
        ("<p> \n</p>", pa.struct([("c", pa.string())]), None),
        ("<p><k>1</k><x>2</x></p>", pa.struct([("k", pa.int32())]), BAD),
        ("<p>6.5</p>", pa.map_(pa.string(), pa.string()), BAD),
        ("<p><K>1</K><k>2</k></p>", pa.map_(pa.string(), pa.int32()), [("K", 1), ("k", 2)]),
        ("<p><k>x</k></p>", pa.map_(pa.string(), pa.int32()), BAD),
        ("<p><k>1</k></p>", pa.map_(pa.int32(), pa.int32()), BAD),
        ("<p><k>1.50</k></p>", pa.string(), '{"k":1.50}'),
        ("<p>a</p><p>b</p>", pa.string(), '["a","b"]'),
        ("<p>a</p><p>b</p>", pa.int32(), BAD),
        ('<p>["a"]</p>', pa.list_(pa.string()), ['["a"]']),
    ],
)  # fmt: skip
def test_the_type_says_what_an_element_is(element: str, kind: pa.DataType, value: Any) -> None:
    assert cast(element, kind) == value


def test_parts_beside_those_of_a_declared_struct_may_be_left_out() -> None:
    kind = pa.struct([("k", pa.int32())])
    assert cast("<p><k>1</k><x>2</x></p>", kind, ignore_extra=True) == {"k": 1}
    assert cast("<p>text</p>", kind, ignore_extra=True) == BAD


def test_a_value_does_not_suffer_from_one_at_fault_beside_it() -> None:
    column = read("<p><k>1</k></p>", "<p><k>x</k></p>", "<p><k>3</k><k>4</k></p>", "<p/>")
    values, bad = convert(column, Target(pa.map_(pa.string(), INTS), ""), Rules())
    assert bad.tolist() == [False, True, False, False]
    assert values.to_pylist() == [[("k", [1])], None, [("k", [3, 4])], None]


@pytest.mark.parametrize(
    ("elements", "kind"),
    [
        (["<a>1</a>", "<a>2</a>"], pa.int32()),
        (["<a>1</a>", "<a>2</a><a>2.5</a>"], pa.list_(pa.float64())),
        (["<a/>", "<a/><a/>"], pa.list_(pa.null())),
        (["<a>007</a><a>1</a>"], pa.list_(pa.string())),
        (["<a><b>2024-01-05</b></a>", "<a><B>2024-01-06</B><c/></a>"], {"b": pa.date32(), "c": pa.null()}),
        (["<a><b>1</b></a>", "<a><b>1</b><b>2</b></a>"], {"b": INTS}),
        (['<a c="EUR">5.5</a>', "<a>6</a>"], {"_c": pa.string(), "_VALUE": pa.float64()}),
        (["<a>\n</a>", "<a><b>1</b></a>"], {"b": pa.int32()}),
    ],
)  # fmt: skip
def test_a_type_is_made_of_all_elements(elements: list[str], kind: Any) -> None:
    wanted = pa.struct(kind) if isinstance(kind, dict) else kind
    assert infer(*elements) == wanted
    joined: Any = pa.null()
    for element in elements:
        joined = join_types(joined, infer(element), text=True, xml=True)
    values, bad = convert(read(*elements), Target(joined, "", inferred=True), Rules())
    assert not bad.any()
    assert len(values) == len(elements)


_LEAF = st.sampled_from(["<{n}>1</{n}>", "<{n}>x</{n}>", "<{n}>2.5</{n}>", "<{n}/>", '<{n} k="1">y</{n}>'])
_ELEMENT = st.recursive(
    _LEAF,
    lambda inner: st.lists(inner, max_size=3).map(
        lambda parts: "<{n}>" + "".join(part.replace("{n}", "b") for part in parts) + "</{n}>"
    ),
    max_leaves=6,
)
_ROW = st.lists(_ELEMENT, min_size=1, max_size=2).map(lambda parts: "".join(parts).replace("{n}", "a"))


@given(rows=st.lists(_ROW, min_size=1, max_size=6), reverse=st.booleans())
def test_joining_and_reading_again_comes_to_one_type_for_all(rows: list[str], *, reverse: bool) -> None:
    """As the passes do it: a part whose values do not fit adds what it shows."""
    parts = [read(row) for row in (reversed(rows) if reverse else rows)]
    kinds: list[Any] = [pa.null()]
    for _ in range(20):
        kind = kinds[-1]
        for part in parts:
            if convert(part, Target(kinds[-1], "", inferred=True), Rules(), ignore_extra=True)[1].any():
                kind = join_types(kind, infer_column(part, Rules()), text=True, xml=True)
        if kind == kinds[-1]:
            break
        kinds.append(kind)
    values, bad = convert(read(*rows), Target(kinds[-1], "", inferred=True), Rules())
    values.validate(full=True)
    assert not bad.any()
    assert all(one != other for one, other in pairwise(kinds))


def test_text_takes_what_no_narrower_leaf_does() -> None:
    kind = pa.list_(pa.struct([("b", pa.float64())]))
    assert with_text_leaves(kind) == pa.list_(pa.struct([("b", pa.string())]))


def test_what_is_too_deep_is_json_and_what_is_too_wide_asks_for_a_type() -> None:
    deep = "<a>" * (MAX_DEPTH + 3) + "1" + "</a>" * (MAX_DEPTH + 3)
    kind = infer(deep)
    values, bad = convert(read(deep), Target(kind, "", inferred=True), Rules())
    assert not bad.any()
    value = values.to_pylist()[0]
    for _ in range(MAX_DEPTH):
        value = value["a"]
    assert value == '{"a":{"a":1}}'
    with pytest.raises(Unreadable, match="1001 parts of different names"):
        infer("<a>" + "".join(f"<n{number}/>" for number in range(1001)) + "</a>")
