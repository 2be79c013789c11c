"""CSV whose quotes are not RFC 4180's, record by record: inch marks, escapes, text behind a quote.

Slow, and only for blocks in which ``csv_framing`` found such quotes. A field that does not begin with a quote
takes quotes as they are. Text between a closing quote and the separator belongs to no value: its record is
rejected, and where that value spans lines, the file cannot be told apart into records any more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from ingest_parts.csv_framing import count_lines
from ingest_parts.faults import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ingest_parts.dialect import Dialect

_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\n|\r|\Z)")


@dataclass(frozen=True)
class Marks:
    """What a text is told apart by: one byte each, None where there is none.

    ``nulls`` are the fields without quotes that stand for a missing value, as they are before any escape is
    taken out.
    """

    separator: bytes
    quote: bytes | None
    escape: bytes | None
    comment: bytes | None
    nulls: frozenset[bytes] = frozenset()

    @classmethod
    def of(cls, dialect: Dialect, separator: str, nulls: Iterable[str] = ()) -> Marks:
        """The marks of a dialect, whose separator a file may choose."""
        quote, escape, comment = (
            mark.encode() if mark else None for mark in (dialect.quote, dialect.escape, dialect.comment)
        )
        return cls(separator.encode(), quote, escape, comment, frozenset(null.encode() for null in nulls))


@dataclass(frozen=True)
class Record:
    """One record: where it stands, its fields (None is a missing value), and what is wrong with it."""

    start: int
    stop: int
    fields: tuple[bytes | None, ...]
    fault: str | None = None


@cache
def _field(separator: bytes, quote: bytes | None, escape: bytes | None) -> re.Pattern[bytes]:
    end = b"(" + re.escape(separator) + rb"|\r\n|\n|\r|\Z)"
    stop = b"[^" + re.escape(separator) + rb"\r\n]"
    plain = b"(?:" + (re.escape(escape) + b"[^\r\n]|" if escape else b"") + stop + b")*"
    if quote is None:
        return re.compile(b"(?:(?!)()()|(" + plain + b"))" + end, re.DOTALL)
    marks = re.escape(quote) + (re.escape(escape) if escape and escape != quote else b"")
    inner = b"[^" + marks + b"]|" + re.escape(quote) * 2
    if escape and escape != quote:
        inner += b"|" + re.escape(escape) + b"."
    quoted = re.escape(quote) + b"((?:" + inner + b")*+)" + re.escape(quote) + b"(" + stop + b"*)"
    unquoted = b"((?!" + re.escape(quote) + b")" + plain + b")"
    return re.compile(b"(?:" + quoted + b"|" + unquoted + b")" + end, re.DOTALL)


def take_apart(
    data: bytes, marks: Marks, *, final: bool, first_line: int, most: int | None = None
) -> tuple[list[Record], int]:
    """The records of a text that begins with one, and where the last whole one ends.

    Args:
        data: the text.
        marks: what it is told apart by.
        final: whether the text ends here; else what is not whole is left over.
        first_line: the number of the text's first line.
        most: records after which to stop.

    Raises:
        Unreadable: a quote is never closed, or text follows a value of several lines.
    """
    field = _field(marks.separator, marks.quote, marks.escape)
    records: list[Record] = []
    start = place = 0
    fields: list[bytes | None] = []
    fault = None
    while place < len(data) or (fields and place == len(data)):
        if not fields and marks.comment and data.startswith(marks.comment, place):
            place = end_of_line(data, place)
            if not final and place == len(data) and not data.endswith(b"\n"):
                break
            start = place
            continue
        found = field.match(data, place)
        if found is None and final:
            line = first_line + count_lines(data[:place])
            raise Unreadable(f"the quote that opens a value on line {line} is never closed")
        if found is None or not (final or _is_whole(found, data)):
            break
        fields.append(_value(found, marks))
        if found[2]:
            fault = "text follows a closing quote; inside of quotes, quotes are doubled"
            _check_one_line(found[1], data, found.start(), first_line)
        place = found.end()
        if found[4] != marks.separator:
            if len(fields) > 1 or found[3] != b"":
                records.append(Record(start, found.start(4), tuple(fields), fault))
            start, fields, fault = place, [], None
            if not found[4] or len(records) == most:
                break
    return records, start


def end_of_line(data: bytes, place: int) -> int:
    """Where the line ends that this place is in, behind what ends it."""
    found = _LINE.match(data, place)
    return found.end() if found else len(data)


def _is_whole(found: re.Match[bytes], data: bytes) -> bool:
    """Whether a field's end is there, and no half of CR LF."""
    return bool(found[4]) and not (found[4] == b"\r" and found.end() == len(data))


def _value(found: re.Match[bytes], marks: Marks) -> bytes | None:
    if found[1] is not None:
        return _unquote(found[1], marks.quote, marks.escape)
    return None if found[3] in marks.nulls else _unquote(found[3], None, marks.escape)


def _check_one_line(value: bytes, data: bytes, place: int, first_line: int) -> None:
    """Refuse to guess where records end behind a value of several lines that text follows."""
    if count_lines(value):
        line = first_line + count_lines(data[:place])
        raise Unreadable(
            f"its quotes do not match: text follows the value of several lines that opens on line {line}"
        )


def _unquote(value: bytes, quote: bytes | None, escape: bytes | None) -> bytes:
    if quote:
        value = value.replace(quote * 2, quote)
    if escape and escape != quote:
        value = re.sub(re.escape(escape) + b"(.)", rb"\1", value, flags=re.DOTALL)
    return value
