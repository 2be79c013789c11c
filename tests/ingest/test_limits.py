"""Parts of declared types are held to NOT NULL and to their length; what is not is a reject."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ingest_parts.blocks import Column
from ingest_parts.casting import Target
from ingest_parts.dialect import Rules
from ingest_parts.fitting import convert
from ingest_parts.limits import Limits, find_beyond

_REQUIRED, _SHORT = Limits(required=True), Limits(max_length=2)
_STRUCT = pa.struct([("a", pa.int32()), ("b", pa.int32())])
_STRUCT_LIMITS = Limits(parts=(_REQUIRED, Limits()))
_LIST = pa.list_(pa.int32())
_MAP = pa.map_(pa.string(), pa.string())


@pytest.mark.parametrize(
    ("kind", "limits", "values", "beyond"),
    [
        (_STRUCT, _STRUCT_LIMITS, [{"a": 1}, {"b": 2}, None, {"a": 3, "b": 4}], [1]),
        (_LIST, Limits(parts=(_REQUIRED,)), [[1], [1, None], None, [], [None]], [1, 4]),
        (
            _MAP,
            Limits(parts=(_SHORT, _REQUIRED)),
            [[("k", "v")], [("k", None)], None, [("key", "v")]],
            [1, 3],
        ),
        (pa.list_(pa.string()), Limits(parts=(_SHORT,)), [["ab"], ["äö", "abc"], [None], None], [1]),
        (
            pa.list_(_STRUCT),
            Limits(parts=(_STRUCT_LIMITS,)),
            [[{"a": 1}, None], [{"a": 1}, {"b": 1}], []],
            [1],
        ),
        (
            pa.struct([("s", _STRUCT)]),
            Limits(parts=(Limits(required=True, parts=_STRUCT_LIMITS.parts),)),
            [{"s": {"a": 1}}, {"s": None}, {"s": {"b": 1}}, None],
            [1, 2],
        ),
    ],
)
def test_what_is_beyond(kind: pa.DataType, limits: Limits, values: list[Any], beyond: list[int]) -> None:
    made = pa.array(values, kind)
    assert np.flatnonzero(find_beyond(made, limits)).tolist() == beyond
    assert np.flatnonzero(find_beyond(made.slice(1), limits)).tolist() == [row - 1 for row in beyond if row]


def test_limits_that_refuse_nothing_are_none() -> None:
    assert not Limits(parts=(Limits(), Limits(parts=(Limits(),))))
    assert _STRUCT_LIMITS


@pytest.mark.parametrize("is_text", [True, False])
def test_json_and_typed_values_are_held_to_the_same(*, is_text: bool) -> None:
    texts = ['{"a": 1, "b": 1}', '{"b": 2}', None, '{"a": null}']
    typed = pa.array([{"a": 1, "b": 1}, {"b": 2}, None, {"a": None}], _STRUCT)
    json = Column(pa.array(texts), is_text=True, quoted=np.zeros(4, np.bool_))
    column = json if is_text else Column(typed, is_text=False)
    values, bad = convert(column, Target(_STRUCT, "", limits=_STRUCT_LIMITS), Rules())
    assert bad.tolist() == [False, True, False, True]
    kept = pa.table({"s": values.filter(pa.array(~bad))})
    sink = pa.BufferOutputStream()
    pq.write_table(kept, sink)
    assert pq.read_table(pa.BufferReader(sink.getvalue())).equals(kept)
