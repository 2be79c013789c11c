"""A stretch of a large file of lines: the lines that begin in it, whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import BinaryIO

_TAIL_BYTES = 64 << 10  # read at a time where a line's end is sought


class LineStretch:
    """Reads the lines that begin in [start, end) of a stream that can seek.

    Every line of the file belongs to one stretch: the one that its first byte is in.
    """

    def __init__(self, stream: BinaryIO, start: int, end: int | None) -> None:
        self._stream = stream
        self._end = end
        self._place = self._first_line(start) if start else 0
        self._is_done = end is not None and self._place >= end
        stream.seek(self._place)

    def _first_line(self, start: int) -> int:
        """Where the first line begins at ``start`` or behind it."""
        place = start - 1
        self._stream.seek(place)
        while piece := self._stream.read(_TAIL_BYTES):
            found = piece.find(b"\n")
            if found >= 0:
                return place + found + 1
            place += len(piece)
        return place

    def read(self, size: int, /) -> bytes:
        """The next bytes of these lines; none at their end."""
        if self._is_done:
            return b""
        if self._end is None:
            return self._stream.read(size)
        inside = self._end - self._place
        data = self._stream.read(min(size, inside if inside > 0 else _TAIL_BYTES))
        self._place += len(data)
        if inside > 0:
            self._is_done = self._place >= self._end and data.endswith(b"\n")
        elif b"\n" in data:
            self._is_done = True
            data = data[: data.index(b"\n") + 1]
        return data
