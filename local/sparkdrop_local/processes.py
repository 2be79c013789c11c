"""Processes by identity, never by name: who they are, what they hold, and how they are stopped.

Everything that one system starts carries the system's id in its environment: its mark. That finds a process
again whatever became of its parents: a worker of a killed scheduler, or a Spark driver of a killed emulation.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

MARK = "SPARKDROP_SYSTEM_ID"
"""The environment name that marks every process of one system."""

_SAME_START_SECONDS = 0.05
_KILL_SECONDS = 5
_POLL_SECONDS = 0.005
_GONE = (psutil.NoSuchProcess, psutil.ZombieProcess)


def spawn(
    command: Sequence[str], *, env: Mapping[str, str], log: Path, directory: Path
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, so that the terminal's Ctrl-C reaches only its supervisor."""
    log.parent.mkdir(parents=True, exist_ok=True)
    # for its owner only: a log can tell a login
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as out:
        return subprocess.Popen(
            list(command),
            env=dict(env),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def start_time(pid: int) -> float | None:
    """When a process started, in seconds since 1970; None where there is none.

    The number of a process is used again after its end: only number and start together name one.
    """
    try:
        return psutil.Process(pid).create_time()
    except _GONE:
        return None


def find(pid: int, started: float) -> psutil.Process | None:
    """The living process of this number and start."""
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - started) < _SAME_START_SECONDS
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except _GONE:
        return None


def find_marked(value: str, *, name: str = MARK) -> list[psutil.Process]:
    """All living processes that carry a mark, but for the caller's own."""
    found = []
    for process in psutil.process_iter():
        # a process of another user, or one that just ended, is none of ours
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(name) == value:
                found.append(process)
    return found


def find_session(system_id: str, leader_pid: int) -> list[psutil.Process]:
    """The marked processes of the session that a process led, also after that one's end."""
    found = []
    for process in find_marked(system_id):
        with contextlib.suppress(OSError):
            if os.getsid(process.pid) == leader_pid:
                found.append(process)
    return found


def find_family(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """The processes with all that they started, each once."""
    family: dict[int, psutil.Process] = {}
    for process in processes:
        with contextlib.suppress(*_GONE):
            for member in [process, *process.children(recursive=True)]:
                family[member.pid] = member
    return list(family.values())


def stop(processes: Iterable[psutil.Process], *, grace_seconds: float) -> list[psutil.Process]:
    """Ask with SIGTERM, wait, then SIGKILL; answers those that had to be killed."""
    asked = list(processes)
    _signal(asked, signal.SIGTERM)
    left = _await_ends(asked, grace_seconds)
    _signal(left, signal.SIGKILL)
    _await_ends(left, _KILL_SECONDS)
    return left


def stop_marked(value: str, *, name: str = MARK, grace_seconds: float) -> int:
    """Stop whatever carries a mark until nothing does; answers how many there were."""
    count = 0
    deadline = time.monotonic() + grace_seconds + 10
    # a process may be forking while its parent is being stopped, so one look is not enough
    while (left := find_marked(value, name=name)) and time.monotonic() < deadline:
        count += len(left)
        stop(find_family(left), grace_seconds=grace_seconds)
        grace_seconds = min(grace_seconds, 1)
    return count


def measure_memory_bytes(processes: Iterable[psutil.Process]) -> int:
    """What the processes hold together: shared pages are counted once, in parts (PSS), where Linux tells.

    Elsewhere, and for a process that may not be looked into, it is what only they hold (USS).
    """
    total = 0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            full = process.memory_full_info()
            total += getattr(full, "pss", 0) or full.uss
    return total


def pick_port(preferred: int | None = None) -> int:
    """A free port on loopback: the preferred one if nobody has it."""
    for port in [preferred, 0] if preferred else [0]:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise OSError("no free port on 127.0.0.1")


def _await_ends(processes: Iterable[psutil.Process], timeout_seconds: float) -> list[psutil.Process]:
    """Wait until processes have ended; answers those that have not.

    One that its parent has not reaped has ended: an orphan's new parent can take seconds for that, and in
    many containers never does it.
    """
    deadline = time.monotonic() + timeout_seconds
    while (left := [one for one in processes if _is_alive(one)]) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    return left


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except _GONE:
        return False


def _signal(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(*_GONE):
            process.send_signal(number)
