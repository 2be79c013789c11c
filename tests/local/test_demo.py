"""The demo's command and the life of its system, with pretended systems; `make demo` is the real one."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time

import psutil
import pytest
from typer.testing import CliRunner

from sparkdrop.cli import main
from sparkdrop_local import boot, demo, demo_system, processes
from sparkdrop_local.demo_data import FLIGHTS, DemoFile
from sparkdrop_local.demo_figures import Figures, PipelineFigures, Sample, Times
from sparkdrop_local.demo_system import Running, check_up, run_system
from sparkdrop_local.supervisor import make_own_record
from sparkdrop_local.system import LocalApi, LocalSystem, LocalSystemError, Login

DEADLINE_SECONDS = 90


def describe(home, **changes):
    """A ready system whose supervisor is this very process."""
    facts = {
        "system_id": f"pretended-{home.name}",
        "state": "ready",
        "home": home,
        "supervisor": make_own_record(home),
        "airflow_url": "http://127.0.0.1:8080",
        "login": Login(user="admin", password="open"),
        "api": LocalApi(
            user="me", password="[b]", url="http://127.0.0.1:1/api", page_url="http://127.0.0.1:1/"
        ),
    }
    return LocalSystem(**facts | changes)


@pytest.fixture
def pretended(monkeypatch):
    """Starts and stops of a system, which are only written down."""
    calls = []

    def start(request, report):
        calls.append(("start", request.home))
        system = describe(request.home)
        report(system)
        return system

    monkeypatch.setattr(boot, "start_detached", start)
    monkeypatch.setattr(boot, "stop", lambda home: calls.append(("stop", home)))
    monkeypatch.setattr(demo_system, "prepare", lambda cache: [DemoFile(cache / "x.csv", FLIGHTS, 7)])
    return calls


# the system's life


def test_a_system_that_the_demo_starts_ends_with_it(pretended, tmp_path):
    with run_system(tmp_path, tmp_path / "cache") as running:
        assert pretended == [("start", tmp_path)]
        assert (running.is_ours, running.files[0].rows) == (True, 7)
    assert pretended == [("start", tmp_path), ("stop", tmp_path)]


def test_a_system_that_was_up_stays_up(pretended, tmp_path):
    describe(tmp_path).save()
    with run_system(tmp_path, tmp_path) as running:
        assert not running.is_ours
    assert pretended == [("start", tmp_path)]


@pytest.mark.parametrize("error", [LocalSystemError("no data"), KeyboardInterrupt()])
def test_whatever_ends_the_demo_the_system_is_stopped(pretended, tmp_path, monkeypatch, error):
    def refuse(_):
        raise error

    monkeypatch.setattr(demo_system, "prepare", refuse)
    with pytest.raises(type(error)), run_system(tmp_path, tmp_path):
        pytest.fail("the block ran without its data")
    assert pretended[-1] == ("stop", tmp_path)


def test_aws_alone_is_refused_and_left_alone(pretended, tmp_path):
    describe(tmp_path, only_aws=True).save()
    with pytest.raises(LocalSystemError, match="AWS alone is up"), run_system(tmp_path, tmp_path):
        pytest.fail("the block ran without Airflow")
    assert pretended == []


def test_a_system_that_ended_meanwhile_says_why(tmp_path):
    describe(tmp_path).save()
    check_up(tmp_path)
    gone = make_own_record(tmp_path).model_copy(update={"started": 1.0})
    describe(tmp_path, supervisor=gone, error="aws ended with signal SIGKILL").save()
    with pytest.raises(LocalSystemError, match="aws ended with signal SIGKILL"):
        check_up(tmp_path)


STAND_IN = """
import os, subprocess, sys, time
from pathlib import Path
from sparkdrop_local import boot, demo_system, processes
from tests_describe import describe

home = Path(sys.argv[1])

def start(request, report):
    system = describe(home)
    mark = {processes.MARK: system.system_id}
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], env=os.environ | mark)
    report(system)
    print(child.pid, flush=True)
    time.sleep(600)

boot.start_detached = start
boot.stop = lambda home: (home / "stopped").touch()
demo_system.prepare = lambda cache: []
with demo_system.end_at_signals(), demo_system.run_system(home, home):
    pass
