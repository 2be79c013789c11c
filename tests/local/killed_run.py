"""A run of tests that is ended from outside: its one test starts a system that would outlive it.

``pytest killed_run.py`` with the system's home in HOME_VARIABLE; pytest collects it only when it is named.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

HOME_VARIABLE = "SPARKDROP_LOCAL_KILLED_RUN"
PROGRAM = Path(__file__).with_name("supervised.py")


def test_that_is_ended_while_a_system_runs() -> None:
    supervise = ["supervise", os.environ[HOME_VARIABLE], "aws=plain", "scheduler=runaway", "api=stubborn"]
    with subprocess.Popen([sys.executable, str(PROGRAM), *supervise], start_new_session=True):
        signal.pause()
