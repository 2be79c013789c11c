"""The memory of steps: a limit on what all processes of one hold together, and YARN's words above it."""

import os
import re
import sys
import threading

import pytest

from sparkdrop_local.emr import NO_DELAYS
from sparkdrop_local.emr.jobs import memory
from sparkdrop_local.emr.jobs.memory import MemoryWatch, describe_excess, find_members
from sparkdrop_local.processes import measure_memory_bytes

MIB = 1024 * 1024
LIMIT = 96 * MIB
SENTENCE = re.compile(
    r"Container killed by YARN for exceeding physical memory limits. "
    r"([\d.]+) MB of 96 MB physical memory used\."
)
# each holds half of the limit, so that only both together are too much
HOLD = "import time; held = bytearray(b'x') * ({size} * 2 ** 20); time.sleep(600)"


@pytest.fixture(scope="module")
def small(make_emr, tmp_path_factory):
    """An EMR whose steps may hold 96 MiB."""
    local = make_emr(scratch_dir=tmp_path_factory.mktemp("memory"), delays=NO_DELAYS, step_memory_bytes=LIMIT)
    yield local
    local.close()


def hold(size: int) -> str:
    return f'{sys.executable} -S -c "{HOLD.format(size=size)}"'


@pytest.mark.parametrize("apart", ["", "setsid "], ids=["in its session", "in a session of its own"])
def test_a_step_whose_processes_hold_too_much_together_is_killed(small, apart):
    cluster = small.run(small.bash(f"{hold(60)} & {apart}{hold(60)}"), small.bash("true"))
    failed, after = (step["Id"] for step in small.steps(cluster))
    status = small.wait_step(cluster, failed, "FAILED", "COMPLETED", "CANCELLED")
    details = status["FailureDetails"]
    assert details["Reason"] == "Out of memory."
    told = SENTENCE.match(details["Message"])
    assert told is not None
    assert float(told[1]) > 96
    assert details["LogFile"].endswith(f"{failed}/stderr.gz")
    assert details["Message"] in small.log(cluster, failed, "stderr")
    assert "Step failed with exitCode 137" in small.log(cluster, failed, "controller")
    assert small.wait_step(cluster, after, "COMPLETED", "FAILED")["State"] == "COMPLETED"


def test_a_step_is_not_charged_with_what_another_holds(small, tmp_path):
    go = tmp_path / "go"
    wait = f"until [ -e {go} ]; do sleep 0.01; done; kill $!"
    cluster = small.run(StepConcurrencyLevel=2)
    steps = small.add(cluster, *(small.bash(f"{hold(60)} & {wait}") for _ in range(2)))
    watch = small.app._runner._shared.memory
    small.until(lambda: len(held := measure(watch)) == 2 and min(held) > 50 * MIB)
    assert max(measure(watch)) < LIMIT
    go.touch()
    for step in steps:
        assert small.wait_step(cluster, step, "COMPLETED", "FAILED")["State"] == "COMPLETED"


def test_a_look_that_goes_wrong_is_told_and_does_not_end_the_watch(monkeypatch, caplog):
    found = threading.Event()
    looks = iter([OSError("no /proc")])

    def look(jobs):
        for error in looks:
            raise error
        return find_members(jobs)

    monkeypatch.setattr(memory, "find_members", look)
    with MemoryWatch(1).watching("job", os.getsid(0), lambda _: found.set()):
        assert found.wait(30)
    assert "no /proc" in caplog.text


def measure(watch):
    """What each step that is watched holds, in bytes."""
    members = find_members({one.leader: job for job, one in dict(watch._watched).items()})
    return [measure_memory_bytes(found) for found in members.values()]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have neither prlimit nor OOM scores")
def test_one_process_is_bounded_by_the_kernel_too(small):
    cluster = small.run(small.bash("sleep 0.1; ulimit -d; cat /proc/self/oom_score_adj"))
    (step,) = small.steps(cluster)
    small.wait_step(cluster, step["Id"], "COMPLETED")
    kibibytes, score = small.log(cluster, step["Id"], "stdout").split()
    assert (int(kibibytes) * 1024, score) == (2 * LIMIT + 1024 * MIB, "1000")


def test_sizes_are_written_as_hadoop_writes_them():
    message = describe_excess(int(5.54 * 1024**3), 4 * 1024**3)
    assert "limits. 5.5 GB of 4 GB physical memory used." in message
    assert "1 B of 1023 B" in describe_excess(1, 1023)
