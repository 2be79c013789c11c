"""Reading the logs of several processes at once."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from sparkdrop_local.system import log_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_POLL_SECONDS = 0.2


def find_logs(home: Path) -> list[str]:
    """The processes that have a log from the last start."""
    return sorted(log.stem for log in (home / "logs").glob("*.log") if not log.name.endswith(".previous.log"))


def read_lines(home: Path, names: Sequence[str], *, lines: int, follow: bool = False) -> Iterator[str]:
    """The last lines of each log, process by process, then new ones as they come if they are followed.

    With more than one process, its name stands before each line.
    """
    width = max((len(name) for name in names), default=0)
    places = dict.fromkeys(names, 0)
    first = True
    while first or follow:
        for name in names:
            text = _read_from(log_file(home, name), places[name])
            whole = text if first else text[: text.rfind(b"\n") + 1]
            places[name] += len(whole)
            found = whole.decode(errors="replace").splitlines()
            for line in found[max(len(found) - lines, 0) :] if first else found:
                yield line if len(names) == 1 else f"{name:{width}}  {line}"
        if follow:
            time.sleep(_POLL_SECONDS)
        first = False


def _read_from(log: Path, place: int) -> bytes:
    with contextlib.suppress(FileNotFoundError), log.open("rb") as opened:
        opened.seek(place)
        return opened.read()
    return b""
