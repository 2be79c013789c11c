"""What stands before the records of a CSV: how much there is of it costs neither time nor the place."""

import io
import time

import pytest
from ingest_parts import csv_head
from ingest_parts.csv_head import read_head
from ingest_parts.dialect import Dialect, Rules
from ingest_parts.faults import Unreadable
from ingest_parts.manifest import Input
from ingest_parts.sources import Source
from ingest_parts.text_stream import Text

HEAD_BYTES = 64 * 1024


def look(
    text: str, dialect: Dialect | None = None, ddl: str | None = None
) -> tuple[tuple[str, ...], int, str]:
    """The names, the line on which the records begin, and what is left of the text."""
    stream = Text(io.BytesIO(text.encode()))
    given = Input("csv", ddl, "exact", "utf-8", dialect or Dialect(), Rules(), None)
    source = read_head(Source({"upload_id": "u", "key": "a.csv"}), stream.read(HEAD_BYTES), stream, given)
    return source.names or (), source.line, text.encode()[source.body :].decode()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("size", [2, 3, 5, 64 * 1024])
def test_a_preamble_may_be_read_in_any_pieces(size: int, end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_head, "_CHUNK", size)
    lines = ['by "hand', "", "", '#c,"', "", "sep=;", "# d", "", '" id";"t', 'u"', "1;x", "2;y", ""]
    dialect = Dialect(skip_lines=2, comment="#")
    names, line, rest = look(end.join(lines), dialect)
    assert names == ("id", f"t{end}u")
    assert (line, rest) == (11, end.join(lines[10:]))


@pytest.mark.parametrize("preamble", [("x" * 99 + "\n") * 1000, "x" * 70_000 + "\n", "x" * 65_535 + "\r\n"])
def test_a_preamble_may_be_longer_than_the_head(preamble: str) -> None:
    lines = preamble.count("\n")
    assert look(f"{preamble}id,t\n1,x\n", Dialect(skip_lines=lines)) == (("id", "t"), lines + 2, "1,x\n")


def test_many_blank_lines_or_comments_before_a_header() -> None:
    begin = time.monotonic()
    assert look("\n" * 70_000 + "id\n1\n") == (("id",), 70_002, "1\n")
    text = "#\n\r\n" * 70_000 + "#" * 200_000 + "\nid\n1\n"
    assert look(text, Dialect(comment="#")) == (("id",), 140_003, "1\n")
    assert time.monotonic() - begin < 2


@pytest.mark.parametrize("text", ["\n" * 70_000, "\r\n"])
def test_a_file_of_blank_lines_is_empty(text: str) -> None:
    with pytest.raises(Unreadable, match="the file is empty"):
        look(text)


@pytest.mark.parametrize(("text", "skip"), [("a\nb\n", 3), ("#a\n\n", 0), ("sep=;\n", 0)])
def test_a_file_that_ends_before_its_header_has_none(text: str, skip: int) -> None:
    with pytest.raises(Unreadable, match="no header"):
        look(text, Dialect(comment="#", skip_lines=skip))


@pytest.mark.parametrize("lines", [20_000, 1_000_000])
def test_a_quote_in_a_header_that_is_never_closed_is_found_at_once(lines: int) -> None:
    begin = time.monotonic()
    with pytest.raises(Unreadable, match="never closed"):
        look('id,"t\n' + "1,abcdef\n" * lines)
    assert time.monotonic() - begin < 2


def test_a_header_without_an_end_is_refused_and_not_cut() -> None:
    with pytest.raises(Unreadable, match="4 MiB"):
        look("column," * 700_000)


def test_without_a_header_the_schema_says_what_there_is() -> None:
    dialect = Dialect(header=False, comment="#", skip_lines=1)
    assert look("x\n# c\n1\n2,b\n", dialect, "id INT, t STRING") == ((), 3, "1\n2,b\n")


@pytest.mark.parametrize("value", ["x", "x" * 70_000])
def test_without_a_schema_either_the_first_record_says_how_many_columns_there_are(value: str) -> None:
    names, line, rest = look(f'# a,b,c\n1,"{value}\n"\n2,y\n', Dialect(header=False, comment="#"))
    assert (names, line, rest) == (("_c0", "_c1"), 2, f'1,"{value}\n"\n2,y\n')


def test_a_blank_line_does_not_hide_a_sep_line() -> None:
    assert look("\r\nsep=;\r\nid;t\r\n1;x\r\n") == (("id", "t"), 4, "1;x\r\n")
