"""How the demo's figures are printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console

    from sparkdrop_local.demo_figures import Figures, Sample

_GAP = 2
"""Blanks between two columns of a table without lines."""


def print_figures(figures: Figures, *, out: Console, problems: Console) -> None:
    """Print rows, times and the first rows; what is wrong goes to the console of problems."""
    out.print()
    out.print(build_rows_table(figures))
    out.print()
    for line in describe_times(figures):
        out.print(line)
    for name, sample in figures.samples.items():
        if sample.first_rows:
            out.print(f"\nThe first rows of {name}, from {escape(sample.uri or '')}")
            out.print(build_sample_table(sample, out.width))
    for problem in figures.problems:
        problems.print(f"[red]error:[/red] {escape(problem)}")


def build_rows_table(figures: Figures) -> Table:
    """A line for each pipeline: what went in and what came out."""
    table = Table(
        "pipeline",
        "files",
        "rows in",
        "rows out",
        "rejected",
        "in the Parquet",
        "batches",
        box=None,
        pad_edge=False,
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for name, one in figures.pipelines.items():
        numbers = (
            one.files,
            one.rows_in,
            one.rows_out,
            one.rows_rejected,
            one.rows_read_back,
            one.batches,
        )
        table.add_row(name, *(f"{number:,}" for number in numbers))
    return table


def describe_times(figures: Figures) -> list[str]:
    """Say how long each part took."""
    times = figures.times
    ready = [f"system ready after           {_format_seconds(times.ready)}"] if times.ready else []
    return [
        *ready,
        f"upload → Spark step running  {_format_seconds(figures.step_seconds)}",
        f"upload → last result         {_format_seconds(figures.result_seconds)}",
        f"command → last result        {_format_seconds(times.total)}",
    ]


def _format_seconds(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.1f} s"


def build_sample_table(sample: Sample, width: int) -> Table:
    """The first rows: as many whole columns as the width has room for, and how many are left out."""
    names = [name for name in sample.first_rows[0] if not name.startswith("_")]
    shown = _choose_columns(sample, names, width)
    left = len(names) - len(shown)
    caption = f"and {left} columns more" if left else None
    table = Table(*shown, box=None, pad_edge=False, caption=caption, caption_justify="left")
    for row in sample.first_rows:
        table.add_row(*(Text(_format_cell(row[name])) for name in shown))
    return table


def _choose_columns(sample: Sample, names: list[str], width: int) -> list[str]:
    shown: list[str] = []
    for name in names:
        width -= max(len(name), *(len(_format_cell(row[name])) for row in sample.first_rows)) + _GAP
        if width < 0 and shown:
            break
        shown.append(name)
    return shown


def _format_cell(value: object) -> str:
    return "" if value is None else str(value)