"""


@pytest.fixture
def demo_process(tmp_path):
    """A demo in a process of its own, whose system is one marked process; gives both."""
    (tmp_path / "tests_describe.py").write_text(
        "from sparkdrop_local.supervisor import make_own_record\n"
        "from sparkdrop_local.system import LocalSystem\n"
        "def describe(home):\n"
        f"    return LocalSystem(system_id='pretended-{tmp_path}', state='ready', home=home,\n"
        "                       supervisor=make_own_record(home))\n"
    )
    (tmp_path / "stand_in.py").write_text(STAND_IN)
    command = [sys.executable, str(tmp_path / "stand_in.py"), str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    child = psutil.Process(int(process.stdout.readline()))
    yield process, child
    process.kill()
    # before the read of the output's end: the marked process holds the other end of the pipe
    processes.stop_marked(f"pretended-{tmp_path}", grace_seconds=1)
    process.communicate()


def wait_for_end(child):
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(psutil.NoSuchProcess):
            if child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.05)
                continue
        return True
    return False


def test_a_demo_that_is_killed_leaves_nothing(demo_process):
    process, child = demo_process
    process.kill()
    assert wait_for_end(child)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_demo_and_its_system(demo_process, tmp_path, number):
    process, child = demo_process
    process.send_signal(number)
    _, said = process.communicate(timeout=DEADLINE_SECONDS)
    assert b"KeyboardInterrupt" in said
    assert (tmp_path / "stopped").exists()
    assert wait_for_end(child)


def test_a_supervisor_that_is_not_on_record_yet_is_stopped(pretended, tmp_path):
    code = "import signal; signal.pause()"
    with run_system(tmp_path, tmp_path):
        launched = subprocess.Popen([sys.executable, "-c", code, "sparkdrop_local", "up", str(tmp_path)])
        other = subprocess.Popen([sys.executable, "-c", code, "sparkdrop_local", "up", str(tmp_path / "b")])
    try:
        assert launched.poll() is not None
        assert other.poll() is None
    finally:
        launched.kill()
        launched.wait()
        other.kill()
        other.wait()
    assert pretended[-1] == ("stop", tmp_path)


# the command


def build_figures(problems=()):
    one = PipelineFigures(
        files=12,
        bytes=100,
        rows_expected=336_776,
        rows_in=336_776,
        rows_out=336_776,
        rows_rejected=0,
        rows_read_back=336_776,
        batches=1,
        step_seconds=9.0,
        result_seconds=30.0,
    )
    sample = Sample(336_776, "s3://curated/flights/a.parquet", [{"carrier": "UA"}])
    times = Times(ready=20.0, upload=1.0, total=50.0)
    return Figures({"flights": one}, times, 9.0, 30.0, {"flights": sample}, list(problems))


@pytest.fixture
def command(monkeypatch, tmp_path):
    """Runs the command over a pretended system; what is printed comes by pytest's own capture."""

    def invoke(*options, is_ours=True, problems=()):
        @contextlib.contextmanager
        def run_system(home, _cache):
            yield Running(describe(home), is_ours, [], 20.0)

        monkeypatch.setattr(demo, "run_system", run_system)
        monkeypatch.setattr(demo, "_run", lambda _running, _began: build_figures(problems))
        return CliRunner().invoke(main.build_app(), ["demo", "--home", str(tmp_path), *options])

    return invoke


def test_the_command_prints_rows_and_login_and_writes_the_figures(command, tmp_path):
    done = command("--json", str(tmp_path / "new" / "figures.json"))
    record = json.loads((tmp_path / "new" / "figures.json").read_text())
    assert done.exit_code == 0
    assert (record["succeeded"], record["rows_in"], record["rows_rejected"]) == (True, 336_776, 0)
    assert (record["step_seconds"], record["result_seconds"], record["total_seconds"]) == (9.0, 30.0, 50.0)
    assert record["airflow_url"] == "http://127.0.0.1:8080"
    assert re.search(r"flights +12 +336,776 +336,776 +0 +336,776 +1\n", done.stdout)
    assert record["page_url"] == "http://127.0.0.1:1/"
    assert "Airflow  http://127.0.0.1:8080   user admin   password open" in done.stdout
    assert "Page     http://127.0.0.1:1/   user me   password [b]" in done.stdout
    assert "Ctrl-C" not in done.stdout


def test_the_command_fails_where_something_is_missing(command, tmp_path):
    done = command("--json", str(tmp_path / "figures.json"), problems=["flights: 1 rows in, 2 expected"])
    assert done.exit_code == 1
    assert "error: flights: 1 rows in, 2 expected" in done.stderr
    assert not json.loads((tmp_path / "figures.json").read_text())["succeeded"]


def test_the_command_leaves_a_system_that_was_up(command):
    done = command("--stay", is_ours=False)
    assert (done.exit_code, "was up before and stays up" in done.stdout) == (0, True)


def test_a_stay_ends_with_ctrl_c_and_all_is_well(command, tmp_path, monkeypatch):
    describe(tmp_path).save()
    monkeypatch.setattr(demo.time, "sleep", lambda _: os.kill(os.getpid(), signal.SIGTERM))
    done = command("--stay")
    assert done.exit_code == 0
    assert "Ctrl-C stops it" in done.stdout


def test_a_stay_ends_with_its_system(command, tmp_path):
    gone = make_own_record(tmp_path).model_copy(update={"started": 1.0})
    describe(tmp_path, supervisor=gone, error="aws ended").save()
    done = command("--stay")
    assert done.exit_code == 1
    assert "the local system is not up any more: aws ended" in done.stderr
