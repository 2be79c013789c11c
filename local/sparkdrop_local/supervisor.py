"""Starts the system's processes, keeps them running, and stops all of them, whatever happens.

::

    supervisor ──┬── guard           waits for the supervisor's end, then stops what is left
                 ├── aws             its end is the system's end: what it knew is gone
                 └── api, scheduler, dag-processor, triggerer, api-server   started again when they end

State goes to ``system.json`` at every change. Only one supervisor can hold a home: it locks ``.lock`` there.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import time
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from sparkdrop_local import processes
from sparkdrop_local.guard import Guard
from sparkdrop_local.system import LocalSystem, LocalSystemError, ProcessRecord, log_file

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import psutil

POLL_SECONDS = 0.2
READY_TIMEOUT_SECONDS = 180
_STABLE_SECONDS = 60
_BACKOFF_SECONDS = (0.0, 0.5, 1.0, 2.0, 4.0)
_GRACE_SECONDS = 6
_TAIL_CHARACTERS = 1500


@dataclass(frozen=True, slots=True)
class Child:
    """What to run.

    Attributes:
        name: its name in the system, and its log's.
        command: the program and its arguments.
        env: its environment; the system's mark is added.
        restarts: how often in a row it is started again; 0 makes its end the system's failure.
    """

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    restarts: int = len(_BACKOFF_SECONDS)


@dataclass(frozen=True, slots=True)
class Plan:
    """A system to start.

    Attributes:
        system: how it is described before its first process.
        children: what to start, in order; stopped in reverse. It may do work between two of them.
        find_waiting: what is not ready yet; None when all is.
        read_environment: what a client sets, asked once when all is ready.
        read_stacks: what became of each stack, asked then too.
    """

    system: LocalSystem
    children: Iterable[Child]
    find_waiting: Callable[[], str | None]
    read_environment: Callable[[], dict[str, str]]
    read_stacks: Callable[[], dict[str, str]] = dict


@dataclass(slots=True)
class _Running:
    child: Child
    process: subprocess.Popen[bytes]
    record: ProcessRecord
    since: float = field(default_factory=time.monotonic)
    failures: int = 0
    restart_at: float | None = None


class Supervisor:
    """Runs one plan in this process, from its main thread, until it is told to stop or the system fails."""

    def __init__(self, plan: Plan, report: Callable[[LocalSystem], None] = lambda _: None) -> None:
        self._plan = plan
        self._report = report
        self._system = plan.system
        self._running: dict[str, _Running] = {}
        self._stop = False

    def run(self) -> LocalSystem:
        """Start, keep, stop; answers the system as it ended: stopped or failed.

        Raises:
            LocalSystemError: another supervisor holds this home.
        """
        with hold(self._system.home), self._signals(), Guard(self._system.system_id):
            error = None
            try:
                self._update()
                self._start_all()
                self._await_ready()
                self._keep()
            except LocalSystemError as failure:
                error = str(failure)
            finally:
                self._stop_all()
            self._update(
                state="failed" if error else "stopped", error=error, processes=(), login=None, api=None
            )
        return self._system

    def _start_all(self) -> None:
        for child in self._plan.children:
            if self._stop:
                return
            self._start(child)

    def _await_ready(self) -> None:
        began = time.monotonic()
        while not self._stop and (waiting := self._plan.find_waiting()):
            if waiting != self._system.waiting_for:
                self._update(waiting_for=waiting)
            if time.monotonic() - began > READY_TIMEOUT_SECONDS:
                raise LocalSystemError(
                    f"{waiting} not ready after {READY_TIMEOUT_SECONDS} s; see {self._logs}"
                )
            self._look()
            time.sleep(POLL_SECONDS)
        if not self._stop:
            self._update(
                state="ready",
                waiting_for=None,
                environment=self._plan.read_environment(),
                stacks=self._plan.read_stacks(),
                ready_seconds=round(time.time() - self._system.supervisor.started, 1),
            )

    def _keep(self) -> None:
        while not self._stop:
            self._look()
            time.sleep(POLL_SECONDS)

    def _look(self) -> None:
        """Start again what ended; raises LocalSystemError where that is no use."""
        for running in list(self._running.values()):
            if running.restart_at is not None:
                if time.monotonic() >= running.restart_at:
                    self._start(running.child, failures=running.failures)
            elif running.process.poll() is not None:
                self._handle_end(running)

    def _handle_end(self, running: _Running) -> None:
        stable = time.monotonic() - running.since > _STABLE_SECONDS
        running.failures = 1 if stable else running.failures + 1
        child, code = running.child, running.process.returncode
        if running.failures > child.restarts:
            raise LocalSystemError(
                f"{child.name} ended with {_describe(code)}; the end of {running.record.log}:\n"
                + read_tail(running.record.log, _TAIL_CHARACTERS)
            )
        # a killed scheduler leaves its workers, a killed triggerer its runner: two at once would be wrong
        left = processes.find_session(self._system.system_id, running.record.pid)
        processes.stop(left, grace_seconds=1)
        pause = _BACKOFF_SECONDS[min(running.failures, len(_BACKOFF_SECONDS)) - 1]
        running.restart_at = time.monotonic() + pause
        running.record = running.record.model_copy(update={"state": "waiting"})
        self._update()

    def _start(self, child: Child, *, failures: int = 0) -> None:
        log = log_file(self._system.home, child.name)
        env = dict(child.env) | {processes.MARK: self._system.system_id}
        process = processes.spawn(child.command, env=env, log=log, directory=self._system.home)
        before = self._running.get(child.name)
        record = ProcessRecord(
            name=child.name,
            pid=process.pid,
            started=processes.start_time(process.pid) or time.time(),
            restarts=before.record.restarts + 1 if before else 0,
            log=log,
        )
        self._running[child.name] = _Running(child, process, record, failures=failures)
        self._update()

    def _stop_all(self) -> None:
        self._update(state="stopping", waiting_for=None)
        leaders = [found for one in self._running.values() if (found := _find(one))]
        # what they started is found while they live, whether it carries the mark or not
        family = processes.find_family(leaders)
        # Airflow and the API before AWS: a task that ends may still have something to say there
        first = [leader for leader in leaders if self._running[self._name(leader)].child.restarts]
        processes.stop(first, grace_seconds=_GRACE_SECONDS)
        processes.stop([leader for leader in leaders if leader not in first], grace_seconds=_GRACE_SECONDS)
        processes.stop([one for one in family if one.is_running()], grace_seconds=1)
        processes.stop_marked(self._system.system_id, grace_seconds=1)
        for one in self._running.values():
            one.process.poll()

    def _name(self, leader: psutil.Process) -> str:
        return next(name for name, one in self._running.items() if one.record.pid == leader.pid)

    @property
    def _logs(self) -> Path:
        return self._system.home / "logs"

    def _update(self, **changes: object) -> None:
        records = tuple(one.record for one in self._running.values())
        self._system = self._system.model_copy(update={"processes": records} | changes)
        self._system.save()
        self._report(self._system)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        def ask_to_stop(*_: object) -> None:
            self._stop = True

        before = {
            number: signal.signal(number, ask_to_stop)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextlib.contextmanager
def hold(home: Path) -> Iterator[IO[str]]:
    """Lock a home for this process.

    Raises:
        LocalSystemError: another process has it.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (home / ".lock").open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LocalSystemError(f"another local system is starting or running in {home}") from None
        yield lock


def make_own_record(home: Path) -> ProcessRecord:
    """The record of the process that supervises: this one."""
    started = processes.start_time(os.getpid()) or time.time()
    return ProcessRecord(
        name="supervisor", pid=os.getpid(), started=started, log=log_file(home, "supervisor")
    )


def read_tail(log: Path, characters: int) -> str:
    """The end of a log."""
    try:
        return log.read_text(encoding="utf-8", errors="replace")[-characters:]
    except FileNotFoundError:
        return ""


def _find(running: _Running) -> psutil.Process | None:
    return processes.find(running.record.pid, running.record.started)


def _describe(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
