"""Comments of CSV: passed over where a record would begin, whatever they hold, and data within quotes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingest_parts.csv_irregular import Marks, take_apart
from ingest_parts.dialect import Dialect
from ingest_parts.faults import Unreadable

from .test_csv_rows import read, rows_of

PIECES = st.sampled_from(
    ["#", "#", '"', '"', ",", "\n", "\n", "\r\n", "\r", "a", '"a"', '"#\n"', "#c\n", "\\"]
)
TEXTS = st.lists(PIECES, max_size=16).map("".join)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('1,x\n#c,"y\n2,a\n#z,w"\n3,b\n', ["x", "a", "b"]),
        ('#x,"y\n1,a\n2,b\n', ["a", "b"]),
        ('1,"a\n#b"\n# "\n2,"c\n# d"\n', ["a\n#b", "c\n# d"]),
        ('1,5" x\r\n#6",\r\n2,"a\r\n#b"\r\n', ['5" x', "a\r\n#b"]),
        ('1,a\n#"', ["a"]),
        ('#"\r#"\r1,a\r#"\r', ["a"]),
    ],
    ids=["two-quotes", "one-quote", "in-a-value", "beside-an-inch-mark", "at-the-end", "carriage-returns"],
)
def test_quotes_of_comments_mean_nothing(text: str, rows: list[str]) -> None:
    for block_bytes in (1, 5, 8192):
        blocks = read(text, 2, Dialect(comment="#"), block_bytes=block_bytes)
        assert [row[1] for row in rows_of(blocks)] == rows
        assert not any(block.rejects for block in blocks)


def test_comments_are_lines_and_their_bytes_need_no_charset() -> None:
    (block,) = read(b'# \xff"\n1,a\n# \xff\n2\n3,c\n', 2, Dialect(comment="#"))
    assert [(item.line, item.text) for item in block.rejects] == [(4, "2")]
    assert block.origins.locate([0, 1]) == [(2, None, "1,a"), (5, None, "3,c")]


@given(TEXTS, st.sampled_from([None, "\\"]), st.sampled_from([1, 3, 8192]))
def test_any_text_is_what_it_is_record_by_record(text: str, escape: str | None, block_bytes: int) -> None:
    def read_it() -> list[tuple[int, tuple[str | None, ...] | str]]:
        found: list[tuple[int, tuple[str | None, ...] | str]] = []
        for block in read(text, 2, Dialect(comment="#", escape=escape), block_bytes=block_bytes):
            places = [line for line, _, _ in block.origins.locate(range(block.rows))]
            found += zip(places, rows_of([block]), strict=True)
            found += [(item.line, item.text) for item in block.rejects]
        return sorted(found, key=lambda item: item[0])

    data = text.encode()
    try:
        marks = Marks.of(Dialect(comment="#", escape=escape), ",", [""])
        records, _ = take_apart(data, marks, final=True, first_line=1)
    except Unreadable:
        with pytest.raises(Unreadable):
            read_it()
        return
    wanted: list[tuple[int, tuple[str | None, ...] | str]] = []
    for record in records:
        before = data[: record.start]
        line = 1 + before.count(b"\n") + before.count(b"\r") - before.count(b"\r\n")
        if record.fault or len(record.fields) != 2:
            wanted.append((line, data[record.start : record.stop].decode()))
        else:
            cells = tuple(cell if cell is None else cell.decode() for cell in record.fields)
            wanted.append((line, cells))
    assert read_it() == wanted
