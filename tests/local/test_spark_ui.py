"""`sparkdrop local spark-ui`: Spark's own history server, over an event log written here."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from typer.testing import CliRunner

from sparkdrop_local import cli

DEADLINE_SECONDS = 60
RUN = "local-1700000000000"
LOG = (
    {"Event": "SparkListenerLogStart", "Spark Version": "4.0.2"},
    {
        "Event": "SparkListenerApplicationStart",
        "App Name": "flights",
        "App ID": RUN,
        "Timestamp": 1700000000000,
        "User": "hadoop",
    },
    {"Event": "SparkListenerApplicationEnd", "Timestamp": 1700000060000},
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose EMR ran one step with Spark."""
    events = tmp_path / "emr" / "spark-events"
    events.mkdir(parents=True)
    # Spark looks for `"Event":"…`, without a space
    (events / RUN).write_text("".join(f"{json.dumps(event, separators=(',', ':'))}\n" for event in LOG))
    return tmp_path


@pytest.fixture
def command(home: Path) -> Iterator["subprocess.Popen[str]"]:
    """The command, as a terminal runs it."""
    words = [sys.executable, "-m", "sparkdrop_local", "spark-ui", "--home", str(home), "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        yield process
        process.kill()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)


def find_java(command: "subprocess.Popen[str]") -> list[psutil.Process]:
    children = psutil.Process(command.pid).children(recursive=True)
    return [one for one in children if "java" in one.name()]


def is_alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_it_lists_the_runs_on_loopback_alone_until_ctrl_c(home, command):
    told = json.loads("".join(command.stdout.readline() for _ in range(4)))
    assert told["events"] == str(home / "emr" / "spark-events")
    listed: list[dict[str, str]] = []

    def is_listed() -> bool:
        listed[:] = httpx.get(f"{told['url']}/api/v1/applications").json()
        return bool(listed)

    until(is_listed)
    assert [(one["id"], one["name"]) for one in listed] == [(RUN, "flights")]
    family = psutil.Process(command.pid).children(recursive=True)
    (java,) = find_java(command)
    listening = [one.laddr.ip for one in java.net_connections() if one.status == psutil.CONN_LISTEN]
    assert {address.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}
    command.send_signal(signal.SIGINT)
    assert command.wait(DEADLINE_SECONDS) == 0
    assert not any(is_alive(one) for one in family)


def test_it_does_not_outlive_its_command(command):
    until(lambda: bool(find_java(command)))
    family = psutil.Process(command.pid).children(recursive=True)
    command.kill()
    until(lambda: not any(is_alive(one) for one in family))


def invoke(*arguments: str) -> str:
    said = CliRunner().invoke(cli.app, ["spark-ui", *arguments])
    assert said.exit_code == 1
    return said.stderr.replace("\n", "")


def test_nothing_to_show_is_said_with_the_folder(tmp_path):
    said = invoke("--home", str(tmp_path))
    assert "no Spark run has left an event log in" in said
    assert str(tmp_path / "emr" / "spark-events") in said
    (tmp_path / "mine").mkdir()
    assert str(tmp_path / "mine") in invoke("--home", str(tmp_path), "--events", str(tmp_path / "mine"))


def test_a_port_that_is_taken_is_named(home):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert f"port {port} on 127.0.0.1 is taken" in invoke("--home", str(home), "--port", port)


def test_a_server_that_cannot_start_is_quoted(home, monkeypatch):
    monkeypatch.setattr("sparkdrop_local.spark_ui._CLASS", "no.such.Server")
    said = invoke("--home", str(home))
    assert "ended with exit code 1" in said
    assert "no.such.Server" in said
