"""The whole system, started once by its command: sockets, logs, memory, and what is left of it."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from sparkdrop_local import processes
from sparkdrop_local.system import LocalSystem, load_running, load_system

pytestmark = pytest.mark.e2e

DEADLINE_SECONDS = 90
TWO_GIBIBYTES = 2 * 1024**3
DAG = '''
"""One airflow DAG that needs nothing."""
import os

from airflow.sdk import dag, task


@dag(schedule=None)
def greeting():
    @task
    def greet() -> str:
        print("uploads go to " + os.environ["SPARKDROP_UPLOADS_BUCKET"])
        return os.environ["AWS_ENDPOINT_URL"]

    greet()


greeting()
'''


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sparkdrop_local", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSystem]:
    folder = tmp_path_factory.mktemp("local")
    (folder / "dags").mkdir()
    (folder / "dags" / "greeting.py").write_text(DAG)
    home = folder / "home"
    said = run("up", "--detach", "--json", "--home", str(home), "--dags", str(folder / "dags"))
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout)["state"] == "ready"
    yield load_running(home)
    run("down", "--home", str(home))


def find_all(system: LocalSystem) -> list[psutil.Process]:
    leaders = [one for record in system.processes if (one := processes.find(record.pid, record.started))]
    return processes.find_family([*leaders, *processes.find_marked(system.system_id)])


class Api:
    """Airflow's REST API, as its admin."""

    def __init__(self, system: LocalSystem) -> None:
        self._url = system.airflow_url
        login = {"username": system.login.user, "password": system.login.password}
        self._token = None
        self._token = self.call("/auth/token", login)["access_token"]

    def call(self, path: str, body: dict | None = None) -> dict:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self._url}{path}", data, headers)  # noqa: S310 - it is http on loopback
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - see above
            return json.load(answer)


def wait_for(find: Callable, what: str):
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        try:
            if found := find():
                return found
        except urllib.error.HTTPError as error:
            error.close()
            # a DAG is not there before it was parsed
            if error.code != 404:
                raise
        time.sleep(0.1)
    pytest.fail(f"not within {DEADLINE_SECONDS} s: {what}")


def test_every_socket_listens_on_loopback_only(system):
    listening = {
        (connection.laddr.ip, connection.laddr.port)
        for process in find_all(system)
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }

    assert {ip for ip, _ in listening} == {"127.0.0.1"}
    assert set(system.ports.values()) <= {port for _, port in listening}


def test_idle_it_holds_at_most_two_gibibytes(system):
    told = json.loads(run("status", "--json", "--home", str(system.home)).stdout)

    assert [one["name"] for one in told["processes"]] == [
        "supervisor",
        "aws",
        "api",
        "scheduler",
        "dag-processor",
        "triggerer",
        "api-server",
    ]
    assert 300 * 1024**2 < told["memory_bytes"] < TWO_GIBIBYTES


def test_a_task_has_the_environment_of_a_deployment_and_a_log_without_noise(system):
    api = Api(system)
    run_id = wait_for(lambda: api.call("/api/v2/dags/greeting/dagRuns", {"logical_date": None}), "the DAG")[
        "dag_run_id"
    ]
    path = f"/api/v2/dags/greeting/dagRuns/{run_id.replace('+', '%2B')}"

    wait_for(lambda: api.call(path)["state"] == "success", "the run succeeds")

    value = api.call(f"{path}/taskInstances/greet/xcomEntries/return_value")["value"]
    assert value == system.environment["AWS_ENDPOINT_URL"]
    events = [line["event"] for line in api.call(f"{path}/taskInstances/greet/logs/1")["content"]]
    assert f"uploads go to {system.environment['SPARKDROP_UPLOADS_BUCKET']}" in events
    assert [event for event in events if "served logs" in event or "deprecated" in event] == []


def test_a_killed_api_comes_back_with_the_same_users_and_address(system):
    home = ["--home", str(system.home)]
    said = run("token", *home)
    assert said.returncode == 0, said.stderr
    (killed,) = [one for one in system.processes if one.name == "api"]

    psutil.Process(killed.pid).kill()

    def find_restarted():
        (now,) = [one for one in load_running(system.home).processes if one.name == "api"]
        return now.restarts == killed.restarts + 1 and now.state == "running"

    wait_for(find_restarted, "the API is started again")
    token = said.stdout.strip()
    wait_for(lambda: call_api(system, token) == 422, "the API answers a token of before")
    assert call_api(system, "") == 401
    wrong = run("token", *home, "--user", system.api.user, "--password", "wrong")
    assert (wrong.returncode, wrong.stdout) == (1, "")


def call_api(system: LocalSystem, token: str) -> int | None:
    request = urllib.request.Request(  # noqa: S310 - it is http on loopback
        f"{system.api.url}/invoke", b"{}", {"Authorization": token}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - see above
            return answer.status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return None


def test_a_second_up_joins_the_first(system):
    said = run("up", "--home", str(system.home))

    assert (said.returncode, said.stderr) == (0, "already up\n")
    assert system.airflow_url in said.stdout
    assert system.api.page_url in said.stdout
    assert load_system(system.home).state == "ready"


def test_down_leaves_nothing_and_the_next_up_asks_for_the_same_ports(system):
    everything = find_all(system)
    assert len(everything) > len(system.processes)

    said = run("down", "--json", "--home", str(system.home))

    assert (said.returncode, json.loads(said.stdout)["stopped"]) == (0, True)
    assert [one for one in everything if one.is_running() and one.status() != psutil.STATUS_ZOMBIE] == []
    assert not (system.home / "aws.json").exists()
    stopped = load_system(system.home)
    assert (stopped.state, stopped.ports) == ("stopped", system.ports)
    assert (stopped.login, stopped.api) == (None, None)


def test_aws_alone_comes_up_beside_it_and_goes(tmp_path: Path):
    home = ["--home", str(tmp_path)]
    said = run("up", "--detach", "--only", "aws", *home)
    try:
        assert said.returncode == 0, said.stderr
        environment = json.loads(run("env", "--json", *home).stdout)
        assert not {"SPARKDROP_AIRFLOW_URL", "SPARKDROP_API_URL", "SPARKDROP_PAGE_URL"} & set(environment)
        assert {"AWS_ENDPOINT_URL", "SPARKDROP_LEDGER_TABLE", "SPARKDROP_ARRIVALS_QUEUE_URL"} <= set(
            environment
        )
        assert [one.name for one in load_running(tmp_path).processes] == ["aws"]
    finally:
        down = run("down", *home)
    assert down.stdout == "stopped\n"
