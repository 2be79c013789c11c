"""How every command prints: a table for people, JSON for scripts, problems to stderr."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import typer

FAILED = 1
"""Exit code: the work failed."""
WRONG_USAGE = 2
"""Exit code: what was asked for makes no sense (typer's own, too)."""

_PIPED_WIDTH = 10_000

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def print_json(value: object) -> None:
    """Print a value as JSON on stdout; moments and other odd types as their text."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None
) -> None:
    """Print rows as a table; None is an empty cell. Long cells fold, nothing is cut off."""
    # rich costs 40 ms to import, and JSON needs none of it
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    console = Console()
    if not console.is_terminal:  # a pipe has no width: one line a row, for grep and friends
        console.width = _PIPED_WIDTH
    console.print(table)


def print_records(
    records: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    *,
    as_json: bool,
    empty: str = "nothing here",
) -> None:
    """Print records in the way that was asked for: all fields as JSON, or these columns as a table."""
    if as_json:
        print_json(list(records))
    elif records:
        print_table(columns, [[record.get(column) for column in columns] for record in records])
    else:
        typer.echo(empty)


def print_error(message: object) -> None:
    """Print a message to stderr."""
    typer.secho(f"error: {message}", fg="red", err=True)


def fail(message: object, *, code: int = FAILED) -> typer.Exit:
    """Print a message to stderr and return the exit, for the caller to raise."""
    print_error(message)
    return typer.Exit(code)
