"""XML's rows, counted by their tags, and what is refused for safety."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingest_parts.faults import Unreadable
from ingest_parts.inspection import look_at
from ingest_parts.manifest import parse_manifest
from ingest_parts.rows import read_part
from ingest_parts.sources import Part
from ingest_parts.store import open_store
from ingest_parts.xml_count import CountedText
from ingest_parts.xml_rows import read_xml

from tests.ingest.reading import all_rejects, plain_rows

if TYPE_CHECKING:
    from pathlib import Path

_TEXT = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), max_size=8).filter(
    lambda text: (
        not set(text) & {"\x7f", "\ufffe", "\uffff"} and all(ord(c) < 0x80 or ord(c) > 0x9F for c in text)
    )
)


def read(data: bytes, row_tag: str = "r", charset: str = "utf-8", **rules: Any) -> list[Any]:
    return list(read_xml(io.BytesIO(data), row_tag=row_tag, charset=charset, **rules))


@given(
    rows=st.lists(st.dictionaries(st.sampled_from("abcd"), _TEXT, max_size=4), max_size=10),
    junk=st.sampled_from(["", "<!-- <r> -->", "<other><x/></other>", "<![CDATA[<r>]]>", '<?pi <r> "?>']),
    block_rows=st.integers(1, 4),
)
def test_rows_come_back_equal(rows: list[dict[str, str]], junk: str, block_rows: int) -> None:
    parts = []
    for row in rows:
        attribute = f" k={quoteattr(row['a'])}" if "a" in row else ""
        cells = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in row.items())
        parts.append(f"<r{attribute}>{cells}</r>{junk}")
    text = f"<?xml version='1.0'?><rows>{junk}{''.join(parts)}</rows>"
    found = [
        {name: value for name, value in row.items() if value is not None}
        for row in plain_rows(read(text.encode(), block_rows=block_rows))
    ]
    expected = [
        {**{name: value for name, value in row.items() if value}, **({"_k": row["a"]} if "a" in row else {})}
        for row in rows
    ]
    assert found == expected


def test_parts_and_what_repeats_are_json() -> None:
    data = (
        b"""<x><r id="1"><a>5</a><c><d k="v">t</d><d>007</d><e>1.50</e></c></r><r><a>6</a><a>7</a></r></x>"""
    )
    first, second = plain_rows(read(data))
    assert (first["_id"], first["a"]) == ("1", "5")
    assert json.loads(first["c"]) == {"d": [{"_k": "v", "_VALUE": "t"}, "007"], "e": 1.5}
    assert first["c"].endswith('"e":1.50}')
    assert (second["a"], second["_id"], second["c"]) == ("[6,7]", None, None)


def test_a_value_is_written_alike_wherever_it_stands() -> None:
    data = b"<x>" + b"<r><a>5</a></r>" * 3 + b"<r><a>6</a><a>7</a></r>" + b"<r><a>5</a></r></x>"
    for size in (1, 2, 9):
        assert [row["a"] for row in plain_rows(read(data, block_rows=size))] == ["5", "5", "5", "[6,7]", "5"]


def test_texts_that_mean_missing_are_null_in_elements_attributes_and_their_parts() -> None:
    data = b'<x><r k="NA" j="x"><a>NA</a><b> NA</b><c><d>NA</d><e>1</e></c><f>NA</f><f>2</f></r></x>'
    (row,) = plain_rows(read(data, nulls=["NA", "-"]))
    assert row == {
        "_k": None, "_j": "x", "a": None, "b": " NA", "c": '{"d":null,"e":1}', "f": "[null,2]",
    }  # fmt: skip


def test_empty_and_nil_elements_are_null() -> None:
    data = (
        b'<x xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><r><a/><b xsi:nil="true"/><c></c></r></x>'
    )
    assert plain_rows(read(data)) == [{"a": None, "b": None, "c": None}]


def test_prefixes_are_left_out_and_a_row_within_a_row_is_a_part_of_it() -> None:
    data = b'<n:x xmlns:n="u"><n:r><n:a>1</n:a><n:r><n:a>2</n:a></n:r></n:r></n:x>'
    (row,) = plain_rows(read(data))
    assert row["a"] == "1"
    assert json.loads(row["r"]) == {"a": 2}


def test_a_row_tag_with_a_prefix_is_the_name_as_it_is_written() -> None:
    data = (
        b'<r xmlns="u" xmlns:n="u" xmlns:m="u"><n:r><n:a>1</n:a><m:r/></n:r><m:r><a>2</a></m:r>'
        b"<r><n:r><m:a>3</m:a><n:r/></n:r></r><n:rr/><!--<n:r>--></r>"
    )
    assert [row["a"] for row in plain_rows(read(data, row_tag="n:r"))] == ["1", "3"]
    assert [row.get("a") for row in plain_rows(read(data, row_tag="m:r"))] == [None, "2"]
    assert plain_rows(read(b"<x xmlns:n='u'><n:r><a>1</a></n:r><r/></x>", row_tag="n:r")) == [{"a": "1"}]


@pytest.mark.parametrize(
    ("text", "charset", "declared"),
    [
        ("<x><r><a>ü</a></r></x>", "utf-8", "utf-8"),
        ('<?xml version="1.0" encoding="iso-8859-1"?><x><r><a>ü</a></r></x>', "iso-8859-1", "utf-8"),
        ('<?xml version="1.0" encoding="utf-16"?><x><r><a>ü</a></r></x>', "utf-16", "utf-8"),
        ("<x><r><a>ü</a></r></x>", "windows-1252", "windows-1252"),
    ],
)
def test_the_files_own_charset_is_taken_and_a_declared_one_before_it(
    text: str, charset: str, declared: str
) -> None:
    assert plain_rows(read(text.encode(charset), charset=declared)) == [{"a": "ü"}]


def test_a_file_that_says_its_charset_by_itself_is_taken_as_text(tmp_path: Path) -> None:
    texts = {
        "marked.xml": "<x><r><a>ü</a></r></x>".encode("utf-16"),
        "both.xml": '<?xml version="1.0" encoding="utf-16"?><x><r><a>ü</a></r></x>'.encode("utf-16"),
        "blank.xml": " \n".encode("utf-16"),
    }
    for name, data in texts.items():
        (tmp_path / name).write_bytes(data)
    files = [{"upload_id": name, "key": name, "uri": (tmp_path / name).as_uri()} for name in texts]
    manifest = parse_manifest({
        "version": 2, "batch_id": "b", "files": files, "input": {"format": "xml", "row_tag": "r"},
        "output": {"uri": "file:///out"}, "rejects": {"uri": "file:///rejects"}, "report_uri": "file:///report",
    })  # fmt: skip
    store = open_store(None)
    marked, both, blank = look_at(store, manifest, manifest.files)
    for source in (marked, both):
        assert source.reason is None
        assert plain_rows(read_part(store, manifest.input, Part(source))) == [{"a": "ü"}]
    assert blank.reason == "the file is empty"


def test_an_entity_is_not_expanded() -> None:
    data = (
        b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]><x><r>\n<a>&a;</a></r><r><a>1</a></r></x>'
    )
    blocks = read(data)
    (reject,) = all_rejects(blocks)
    assert "entity &a;" in reject.reason
    assert plain_rows(blocks) == [{"a": "1"}]


_BOMB = "".join(
    f'<!ENTITY e{level} "{f"&e{level - 1};" * 20 if level else "x" * 20}">' for level in range(12)
)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<x><r><a>1</a></r><r>", "no well-formed XML"),
        (b"", "no well-formed XML"),
        (b"<x><r><a>\xff</a></r></x>", "charset: windows-1252"),
        (f'<!DOCTYPE x [{_BOMB}]><x><r k="&e9;"/></x>'.encode(), "amplification"),
        (b"<x>" + b"<y>" * 300 + b"</y>" * 300 + b"</x>", "depth"),
        (b"<x><r><a>" + b"x" * 11_000_000 + b"</a></r></x>", "too long"),
    ],
)
def test_files_that_cannot_be_read_say_why(data: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        read(data)


def test_names_that_differ_in_case_only_make_a_reject() -> None:
    blocks = read(b"<x><r><a>1</a><A>2</A></r></x>")
    assert ["case" in reject.reason for reject in all_rejects(blocks)] == [True]


@given(size=st.integers(1, 30))
def test_tags_are_counted_in_pieces_of_any_size(size: int) -> None:
    text = b"<x><r a=\">\" b='r>'/><!-- <r> --><r ><r/></r><rr/><n:r/><![CDATA[<r>]]><r\n>1</r></x>"
    counted = CountedText(io.BytesIO(text), "r")
    while counted.read(size):
        pass
    assert counted.rows == 4


def test_other_rows_than_tags_are_a_fault_with_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def lose_all(text: Any, *_: Any) -> Any:
        while text.read(100):
            pass
        return iter(())

    monkeypatch.setattr("ingest_parts.xml_rows._elements", lose_all)
    with pytest.raises(Unreadable, match="it has 2 elements <r>, but 0 were read"):
        read(b"<x><r/><r/></x>")
