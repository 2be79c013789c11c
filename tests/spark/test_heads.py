"""What the program reads from the first bytes of a file, without Spark."""

import csv
import gzip
import io
from collections.abc import Callable
from types import ModuleType

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st


@pytest.fixture(scope="session")
def heads(parts: Callable[[str], ModuleType]) -> ModuleType:
    return parts("heads")


NAME = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=12)


@given(content=st.binary(max_size=2000), cut=st.integers(1, 5000))
def test_a_gzip_that_lacks_any_of_its_end_is_never_taken(heads: ModuleType, content: bytes, cut: int) -> None:
    packed = gzip.compress(content)
    assert heads.gunzip_head(packed, complete=True) == content
    with pytest.raises(heads.Unreadable):
        heads.gunzip_head(packed[: max(1, len(packed) - cut)], complete=True)


@given(parts=st.lists(st.binary(max_size=200), max_size=4))
def test_all_members_of_a_gzip_are_read(heads: ModuleType, parts: list[bytes]) -> None:
    packed = b"".join(gzip.compress(part) for part in parts)
    assert heads.gunzip_head(packed, complete=True) == b"".join(parts)


@given(names=st.lists(NAME, min_size=1, max_size=6, unique_by=str.casefold))
def test_a_header_is_read_as_it_was_written(heads: ModuleType, names: list[str]) -> None:
    assume(heads.RESERVED.isdisjoint(names))
    written = io.StringIO()
    csv.writer(written, escapechar="\\", doublequote=True).writerow(names)
    _, columns = heads.parse_header(written.getvalue() + "1,2\n", {})
    assert list(columns) == names
    assert heads.column_fault(columns, names[::-1], "the declared ones") is None


@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\ufeff"), min_size=1))
def test_a_character_cut_at_the_end_of_the_head_is_no_fault(heads: ModuleType, text: str) -> None:
    data = text.encode()
    assert text.startswith(heads.decode_head(data[:-1], complete=False, encoding="UTF-8"))
    assert heads.decode_head(b"\xef\xbb\xbf" + data, complete=True, encoding="UTF-8") == text


@pytest.mark.parametrize(
    ("options", "text", "columns"),
    [
        ({"sep": ";"}, "a;b\n", ("a", "b")),
        ({"delimiter": "\\t"}, "a\tb\n", ("a", "b")),
        ({"sep": "||"}, "a||b\n", ("a", "b")),
        ({"comment": "#"}, "# note\n\na,b\n", ("a", "b")),
        ({}, ",b\n", ("_c0", "b")),
        ({"quote": "'"}, "'a,1',b\r\n", ("a,1", "b")),
    ],
)
def test_reader_options_shape_the_header(
    heads: ModuleType, options: dict[str, str], text: str, columns: tuple[str, ...]
) -> None:
    assert heads.parse_header(text, options)[1] == columns
