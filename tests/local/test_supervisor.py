"""The supervisor over tiny processes: what comes up, comes back, and is gone."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sparkdrop_local import boot, processes
from sparkdrop_local.system import LocalSystem, load_system, system_file

PROGRAM = Path(__file__).with_name("supervised.py")
DEADLINE_SECONDS = 30


def wait_for(find, what):
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        if found := find():
            return found
        time.sleep(0.02)
    pytest.fail(f"not within {DEADLINE_SECONDS} s: {what}")


class Supervised:
    """A supervisor in a process of its own, seen from outside."""

    def __init__(self, home: Path, **behaviours: str) -> None:
        self.home = home
        named = [f"{name}={behaviour}" for name, behaviour in behaviours.items()]
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), "supervise", str(home), *named],
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def now(self) -> LocalSystem:
        system = load_system(self.home)
        assert system is not None
        return system

    def wait_until(self, state: str) -> LocalSystem:
        def reached() -> LocalSystem | None:
            system = load_system(self.home)
            return system if system and system.state == state else None

        return wait_for(reached, f"the system is {state}")

    def facts(self, name: str) -> dict[str, int]:
        return json.loads((self.home / f"{name}.up").read_text())

    def end(self) -> tuple[int, str]:
        _, said = self.process.communicate(timeout=DEADLINE_SECONDS)
        return self.process.returncode, said


@pytest.fixture
def start(tmp_path: Path) -> Iterator:
    started = []

    def begin(home: Path = tmp_path, **behaviours: str) -> Supervised:
        started.append(Supervised(home, **behaviours))
        return started[-1]

    yield begin
    for one in started:
        if one.process.poll() is None:
            one.process.terminate()
        one.process.communicate(timeout=DEADLINE_SECONDS)
        if (left := load_system(one.home)) is not None:
            boot.stop_left_over(left)


def gone(*pids: int) -> bool:
    return not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in pids)


def test_a_ready_system_tells_of_its_processes_to_its_owner_only(start, tmp_path):
    start(aws="plain", scheduler="plain").wait_until("ready")

    system = load_system(tmp_path)
    assert [one.name for one in system.processes] == ["aws", "scheduler"]
    assert all(one.alive and one.log.exists() and one.restarts == 0 for one in system.processes)
    assert system.up
    assert system.environment == {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    assert system.ready_seconds < DEADLINE_SECONDS
    private = [system_file(tmp_path), *(one.log for one in system.processes)]
    assert {stat.S_IMODE(file.stat().st_mode) for file in private} == {0o600}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_supervisor_leaves_nothing(start, number):
    supervised = start(aws="runaway", scheduler="runaway", triggerer="plain")
    system = supervised.wait_until("ready")
    pids = [pid for name in ("aws", "scheduler") for pid in supervised.facts(name).values()]

    supervised.process.send_signal(number)

    assert supervised.end() == (0, "")
    assert gone(*pids, *(one.pid for one in system.processes))
    assert processes.find_marked(system.system_id) == []
    assert supervised.now().state == "stopped"
    assert not supervised.now().up


def test_a_process_that_ignores_sigterm_is_killed(start):
    supervised = start(aws="plain", triggerer="stubborn")
    supervised.wait_until("ready")
    pid = supervised.facts("triggerer")["pid"]

    supervised.process.terminate()

    assert supervised.end()[0] == 0
    assert gone(pid)


def test_a_killed_supervisor_leaves_nothing(start):
    supervised = start(aws="runaway", scheduler="runaway")
    system = supervised.wait_until("ready")
    pids = [pid for name in ("aws", "scheduler") for pid in supervised.facts(name).values()]
    assert not gone(*pids)

    supervised.process.kill()

    wait_for(lambda: gone(*pids), "all processes of the killed supervisor are gone")
    assert processes.find_marked(system.system_id) == []


def test_a_killed_component_comes_back_without_what_it_left(start):
    supervised = start(aws="plain", triggerer="runaway")
    before = supervised.wait_until("ready").processes[1]
    worker = supervised.facts("triggerer")["worker"]

    os.kill(before.pid, signal.SIGKILL)

    def came_back() -> bool:
        now = supervised.now().processes[1]
        return now.pid != before.pid and now.alive

    wait_for(came_back, "the killed triggerer runs again")
    assert supervised.now().processes[1].restarts == 1
    assert gone(worker)
    assert supervised.now().state == "ready"
    assert supervised.now().processes[0].restarts == 0


def test_a_component_that_keeps_failing_fails_the_system_with_its_last_words(start):
    supervised = start(aws="plain", scheduler="fails")

    assert supervised.end()[0] == 1
    failed = supervised.now()
    assert failed.state == "failed"
    assert "scheduler ended with exit code 7" in failed.error
    assert str(supervised.home / "logs" / "scheduler.log") in failed.error
    assert failed.error.count("the disk is full of eels") == 3, "one start and two restarts"
    assert processes.find_marked(failed.system_id) == []


def test_the_end_of_aws_is_the_end_of_the_system(start):
    supervised = start(aws="runaway", scheduler="plain")
    system = supervised.wait_until("ready")
    facts = supervised.facts("aws")

    os.kill(facts["pid"], signal.SIGKILL)

    assert supervised.end()[0] == 1
    assert "aws ended with signal SIGKILL" in supervised.now().error
    assert gone(*facts.values(), *(one.pid for one in system.processes))


def test_a_home_has_one_supervisor(start, tmp_path):
    first = start(aws="plain")
    system = first.wait_until("ready")

    second = start(aws="plain")

    code, said = second.end()
    assert code == 3
    assert f"another local system is starting or running in {tmp_path}" in said
    assert first.now() == system, "the first one is as it was"
    assert all(one.alive for one in system.processes)


def test_two_homes_do_not_meet(start, tmp_path):
    homes = [tmp_path / "one", tmp_path / "two"]
    for home in homes:
        home.mkdir()
    one, two = (start(home, aws="plain") for home in homes)
    one.wait_until("ready")
    other = two.wait_until("ready")

    one.process.terminate()

    assert one.end()[0] == 0
    assert all(process.alive for process in other.processes)
    assert two.now().state == "ready"


def test_only_the_very_processes_on_record_are_stopped(start):
    supervised = start(triggerer="plain", scheduler="plain")
    triggerer, scheduler = supervised.wait_until("ready").processes
    # the record's number is another process's by now: the start is not the same
    reused = scheduler.model_copy(update={"started": scheduler.started - 60})
    record = supervised.now().model_copy(update={"system_id": "nobody's", "processes": (triggerer, reused)})

    assert boot.stop_left_over(record) == 1

    assert not triggerer.alive
    assert scheduler.alive


def test_a_wanted_port_is_taken_only_if_it_is_free():
    port = processes.pick_port()
    assert processes.pick_port(port) == port
    with processes.socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        other = processes.pick_port(port)
    assert other != port
    assert other > 0


def test_memory_counts_every_process_it_is_given():
    me = psutil.Process()
    alone = processes.measure_memory_bytes([me])
    assert alone > 10 * 1024 * 1024
    assert processes.measure_memory_bytes([me, me]) > 1.5 * alone
