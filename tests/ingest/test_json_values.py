"""Objects and arrays of JSON as structs, lists and maps, strict in each leaf."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingest_parts.json_values import cast_json, infer_json


def cast_text(values: pa.Array, kind: pa.DataType, quoted: np.ndarray) -> tuple[pa.Array, np.ndarray]:
    """Leaves by rules as plain as can be: an integer is written as one, a string takes any text."""
    made: list[Any] = []
    bad = np.zeros(len(values), np.bool_)
    for place, text in enumerate(values.to_pylist()):
        is_good = (
            text is None or pa.types.is_string(kind) or (text.lstrip("-").isdigit() and not quoted[place])
        )
        bad[place] = not is_good
        made.append((text if pa.types.is_string(kind) or text is None else int(text)) if is_good else None)
    return pa.array(made, kind), bad


def infer_text(values: pa.Array, quoted: np.ndarray) -> pa.DataType:
    texts = [text for text in values.to_pylist() if text is not None]
    if not texts or quoted.any() or not all(text.lstrip("-").isdigit() for text in texts):
        return pa.string() if texts else pa.null()
    return pa.int64()


def cast(texts: list[str | None], kind: pa.DataType, **rules: Any) -> list[Any]:
    made, bad = cast_json(pa.array(texts, pa.string()), kind, cast_text, **rules)
    made.validate(full=True)
    assert made.type.equals(kind)
    return [... if is_bad else value for value, is_bad in zip(made.to_pylist(), bad, strict=True)]


_INTS = pa.list_(pa.int64())
_STRUCT = pa.struct([("a", pa.int64()), ("l", _INTS)])


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (_STRUCT, '{"A": 1, "l": [1, null]}', {"a": 1, "l": [1, None]}),
        (_STRUCT, '{"a": null}', {"a": None, "l": None}),
        (_STRUCT, "{}", {"a": None, "l": None}),
        (_STRUCT, '{"a": "1"}', ...),
        (_STRUCT, '{"a": 1.5}', ...),
        (_STRUCT, '{"l": [1, "x"]}', ...),
        (_STRUCT, '{"l": 1}', ...),
        (_STRUCT, '{"l": "[1]"}', ...),
        (_STRUCT, '{"a": 1, "more": 2}', ...),
        (_STRUCT, '{"a": 1, "a": 2}', ...),
        (_STRUCT, '{"a": 1, "A": 2}', ...),
        (_STRUCT, "[1]", ...),
        (_STRUCT, "5", ...),
        (_STRUCT, None, None),
        (_INTS, "[]", []),
        (_INTS, "[1, 2]", [1, 2]),
        (_INTS, '{"a": 1}', ...),
        (pa.list_(_STRUCT), '[{"a": 1}, null]', [{"a": 1, "l": None}, None]),
        (pa.list_(pa.string()), '[1, "x\\n", [2], true]', ["1", "x\n", "[2]", "true"]),
        (pa.map_(pa.string(), pa.int64()), '{"k": 1, "K": null}', [("k", 1), ("K", None)]),
        (pa.map_(pa.string(), pa.int64()), '{"k": "x"}', ...),
        (pa.map_(pa.string(), pa.int64()), '{"k": 1, "k": 2}', ...),
        (pa.map_(pa.int64(), pa.int64()), '{"5": 1}', [(5, 1)]),
        (pa.map_(pa.int64(), pa.int64()), '{"x": 1}', ...),
        (pa.list_(pa.int64()), "[" * 5000 + "]" * 5000, ...),
    ],
)
def test_a_value_is_what_its_type_says_or_bad(kind: pa.DataType, text: str | None, expected: Any) -> None:
    assert cast([text], kind) == [expected]
    good = {"a": 7} if pa.types.is_struct(kind) else {} if pa.types.is_map(kind) else []
    assert cast([json.dumps(good), text, None], kind)[1:] == [expected, None]


def test_a_text_that_looks_like_an_object_is_none() -> None:
    assert cast(['{"a": 1}', '{"a": 2}'], _STRUCT, quoted=np.array([True, False]))[0] is ...


def test_fields_that_the_struct_has_not_are_dropped_where_that_is_asked_for() -> None:
    assert cast(['{"a": 1, "more": 2}'], _STRUCT, ignore_extra=True) == [{"a": 1, "l": None}]


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (['{"a": 1}', '{"A": 2, "b": "x"}', None], pa.struct([("a", pa.int64()), ("b", pa.string())])),
        (["[1, 2]", "[]", "[null]"], pa.list_(pa.int64())),
        (['[1, "x"]'], pa.list_(pa.string())),
        (['[{"a": 1}, {"b": 2}]'], pa.list_(pa.struct([("a", pa.int64()), ("b", pa.int64())]))),
        (['[1, {"a": 1}]'], pa.string()),
        (['{"a": 1}', "[1]"], pa.string()),
        (['{"a": 1}', "5"], pa.string()),
        (['{"a": {"x": 1}}', '{"a": 5}'], pa.struct([("a", pa.string())])),
        (['{"a": 1, "a": 2}'], pa.string()),
        (["{}"], pa.string()),
        (["5", None], pa.int64()),
        ([json.dumps({f"k{n}": n for n in range(1001)})], pa.string()),
        (["[" * 100 + "]" * 100], pa.string()),
    ],
)
def test_the_type_of_a_column(texts: list[str | None], kind: pa.DataType) -> None:
    assert infer_json(pa.array(texts, pa.string()), np.zeros(len(texts), np.bool_), infer_text).equals(kind)


_NESTED = st.recursive(
    st.integers(-9, 9) | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, min_size=1, max_size=3)
    ),
    max_leaves=8,
)


@given(
    rows=st.lists(
        st.dictionaries(st.sampled_from("ab"), _NESTED, min_size=1, max_size=2), min_size=1, max_size=5
    )
)
def test_what_is_inferred_takes_every_value(rows: list[dict[str, Any]]) -> None:
    texts = [json.dumps(row) for row in rows]
    kind = infer_json(pa.array(texts), np.zeros(len(texts), np.bool_), infer_text)
    if pa.types.is_nested(kind):
        _, bad = cast_json(pa.array(texts), kind, _cast_null_too)
        assert not bad.any()


def _cast_null_too(values: pa.Array, kind: pa.DataType, quoted: np.ndarray) -> tuple[pa.Array, np.ndarray]:
    if pa.types.is_null(kind):
        return pa.nulls(len(values)), np.zeros(len(values), np.bool_)
    return cast_text(values, kind, quoted)
