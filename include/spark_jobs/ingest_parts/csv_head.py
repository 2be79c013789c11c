"""What stands before the records of a CSV: preamble, Excel's ``sep=`` line, and the header."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from ingest_parts.columns import check_names
from ingest_parts.csv_framing import count_lines
from ingest_parts.csv_irregular import Record, take_apart
from ingest_parts.faults import Unreadable

if TYPE_CHECKING:
    from ingest_parts.manifest import Input
    from ingest_parts.sources import Source
    from ingest_parts.text_stream import Text

_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\n|\r|\Z)")
_SEP = re.compile(rb'"?sep=([^\r\n])"?(?:\r\n|\n|\r|\Z)', re.IGNORECASE)
_HEADER_LIMIT = 4 * 1024 * 1024


def read_head(source: Source, head: bytes, text: Text, given: Input) -> Source:
    """Find out where a file's records begin, and what its columns are called.

    Args:
        source: the file.
        head: the first bytes of its text.
        text: what follows.
        given: how it is read.

    Raises:
        Unreadable: there is no header, or one that cannot be a header.
    """
    dialect = given.dialect
    place = 0
    for _ in range(dialect.skip_lines):
        place = _end_of_line(head, place)
    separator = dialect.separator_of(source.key)
    found = _SEP.match(head, place)
    if found:
        separator, place = found[1].decode("latin-1"), found.end()
    names: tuple[str, ...] = ()
    if dialect.header:
        while True:
            try:
                return _with_header(source, head, place, separator, given)
            except _NeedsMore:
                more = text.read(len(head)) if len(head) < _HEADER_LIMIT else b""
                if not more:
                    return _with_header(source, head, place, separator, given, final=True)
                head += more
    else:
        width = _width_of_first(head, place, separator, given)
        names = tuple(f"_c{number}" for number in range(width))
    return replace(source, names=names, separator=separator, body=place, line=1 + count_lines(head[:place]))


class _NeedsMore(Exception):  # noqa: N818  no fault: the head is too short
    pass


def _end_of_line(head: bytes, place: int) -> int:
    found = _LINE.match(head, place)
    return found.end() if found else len(head)


def _with_header(
    source: Source, head: bytes, place: int, separator: str, given: Input, *, final: bool = False
) -> Source:
    dialect = given.dialect
    while True:
        records, end = _first_record(head, place, separator, given, final=final)
        if not records and not final:
            raise _NeedsMore
        if not records:
            raise Unreadable("the file has no header")
        mark = head[place + records[0].start : place + records[0].start + 1]
        if dialect.comment and mark == dialect.comment.encode():
            place += end
            continue
        break
    if records[0].fault:
        raise Unreadable(f"its header cannot be read: {records[0].fault}")
    try:
        names = tuple(
            value.decode().strip() or f"_c{number}" for number, (value, _) in enumerate(records[0].fields)
        )
    except UnicodeDecodeError as error:
        raise Unreadable(
            f"its header has bytes that are not {given.charset}: declare the file's own input.charset"
        ) from error
    check_names(names, "its header")
    body = place + end
    return replace(source, names=names, separator=separator, body=body, line=1 + count_lines(head[:body]))


def _first_record(
    head: bytes, place: int, separator: str, given: Input, *, final: bool
) -> tuple[list[Record], int]:
    """The first record behind a place, and where it ends."""
    quote, escape = given.dialect.quote, given.dialect.escape
    end = place
    while end < len(head):
        end = _end_of_line(head, end)
        last = end == len(head)
        records, whole = take_apart(
            head[place:end], separator=separator.encode(), quote=quote.encode() if quote else None,
            escape=escape.encode() if escape else None, final=final and last,
            first_line=1 + count_lines(head[:place]),
        )  # fmt: skip
        if records:
            return records, whole
    return [], end - place


def _width_of_first(head: bytes, place: int, separator: str, given: Input) -> int:
    records, _ = _first_record(head, place, separator, given, final=True)
    if not records:
        raise Unreadable("the file is empty")
    return len(records[0].fields)
