"""Spark's history server over the event logs that the steps of a local system wrote.

https://spark.apache.org/docs/4.0.2/monitoring.html#viewing-after-the-fact. It runs in a session of its own
until this process is told to stop, and its guard stops it should this process be killed.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import time
import uuid
from typing import TYPE_CHECKING

import psutil

from sparkdrop_local import processes
from sparkdrop_local.boot import settle_port
from sparkdrop_local.guard import Guard
from sparkdrop_local.spark import SparkRuntime, find_runtime
from sparkdrop_local.supervisor import read_tail
from sparkdrop_local.system import LocalSystemError, log_file

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

HOST = "127.0.0.1"
_CLASS = "org.apache.spark.deploy.history.HistoryServer"
_USUAL_PORT = 18080  # Spark's own choice
_READY_SECONDS = 120
_POLL_SECONDS = 0.1
_GRACE_SECONDS = 5
_TAIL_CHARACTERS = 1500
_PASSED_ON = ("HOME", "LANG", "LC_ALL", "PATH", "TZ", "USER")


def events_dir(home: Path) -> Path:
    """Where the steps of a system leave Spark's event logs."""
    return home / "emr" / "spark-events"


def serve(home: Path, events: Path, *, port: int | None, announce: Callable[[str], None]) -> None:
    """Serve until Ctrl-C, SIGTERM or SIGHUP; called from the main thread.

    Args:
        home: the system's folder; the server's log goes there.
        events: the folder of the event logs.
        port: of 127.0.0.1; Spark's own, or any that is free, when None.
        announce: told the address once it answers.

    Raises:
        LocalSystemError: there are no event logs, the port is taken, or the server ended by itself.
        SparkdropError: Spark is not complete on this machine.
    """
    if not events.is_dir() or not any(events.iterdir()):
        raise LocalSystemError(
            f"no Spark run has left an event log in {events} yet: run a step on the system of this --home, "
            "or name another folder with --events"
        )
    settled = settle_port("--port", port, _USUAL_PORT)
    command = build_command(find_runtime(), events, settled)
    log = log_file(home, "spark-ui")
    log.unlink(missing_ok=True)
    mark = f"spark-ui-{uuid.uuid4().hex}"
    with Guard(mark), _interrupts(), contextlib.suppress(KeyboardInterrupt):
        process = processes.spawn(command, env=_build_environment(mark), log=log, directory=events)
        try:
            _await_answer(process, settled, log)
            announce(f"http://{HOST}:{settled}")
            process.wait()
            raise _describe_end(process, log)
        finally:
            if process.poll() is None:
                processes.stop([psutil.Process(process.pid)], grace_seconds=_GRACE_SECONDS)
            process.wait()


def build_command(runtime: SparkRuntime, events: Path, port: int) -> list[str]:
    """Build the server's command line: it looks for new runs every two seconds."""
    properties = {
        "spark.history.fs.logDirectory": events.as_uri(),
        "spark.history.fs.update.interval": "2s",
        "spark.history.ui.port": str(port),
        # on the port that was asked for, or not at all
        "spark.port.maxRetries": "0",
        "spark.ui.showConsoleProgress": "false",
    }
    return [
        str(runtime.jdk.java),
        "-cp",
        runtime.class_path,
        f"-Xmx{runtime.driver_memory}",
        *runtime.launcher_flags,
        *runtime.java_flags,
        *(f"-D{name}={value}" for name, value in properties.items()),
        _CLASS,
    ]


def _build_environment(mark: str) -> Mapping[str, str]:
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    # the address that its page listens on, and the one that its links name
    return {**passed_on, "SPARK_LOCAL_IP": HOST, "SPARK_PUBLIC_DNS": HOST, processes.MARK: mark}


def _await_answer(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while not _answers(port):
        if process.poll() is not None:
            raise _describe_end(process, log)
        if time.monotonic() > deadline:
            raise LocalSystemError(
                f"Spark's history server does not answer after {_READY_SECONDS} s; see {log}"
            )
        time.sleep(_POLL_SECONDS)


def _answers(port: int) -> bool:
    with contextlib.closing(http.client.HTTPConnection(HOST, port, timeout=5)) as connection:
        try:
            connection.request("GET", "/api/v1/applications")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False


def _describe_end(process: subprocess.Popen[bytes], log: Path) -> LocalSystemError:
    return LocalSystemError(
        f"Spark's history server ended with exit code {process.returncode}; the end of {log}:\n"
        + read_tail(log, _TAIL_CHARACTERS)
    )


@contextlib.contextmanager
def _interrupts() -> Iterator[None]:
    """Let a stop that is asked for politely be what Ctrl-C is."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
