"""Whole blocks of JSON as rows: what a declared type leaves out, and what an inferred one never does."""

from __future__ import annotations

import io
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from ingest_parts.casting import Target
from ingest_parts.columns import Field, inferred_field, sql_of
from ingest_parts.dialect import Rules
from ingest_parts.fitting import fit
from ingest_parts.json_rows import read_json

STRUCT = pa.struct([("a", pa.int32())])


def fit_json(text: str, field: Field, *, ignore_extra: bool = False) -> Any:
    """The rows of one block."""
    (block,) = read_json(io.BytesIO(text.encode()), charset="utf-8")
    return fit(block, [field], Rules(), ignore_extra=ignore_extra)


def declared(kind: pa.DataType) -> Field:
    return Field("c", Target(kind, sql_of(kind)))


def test_a_field_beside_an_inferred_struct_makes_it_wider_and_is_not_left_out() -> None:
    text = '{"c":{"a":1,"b":2}}\n'
    assert fit_json(text, inferred_field("c", STRUCT), ignore_extra=True).misfits == ("c",)
    assert fit_json(text, declared(STRUCT), ignore_extra=True).arrays[0].to_pylist() == [{"a": 1}]
    assert fit_json(text, declared(STRUCT)).rows == 0


@pytest.mark.parametrize(
    ("kind", "name", "key"),
    [
        (pa.string(), "x", "x"),
        (pa.int32(), "7", 7),
        (pa.decimal128(5, 2), "1.50", Decimal("1.50")),
        (pa.date32(), "2024-02-29", date(2024, 2, 29)),
        (pa.binary(), "YWI=", b"ab"),
    ],
)
def test_names_are_keys_of_a_map(kind: pa.DataType, name: str, key: object) -> None:
    fitted = fit_json(f'{{"c":{{"{name}":1}}}}\n', declared(pa.map_(kind, pa.int32())))
    assert [reject.reason for reject in fitted.rejects] == []
    assert fitted.arrays[0].to_pylist() == [[(key, 1)]]
