"""Faults meet the process that they are for, and a frozen one goes on."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.e2e.system import wait_for
from tests.faults.victims import find_victims, freeze, is_task, kill


@pytest.fixture
def victim() -> Iterator[psutil.Process]:
    lasting = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(lasting) as process:
        yield psutil.Process(process.pid)
        process.kill()


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("airflow worker -- 01a22239-d2e6-7f0d-a936-e8f557dc1621", True),
        ("airflow worker -- LocalExecutor: 01a22239-d2e6-7f0d-a936-e8f557dc1621", False),
        ("airflow worker -- LocalExecutor: <idle>", False),
        ("airflow scheduler", False),
    ],
)
def test_a_task_is_told_from_its_worker(title: str, *, expected: bool) -> None:
    assert is_task(title) is expected


def test_a_frozen_process_goes_on(victim: psutil.Process) -> None:
    freezing = threading.Thread(target=freeze, args=([victim], 1.0))
    freezing.start()

    wait_for("frozen process", lambda: victim.status() == psutil.STATUS_STOPPED)
    freezing.join()

    wait_for("process that goes on", lambda: victim.status() != psutil.STATUS_STOPPED)


def test_a_killed_process_is_gone_and_may_be_killed_again(victim: psutil.Process) -> None:
    kill([victim])

    assert os.waitpid(victim.pid, 0)[0] == victim.pid
    kill([victim])


@pytest.mark.parametrize("target", ["scheduler", "task", "spark"])
def test_where_nothing_runs_there_is_nobody_to_hurt(tmp_path: Path, target: str) -> None:
    assert find_victims(tmp_path, target) == []
