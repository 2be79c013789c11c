"""A run of tests that is ended, politely or not, leaves no system running."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from sparkdrop_local.airflow import build_base_environment
from sparkdrop_local.system import LocalSystem, load_system
from tests.leftovers import RUN_MARK
from tests.local.killed_run import HOME_VARIABLE
from tests.local.test_supervisor import wait_for

RUN = Path(__file__).with_name("killed_run.py")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_what_a_run_of_tests_started_ends_with_it(tmp_path: Path, number: signal.Signals) -> None:
    own = {name: value for name, value in os.environ.items() if name != RUN_MARK}
    run = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-n0", "-p", "no:cacheprovider", str(RUN)],
        env={**own, HOME_VARIABLE: str(tmp_path)},
        cwd=RUN.parents[2],
        stdout=subprocess.DEVNULL,
    )

    def find_ready() -> LocalSystem | None:
        system = load_system(tmp_path)
        return system if system and system.state == "ready" else None

    system = wait_for(find_ready, "a system that is up")
    facts = [json.loads((tmp_path / f"{one.name}.up").read_text()) for one in system.processes]
    started = [psutil.Process(pid) for fact in facts for pid in fact.values()]
    assert len(started) == 5

    run.send_signal(number)

    run.wait(timeout=60)
    wait_for(lambda: not system.supervisor.alive, "the supervisor's end")
    wait_for(lambda: not any(one.is_running() for one in started), "the end of all that it started")


def test_the_mark_of_a_run_reaches_every_process_of_a_local_system() -> None:
    assert build_base_environment({RUN_MARK: "one"})[RUN_MARK] == "one"
