"""How uploads are shown while they move: bars and a live table on a terminal, lines elsewhere."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from rich.live import Live
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table
from rich.text import Text

from sparkdrop.core.uploads import UploadState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import timedelta

    from rich.console import Console


class Shown(Protocol):
    """An upload as it is shown, whoever follows it."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def state(self) -> str | None:
        """Where it stands; None while nobody has heard of it."""

    @property
    def view(self) -> Mapping[str, Any]:
        """What is known of it."""

    @property
    def ended(self) -> bool:
        """Whether it stays as it is."""

    @property
    def succeeded(self) -> bool:
        """Whether its rows are in the output."""

    @property
    def reason(self) -> str:
        """Why it did not succeed."""


NOT_SEEN = "SENT"
"""What is shown of an upload that the ledger has not heard of yet."""

_STYLES: dict[str, str] = {
    UploadState.RUNNING: "cyan",
    UploadState.SUCCEEDED: "green",
    UploadState.FAILED: "red",
    UploadState.QUARANTINED: "red",
    UploadState.UNROUTED: "red",
}


@contextmanager
def show_bytes(total_bytes: int, *, quiet: bool, console: Console) -> Iterator[Callable[[int], None]]:
    """Show a bar of bytes sent while the block runs; gives what to call with each number of bytes sent."""
    if quiet or not console.is_terminal:
        yield lambda _: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("uploading", total=total_bytes)
        yield lambda count: progress.advance(task, count)


def build_state_table(uploads: Sequence[Shown], note: str = "") -> Table:
    """Build a table of uploads and their states, counted in its title: a long table is cut at its end."""
    counts = Counter(name_state(upload) for upload in uploads)
    title = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
    table = Table(
        "upload",
        "state",
        "rows in",
        "out",
        "rejected",
        title=f"{title}  {note}".rstrip(),
        title_justify="left",
        title_style="",
        box=None,
        pad_edge=False,
    )
    for column in table.columns[2:]:
        column.justify = "right"
    for upload in uploads:
        numbers = (format_count(upload.view.get(name)) for name in ("rows_in", "rows_out", "rows_rejected"))
        style = _STYLES.get(upload.state, "dim") if upload.state else "dim"
        table.add_row(Text(upload.name), Text(name_state(upload), style=style), *numbers)
    return table


def name_state(upload: Shown) -> str:
    """Name the state of an upload, one that the ledger does not know yet included."""
    return str(upload.state or NOT_SEEN)


def describe_ends(uploads: Sequence[Shown], pipeline: str, timeout: timedelta) -> list[str]:
    """Say of each upload that did not succeed why, and of each that has not ended how it can be followed."""
    bad = [
        f"{upload.name}: {upload.state}: {upload.reason}"
        for upload in uploads
        if upload.ended and not upload.succeeded
    ]
    late = [
        f"{upload.name}: still {name_state(upload)}{_describe_pace(upload)} "
        f"after {timeout.total_seconds():g} s; "
        f"sparkdrop uploads list --pipeline {pipeline} shows how it goes on"
        for upload in uploads
        if not upload.ended
    ]
    return bad + late


def _describe_pace(upload: Shown) -> str:
    since = upload.view.get("slow_since")
    return f", slower than usual since {since}," if since else ""


def format_count(count: int | None) -> str:
    """Write a number with thousands apart; nothing where there is none."""
    return "" if count is None else f"{count:,}"


class StateDisplay:
    """Shows uploads as they move; each is shown once more when anything about it changed."""

    def __init__(self, uploads: Sequence[Shown], *, quiet: bool, console: Console) -> None:
        self._uploads = uploads
        self._quiet = quiet
        self._console = console
        self._shown = [""] * len(uploads)
        self._live: Live | None = None

    def __enter__(self) -> StateDisplay:
        if not self._quiet and self._console.is_terminal:
            self._live = Live(build_state_table(self._uploads), console=self._console, auto_refresh=False)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def update(self, note: str = "") -> None:
        """Show how the uploads stand now; the note goes beside a live table's title."""
        if self._live:
            self._live.update(build_state_table(self._uploads, note), refresh=True)
        elif not self._quiet:
            self._print_moves()

    def _print_moves(self) -> None:
        for index, upload in enumerate(self._uploads):
            state = name_state(upload)
            if state != self._shown[index]:
                self._shown[index] = state
                self._console.print(Text(f"{upload.name}  {state}"), soft_wrap=True)
