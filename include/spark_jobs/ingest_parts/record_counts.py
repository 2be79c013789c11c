"""Counts the records in encoded bytes, piece by piece, and knows nothing of what encoded them."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

Buffer = Any  # Python 3.11 has no name for it


class RecordCounter(Protocol):
    """Counts what is added to it."""

    def add(self, data: Buffer) -> None:
        """The next bytes."""
        ...

    def finish(self) -> int:
        """The records; -1 where the bytes are not whole records."""
        ...


def count_records(data_format: str) -> RecordCounter:
    """A counter for CSV without its header, or for JSON lines."""
    return CsvRecords() if data_format == "csv" else JsonRecords()


class CsvRecords:
    """Line ends outside of quotes: https://www.rfc-editor.org/rfc/rfc4180."""

    def __init__(self) -> None:
        self._records, self._is_quoted, self._last = 0, False, ord("\n")

    def add(self, data: Buffer) -> None:
        """The next bytes."""
        found = np.frombuffer(data, np.uint8)
        if not len(found):
            return
        ends = self.find_ends(found)
        self._records += int(np.count_nonzero(ends))
        self._last = int(found[-1])

    def find_ends(self, found: Buffer) -> Buffer:
        """Which of these bytes end a record."""
        ends, quotes = found == ord("\n"), found == ord('"')
        if quotes.any():
            quotes[0] ^= self._is_quoted
            inside = np.bitwise_xor.accumulate(quotes)
            self._is_quoted = bool(inside[-1])
            return ends & ~inside
        return ends & (not self._is_quoted)

    def finish(self) -> int:
        """The records; -1 where a quote stays open or the last line does not end."""
        return self._records if self._last == ord("\n") and not self._is_quoted else -1


class JsonRecords:
    """Lines that begin and end as an object does; a line end in a text is escaped, so there is no other."""

    def __init__(self) -> None:
        self._lines = self._begun = self._ended = 0
        self._last = b"\n"

    def add(self, data: Buffer) -> None:
        """The next bytes."""
        text = self._last + bytes(data)
        self._begun += text.count(b"\n{")
        self._ended += text.count(b"}\n")
        self._lines += text.count(b"\n", 1)
        self._last = text[-1:]

    def finish(self) -> int:
        """The records; -1 where a line is no object's."""
        is_whole = self._last == b"\n" and self._begun == self._ended == self._lines
        return self._lines if is_whole else -1


def read_csv_header(stream: Buffer) -> bytes:
    """The first record of a CSV file, with its line end; the stream then stands behind it."""
    taken = b""
    counter = CsvRecords()
    while piece := stream.read(64 * 1024):
        places = np.flatnonzero(counter.find_ends(np.frombuffer(piece, np.uint8)))
        if len(places):
            header: bytes = taken + piece[: int(places[0]) + 1]
            stream.seek(len(header))
            return header
        taken += piece
    return b""
