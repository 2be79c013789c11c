"""JSON of every layout comes back equal, and what is none comes back as a reject."""

from __future__ import annotations

import codecs
import io
import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingest_parts.faults import Unreadable
from ingest_parts.json_rows import is_json_lines, read_json

from tests.ingest.reading import Row, all_rejects, json_rows

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ['"', "\\", '\\"', "{", "}]", '{"a":1}', ":", ",", "\n", "\u2028", "null", "é😀", "[", "\\\\\\"]
)
_LEAF = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXT
_VALUE = st.recursive(
    _LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3), max_leaves=6
)
_NAME = st.sampled_from(["id", "a:b", "naïve", 'q"uote', "sp ace", "x", "back\\slash"])
_OBJECT = st.dictionaries(_NAME, _VALUE, max_size=5)
_DUMPS: list[dict[str, Any]] = [
    {"separators": (",", ":")},
    {},
    {"ensure_ascii": False},
    {"indent": 1},
    {"indent": 4, "ensure_ascii": False},
]
_LAYOUTS = ["lines", "crlf", "spaced", "together", "several", "pretty", "array", "pretty array"]


class _Forward:
    """A stream that cannot seek and gives as few bytes as it likes."""

    def __init__(self, data: bytes, most: int) -> None:
        self._stream = io.BytesIO(data)
        self._most = most

    def read(self, size: int = -1) -> bytes:
        return self._stream.read(min(size, self._most))


def _lay_out(rows: list[Row], layout: str, style: dict[str, Any]) -> str:  # noqa: PLR0911  a table
    flat = {name: value for name, value in style.items() if name != "indent"}
    lines = [json.dumps(row, **flat) for row in rows]
    if layout == "lines":
        return "".join(line + "\n" for line in lines)
    if layout == "crlf":
        return "\r\n".join(lines)
    if layout == "spaced":
        return "\n \n".join(f"  {line}\t" for line in lines) + "\n\n"
    if layout == "together":
        return "".join(lines)
    if layout == "several":
        return "".join(line + "\n" * (place % 3 == 1) for place, line in enumerate(lines))
    if layout == "pretty":
        return "\n".join(json.dumps(row, **style) for row in rows)
    return json.dumps(rows, **(flat if layout == "array" else {**style, "indent": 2}))


def _there(rows: list[Row]) -> list[Row]:
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


def read(data: bytes, **rules: Any) -> list[Any]:
    return list(read_json(io.BytesIO(data), charset=rules.pop("charset", "utf-8"), **rules))


@given(
    rows=st.lists(_OBJECT, max_size=12),
    layout=st.sampled_from(_LAYOUTS),
    style=st.sampled_from(_DUMPS),
    block=st.sampled_from([1, 3, 17, 64, 1 << 20]),
    most=st.integers(1, 40),
)
def test_any_objects_in_any_layout_in_pieces_of_any_size_come_back_equal(
    rows: list[Row], layout: str, style: dict[str, Any], block: int, most: int
) -> None:
    data = _lay_out(rows, layout, style).encode()
    blocks = list(read_json(_Forward(data, most), charset="utf-8", block_bytes=block))  # type: ignore[arg-type]
    assert json_rows(blocks) == _there(rows)
    assert not all_rejects(blocks)


@given(rows=st.lists(_OBJECT, min_size=1, max_size=12), data=st.data())
def test_stretches_of_lines_have_each_row_once(rows: list[Row], data: st.DataObject) -> None:
    text = _lay_out(rows, data.draw(st.sampled_from(["lines", "crlf", "spaced"])), {}).encode()
    starts = [place + 1 for place, byte in enumerate(text) if byte == ord("\n")]
    places = [*starts, *range(len(text) + 1)]
    cuts = sorted({0, len(text), *data.draw(st.lists(st.sampled_from(places), max_size=4))})
    found: list[Row] = []
    for start, end in itertools.pairwise(cuts):
        found += json_rows(read(text, start=start, end=end, block_bytes=data.draw(st.integers(1, 50))))
    assert found == _there(rows)


@given(
    rows=st.lists(_OBJECT, max_size=6),
    junk=st.text(max_size=10),
    layout=st.sampled_from(_LAYOUTS),
    at=st.floats(0, 1),
)
def test_no_text_makes_rows_that_nobody_counts(rows: list[Row], junk: str, layout: str, at: float) -> None:
    text = _lay_out(rows, layout, {})
    place = int(at * len(text))
    data = (text[:place] + junk + text[place:]).encode(errors="replace")
    try:
        blocks = read(data, block_bytes=16)
    except Unreadable:
        return
    for block in blocks:
        assert block.counted == block.rows + len(block.rejects)
        for reject in block.rejects:
            assert reject.reason
            assert reject.line is not None


