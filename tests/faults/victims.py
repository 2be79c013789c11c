"""The processes of a system that faults are for, found by identity; killed or frozen."""

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psutil

from sparkdrop_local.processes import find, find_family
from sparkdrop_local.system import load_system

CHANCE_SECONDS = 60.0
_LOOK_SECONDS = 0.1
# what they call themselves: the executor's workers, which are no tasks, add a word to Airflow's name
_TASK, _EXECUTOR, _JVM = "airflow worker -- ", "LocalExecutor", "java"
T = TypeVar("T")


def await_chance(look: Callable[[], T | None]) -> T | None:
    """Wait for what a fault is for: a task, a call, a run; None where nothing like that comes."""
    deadline = time.monotonic() + CHANCE_SECONDS
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
    return found or None


def find_victims(home: Path, target: str) -> list[psutil.Process]:
    """Find what runs now."""
    if target == "task":
        return [one for one in _find_members(home, "scheduler") if is_task(_describe(one))][:1]
    if target == "spark":
        return [one for one in _find_members(home, "aws") if _get_name(one) == _JVM][:1]
    return _find_members(home, target)


def kill(victims: list[psutil.Process]) -> None:
    """Kill the first, with SIGKILL; who keeps the system sees to the rest."""
    _send(victims[:1], signal.SIGKILL)


def freeze(victims: list[psutil.Process], seconds: float) -> None:
    """Stop all of them for a while, as a machine without CPU does."""
    _send(victims, signal.SIGSTOP)
    try:
        time.sleep(seconds)
    finally:
        _send(victims, signal.SIGCONT)


def _find_members(home: Path, name: str) -> list[psutil.Process]:
    system = load_system(home)
    records = [one for one in system.processes if one.name == name] if system else []
    return find_family(found for one in records if (found := find(one.pid, one.started)))


def _send(victims: list[psutil.Process], number: signal.Signals) -> None:
    for victim in victims:
        try:
            victim.send_signal(number)
        except psutil.NoSuchProcess:
            continue


def is_task(title: str) -> bool:
    """Whether a process of this title runs a task."""
    return title.startswith(_TASK) and _EXECUTOR not in title


def _describe(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _get_name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.Error:
        return ""
