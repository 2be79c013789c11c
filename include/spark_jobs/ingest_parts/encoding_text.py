"""Values as text, whole columns at once: exact, and the same whatever the locale and the zone of the machine.

Numbers keep every digit; a DOUBLE has a point or an exponent, so that it reads back as one. Dates and times
are ISO 8601, microseconds always written; a TIMESTAMP is in UTC and ends in Z, one without a zone has none.
BINARY is base64. Nested values are JSON.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from ingest_parts.faults import IngestError

Array = Any  # pyarrow ships no types
_ESCAPED = (
    r'["\\\x00-\x1f]'  # what JSON cannot hold in a string as it is: https://www.rfc-editor.org/rfc/rfc8259
)
# What does not read back equal without quotes: what RFC 4180 names, and blanks and marks that readers skip.
_QUOTED = r'[",\r\n]|^[ \t#]|[ \t]$|^$'


def json_values(values: Array) -> Array:
    """Each value as JSON; nulls are ``null``.

    Raises:
        IngestError: the type has no such form.
    """
    values = normalized(values)
    kind = values.type
    if types.is_null(kind):
        return pa.array(["null"] * len(values), pa.string())
    if types.is_string(kind):
        text = _quote_json(values)
    elif _is_bare(kind):
        text = scalar_text(values)
        if types.is_floating(kind):
            for word in ("NaN", "Infinity", "-Infinity"):
                text = pc.if_else(pc.equal(text, word), f'"{word}"', text)
    elif types.is_struct(kind):
        text = _objects(values)
    elif types.is_map(kind):
        pairs = _join(_keys(_inner(values, values.keys)), ":", json_values(_inner(values, values.items)))
        text = _join("{", _rejoined(values, pairs), "}")
    elif types.is_list(kind):
        text = _join("[", _rejoined(values, json_values(_inner(values, values.values))), "]")
    else:
        text = _join('"', scalar_text(values), '"')
    return pc.if_else(values.is_valid(), text, "null")


def csv_values(values: Array) -> Array:
    """Each value as a field of CSV, quoted where that is needed; a null is empty, an empty text is quoted."""
    values = normalized(values)
    if types.is_nested(values.type):
        text = pc.if_else(values.is_valid(), json_values(values), pa.scalar(None, pa.string()))
    elif types.is_null(values.type):
        text = values.cast(pa.string())
    else:
        text = values if types.is_string(values.type) else scalar_text(values)
    needed = pc.match_substring_regex(text, _QUOTED)
    if pc.any(needed).as_py():
        doubled = pc.replace_substring(text, pattern='"', replacement='""')
        text = pc.if_else(needed, _join('"', doubled, '"'), text)
    return pc.fill_null(text, "")


def normalized(values: Array) -> Array:
    """The same values in the plainest of Arrow's layouts."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if isinstance(values, pa.ExtensionArray):
        values = values.storage
    if types.is_dictionary(values.type):
        values = values.dictionary_decode()
    kind = values.type
    if types.is_large_string(kind) or types.is_string_view(kind):
        return values.cast(pa.string())
    if types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return values.cast(pa.list_(kind.value_field))
    if types.is_timestamp(kind):  # as UTC; without asking for the machine's list of zones
        return values.cast(pa.timestamp("us", kind.tz and "UTC"))
    return values


def scalar_text(values: Array) -> Array:
    """Each value of a normalized array that is neither text nor nested, without quotes; nulls stay.

    Raises:
        IngestError: no type of ours.
    """
    kind = values.type
    if types.is_floating(kind):
        return _float_text(values)
    if types.is_decimal(kind):
        return _decimal_text(values)
    if types.is_timestamp(kind):
        text = pc.replace_substring(
            values.cast(pa.timestamp("us")).cast(pa.string()), pattern=" ", replacement="T"
        )
        return _join(text, "Z") if kind.tz else text
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        items = (None if item is None else base64.b64encode(item).decode() for item in values.to_pylist())
        return pa.array(items, pa.string())
    if types.is_boolean(kind) or types.is_integer(kind) or types.is_date(kind) or types.is_time(kind):
        return values.cast(pa.string())
    raise IngestError(f"A value of Arrow's type {kind} has no form as text.")


def _is_bare(kind: Array) -> bool:
    """Whether JSON has the type itself."""
    return bool(
        types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind) or types.is_boolean(kind)
    )


def _join(*parts: Array) -> Array:
    """Texts side by side; null where one is."""
    return pc.binary_join_element_wise(*parts, "")


def _float_text(values: Array) -> Array:
    """The fewest digits that give the number back, as Arrow writes them, with a point where it is whole."""
    if types.is_float16(values.type):
        values = values.cast(pa.float32())
    text = values.cast(pa.string())
    text = pc.if_else(pc.match_substring_regex(text, r"^-?[0-9]+$"), _join(text, ".0"), text)
    if not pc.all(pc.is_finite(values), min_count=0).as_py():
        for word, name in (("nan", "NaN"), ("-nan", "NaN"), ("inf", "Infinity"), ("-inf", "-Infinity")):
            text = pc.if_else(pc.equal(text, word), name, text)
    return text


def _decimal_text(values: Array) -> Array:
    """Plain digits: Arrow writes small ones with an exponent."""
    text = values.cast(pa.string())
    exponents = pc.fill_null(pc.match_substring(text, "E"), pa.scalar(value=False))
    if not pc.any(exponents).as_py():
        return text
    plain = [format(item, "f") for item in values.filter(exponents).to_pylist()]
    return pc.replace_with_mask(text, exponents, pa.array(plain, pa.string()))


def _quote_json(values: Array) -> Array:
    hits = pc.fill_null(pc.match_substring_regex(values, _ESCAPED), pa.scalar(value=False))
    text = _join('"', values, '"')
    if not pc.any(hits).as_py():
        return text
    escaped = [json.dumps(item, ensure_ascii=False) for item in values.filter(hits).to_pylist()]
    return pc.replace_with_mask(text, hits, pa.array(escaped, pa.string()))


def _objects(values: Array) -> Array:
    """A struct's values as JSON objects, nulls of its fields kept."""
    parts: list[Array] = []
    for field, child in zip(values.type, values.flatten(), strict=True):
        name = json.dumps(field.name, ensure_ascii=False)
        parts += [f"{',' if parts else '{'}{name}:", json_values(child)]
    return _join(*parts, "}") if parts else pa.array(["{}"] * len(values), pa.string())


def _keys(values: Array) -> Array:
    """A map's keys as JSON's names: numbers and nested keys are their own JSON in quotes."""
    text = json_values(values)
    return text if pc.all(pc.starts_with(text, '"'), min_count=0).as_py() else _quote_json(text)


def _inner(values: Array, child: Array) -> Array:
    """Of all that lies in a list or map, what this slice of it has."""
    start, end = values.offsets[0].as_py(), values.offsets[-1].as_py()
    return child.slice(start, end - start)


def _rejoined(values: Array, texts: Array) -> Array:
    """The texts of each list's elements, with commas between."""
    offsets = pc.subtract(values.offsets, values.offsets[0])
    return pc.binary_join(pa.ListArray.from_arrays(offsets, texts), ",")