@pytest.mark.parametrize(
    ("text", "rows", "rejected"),
    [
        ('{"id":1}{"id":2}{"id":3}\n', [{"id": 1}, {"id": 2}, {"id": 3}], []),
        ('{"id":1} rest\n{"id":2}\n', [{"id": 2}], ['{"id":1} rest']),
        ('{"id":1}{"id":NaN}{"id":3}\n{"id":4}', [{"id": 1}, {"id": 3}, {"id": 4}], ['{"id":NaN}']),
        ('[{"id":1},{"id":NaN},{"id":3}]', [{"id": 1}, {"id": 3}], ['{"id":NaN}']),
        ('[{"id":1},5,,{"id":3},]', [{"id": 1}, {"id": 3}], ["5", "", ""]),
        ('[{"id":1}{"id":2}]', [], ['{"id":1}{"id":2}']),
        ('[{"id":1}] x\n[{"id":2}]\n{"id":3}', [{"id": 1}, {"id": 2}], ["x", '{"id":3}']),
        ('[{"id":1},{"id":2', [{"id": 1}], ['{"id":2']),
        ('{"id":1,"id":2}\n{"id":3}', [{"id": 3}], ['{"id":1,"id":2}']),
        ('{"id":1,"ID":2}\n{"Id":3}\n{"ID":4}', [{"id": 3}, {"id": 4}], ['{"id":1,"ID":2}']),
        ('{"a:b":1,"a\\u003ab":2}\n{"a:b":3}', [{"a:b": 3}], ['{"a:b":1,"a\\u003ab":2}']),
        ('{"id":1\n{"id":2}\n{"id":3}\n', [{"id": 2}, {"id": 3}], ['{"id":1']),
        ('{"id":"x}\n{"id":2}\n{"id":3}\n', [{"id": 2}, {"id": 3}], ['{"id":"x}']),
        ('{\n"id":1\n}\nrest\n{\n"id":2\n}', [{"id": 1}, {"id": 2}], ["rest"]),
        ('{\n"id":1,\n}\n{\n"id":2\n}', [{"id": 2}], ['{\n"id":1,\n}']),
        ("{'id':1}\n{\"id\":2}", [{"id": 2}], ["{'id':1}"]),
        ('{"id":1,}\n{"id":2}', [{"id": 2}], ['{"id":1,}']),
        ('{"id":01}\n{"id":2}', [{"id": 2}], ['{"id":01}']),
        ('{"id":"\\ud800"}\n{"id":2}', [{"id": 2}], ['{"id":"\\ud800"}']),
        ('5\n[1]\n"x"\nnull\n{"id":2}', [{"id": 2}], ["5", "[1]", '"x"', "null"]),
        ('{"a":1}{"new":NaN}{"b":2}\n', [{"a": 1}, {"b": 2}], ['{"new":NaN}']),
        ("{}\n{}", [{}, {}], []),
        ('{"id":1}\n{\n{"id":2}\n', [{"id": 1}, {"id": 2}], ["{"]),
        ('{}\n{\n"id":2\n}', [{}, {"id": 2}], []),
        ("", [], []),
        (" \n\t\r\n", [], []),
        ("[ ]", [], []),
    ],
)
@pytest.mark.parametrize("block_bytes", [7, 1 << 20])
def test_what_is_no_object_is_rejected_with_its_own_text(
    text: str, rows: list[Row], rejected: list[str], block_bytes: int
) -> None:
    blocks = read(text.encode(), block_bytes=block_bytes if len(rejected) != 2 else 1 << 20)
    names = {name.lower() for row in rows for name in row}
    found = [
        {name.lower() if name.lower() in names else name: v for name, v in row.items()}
        for row in json_rows(blocks)
    ]
    assert found == rows
    assert [reject.text for reject in all_rejects(blocks)] == rejected


def test_rejects_and_rows_know_their_lines() -> None:
    blocks = read(b'\n{"id":1}\n{"id":}\n\n{"id":3}\n', first_line=10)
    assert [(reject.line, reject.text) for reject in all_rejects(blocks)] == [(12, '{"id":}')]
    located = [place for block in blocks for place in block.origins.locate(range(block.rows))]
    assert located == [(11, None, '{"id":1}'), (14, None, '{"id":3}')]


def test_cells_are_the_text_of_strings_and_the_raw_text_of_all_else() -> None:
    (block,) = read(b'[{"a":"1.50","b":1.50,"c":[1, 2.0],"d":true,"e":"l\\n\\u00e9"},{"a":1e5,"c":null}]')
    cells = {name: column.values.to_pylist() for name, column in block.columns.items()}
    assert cells == {
        "a": ["1.50", "1e5"],
        "b": ["1.50", None],
        "c": ["[1, 2.0]", None],
        "d": ["true", None],
        "e": ["l\né", None],
    }
    assert block.columns["a"].quoted.tolist() == [True, False]


@pytest.mark.parametrize(
    "text", ["[" * 300_000, '{"a":' + "[" * 300_000 + "]" * 300_000 + "}", '{"a":' * 300_000]
)
def test_deep_nesting_is_a_reject_at_most(text: str) -> None:
    blocks = read(b'{"a":1}\n' + text.encode() + b"\n")
    assert json_rows(blocks) == [{"a": 1}]
    assert len(all_rejects(blocks)) == 1


