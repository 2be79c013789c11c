"""The last act of a supervisor that was killed: a small process that waits for its end.

Run as ``python -m sparkdrop_local.guard SYSTEM_ID`` with a pipe for its input. The pipe closes when the
supervisor ends, in whatever way; then all that still carries the system's id is stopped.
"""

from __future__ import annotations

import signal
import sys

from sparkdrop_local.processes import stop_marked

GRACE_SECONDS = 3.0


def main() -> None:
    """Wait for the end of the input, then stop what is left."""
    # whoever stops the system stops the supervisor, and the pipe tells of that
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    stop_marked(sys.argv[1], grace_seconds=GRACE_SECONDS)


if __name__ == "__main__":
    main()
