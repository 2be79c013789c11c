"""What Arrow's parser gives of JSON is what the cells give, value by value; else the cells are read."""

from __future__ import annotations

import io
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ingest_parts.casting import Target
from ingest_parts.columns import Field, inferred_field, sql_of
from ingest_parts.dialect import Rules
from ingest_parts.fitting import fit
from ingest_parts.json_rows import read_json
from ingest_parts.json_typed import TypedFrames

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingest_parts.blocks import Block

_KINDS = [
    pa.int8(), pa.int32(), pa.int64(), pa.float32(), pa.float64(), pa.bool_(), pa.string(), pa.date32(),
    pa.timestamp("us", tz="UTC"), pa.timestamp("us"), pa.decimal128(9, 2), pa.binary(), pa.null(),
    pa.list_(pa.int32()), pa.struct({"a": pa.int32()}),
]  # fmt: skip
_USUAL: dict[pa.DataType, list[str]] = {
    pa.int8(): ["1", "-128", "0"],
    pa.int32(): ["1", "2147483647", "-5"],
    pa.int64(): ["9223372036854775807", "12", "0"],
    pa.float64(): ["1.5", "0.1", "-3", "0", "100.00", "123456.789"],
    pa.bool_(): ["true", "false"],
    pa.string(): ['"x"', '""', '"é\\n\\u20ac"', '"NA"', '"\\"{}[]:,"', '"4111111111111111"', '"1e5"'],
    pa.date32(): ['"2024-02-29"', '"2024-01-01"'],
    pa.timestamp("us", tz="UTC"): ['"2024-01-01T10:00:00Z"', '"2024-01-01 10:00"'],
    pa.timestamp("us"): ['"2024-01-01T10:00:00"'],
    pa.binary(): ['"YWI="', '""'],
}
_STRANGE = [
    "-0", "1.0", "1e2", "12E4", "1e400", "-1e400", "1e-400", "1E-310", "4.9e-324", "01", "+1", ".5", "1.",
    "NaN", "Infinity", "-Infinity", "nan", "0x10", "1_000", "9223372036854775808", "-9223372036854775808",
    "128", "0.1234567890123456", "1234567890123456", "12345678901234567890.5", "0.30000000000000004",
    "-0.0", "1e22", "tru", "nulls", "True", '"1"', '" 1"', '"1.5"', '"true"', '"007"', '"1e3"',
    '"2024-02-30"', '"20240101"', '"12:00"', '"\\ud800"', '"\\q"', '"a\tb"', "'x'", "[]", "[1]", "{}",
    '{"a":1}', '"x" "y"', "", "1 2", '"x', '"YWI"',
]  # fmt: skip


def _field(name: str, kind: pa.DataType, *, inferred: bool) -> Field:
    return inferred_field(name, kind) if inferred else Field(name, Target(kind, sql_of(kind)), nullable=True)


def _blocks(data: bytes, typed: TypedFrames | None, block_bytes: int = 1 << 20) -> list[Block]:
    return list(read_json(io.BytesIO(data), charset="utf-8", typed=typed, block_bytes=block_bytes))


def _outcome(block: Block, fields: Sequence[Field], rules: Rules) -> Any:
    fitted = fit(block, fields, rules)
    rejects = [(item.line, item.text, item.column, item.value, item.reason) for item in fitted.rejects]
    return fitted.misfits, fitted.rows, rejects, [array.to_pylist() for array in fitted.arrays]


def _names(blocks: Sequence[Block]) -> set[str]:
    return {name.strip().casefold() for block in blocks for name in block.columns}


@st.composite
def _files(draw: st.DrawFn) -> tuple[bytes, list[Field]]:
    fields, cells = [], []
    for name in draw(st.lists(st.sampled_from(["id", "b", "Name", "x y", 'q"']), min_size=1, unique=True)):
        kind = draw(st.sampled_from(_KINDS) | st.sampled_from(list(_USUAL)))
        fields.append(_field(name, kind, inferred=draw(st.booleans())))
        cells.append(st.sampled_from([*_USUAL.get(kind, ["null"]), "null"]))
    rows = []
    for _ in range(draw(st.integers(1, 8))):
        pairs = [
            ('"' + field.name.replace('"', '\\"') + '"', draw(cell))
            for field, cell in zip(fields, cells, strict=True)
            if draw(st.integers(0, 9))
        ]
        chance = draw(st.integers(0, 19))
        if chance == 0:
            pairs.append((draw(st.sampled_from(['"id"', '"ID"', '"new"', "id"])), "1"))
        elif chance <= 3 and pairs:
            pairs[-1] = (pairs[-1][0], draw(st.sampled_from(_STRANGE)))
        gap = draw(st.sampled_from(["", " "]))
        rows.append("{" + ",".join(f"{name}:{gap}{value}" for name, value in pairs) + "}")
    layout = draw(st.sampled_from(["\n", "\n", "\r\n", "\n\n", " ", "", "array", "[]\n"]))
    text = f"[{','.join(rows)}]" if layout == "array" else layout.join(rows) + "\n"
    return text.encode(), fields


