"""What a job's processes may hold together, and the end of a job that holds more.

As YARN's NodeManager does it: all processes of a container are measured time and again, and a container over
its limit is killed. https://hadoop.apache.org/docs/stable/hadoop-yarn/hadoop-yarn-site/NodeManager.html
"""

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from sparkdrop_local.emr.settings import STEP_MEMORY_VARIABLE
from sparkdrop_local.processes import measure_memory_bytes

JOB_MARK = "SPARKDROP_EMR_JOB_ID"
"""The environment name that marks every process of one job."""

_LOGGER = logging.getLogger(__name__)
_POLL_SECONDS = 0.25
_GIB = 1024**3
_UNITS = ("B", "KB", "MB", "GB", "TB")
_MOST_LIKELY_VICTIM = "1000"


@dataclass(frozen=True, slots=True)
class _Watched:
    """The leader of a job's session, and what to call with the bytes that are too many."""

    leader: int
    on_excess: Callable[[int], None]


class MemoryWatch:
    """Measures the jobs that run, from one thread that lives only while one does. Thread-safe.

    Args:
        limit_bytes: what the processes of one job may hold together.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._changed = threading.Condition()
        self._watched: dict[str, _Watched] = {}
        self._thread: threading.Thread | None = None

    @contextlib.contextmanager
    def watching(self, job: str, leader: int, on_excess: Callable[[int], None]) -> Iterator[None]:
        """Watch a job meanwhile: its session, and all that carries its mark.

        Args:
            job: the mark's value.
            leader: the process that leads its session.
            on_excess: called from the watch's thread, each time that the job is found over the limit, with
                the bytes that it holds.
        """
        with self._changed:
            self._watched[job] = _Watched(leader, on_excess)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="emr-memory", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._changed:
                del self._watched[job]
                if not self._watched:
                    self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: not self._watched, _POLL_SECONDS)
                if not self._watched:
                    self._thread = None
                    return
                watched = dict(self._watched)
            try:
                self._look(watched)
            except Exception:  # the next look may go well, and without a watch nothing bounds any job
                _LOGGER.exception("the memory of the jobs that run could not be measured")

    def _look(self, watched: Mapping[str, _Watched]) -> None:
        members = find_members({one.leader: job for job, one in watched.items()})
        for job, processes in members.items():
            held = measure_if_above(self._limit_bytes, processes)
            if held is not None:
                watched[job].on_excess(held)


def find_members(jobs: Mapping[int, str]) -> dict[str, list[psutil.Process]]:
    """Find the processes of jobs: by their sessions, and in sessions of their own by the mark.

    Args:
        jobs: each job by its session's leader.
    """
    sessions: dict[int, list[int]] = {}
    for pid in psutil.pids():
        # one that just ended
        with contextlib.suppress(OSError):
            sessions.setdefault(os.getsid(pid), []).append(pid)
    members: dict[str, list[psutil.Process]] = {}
    for session, pids in sessions.items():
        found = []
        for pid in pids:
            with contextlib.suppress(psutil.Error):
                found.append(psutil.Process(pid))
        job = jobs.get(session) or _read_mark(found)
        if job is not None and job in jobs.values():
            members.setdefault(job, []).extend(found)
    return members


def measure_if_above(limit_bytes: int, processes: Iterable[psutil.Process]) -> int | None:
    """Measure what processes hold; None while that is within the limit.

    Resident sizes are cheap to read, but count shared pages once for each process: only a sum above the limit
    is measured anew, without them.
    """
    total = 0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            total += process.memory_info().rss
    if total <= limit_bytes:
        return None
    held = measure_memory_bytes(processes)
    return held if held > limit_bytes else None


def bound(pid: int, limit_bytes: int) -> None:
    """Bound what a process may take between two looks of the watch; what it starts inherits that. Linux only.

    A single process gets no more than twice the limit and 1 GiB of writable memory of its own: allocators and
    thread stacks ask for more than they ever touch, and a limit on addresses (RLIMIT_AS) would forbid what
    every JVM only reserves. And where the machine itself runs out, the kernel ends the job, not its server.
    """
    if sys.platform != "linux":
        return
    import resource  # there is no prlimit on other systems

    most = 2 * limit_bytes + _GIB
    # it may have ended, or the machine allows even less
    with contextlib.suppress(OSError, ValueError):
        resource.prlimit(pid, resource.RLIMIT_DATA, (most, most))
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/oom_score_adj").write_text(_MOST_LIKELY_VICTIM, encoding="ascii")


def describe_excess(held_bytes: int, limit_bytes: int) -> str:
    """Say that a job was killed, in the words of YARN as Spark hands them on.

    ``YarnAllocator`` in https://github.com/apache/spark: "Container killed by YARN for exceeding physical
    memory limits. 11.0 GB of 11 GB physical memory used. Consider boosting spark.executor.memoryOverhead."
    Here another setting helps.
    """
    used, limit = _write_size(held_bytes), _write_size(limit_bytes)
    return (
        f"Container killed by YARN for exceeding physical memory limits. {used} of {limit} physical memory "
        f"used. Consider boosting {STEP_MEMORY_VARIABLE}. Container exited with a non-zero exit code 137."
    )


def _read_mark(processes: Iterable[psutil.Process]) -> str | None:
    """Read the mark of a session from the first of its processes that tells."""
    for process in processes:
        with contextlib.suppress(psutil.Error, OSError):
            return process.environ().get(JOB_MARK)
    return None


def _write_size(size: int) -> str:
    """Write bytes as Hadoop's TraditionalBinaryPrefix does: no decimals where it comes out even."""
    power = min((max(size, 1).bit_length() - 1) // 10, len(_UNITS) - 1)
    value = size / 1024**power
    return f"{value:.0f} {_UNITS[power]}" if value.is_integer() else f"{value:.1f} {_UNITS[power]}"
