"""What a local EMR leaves running: nothing, however a step, its server or its guard ends."""

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import psutil
import pytest

from sparkdrop_local import processes
from sparkdrop_local.emr import NO_DELAYS
from sparkdrop_local.emr.ec2.queue import StepQueue
from sparkdrop_local.emr.faults import Fault, FaultKind
from sparkdrop_local.emr.jobs import execution
from sparkdrop_local.emr.jobs.commands import PlainCommand
from sparkdrop_local.emr.jobs.execution import EMR_MARK
from sparkdrop_local.emr.jobs.memory import JOB_MARK
from sparkdrop_local.emr.jobs.task import JobState, JobTask, Outcome
from sparkdrop_local.emr.store import Store
from tests.local.emr.calls import NEEDED

# Two of a step's processes beside its own: a child, and one that made a session of its own, to stay.
# Their numbers are in the file once all of them are there.
FAMILY = """
sleep 600 & child=$!
nohup setsid sh -c 'trap "" HUP; echo $$ > {pids}.far; while :; do sleep 0.1; done' >/dev/null 2>&1 &
until [ -s {pids}.far ]; do sleep 0.01; done
echo $$ $child $(cat {pids}.far) > {pids}.part; mv {pids}.part {pids}
"""


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended but is not reaped yet does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def read_pids(file: Path) -> list[int]:
    return [int(word) for word in file.read_text().split()]


class Server:
    """A local EMR in a process of its own."""

    def __init__(self, folder: Path, until: Callable[[Callable[[], bool]], None]) -> None:
        environment = {**os.environ, processes.MARK: f"test-{folder}"}
        # as a module: as a program, its neighbours here would hide modules of the same names
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.local.emr.serving", str(folder)],
            cwd=Path(__file__).parents[3],
            env=environment,
            start_new_session=True,
        )
        until(lambda: (folder / "endpoint").exists() or self.process.poll() is not None)
        assert self.process.returncode is None
        self.client = boto3.client(
            "emr",
            endpoint_url=(folder / "endpoint").read_text(),
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )

    def run(self, step: dict[str, object]) -> None:
        instances = {"MasterInstanceType": "m5.xlarge", "KeepJobFlowAliveWhenNoSteps": True}
        self.client.run_job_flow(Name="test", Instances=instances, Steps=[step], **NEEDED)

    def guard(self) -> psutil.Process:
        alive = (one for one in psutil.Process(self.process.pid).children() if is_alive(one.pid))
        (guard,) = (child for child in alive if "sparkdrop_local.guard" in child.cmdline())
        return guard


@pytest.fixture
def server(tmp_path, emr) -> Iterator[Server]:
    folder = tmp_path / "server"
    folder.mkdir()
    one = Server(folder, emr.until)
    yield one
    one.client.close()
    one.process.kill()
    one.process.wait()
    # the guard too, which ends by itself
    emr.until(lambda: processes.find_marked(f"test-{folder}") == [])


def test_a_killed_server_leaves_neither_its_steps_nor_its_guard(server, emr, tmp_path):
    pids = tmp_path / "pids"
    server.run(emr.bash(FAMILY.format(pids=pids) + "wait; sleep 600"))
    emr.until(pids.exists)
    guard, family = server.guard(), read_pids(pids)
    assert len({os.getsid(pid) for pid in family}) == 2
    # neither the terminal's Ctrl-C nor a polite stop ends the guard, while the server lives
    guard.send_signal(signal.SIGINT)
    guard.send_signal(signal.SIGTERM)
    assert os.getsid(guard.pid) == guard.pid
    assert guard.net_connections() == []
    assert all(is_alive(pid) for pid in [guard.pid, *family])

    server.process.kill()

    emr.until(lambda: not any(is_alive(pid) for pid in [guard.pid, *family]))


def test_a_stopped_server_leaves_neither_its_steps_nor_its_guard(server, emr, tmp_path):
    pids = tmp_path / "pids"
    server.run(emr.bash(FAMILY.format(pids=pids) + "wait; sleep 600"))
    emr.until(pids.exists)
    guard = server.guard()
    server.process.terminate()
    server.process.wait(60)
    assert not any(is_alive(pid) for pid in [guard.pid, *read_pids(pids)])


