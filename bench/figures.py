"""Figures and how they are written down. Pure."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True)
class Spread:
    """How a measured time spreads, in seconds.

    Attributes:
        count: how often it was measured.
        p50: its median.
        p90: nine of ten are at most this long.
        longest: the worst one.
    """

    count: int
    p50: float
    p90: float
    longest: float


def summarise(seconds: Iterable[float]) -> Spread:
    """Summarise measured times: the 90th percentile is one that was measured (nearest rank).

    Raises:
        ValueError: there are none.
    """
    ordered = sorted(seconds)
    if not ordered:
        raise ValueError("nothing was measured: there is nothing to summarise")
    rank = math.ceil(0.9 * len(ordered)) - 1
    return Spread(len(ordered), round(statistics.median(ordered), 3), round(ordered[rank], 3), ordered[-1])


def count_times(this: float, other: float) -> str:
    """Say how many times `this` the other one is: "4.0 x"."""
    return f"{other / this:.1f} x" if this > 0 else "-"


def render_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Render a table in Markdown, in columns that a terminal shows as well; numbers stand to the right."""
    texts = [[_render(cell) for cell in row] for row in rows]
    widths = [max(3, *(len(row[n]) for row in [list(header), *texts])) for n in range(len(header))]
    lines = [
        _join(header, widths),
        "| " + " | ".join(_rule(n, width) for n, width in enumerate(widths)) + " |",
    ]
    return "\n".join([*lines, *(_join(row, widths) for row in texts)])


def replace_block(text: str, name: str, block: str) -> str:
    """Put a block between a document's marks `<!-- NAME -->` and `<!-- /NAME -->`.

    Raises:
        ValueError: the document lacks one of them.
    """
    opening, closing = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, found, rest = text.partition(opening)
    _, ended, after = rest.partition(closing)
    if not found or not ended:
        raise ValueError(f"there is no place for {name!r}: write {opening} and {closing} into it")
    return f"{before}{opening}\n{block.strip()}\n{closing}{after}"


def _render(cell: object) -> str:
    return f"{cell:.2f}" if isinstance(cell, float) else str(cell)


def _join(cells: Sequence[str], widths: Sequence[int]) -> str:
    placed = [
        cell.ljust(width) if n == 0 else cell.rjust(width)
        for n, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return f"| {' | '.join(placed)} |"


def _rule(column: int, width: int) -> str:
    return "-" * width if column == 0 else "-" * (width - 1) + ":"
