"""What a run of tests starts does not outlive it, whatever ends the run."""

import atexit
import os
import uuid

from sparkdrop_local.guard import Guard

RUN_MARK = "SPARKDROP_LOCAL_TEST_RUN"
"""Carried by all that a run starts; the local system hands names that begin so on to its processes."""


def guard_this_run() -> None:
    """Have all that this process starts from now on stopped at its end, be that SIGKILL.

    A process that was started by such a run, as xdist's are, is guarded by the first one.
    """
    if RUN_MARK in os.environ:
        return
    os.environ[RUN_MARK] = uuid.uuid4().hex
    guard = Guard(os.environ[RUN_MARK], name=RUN_MARK)
    guard.ensure()
    atexit.register(guard.close)