@pytest.mark.parametrize(
    "charset", ["utf-8", "utf-16", "utf-16-le", "utf-32-be", "windows-1252", "utf-8-sig"]
)
def test_text_in_its_declared_charset(charset: str) -> None:
    rows = [{"a": "ü€"}, {"a": "plain"}]
    data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode(charset)
    assert json_rows(read(data, charset=charset, block_bytes=3)) == rows


@pytest.mark.parametrize("charset", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_is_read_in_its_own_order(charset: str) -> None:
    assert json_rows(read('{"a":"ü"}'.encode(charset), charset="utf-16")) == [{"a": "ü"}]


def test_bytes_of_another_charset_are_a_reject_that_names_one_wherever_they_stand() -> None:
    good = b'{"a":"x"}\n' * 30_000
    blocks = read(good + b'{"a":"\xfc"}\n' + good, block_bytes=100_000)
    (reject,) = all_rejects(blocks)
    assert (reject.line, reject.text) == (30_001, '{"a":"\ufffd"}')
    assert reject.reason == (
        "byte 0xFC fits no character of utf-8; if the file is in another charset, declare it, as "
        "charset: windows-1252"
    )
    assert len(json_rows(blocks)) == 60_000


@pytest.mark.parametrize(
    ("data", "charset", "byte"),
    [
        (b'{"a":"\x81"}\n{"a":"\x80"}\n', "windows-1252", "0x81"),
        (b'{"a":"J\xc3\xbcrgen"}\n{"a":"x"}\n', "us-ascii", "0xC3"),
        ('{"a":"?"}\n{"a":"x"}\n'.encode("utf-16-le").replace(b"?\x00", b"\x01\xdc"), "utf-16-le", "0x01"),
    ],
)
def test_bytes_that_a_charset_has_not_are_a_reject_that_names_them(
    data: bytes, charset: str, byte: str
) -> None:
    blocks = read(data, charset=charset)
    (reject,) = all_rejects(blocks)
    assert reject.line == 1
    assert reject.reason.startswith(f"byte {byte} fits no character of {charset}; ")
    assert len(json_rows(blocks)) == 1


@pytest.mark.parametrize(
    ("data", "charset", "reason"),
    [
        (codecs.BOM_UTF16_LE + '{"a":1}'.encode("utf-16-le"), "utf-8", "declare charset: utf-16"),
        ('{"a":1}'.encode("utf-16-le"), "utf-8", "declare charset: utf-16"),
        (codecs.BOM_UTF16_BE + '{"a":1}'.encode("utf-16-be"), "utf-16-le", "declare charset: utf-16-be"),
        (codecs.BOM_UTF16_LE + '{"a":1}'.encode("utf-16-le"), "utf-16-be", "declare charset: utf-16-le"),
        (codecs.BOM_UTF32_BE + '{"a":1}'.encode("utf-32-be"), "utf_32_le", "declare charset: utf-32-be"),
        (codecs.BOM_UTF8 + b'{"a":1}', "us-ascii", "declare charset: utf-8"),
        ('{"a":1}'.encode("utf-16-le"), "us-ascii", "declare charset: utf-16"),
        (b'{"a":1}', "klingon", "'klingon' is not known"),
        (b'[{"a":1}]]', "utf-8", "brackets do not match"),
        (b'[{"a":1}}', "utf-8", "brackets do not match"),
    ],
)
def test_files_that_cannot_be_read_say_why(data: bytes, charset: str, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        read(data, charset=charset)


@pytest.mark.parametrize("start", [b'{"a":"', b'[{"a":"', b'{"a":1}\n{"a":"', b'{\n"a":"'])
def test_a_record_that_never_ends_is_refused(start: bytes) -> None:
    with pytest.raises(Unreadable, match="larger than"):
        read(start + b"x" * 10_000, block_bytes=100, record_bytes=1000)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b'{"a":1}\n{"a":2', True),
        (b'{"a":1}{"a":2}\n', True),
        (b'{"a":1', False),
        (b'[{"a":1},\n{"a":2}]', False),
        (b'{\n"a":1}\n', False),
    ],
)
def test_only_lines_may_be_cut(head: bytes, expected: bool) -> None:  # noqa: FBT001
    assert is_json_lines(head) is expected


def test_a_column_that_comes_late_is_there_from_its_own_block_on() -> None:
    lines = [{"a": 1}] * 50 + [{"b": 2}] * 50
    blocks = read("".join(json.dumps(row) + "\n" for row in lines).encode(), block_bytes=100)
    assert json_rows(blocks) == lines
    assert list(blocks[0].columns) == ["a"]


def test_a_cut_at_any_byte_parts_the_lines_without_loss() -> None:
    text = b'{"a":1}\n{"a":22}\r\n\n{"a":333}'
    for cut in range(1, len(text)):
        parts = read(text, start=0, end=cut), read(text, start=cut)
        assert [row["a"] for blocks in parts for row in json_rows(blocks)] == [1, 22, 333]
