"""The system under the demo: the one that is up, or one that ends with the demo, however that ends."""

from __future__ import annotations

import contextlib
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from sparkdrop_local import boot, processes
from sparkdrop_local.demo_data import prepare
from sparkdrop_local.display import Progress, stderr
from sparkdrop_local.guard import Guard
from sparkdrop_local.system import LocalSystem, LocalSystemError, load_system

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sparkdrop_local.demo_data import DemoFile

_GRACE_SECONDS = 40


@dataclass(frozen=True, slots=True)
class Running:
    """The system under the demo.

    Attributes:
        system: as it was when it was ready.
        is_ours: whether the demo started it, and so stops it.
        files: the data, made ready meanwhile.
        ready_seconds: how long the demo waited for both.
    """

    system: LocalSystem
    is_ours: bool
    files: list[DemoFile]
    ready_seconds: float


_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def end_at_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the demo as Ctrl-C does, so that what it started is stopped.

    SIGINT is among them because what a shell starts in the background ignores it, and Python then does too.
    """

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in _ENDS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def run_system(home: Path, cache: Path) -> Iterator[Running]:
    """Have a system: the one that is up, or one for the block alone; get the data ready while it starts.

    Raises:
        LocalSystemError: it cannot be started, it has no Airflow, or the data is not installed.
    """
    before = load_system(home)
    is_ours = before is None or not before.up
    if before is not None and not is_ours and before.only_aws:
        raise LocalSystemError(
            f"AWS alone is up in {home}, and the demo needs Airflow: stop it with `sparkdrop local down`"
        )
    began = time.monotonic()
    guards: dict[str, Guard] = {}
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(1) as pool:
        data = pool.submit(prepare, cache)
        show = Progress(quiet=False)

        def report(system: LocalSystem) -> None:
            if is_ours and system.system_id not in guards:
                # should the demo be killed
                guards[system.system_id] = stack.enter_context(Guard(system.system_id))
            show(system)

        try:
            system = boot.start_detached(boot.Request(home=home), report)
            yield Running(system, is_ours, data.result(), round(time.monotonic() - began, 1))
        finally:
            if is_ours:
                stderr.print("[dim]stopping the system[/dim]")
                _stop(home)


def check_up(home: Path) -> None:
    """Look whether the system lives.

    Raises:
        LocalSystemError: it does not, and why.
    """
    now = load_system(home)
    if now is None or not now.up:
        why = now.error if now and now.error else "it was stopped"
        raise LocalSystemError(f"the local system is not up any more: {why}")


def _stop(home: Path) -> None:
    boot.stop(home)
    # Ctrl-C may come before a supervisor that was just launched has put itself on record
    processes.stop(_find_launched(home), grace_seconds=_GRACE_SECONDS)


def _find_launched(home: Path) -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if {"sparkdrop_local", "up", str(home)} <= set(child.cmdline()):
                found.append(child)
    return found
