"""Text becomes a value of a declared type only where the value gives the text back; all else is bad.

Each type has a fast test over the whole column, made of numpy comparisons on the column's bytes. It must
never pass what the type cannot hold, but it may suspect good texts: suspects are judged one by one by
``text_values``, each different text once. Arrow's own parsers do the conversion of what is proven: alone
they are lenient (leading zeros, hexadecimal, blanks, rounding).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest_parts.limits import NO_LIMITS, Limits, find_long
from ingest_parts.text_shapes import (
    Cells,
    suspect_dates,
    suspect_decimals,
    suspect_floats,
    suspect_integers,
    suspect_timestamps,
)
from ingest_parts.text_values import NULL, Judge, judge_of

if TYPE_CHECKING:
    from ingest_parts.dialect import Rules

Bad = Any  # an array of numpy, of bool, one for each row

_INTEGER_BITS = {pa.int8(): 8, pa.int16(): 16, pa.int32(): 32, pa.int64(): 64}


@dataclass(frozen=True)
class Target:
    """A column's type, as the output has it.

    ``sql`` is how people write it, ``max_length`` the length of a VARCHAR or CHAR, ``inferred`` whether the
    stricter rules of inference hold (codes are no numbers), ``limits`` what the parts of an array, map or
    struct are held to.
    """

    arrow: pa.DataType
    sql: str
    max_length: int | None = None
    inferred: bool = False
    limits: Limits = NO_LIMITS


def cast_text(
    values: pa.Array, target: Target, rules: Rules, quoted: np.ndarray | None = None
) -> tuple[pa.Array, Bad]:
    """Convert a column of text.

    Args:
        values: strings; null is null.
        target: the type.
        rules: how the texts are spelled.
        quoted: which cells are JSON's strings; None where the format knows no such difference.

    Returns:
        The values, null where bad, and which are bad.
    """
    kind = target.arrow
    if pa.types.is_string(kind):
        return _strings(values, target)
    if pa.types.is_null(kind):
        return pa.nulls(len(values)), values.is_valid().to_numpy(zero_copy_only=False)
    if pa.types.is_binary(kind) and quoted is None:
        missing = pc.is_in(values, pa.array(["", *rules.nulls], values.type))
        values = pc.if_else(missing, pa.scalar(None, values.type), values)
        return values.cast(pa.binary()), np.zeros(len(values), bool)
    wrong = _wrong_kind(kind, quoted)
    cells = Cells(values)
    suspects = _suspects(cells, target, rules) & cells.valid
    if wrong is not None:
        suspects |= wrong & cells.valid
    result = _convert(values, suspects, kind)
    if result is None:  # Arrow refuses what the test let pass: judge all of them
        suspects = cells.valid.copy()
        result = pa.nulls(len(values), kind)
    bad = np.zeros(len(values), bool)
    if kind in _INTEGER_BITS and not pa.types.is_int64(kind):
        result, over = _narrow(result, kind)
        suspects |= over
    if not suspects.any():
        return result, bad
    judge = judge_of(kind, target, rules, json=quoted is not None)
    return _judge_each(values, suspects, wrong, result, judge)


def _strings(values: pa.Array, target: Target) -> tuple[pa.Array, Bad]:
    if target.max_length is None:
        return values, np.zeros(len(values), bool)
    bad = find_long(values, target.max_length)
    return pc.if_else(pa.array(bad), pa.scalar(None, pa.string()), values), bad


def _wrong_kind(kind: pa.DataType, quoted: np.ndarray | None) -> np.ndarray | None:
    """JSON's strings are no numbers, and its numbers are no dates."""
    if quoted is None:
        return None
    if pa.types.is_temporal(kind) or pa.types.is_binary(kind):
        return ~quoted
    return quoted


def _suspects(cells: Cells, target: Target, rules: Rules) -> Bad:
    kind = target.arrow
    numbers_differ = rules.decimal != "." or rules.grouping is not None
    if pa.types.is_integer(kind) and rules.grouping is None and not rules.leading_zeros:
        return suspect_integers(cells)
    if pa.types.is_floating(kind) and not numbers_differ and not rules.leading_zeros:
        return suspect_floats(cells, 6 if pa.types.is_float32(kind) else 15)
    if pa.types.is_decimal(kind) and not numbers_differ and not rules.leading_zeros:
        return suspect_decimals(cells, kind.precision, kind.scale)
    if pa.types.is_date(kind) and rules.date_format is None:
        return suspect_dates(cells)
    if pa.types.is_timestamp(kind) and rules.timestamp_format is None and rules.time_zone == "UTC":
        return suspect_timestamps(cells, zoned=kind.tz is not None)
    return np.ones(len(cells.valid), bool)


def _convert(values: pa.Array, suspects: np.ndarray, kind: pa.DataType) -> pa.Array | None:
    """Let Arrow convert what is not suspect; None where it refuses."""
    if suspects.all():
        return pa.nulls(len(values), pa.int64() if pa.types.is_integer(kind) else kind)
    sure = pc.if_else(pa.array(~suspects), values, pa.scalar(None, pa.string())) if suspects.any() else values
    try:
        if pa.types.is_integer(kind):
            return pc.cast(sure, pa.int64())
        if pa.types.is_timestamp(kind):
            return _convert_times(sure, kind)
        return pc.cast(sure, kind)
    except pa.ArrowInvalid:
        return None


def _convert_times(values: pa.Array, kind: pa.DataType) -> pa.Array:
    naive = pa.timestamp("us")
    if kind.tz is None:
        return pc.cast(values, naive)
    plain = pc.replace_substring(values, "Z", "")
    return pc.cast(pc.cast(plain, naive), kind)


def _narrow(values: pa.Array, kind: pa.DataType) -> tuple[pa.Array, np.ndarray]:
    """From BIGINT to a narrower integer; what is out of range becomes null and is suspect."""
    top = 2 ** (_INTEGER_BITS[kind] - 1)
    bounds = pc.min_max(values).as_py()
    if bounds["min"] is None or (bounds["min"] >= -top and bounds["max"] < top):
        return pc.cast(values, kind), np.zeros(len(values), bool)
    fits = pc.and_(pc.greater_equal(values, -top), pc.less(values, top))
    over = ~pc.fill_null(fits, fill_value=True).to_numpy(zero_copy_only=False)
    return pc.cast(pc.if_else(fits, values, pa.scalar(None, pa.int64())), kind), over


def _judge_each(
    values: pa.Array, suspects: np.ndarray, wrong: np.ndarray | None, result: pa.Array, judge: Judge
) -> tuple[pa.Array, Bad]:
    """Judge every different suspect text once, and put what it means in its place."""
    places = np.flatnonzero(suspects)
    encoded = values.take(pa.array(places)).dictionary_encode()
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    means: list[Any] = []
    faulty = np.zeros(len(encoded.dictionary), bool)
    for number, text in enumerate(encoded.dictionary.to_pylist()):
        meaning = judge(text)
        faulty[number] = meaning is None
        means.append(None if meaning is NULL else meaning)
    bad = np.zeros(len(values), bool)
    bad[places] = faulty[codes]
    if wrong is not None:
        bad |= wrong & suspects
    meanings = pa.array(means, result.type).take(pa.array(codes))
    if bad.any():
        fine = pa.array(~bad[places])
        meanings = pc.if_else(fine, meanings, pa.scalar(None, result.type))
    return pc.replace_with_mask(result, pa.array(suspects), meanings), bad
