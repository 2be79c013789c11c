"""The last act of a process that was killed: a small process beside it that waits for its end.

Run as ``python -m sparkdrop_local.guard NAME VALUE`` with a pipe for its input. The pipe closes when the one
that is guarded ends, in whatever way; then all that carries the mark, NAME=VALUE in its environment, is
stopped.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Self

from sparkdrop_local.processes import MARK, stop_marked

if TYPE_CHECKING:
    from types import TracebackType

GRACE_SECONDS = 3.0


class Guard:
    """Starts a guard of this process, and lets it go. Thread-safe.

    Args:
        value: what those carry that must not outlive this process.
        name: under which name of the environment they carry it.
    """

    def __init__(self, value: str, *, name: str = MARK) -> None:
        self._command = [sys.executable, "-m", "sparkdrop_local.guard", name, value]
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def ensure(self) -> None:
        """Start it unless it is there; called before anything starts that carries the mark."""
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                return
            self._let_go()
            # a session of its own: the terminal's Ctrl-C is not for it
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    def close(self) -> None:
        """Close its input, so that it stops what is left and ends; idempotent."""
        with self._lock:
            self._let_go()

    def _let_go(self) -> None:
        if self._process is not None:
            self._process.communicate()  # closes the input that it waits for
            self._process = None

    def __enter__(self) -> Self:
        """Start it."""
        self.ensure()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let it go."""
        self.close()


def main() -> None:
    """Wait for the end of the input, then stop what is left."""
    # whoever stops the guarded process lets the pipe tell of that
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    name, value = sys.argv[1:]
    stop_marked(value, name=name, grace_seconds=GRACE_SECONDS)


if __name__ == "__main__":
    main()
