"""Which type the values of a column show, by the rules that a declared type is held to.

A type is inferred only where every value can be given back by it: codes with leading zeros, numbers with
exponents that look like codes, and digits that a DOUBLE would round stay STRING.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from ingest_parts.casting import Target, cast_text
from ingest_parts.json_values import infer_json
from ingest_parts.typed_merging import merge_types
from ingest_parts.xml_values import infer_xml, join_xml

if TYPE_CHECKING:
    import numpy as np

    from ingest_parts.blocks import Column
    from ingest_parts.dialect import Rules

TIMESTAMP = pa.timestamp("us", tz="UTC")
_NUMBERS = (pa.bool_(), pa.int32(), pa.int64(), pa.float64())
_TIMES = (pa.date32(), TIMESTAMP)
_SAMPLE = 50


def infer_column(column: Column, rules: Rules) -> pa.DataType:
    """The type of a block's column; the null type where it has no value."""
    if not column.is_text:
        return column.values.type
    if column.is_xml and column.quoted is not None:
        return infer_xml(column.values, column.quoted, lambda some: infer_text(some, rules))
    return infer_text(column.values, rules, column.quoted)


def infer_text(values: pa.Array, rules: Rules, quoted: np.ndarray | None = None) -> pa.DataType:
    """The narrowest type that gives every text back; STRING where there is none but that."""
    valid = values.is_valid().to_numpy(zero_copy_only=False)
    if not valid.all():
        values = values.filter(pa.array(valid))
        quoted = quoted[valid] if quoted is not None else None
    if not len(values):
        return pa.null()
    candidates: tuple[pa.DataType, ...] = (*_NUMBERS, *_TIMES)
    if quoted is not None:
        if quoted.any() and not quoted.all():
            return pa.string()
        if (
            not quoted.any()
            and pc.any(pc.is_in(pc.utf8_slice_codeunits(values, 0, 1), pa.array(["{", "["]))).as_py()
        ):
            return infer_json(values, quoted, lambda some, marks: infer_text(some, rules, marks))
        candidates = _TIMES if quoted.all() else _NUMBERS
    sample = min(_SAMPLE, len(values))
    for kind in candidates:
        if _fits(values[:sample], kind, rules, quoted, sample) and _fits(
            values, kind, rules, quoted, len(values)
        ):
            return kind
    return pa.string()


def _fits(values: pa.Array, kind: pa.DataType, rules: Rules, quoted: np.ndarray | None, size: int) -> bool:
    marks = quoted[:size] if quoted is not None else None
    result, bad = cast_text(values, Target(kind, "", inferred=True), rules, marks)
    return not bad.any() and result.null_count < len(result)  # of nothing but "" is text


def join_types(left: pa.DataType, right: pa.DataType, *, text: bool, xml: bool = False) -> pa.DataType:
    """The type for a column that shows one type here and another there.

    Text of two kinds is STRING, but for numbers; whether a DOUBLE holds the whole numbers as well is seen
    when they are converted. What repeats in one part of ``xml`` is an array in all of it.
    """
    if left == right or pa.types.is_null(right):
        return left
    if pa.types.is_null(left):
        return right
    if xml and (pa.types.is_nested(left) or pa.types.is_nested(right)):
        return join_xml(left, right, lambda one, other: join_types(one, other, text=True, xml=True))
    if not text or pa.types.is_nested(left) or pa.types.is_nested(right):
        return merge_types(left, right)
    numbers = _NUMBERS[1:]
    if left in numbers and right in numbers:
        return numbers[max(numbers.index(left), numbers.index(right))]
    return pa.string()
