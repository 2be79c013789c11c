"""A block of rows: what a reader gives, and the values in it that are still text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

TEXT_LIMIT = 64 * 1024  # characters of a rejected record that are kept
MAX_CELLS = 8_000_000  # of a block, where most of them may be empty; it is cut into smaller ones


@dataclass(frozen=True)
class Reject:
    """One record that does not fit.

    ``line`` is the physical line where it starts (1 is the file's first), ``row`` its place among the file's
    records (1 is the first) where there are no lines. ``column``, ``value`` and ``type`` name the value at
    fault, where one is. ``text`` is the record as it stands in the file.
    """

    reason: str
    text: str
    line: int | None = None
    row: int | None = None
    column: str | None = None
    value: str | None = None
    type: str | None = None


@dataclass(frozen=True)
class Column:
    """One column of a block.

    ``values`` is an Arrow array: of strings where the values are text still (``is_text``), else of the type
    that the file itself declares. ``quoted`` marks JSON's strings among text, so that ``"5"`` is not 5; None
    where the format has no such difference. A STRING takes any text; other cells of JSON come as raw text.
    With ``is_xml``, ``quoted`` marks the elements without parts, which come as their text; all others come as
    JSON, whose leaves are text, whatever they look like.
    """

    values: pa.Array
    is_text: bool = True
    quoted: np.ndarray | None = None
    is_xml: bool = False


class LineNumbers:
    """Physical lines by place.

    Args:
        ends: places of the bytes that end a line, in order.
        first_line: the number of the first line.
    """

    def __init__(self, ends: np.ndarray, first_line: int) -> None:
        self._ends, self._first = ends, first_line

    def at(self, place: int) -> int:
        """The number of the line that this byte stands in."""
        return self._first + int(np.searchsorted(self._ends, place))


class Origins(Protocol):
    """Where the rows of a block come from; asked only for rows that do not fit."""

    def locate(self, rows: Sequence[int]) -> list[tuple[int | None, int | None, str]]:
        """Line, row and text of each of these rows (counted from 0 in the block)."""
        ...


@dataclass(frozen=True)
class Block:
    """Rows of one file, in its own order.

    ``columns`` go by the names that the file itself has. ``rejects`` are records that the reader could not
    make a row of; they are not among ``rows``. ``counted`` says how many records something other than the
    parser found in the same bytes: ``rows + len(rejects)``, unless rows were lost.
    """

    columns: dict[str, Column]
    rows: int
    counted: int
    origins: Origins
    rejects: list[Reject] = field(default_factory=list)
