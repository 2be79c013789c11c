"""How fast ingest.py is, beside plain Spark and beside another build of it, in one session and in turns."""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import shutil
import subprocess
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import psutil

from bench.figures import MEBIBYTE, render_table
from bench.ingest_inputs import Case, make_cases
from bench.spark_programs import PROGRAM, Program, open_session
from sparkdrop_local.system import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pyspark.sql import SparkSession

    from bench.spark_programs import Batch

THIS, PLAIN, OTHER = "ingest.py", "plain Spark", "before"
_SAMPLE_SECONDS = 0.1


def measure(turns: int, against: str, *, large: bool) -> tuple[dict[str, Any], str]:
    """Measure every case by this tree's build, by plain Spark and by another commit's build.

    Args:
        turns: how often; one more that does not count goes before.
        against: the other build's commit.
        large: whether a file of 1 GB is among the cases.

    Returns:
        The figures, and the same as tables.
    """
    with tempfile.TemporaryDirectory(prefix="sparkdrop-bench-") as name, other_build(against) as other:
        folder = Path(name)
        cases = list(make_cases(folder / "inputs", large=large))
        with open_session(folder / "spark") as spark:
            this = Program(PROGRAM, folder)
            this.ship(spark)
            ways = build_ways(spark, this, Program(other, folder, version=version_of(other)), folder)
            seconds = {case.name: time_case(case, ways, turns) for case in cases}
        memory = {
            label: {way: peak_mebibytes(way, other, batch, folder) for way in (THIS, PLAIN, OTHER)}
            for label, batch in ((case.name, case.batch) for case in cases if is_large(case))
        }
        # while the files are there whose sizes they tell
        sizes = {case.name: round(case.mebibytes, 1) for case in cases}
        tables = render(cases, seconds, memory, against)
    figures = {"mebibytes": sizes, "seconds": seconds, "memory_mebibytes": memory, "against": against}
    return figures, tables


def is_large(case: Case) -> bool:
    """Whether memory says something: the first case, and the file of 1 GB."""
    return case.name.startswith(("48 CSV", "one CSV"))


@contextlib.contextmanager
def other_build(commit: str) -> Iterator[Path]:
    """The program and its parts as a commit has them, in a folder of their own that goes again."""
    program = PROGRAM.relative_to(REPOSITORY)
    with tempfile.TemporaryDirectory(prefix="sparkdrop-build-") as name:
        archive = Path(name) / "build.zip"
        command = ["git", "archive", f"--output={archive}", commit, str(program.parent)]
        subprocess.run(command, cwd=REPOSITORY, check=True)
        shutil.unpack_archive(archive, name)
        yield Path(name) / program


def version_of(program: Path) -> int:
    """The version of the manifests that a build reads."""
    text = program.with_name("ingest_parts").joinpath("manifest.py").read_text("utf-8")
    return 2 if "VERSION = 2" in text else 1


def build_ways(
    spark: SparkSession, this: Program, other: Program, folder: Path
) -> dict[str, Callable[[Batch], int]]:
    """The ways to ingest a batch; each returns the rows that it has written."""
    return {
        THIS: lambda batch: run_program(spark, this, batch, folder / "this"),
        PLAIN: lambda batch: run_plain(spark, batch, folder / "plain"),
        OTHER: lambda batch: run_program(spark, other, batch, folder / "other"),
    }


def run_program(spark: SparkSession, program: Program, batch: Batch, folder: Path) -> int:
    """Ingest a batch by a build of the program."""
    with contextlib.redirect_stdout(io.StringIO()):
        return int(program.run(spark, batch, folder)["rows_out"])


def run_plain(spark: SparkSession, batch: Batch, folder: Path) -> int:
    """Ingest a batch as people do who have nothing but Spark; it is not counted."""
    reader = spark.read
    if batch.schema:
        reader = reader.schema(batch.schema)
    if batch.format == "csv":
        reader = reader.options(header=True, nullValue=batch.nulls[0], inferSchema=not batch.schema)
    rows = reader.format(batch.format).load([str(path) for path in batch.files.values()])
    rows.write.mode("overwrite").partitionBy(*batch.partition_by).parquet(str(folder / "out"))
    return -1


def time_case(case: Case, ways: dict[str, Callable[[Batch], int]], turns: int) -> dict[str, list[float]]:
    """Seconds of each way, turn by turn; who begins changes with each turn."""
    seconds: dict[str, list[float]] = defaultdict(list)
    for turn in range(turns + 1):
        order = list(ways)[turn % len(ways) :] + list(ways)[: turn % len(ways)]
        for way in order:
            started = time.perf_counter()
            ways[way](case.batch)
            if turn:
                seconds[way].append(round(time.perf_counter() - started, 3))
    print(f"{case.name}: {dict(seconds)}", flush=True)
    return dict(seconds)


def peak_mebibytes(way: str, other: Path, batch: Batch, folder: Path) -> int:
    """The most memory of driver, JVM and Python workers together, in a session of their own."""
    process = multiprocessing.get_context("spawn").Process(target=_run_once, args=(way, other, batch, folder))
    peak = 0
    process.start()
    root = psutil.Process(process.pid)
    while process.is_alive():
        peak = max(peak, sum_resident(root))
        process.join(_SAMPLE_SECONDS)
    if process.exitcode:
        raise RuntimeError(f"{way} ended with {process.exitcode}: see above")
    return round(peak / MEBIBYTE)


def sum_resident(root: psutil.Process) -> int:
    """Resident bytes of a process and all that it started."""
    total = 0
    for process in (root, *root.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            total += process.memory_info().rss
    return total


def _run_once(way: str, other: Path, batch: Batch, folder: Path) -> None:
    scratch = Path(tempfile.mkdtemp(dir=folder))
    try:
        with open_session(scratch / "spark") as spark:
            this = Program(PROGRAM, scratch)
            this.ship(spark)
            ways = build_ways(spark, this, Program(other, scratch, version=version_of(other)), scratch)
            ways[way](batch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def render(
    cases: Sequence[Case],
    seconds: dict[str, dict[str, list[float]]],
    memory: dict[str, dict[str, int]],
    against: str,
) -> str:
    """The tables of a run."""
    header = ("MiB/s, median", "MiB", THIS, PLAIN, against, "x plain", "range", f"x {against}", "range")
    rows = []
    for case in cases:
        found = seconds[case.name]
        speeds = [case.mebibytes / median(found[way]) for way in (THIS, PLAIN, OTHER)]
        ratios = [cell for way in (PLAIN, OTHER) for cell in ratio(found[way], found[THIS])]
        rows.append((case.name, round(case.mebibytes), *(f"{speed:.1f}" for speed in speeds), *ratios))
    peaks = [(f"{name}: peak MiB", *(memory[name][way] for way in (THIS, PLAIN, OTHER))) for name in memory]
    resident = render_table(("resident, all processes", THIS, PLAIN, against), peaks)
    return f"{render_table(header, rows)}\n\n{resident}"


def ratio(theirs: Sequence[float], ours: Sequence[float]) -> tuple[str, str]:
    """How many times as fast we are, turn by turn: the median, and the least and the most."""
    times = sorted(their / our for their, our in zip(theirs, ours, strict=True))
    return f"{median(times):.2f}", f"{times[0]:.2f} to {times[-1]:.2f}"
