"""CSV text as rows: against Python's own CSV writer, in blocks of any size, and what is no RFC 4180."""

import csv
import io
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingest_parts.charset_stream import open_utf8
from ingest_parts.csv_rows import read_csv
from ingest_parts.dialect import Dialect
from ingest_parts.faults import Unreadable, Unsplittable

TEXT = st.text(st.sampled_from("ab,;\"'\t é\r\n"), max_size=6)


def read(
    text: str | bytes, width: int, dialect: Dialect | None = None, separator: str = ",", **more: Any
) -> Any:
    data = text.encode() if isinstance(text, str) else text
    names = [f"c{number}" for number in range(width)]
    blocks = list(read_csv(io.BytesIO(data), names, dialect or Dialect(), separator, **more))
    for block in blocks:
        assert block.counted == block.rows + len(block.rejects)
    return blocks


def rows_of(blocks: Any) -> Iterator[tuple[str | None, ...]]:
    for block in blocks:
        yield from zip(*(column.values.to_pylist() for column in block.columns.values()), strict=True)


@given(
    st.integers(1, 3).flatmap(lambda width: st.lists(st.tuples(*[TEXT] * width), max_size=8)),
    st.tuples(
        st.sampled_from(["\n", "\r\n", "\r"]), st.sampled_from([",", ";", "\t"]), st.sampled_from(['"', "'"])
    ),
    st.sampled_from([1, 2, 3, 7, 64, 8192]),
    st.sampled_from(["ends", "goes on"]),
)
def test_what_a_writer_writes_is_read_back(
    rows: list[tuple[str, ...]], marks: tuple[str, str, str], block_bytes: int, last_line: str
) -> None:
    line_end, separator, quote = marks
    width = len(rows[0]) if rows else 1
    written = io.StringIO(newline="")
    csv.writer(
        written, delimiter=separator, quotechar=quote, lineterminator=line_end, quoting=csv.QUOTE_ALL
    ).writerows(rows)
    text = written.getvalue() if last_line == "ends" else written.getvalue().removesuffix(line_end)
    blocks = read(text, width, Dialect(quote=quote), separator, block_bytes=block_bytes)
    assert list(rows_of(blocks)) == rows
    assert not any(block.rejects for block in blocks)


@given(st.lists(st.tuples(st.text("ab é", max_size=3), st.text("ab é", max_size=3)), max_size=8))
def test_without_quotes_empty_fields_are_null(rows: list[tuple[str, str]]) -> None:
    text = "".join(",".join(row) + "\n" for row in rows)
    assert list(rows_of(read(text, 2))) == [tuple(value or None for value in row) for row in rows]


def test_quoted_nulls_are_text() -> None:
    assert list(rows_of(read('NA,"NA"\n,""\n', 2, nulls=["NA"]))) == [(None, "NA"), (None, "")]


@pytest.mark.parametrize("text", ['"r",', '"r",\n', '"r","x"\n"r",'])
def test_an_empty_last_field_is_null_with_or_without_a_last_line_end(text: str) -> None:
    assert list(rows_of(read(text, 2)))[-1] == ("r", None)


def test_ragged_rows_are_rejects_with_line_and_text() -> None:
    (block,) = read('1,a\n2\n\n"3\n",b,c\n4,d\n', 2)
    assert list(rows_of([block])) == [("1", "a"), ("4", "d")]
    assert [(item.line, item.text, item.reason) for item in block.rejects] == [
        (2, "2", "it has 1 fields, not 2"),
        (4, '"3\n",b,c', "it has 3 fields, not 2"),
    ]
    assert block.origins.locate([0, 1]) == [(1, None, "1,a"), (6, None, "4,d")]


def test_bytes_of_another_charset_reject_their_record_alone() -> None:
    (block,) = read(b"1,a\n2,f\xfcr\n3,c\n", 2)
    assert list(rows_of([block])) == [("1", "a"), ("3", "c")]
    (reject,) = block.rejects
    assert reject.line == 2
    assert "0xFC" in reject.reason
    assert "charset: windows-1252" in reject.reason


def test_a_byte_that_its_charset_does_not_have_is_named_as_the_file_has_it() -> None:
    text = open_utf8(io.BytesIO(b"1,\x81\n2,b\n"), "windows-1252").read(100)
    (block,) = read(text, 2, charset="windows-1252")
    (reject,) = block.rejects
    assert "byte 0x81 fits no character of windows-1252" in reject.reason


def test_a_null_is_what_stands_in_the_file_before_an_escape_is_taken_out() -> None:
    text = '1,\\N\n2,N\n3,\\\\N\n4,"\\N"\n\\N,\\N\n'
    (block,) = read(text, 2, Dialect(escape="\\"), nulls=["\\N"])
    wanted = [("1", None), ("2", "N"), ("3", "\\N"), ("4", "N"), (None, None)]
    assert list(rows_of([block])) == wanted


@pytest.mark.parametrize(
    ("key", "separator"),
    [("x/a.tsv", "\t"), ("a.TSV.gz", "\t"), ("a.tsv.zip", "\t"), ("a.tsv.csv", ","), ("a.tsv.csv.gz", ",")],
)
def test_tabs_are_for_what_ends_in_tsv(key: str, separator: str) -> None:
    assert Dialect().separator_of(key) == separator


@pytest.mark.parametrize(
    ("text", "dialect", "values"),
    [
        ('1,5" pipe\n2,x\n', Dialect(), ['5" pipe', "x"]),
        ('1,"a\\"b"\n2,"c\\\\"\n', Dialect(escape="\\"), ['a"b', "c\\"]),
        ("1,a\\,b\n2,c\n", Dialect(escape="\\", quote=None), ["a,b", "c"]),
        ('1,"a"\n2,b"\n', Dialect(quote=None), ['"a"', 'b"']),
        ("#x\n1,a\n#y,z\n2,b\n", Dialect(comment="#"), ["a", "b"]),
    ],
    ids=["inch", "escape", "escape-without-quotes", "no-quotes", "comments"],
)
def test_dialects(text: str, dialect: Dialect, values: list[str]) -> None:
    for block_bytes in (1, 5, 8192):
        blocks = read(text, 2, dialect, block_bytes=block_bytes)
        assert [row[1] for row in rows_of(blocks)] == values


def test_text_behind_a_quote_is_a_reject() -> None:
    (block,) = read('1,"a"b\n2,x\n', 2)
    assert list(rows_of([block])) == [("2", "x")]
    assert "closing quote" in block.rejects[0].reason


@pytest.mark.parametrize("text", ['1,"abc\n2,d\n', '1,"a\nb"c\n2,d\n'])
def test_quotes_that_do_not_match_over_lines_are_a_fault_of_the_file(text: str) -> None:
    with pytest.raises(Unreadable, match="line 1"):
        read(text, 2)


def test_a_divided_file_with_such_quotes_has_to_be_read_whole() -> None:
    with pytest.raises(Unsplittable):
        read('1,5" pipe\n', 2, divided=True)


@pytest.mark.parametrize(
    ("record", "text"), [("2\r\n", "2"), ('2,"a"b\r\n', '2,"a"b')], ids=["width", "behind-a-quote"]
)
def test_a_reject_a_row_takes_no_longer_than_reading(record: str, text: str) -> None:
    begin = time.monotonic()
    (block,) = read("1,a\r\n" + record * 100_000, 2)
    assert (block.rejects[-1].line, block.rejects[-1].text) == (100_001, text)
    assert time.monotonic() - begin < 5
