"""Runs every file of the packages through ingest.py: `make corpus`.

Each file is a batch of its own, with inferred types, and compared whole with a reader of another make. What
differs is wrong, unless `exceptions.yaml` says why it is defensible. Ends with 1 when a file is wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import fnmatch
import io
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from bench.corpus.comparing import DEFENSIBLE, RIGHT, WRONG, Verdict, count, judge
from bench.corpus.fetching import Package, fetch, list_files, list_packages
from bench.corpus.readers import NoTableError, Table, read
from bench.figures import render_table
from bench.spark_programs import PROGRAM, Batch, Program, open_session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyspark.sql import SparkSession

EXCEPTIONS = Path(__file__).with_name("exceptions.yaml")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the corpus and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.corpus", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="PACKAGE", help="parts of packages' names; all when left out"
    )
    parser.add_argument("--file", default="*", help="only files whose name fits this pattern")
    options = parser.parse_args(arguments)
    packages = [
        package
        for package in list_packages()
        if not options.names or any(name in package.label for name in options.names)
    ]
    for package in packages:
        fetch(package)
    verdicts: dict[str, dict[str, Verdict]] = {}
    with (
        tempfile.TemporaryDirectory(prefix="sparkdrop-corpus-") as scratch,
        open_session(Path(scratch)) as spark,
    ):
        runner = Runner(spark, Path(scratch))
        for package in packages:
            verdicts[package.label] = runner.run_package(package, options.file)
            print(f"{package.label}: {len(verdicts[package.label])} files", file=sys.stderr, flush=True)
    print(render(verdicts))
    wrong = [
        (label, name, item.why)
        for label, files in verdicts.items()
        for name, item in files.items()
        if item.kind == WRONG
    ]
    for label, name, why in wrong:
        print(f"wrong: {label} {name}: {why}")
    return 1 if wrong else 0


class Runner:
    """Runs files and judges what became of them."""

    def __init__(self, spark: SparkSession, scratch: Path) -> None:
        self._spark, self._scratch = spark, scratch
        self._program = Program(PROGRAM, scratch)
        self._program.ship(spark)
        self._exceptions = yaml.safe_load(EXCEPTIONS.read_text("utf-8")) or {}

    def run_package(self, package: Package, pattern: str) -> dict[str, Verdict]:
        """The verdict on each file of a package."""
        exceptions = self._exceptions.get(package.label, {})
        return {
            name: excuse(self.run_file(name, path, kind), name, exceptions)
            for name, path, kind in list_files(package)
            if fnmatch.fnmatch(name, pattern)
        }

    def run_file(self, name: str, path: Path, kind: str) -> Verdict:
        """Run one file and compare what came out with what another reader finds."""
        folder = self._scratch / "run"
        shutil.rmtree(folder, ignore_errors=True)
        said = io.StringIO()
        try:
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                report = self._program.run(self._spark, Batch({name: path}, kind), folder)
        except Exception as error:  # noqa: BLE001  whatever the program raises is its fault
            return Verdict(
                WRONG, f"{type(error).__name__}: {said.getvalue().strip().splitlines()[-1:] or error}"
            )
        table: Table | None = None
        unreadable = ""
        try:
            table = read(path, kind, self._spark)
        except NoTableError as error:
            unreadable = str(error)
        return judge(report["files"][0], folder / "out", table, unreadable)


def excuse(verdict: Verdict, name: str, exceptions: Mapping[str, str]) -> Verdict:
    """The verdict with the reason that somebody has written down, if there is one."""
    reasons = [reason for pattern, reason in exceptions.items() if fnmatch.fnmatch(name, pattern)]
    if verdict.kind != WRONG or not reasons:
        return verdict
    return Verdict(DEFENSIBLE, reasons[0])


def render(verdicts: Mapping[str, Mapping[str, Verdict]]) -> str:
    """The table: packages by what became of their files."""
    rows = []
    for label, files in verdicts.items():
        found = list(files.values())
        rows.append((label, len(found), *(count(found, kind) for kind in (RIGHT, DEFENSIBLE, WRONG))))
    every = [verdict for files in verdicts.values() for verdict in files.values()]
    totals = [len(every), *(count(every, kind) for kind in (RIGHT, DEFENSIBLE, WRONG))]
    return render_table(("package", "files", RIGHT, DEFENSIBLE, WRONG), [*rows, ("all", *totals)])


if __name__ == "__main__":
    sys.exit(main())
