"""CSV whose quotes are not RFC 4180's, record by record: inch marks, escapes, text behind a quote.

Slow, and only for blocks in which ``csv_framing`` found such quotes. A field that does not begin with a quote
takes quotes as they are. Text between a closing quote and the separator belongs to no value: its record is
rejected, and where that value spans lines, the file cannot be told apart into records any more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from ingest_parts.csv_framing import count_lines
from ingest_parts.faults import Unreadable

LINE = re.compile(rb"[^\r\n]*(?:\r\n|\n|\r|\Z)")


@dataclass(frozen=True)
class Record:
    """One record: where it stands, its fields and whether each is quoted, and what is wrong with it."""

    start: int
    stop: int
    fields: tuple[tuple[bytes, bool], ...]
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
    data: bytes,
    *,
    separator: bytes,
    quote: bytes | None,
    escape: bytes | None,
    comment: bytes | None,
    final: bool,
    first_line: int,
    most: int | None = None,
) -> tuple[list[Record], int]:
    """The records of a text that begins with one, and where the last whole one ends, with what is passed over.

    Args:
        data: the text.
        separator: between fields.
        quote: around fields; None where there is none.
        escape: takes the next character out of the dialect; None where none does.
        comment: begins a line that is passed over; None where none does.
        final: whether the text ends here; else what is not whole is left over.
        first_line: the number of the text's first line.
        most: records after which to stop.

    Raises:
        Unreadable: a quote is never closed, or text follows a value of several lines.
    """
    field = _field(separator, quote, escape)
    records: list[Record] = []
    start = place = 0
    fields: list[tuple[bytes, bool]] = []
    fault = None
    while place < len(data) or (fields and place == len(data)):
        if comment and not fields and data.startswith(comment, place):
            place = LINE.match(data, place).end()  # type: ignore[union-attr]  it matches anything
            if not final and place == len(data) and not data.endswith(b"\n"):
                return records, start
            start = place
            continue
        found = field.match(data, place)
        if found is None:
            if not final:
                return records, start
            line = first_line + count_lines(data[:place])
            raise Unreadable(f"the quote that opens a value on line {line} is never closed")
        value, behind, plain, end = found.groups()
        if not final and (not end or (end == b"\r" and found.end() == len(data))):
            return records, start
        quoted = value is not None
        fields.append((_unquote(value, quote, escape) if quoted else _unquote(plain, None, escape), quoted))
        if behind:
            fault = "text follows a closing quote; inside of quotes, quotes are doubled"
            _check_one_line(value, data, found.start(), first_line)
        place = found.end()
        if end != separator:
            if len(fields) > 1 or fields[0] != (b"", False):
                records.append(Record(start, found.start(4), tuple(fields), fault))
            start, fields, fault = place, [], None
            if not end or len(records) == most:
                break
    return records, start


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