def _one(kind: pa.DataType, text: str, *, inferred: bool = False) -> tuple[bytes, list[Field]]:
    return text.encode(), [_field("id", kind, inferred=inferred)]


@given(
    file=_files(),
    rules=st.sampled_from(
        [Rules(), Rules(), Rules(nulls=("NA", "1")), Rules(decimal=","), Rules(grouping=",")]
    ),
    block=st.sampled_from([40, 1 << 20]),
)
@example(file=_one(pa.float64(), '{"id":12E4}\n', inferred=True), rules=Rules(), block=99)
@example(file=_one(pa.float64(), '{"id":1e400}\n'), rules=Rules(), block=99)
@example(file=_one(pa.float64(), '{"id":1e-400}\n'), rules=Rules(), block=99)
@example(
    file=(
        b'{"id":1234567890123456,"b":0.1234567890123456}\n',
        [_field("id", pa.int64(), inferred=False), _field("b", pa.float64(), inferred=False)],
    ),
    rules=Rules(),
    block=99,
)
@example(file=_one(pa.float64(), '{"id":NaN}\n{"id":-Infinity}\n'), rules=Rules(), block=99)
@example(file=_one(pa.int32(), '{"id":1}{"id":2}\n'), rules=Rules(), block=99)
def test_typed_frames_are_what_their_cells_are(
    file: tuple[bytes, list[Field]], rules: Rules, block: int
) -> None:
    data, fields = file
    _check(data, fields, rules, block)


def _check(data: bytes, fields: Sequence[Field], rules: Rules, block: int) -> None:
    """Hold what is read typed against the cells."""
    by_cells = _blocks(data, None, block)
    by_types = _blocks(data, TypedFrames(fields, rules), block)
    for cells, types in zip_longest(by_cells, by_types):
        assert types.counted == cells.counted
        assert _outcome(types, fields, rules) == _outcome(cells, fields, rules)
    assert _names(by_types) == _names(by_cells)


@pytest.mark.parametrize("strange", _STRANGE)
def test_a_strange_value_is_what_its_cell_is(strange: str) -> None:
    for kind, usual in _USUAL.items():
        for inferred in (True, False):
            data = f'{{"id":{usual[0]}}}\n{{"id":{strange}}}\n{{"id":{usual[-1]}}}\n'.encode()
            _check(data, [_field("id", kind, inferred=inferred)], Rules(), 1 << 20)


@pytest.mark.parametrize("layout", ["{}\n{}\n", "{}\r\n\r\n{}", "{} {}", "[{},{}]", "[\n{},\n{}\n]\n"])
def test_plain_records_are_read_typed(layout: str) -> None:
    fields = [_field(f"c{number}", kind, inferred=False) for number, kind in enumerate(_USUAL)]
    rows = [
        "{" + ", ".join(f'"c{number}": {texts[place]}' for number, texts in enumerate(_USUAL.values())) + "}"
        for place in (0, -1)
    ]
    data = layout.replace("{}", "%s").replace("%s", rows[0], 1).replace("%s", rows[1], 1).encode()
    blocks = _blocks(data, TypedFrames(fields, Rules()))
    for block in filter(lambda one: one.rows, blocks):
        kinds = {column.values.type for column in block.columns.values() if not column.is_text}
        assert kinds == {pa.int8(), pa.int32(), pa.int64(), pa.float64(), pa.bool_()}
        assert not fit(block, fields, Rules()).rejects
    assert sum(block.rows for block in blocks) == 2


def test_a_column_that_a_file_has_not_is_not_told_as_there() -> None:
    fields = [_field("id", pa.int32(), inferred=False), _field("late", pa.int32(), inferred=False)]
    blocks = _blocks(b'{"id":1}\n' * 9 + b'{"id":2,"late":3}\n' * 9, TypedFrames(fields, Rules()), 45)
    seen = [sorted(block.columns) for block in blocks]
    assert seen[0] == ["id"]
    assert seen[-1] == ["id", "late"]
    assert not blocks[-1].columns["late"].is_text


def test_a_file_that_arrow_refuses_again_and_again_is_read_without_it() -> None:
    fields = [_field("id", pa.int32(), inferred=False)]
    data = b'{"id":"1"}\n' * 40 + b'{"id":1}\n' * 10
    blocks = _blocks(data, TypedFrames(fields, Rules()), 45)
    assert all(column.is_text for block in blocks for column in block.columns.values())
    assert sum(block.rows for block in blocks) == 50
