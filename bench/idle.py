"""What the local system takes when nothing happens, and at most while a demo's files go through it."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psutil

from bench.figures import MEBIBYTE, render_table
from bench.system import BenchError, BenchSystem, run_system
from sparkdrop.aws.ledger import Ledger
from sparkdrop.aws.tracking import ENDS
from sparkdrop.core.uploads import Arrival
from sparkdrop_local import processes
from sparkdrop_local.demo_data import prepare
from sparkdrop_local.system import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

GOAL_BYTES = 2 * 2**30
SETTLE_SECONDS = 30
_DEMO_CACHE = REPOSITORY / ".cache" / "demo"
_DEMO_SECONDS = 300
_SAMPLE_SECONDS = 1.0

CpuTimes = dict[int, float]
"""CPU seconds by process: its own, and those of its children that have ended."""


@dataclass(frozen=True, slots=True)
class Idle:
    """One process of the system with all that it started, while nothing happens.

    Attributes:
        name: scheduler, triggerer, …
        processes: how many they are.
        memory_bytes: what they hold (PSS: a shared page counts in parts).
        cpu: the part of one core that they take.
    """

    name: str
    processes: int
    memory_bytes: int
    cpu: float


def measure(seconds: float) -> tuple[dict[str, Any], str]:
    """Measure the shipped system: idle for some seconds, then with a year of flights.

    Returns:
        The figures, and the same as a table.
    """
    with run_system() as system:
        time.sleep(SETTLE_SECONDS)
        rows = _measure_idle(system, seconds)
        peaks = _measure_peak(system)
    idle = sum(row.memory_bytes for row in rows)
    figures = {
        "seconds": seconds,
        "idle": {row.name: {"memory_bytes": row.memory_bytes, "cpu": round(row.cpu, 4)} for row in rows},
        "idle_bytes": idle,
        "idle_cpu": round(sum(row.cpu for row in rows), 4),
        "peak_bytes": peaks["all"],
        "peak": dict(peaks),
    }
    return figures, _render(rows, peaks, seconds)


def _measure_idle(system: BenchSystem, seconds: float) -> list[Idle]:
    before = {name: _read_cpu(family) for name, family in _find_families(system)}
    began = time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - began
    return [
        Idle(
            name,
            len(family),
            processes.measure_memory_bytes(family),
            count_cpu(before.get(name, {}), _read_cpu(family)) / took,
        )
        for name, family in _find_families(system)
    ]


def count_cpu(before: Mapping[int, float], after: Mapping[int, float]) -> float:
    """Count the CPU seconds that a family took between two looks.

    A child that came between them counts whole; one that ended is in its parent's account.
    """
    return sum(seconds - before.get(pid, 0) for pid, seconds in after.items())


def _read_cpu(family: list[psutil.Process]) -> CpuTimes:
    times: CpuTimes = {}
    for process in family:
        with contextlib.suppress(psutil.Error):
            times[process.pid] = sum(process.cpu_times()[:4])
    return times


def _find_families(system: BenchSystem) -> Iterator[tuple[str, list[psutil.Process]]]:
    for one in system.read_status()["processes"]:
        process = processes.find(one["pid"], one["started"])
        if process is not None:
            is_supervisor = one["name"] == "supervisor"
            yield one["name"], [process] if is_supervisor else processes.find_family([process])


def _measure_peak(system: BenchSystem) -> Counter[str]:
    """Send the demo's flights, and look every second what the system holds until all are done."""
    ledger = Ledger(system["LEDGER_TABLE"], client=system.client("dynamodb"))
    uploads = [_send(system, number) for number in range(12)]
    roots = [(one["name"], one["pid"], one["started"]) for one in system.read_status()["processes"]]
    peaks: Counter[str] = Counter()
    deadline = time.monotonic() + _DEMO_SECONDS
    while time.monotonic() < deadline:
        held = {name: _measure_family(name, pid, started) for name, pid, started in roots}
        for name, value in [*held.items(), ("all", sum(held.values()))]:
            peaks[name] = max(peaks[name], value)
        states = [item["state"] for item in ledger.read_uploads(uploads)]
        if len(states) == len(uploads) and all(state in ENDS for state in states):
            if set(states) != {"SUCCEEDED"}:
                raise BenchError(f"the flights did not all succeed: {Counter(states)}")
            return peaks
        time.sleep(_SAMPLE_SECONDS)
    raise BenchError(f"the flights are not done after {_DEMO_SECONDS} s")


def _measure_family(name: str, pid: int, started: float) -> int:
    process = processes.find(pid, started)
    if process is None:
        return 0
    family = [process] if name == "supervisor" else processes.find_family([process])
    return processes.measure_memory_bytes(family)


def _send(system: BenchSystem, number: int) -> str:
    path = [file.path for file in prepare(_DEMO_CACHE) if file.pipeline == "flights"][number]
    key = f"flights/{path.name}"
    body = path.read_bytes()
    answer = system.s3.put_object(Bucket=system["UPLOADS_BUCKET"], Key=key, Body=body)
    bucket = system["UPLOADS_BUCKET"]
    return Arrival(bucket, key, answer["VersionId"], None, len(body), datetime.now(UTC)).upload_id


def _render(rows: list[Idle], peaks: Mapping[str, int], seconds: float) -> str:
    total = Idle(
        "all",
        sum(row.processes for row in rows),
        sum(row.memory_bytes for row in rows),
        sum(row.cpu for row in rows),
    )
    table = render_table(
        ("process and its children", "processes", "idle MiB", "idle CPU %", "peak MiB"),
        [
            (
                *(row.name, row.processes, row.memory_bytes // MEBIBYTE, round(row.cpu * 100, 1)),
                peaks[row.name] // MEBIBYTE,
            )
            for row in [*rows, total]
        ],
    )
    verdict = "reached" if total.memory_bytes <= GOAL_BYTES else "missed"
    return (
        f"{table}\n\nGoal: idle <= {GOAL_BYTES // MEBIBYTE} MiB: {verdict}. CPU is of one core, over "
        f"{seconds:.0f} s. Each peak is that process's own; Spark is a child of the aws process."
    )