def test_a_guard_that_was_killed_is_there_again_before_the_next_step(server, emr, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    server.run(emr.bash(f"touch {first}"))
    emr.until(first.exists)
    killed = server.guard()
    killed.kill()
    emr.until(lambda: not is_alive(killed.pid))
    server.run(emr.bash(FAMILY.format(pids=second) + "wait"))
    emr.until(second.exists)
    assert server.guard().pid != killed.pid
    server.process.kill()
    emr.until(lambda: not any(is_alive(pid) for pid in read_pids(second)))


def test_what_a_step_leaves_in_another_session_ends_with_it(emr, tmp_path):
    pids, other = tmp_path / "pids", tmp_path / "other"
    cluster = emr.run(emr.bash(f"echo $$ > {other}.part; mv {other}.part {other}; exec sleep 600"))
    emr.until(other.exists)
    emr.client.modify_cluster(ClusterId=cluster, StepConcurrencyLevel=2)
    (step,) = emr.add(cluster, emr.bash(FAMILY.format(pids=pids)))
    emr.wait_step(cluster, step, "COMPLETED")
    assert not any(is_alive(pid) for pid in read_pids(pids))
    # another step's processes are none of its own
    assert is_alive(int(other.read_text()))
    emr.client.terminate_job_flows(JobFlowIds=[cluster])
    emr.wait_cluster(cluster, "TERMINATED")


def test_every_process_of_a_step_carries_the_marks_of_its_emr_and_of_its_system(emr, monkeypatch):
    monkeypatch.setenv(processes.MARK, "a-system")
    cluster = emr.run(*(emr.bash(f"echo ${EMR_MARK} ${JOB_MARK} ${processes.MARK}") for _ in range(2)))
    emr.until(lambda: emr.states(cluster) == ["COMPLETED"] * 2)
    told = [emr.log(cluster, step["Id"], "stdout").split() for step in emr.steps(cluster)]
    (first_emr, first_job, first_system), (second_emr, second_job, _) = told
    assert first_emr == second_emr
    assert first_job != second_job
    assert first_system == "a-system"


def test_a_step_that_a_signal_ends_has_the_exit_code_of_a_shell(emr):
    cluster = emr.run(emr.bash("kill -KILL $$"))
    (step,) = emr.steps(cluster)
    emr.wait_step(cluster, step["Id"], "FAILED")
    assert "Step failed with exitCode 137" in emr.log(cluster, step["Id"], "controller")


def test_a_step_whose_logs_cannot_be_made_fails(emr, monkeypatch):
    def refuse(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(execution, "JobLogs", refuse)
    cluster = emr.run(emr.bash("true"))
    (step,) = emr.steps(cluster)
    details = emr.wait_step(cluster, step["Id"], "FAILED")["FailureDetails"]
    assert "No space left on device" in details["Message"]


def test_a_job_finds_nothing_of_an_earlier_process_in_its_folder(emr):
    logs = emr.app.context.settings.scratch_dir / "j-again" / "bootstrap-actions" / "1" / "logs"
    logs.mkdir(parents=True)
    (logs / "stdout").write_text("earlier\n")
    ended: queue.Queue[Outcome] = queue.Queue()
    task = JobTask(
        folder="j-again/bootstrap-actions/1",
        names=(),
        line="echo now",
        build_command=lambda: PlainCommand(("echo", "now")),
    )
    emr.app._runner.start(task, ended.put)
    assert ended.get(timeout=60).state is JobState.COMPLETED
    assert (logs / "stdout").read_text() == "now\n"


def test_what_is_due_goes_on_where_the_end_of_a_step_cannot_be_kept(emr, monkeypatch):
    end_step = StepQueue._end_step
    failing = iter([OSError("disk full")])

    def end(self, step, outcome):
        end_step(self, step, outcome)
        for error in failing:
            raise error

    monkeypatch.setattr(StepQueue, "_end_step", end)
    monkeypatch.setattr(threading, "excepthook", lambda hook: told.append(hook.exc_value))
    told: list[BaseException | None] = []
    cluster = emr.run(emr.bash("true"), emr.bash("true"))
    emr.until(lambda: emr.states(cluster) == ["COMPLETED", "COMPLETED"])
    assert [str(error) for error in told] == ["disk full"]


def test_a_job_that_cannot_be_watched_is_taken_down(emr, monkeypatch, tmp_path):
    pid = tmp_path / "pid"

    def refuse(*_):
        emr.until(pid.exists)
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(emr.app._runner._shared.memory, "watching", refuse)
    cluster = emr.run(emr.bash(f"echo $$ > {pid}.part; mv {pid}.part {pid}; exec sleep 600"))
    emr.until(lambda: emr.states(cluster) == ["FAILED"])
    assert not is_alive(int(pid.read_text()))


@pytest.mark.parametrize("strategy", ["SEND_INTERRUPT", "TERMINATE_PROCESS"])
def test_a_step_that_hangs_runs_until_it_is_cancelled(emr, tmp_path, strategy):
    started = tmp_path / "started"
    emr.app.context.faults.add(Fault(kind=FaultKind.HANG, match=f"hangs {strategy}"))
    cluster = emr.run(emr.bash(f"touch {started}", name=f"hangs {strategy}"), emr.bash("true"))
    hanging, after = (step["Id"] for step in emr.steps(cluster))
    emr.wait_step(cluster, hanging, "RUNNING")
    emr.client.cancel_steps(ClusterId=cluster, StepIds=[hanging], StepCancellationOption=strategy)
    emr.wait_step(cluster, after, "COMPLETED")
    assert emr.states(cluster) == ["CANCELLED", "COMPLETED"]
    assert not started.exists()
    assert "startExec" in emr.log(cluster, hanging, "controller")


def test_a_cluster_with_a_step_that_hangs_can_be_terminated(emr):
    emr.app.context.faults.add(Fault(kind=FaultKind.HANG, match="hangs for ever"))
    cluster = emr.run(emr.bash("true", name="hangs for ever"))
    emr.until(lambda: emr.states(cluster) == ["RUNNING"])
    emr.client.terminate_job_flows(JobFlowIds=[cluster])
    emr.wait_cluster(cluster, "TERMINATED")
    assert emr.states(cluster) == ["CANCELLED"]


def test_closing_ends_a_step_that_hangs(make_emr, tmp_path):
    state = tmp_path / "state.sqlite"
    emr = make_emr(scratch_dir=tmp_path, state_file=state, delays=NO_DELAYS)
    emr.app.context.faults.add(Fault(kind=FaultKind.HANG, times=None))
    cluster = emr.run(emr.bash("true"))
    emr.until(lambda: emr.states(cluster) == ["RUNNING"])
    emr.app.close()
    (closed,) = Store(state).load("step")
    assert closed[1]["state"] == "CANCELLED"
    emr.close()
