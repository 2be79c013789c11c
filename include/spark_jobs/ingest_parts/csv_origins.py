"""Where the rows of a CSV text stand: the line, and the record as it is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ingest_parts.blocks import TEXT_LIMIT, LineNumbers
from ingest_parts.csv_framing import whole_line_ends

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass
class CsvOrigins:
    """Where rows stand in a block's text; its line ends are sought once, when somebody asks."""

    data: bytes
    starts: np.ndarray
    stops: np.ndarray
    first_line: int
    rows: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))  # record of each row

    def locate(self, rows: Sequence[int]) -> list[tuple[int | None, int | None, str]]:
        """Line, row (unknown: a file may be read in parts) and text of rows."""
        return [(*self.record(int(self.rows[row])),) for row in rows]

    def record(self, number: int) -> tuple[int | None, int | None, str]:
        """The same of one record, rejected ones among them."""
        start, stop = int(self.starts[number]), int(self.stops[number])
        text = self.data[start:stop].decode("utf-8", "backslashreplace").rstrip("\r\n")
        return self._lines.at(start), None, text[:TEXT_LIMIT]

    @cached_property
    def _lines(self) -> LineNumbers:
        return LineNumbers(whole_line_ends(self.data), self.first_line)
