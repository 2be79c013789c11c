"""What stands before the records of a CSV: preamble, Excel's ``sep=`` line, comments, and the header."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from ingest_parts.columns import check_names
from ingest_parts.csv_framing import count_lines
from ingest_parts.csv_irregular import Marks, end_of_line, take_apart
from ingest_parts.faults import Unreadable

if TYPE_CHECKING:
    from ingest_parts.csv_irregular import Record
    from ingest_parts.manifest import Input
    from ingest_parts.sources import Source
    from ingest_parts.text_stream import Text

_SEP = re.compile(rb'"?sep=([^\r\n])"?(?:\r\n|\n|\r|\Z)', re.IGNORECASE)
_SEP_BYTES = 16  # enough to tell such a line
_CHUNK = 64 * 1024
_RECORD_LIMIT = 4 * 1024 * 1024
_HEAD_LIMIT = 64 * 1024 * 1024


def read_head(source: Source, head: bytes, text: Text, given: Input) -> Source:
    """Find out where a file's records begin, and what its columns are called.

    Without a header they are called by the declared schema, which ``agree`` knows; without a schema, the
    first record tells how many there are.

    Args:
        source: the file.
        head: the first bytes of its text.
        text: what follows.
        given: how it is read.

    Raises:
        Unreadable: there is no header, or one that cannot be a header.
    """
    dialect = given.dialect
    ahead = _Ahead(head, text)
    for _ in range(dialect.skip_lines):
        ahead.pass_line()
    passed = ahead.pass_over(dialect.comment)
    separator = dialect.separator_of(source.key)
    found = _SEP.match(ahead.look(_SEP_BYTES))
    if found:
        separator = found[1].decode("latin-1")
        ahead.pass_line()
        ahead.pass_over(dialect.comment)
    if not ahead.look(1):
        is_empty = not (passed or found or dialect.skip_lines) or not dialect.header
        raise Unreadable("the file is empty" if is_empty else "the file has no header")
    names: tuple[str, ...] = ()
    if dialect.header:
        record, end = ahead.first_record(separator, given)
        names = _names_of(record, given.charset)
        ahead.pass_bytes(end)
    elif not given.ddl:
        record, _ = ahead.first_record(separator, given)
        names = tuple(f"_c{number}" for number in range(len(record.fields)))
    return replace(source, names=names, separator=separator, body=ahead.body, line=ahead.line)


class _Ahead:
    """A text from some place on, of which no more is held than is looked at.

    ``body`` is how many bytes were passed, ``line`` the number of the line that comes next.
    """

    def __init__(self, head: bytes, text: Text) -> None:
        self._data, self._text = head, text
        self._last = b""
        self.body, self.line = 0, 1

    def look(self, size: int) -> bytes:
        """The next bytes, as many as there are up to ``size``."""
        if len(self._data) < size:
            self._data += self._text.read(size - len(self._data))
        return self._data[:size]

    def pass_bytes(self, size: int) -> None:
        """Pass over bytes that were looked at.

        Raises:
            Unreadable: so many were passed that no records will come.
        """
        data, self._data = self._data[:size], self._data[size:]
        self.line += count_lines(data) - (self._last == b"\r" and data.startswith(b"\n"))
        self.body += size
        self._last = data[-1:]
        if self.body > _HEAD_LIMIT:
            raise Unreadable("what stands before its records has more than 64 MiB")

    def pass_line(self) -> None:
        """Pass over a line and its end."""
        while data := self.look(_CHUNK):
            end = end_of_line(data, 0)
            if end < len(data) or len(data) < _CHUNK or data.endswith(b"\n"):
                self.pass_bytes(end)
                return
            self.pass_bytes(end - data.endswith(b"\r"))  # it may be half of CR LF

    def pass_over(self, comment: str | None) -> bool:
        """Pass over blank lines and comments; whether there were comments."""
        mark = re.escape(comment.encode()) if comment else b"(?!)"
        lines = re.compile(rb"(?:[\r\n]++|" + mark + rb"[^\r\n]*+[\r\n])++")
        found = False
        while data := self.look(_CHUNK):
            if whole := lines.match(data):
                found |= bool(whole[0].strip(b"\r\n"))
                self.pass_bytes(whole.end())
            elif comment and data.startswith(comment.encode()):
                found = True
                self.pass_line()
            else:
                break
        return found

    def first_record(self, separator: str, given: Input) -> tuple[Record, int]:
        """The record that comes next, and where it ends.

        Raises:
            Unreadable: it does not end, or cannot be told from the next one.
        """
        marks = Marks.of(given.dialect, separator)
        size = _CHUNK
        while True:
            data = self.look(size)
            records, end = take_apart(data, marks, final=len(data) < size, first_line=self.line, most=1)
            if records:
                return records[0], end
            if size >= _RECORD_LIMIT:
                raise Unreadable(
                    f"the record on line {self.line} is the file's first and has more than 4 MiB: "
                    "is a quote there never closed?"
                )
            size *= 2


def _names_of(record: Record, charset: str) -> tuple[str, ...]:
    if record.fault:
        raise Unreadable(f"its header cannot be read: {record.fault}")
    try:
        names = tuple(
            (value or b"").decode().strip() or f"_c{number}" for number, value in enumerate(record.fields)
        )
    except UnicodeDecodeError as error:
        raise Unreadable(
            f"its header has bytes that are not {charset}: declare the file's own input.charset"
        ) from error
    check_names(names, "its header")
    return names
