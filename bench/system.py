"""The local system as the benches see it: started for them, driven from outside, stopped after them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
import httpx

from sparkdrop_local.system import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

DAGS = REPOSITORY / "dags"
CONFIGS = REPOSITORY / "include" / "emr_configs"
JOBS = REPOSITORY / "include" / "spark_jobs"
_SPARKDROP = str(Path(sys.executable).with_name("sparkdrop"))
_POLL_SECONDS = 0.3
T = TypeVar("T")


class BenchError(Exception):
    """A bench cannot be measured, or what it measured makes no sense."""


@dataclass
class BenchSystem:
    """One running local system.

    Attributes:
        home: its folder.
        environment: what a client of it sets.
        login: of its Airflow.
    """

    home: Path
    environment: dict[str, str]
    login: dict[str, str]

    def __getitem__(self, name: str) -> str:
        """The name of one of its resources: `system["UPLOADS_BUCKET"]`."""
        return self.environment[f"SPARKDROP_{name}"]

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3's clients are made at run time
        """Make a client for its AWS."""
        return boto3.client(
            service,  # type: ignore[call-overload]  # the stubs know services by their literal names
            endpoint_url=self.environment["AWS_ENDPOINT_URL"],
            region_name=self.environment["AWS_REGION"],
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
        )

    @cached_property
    def s3(self) -> Any:  # noqa: ANN401 - as `client`
        """A client for its S3."""
        return self.client("s3")

    @cached_property
    def emr(self) -> Any:  # noqa: ANN401 - as `client`
        """A client for its EMR."""
        return self.client("emr")

    @cached_property
    def _airflow(self) -> httpx.Client:
        client = httpx.Client(base_url=self["AIRFLOW_URL"], timeout=30, trust_env=False)
        login = {"username": self.login["user"], "password": self.login["password"]}
        token = client.post("/auth/token", json=login).raise_for_status().json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        return client

    def ask_airflow(self, path: str) -> Any:  # noqa: ANN401 - any JSON
        """GET something of Airflow's API; None where there is no such thing."""
        answer = self._airflow.get(f"/api/v2{path}")
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        return answer.raise_for_status().json()

    def read_runs(self, dag_id: str) -> list[dict[str, Any]]:
        """Read a DAG's runs, the newest first."""
        answer = self.ask_airflow(f"/dags/{dag_id}/dagRuns?limit=50&order_by=-run_after")
        runs: list[dict[str, Any]] = answer["dag_runs"]
        return runs

    def read_tasks(self, dag_id: str, run_id: str) -> dict[str, dict[str, Any]]:
        """Read a run's tasks, by their ids."""
        quoted = urllib.parse.quote(run_id, safe="")
        answer = self.ask_airflow(f"/dags/{dag_id}/dagRuns/{quoted}/taskInstances")
        return {task["task_id"]: task for task in answer["task_instances"]}

    def read_wake_up(self, dag_id: str, run_id: str) -> str | None:
        """Read when the first asset event that made a run was stored."""
        quoted = urllib.parse.quote(run_id, safe="")
        events = self.ask_airflow(f"/dags/{dag_id}/dagRuns/{quoted}/upstreamAssetEvents")["asset_events"]
        return min((event["timestamp"] for event in events), default=None)

    def is_parsed(self, dag_id: str) -> bool:
        """Whether Airflow knows a DAG and would run it."""
        dag = self.ask_airflow(f"/dags/{dag_id}")
        return dag is not None and not dag["is_paused"]

    def read_status(self) -> dict[str, Any]:
        """Read what the system says of itself: its supervisor and its processes, with their ids."""
        status: dict[str, Any] = json.loads(
            _run("local", "status", "--home", str(self.home), "--json").stdout
        )
        return status


def wait_for(what: str, look: Callable[[], T | None], *, seconds: float = 120) -> T:
    """Look until there is something.

    Raises:
        BenchError: there is nothing after so many seconds.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(_POLL_SECONDS)
    raise BenchError(f"after {seconds:.0f} s there is still no {what}")


@contextlib.contextmanager
def run_system(
    *,
    configs: Path = CONFIGS,
    jobs: Path = JOBS,
    dags: Path = DAGS,
    settings: Mapping[str, str] | None = None,
) -> Iterator[BenchSystem]:
    """Have a local system for a block, in a folder of its own, which stays for a look when the block fails.

    Raises:
        BenchError: it does not start.
    """
    home = Path(tempfile.mkdtemp(prefix="sparkdrop-bench-"))
    environment = {**os.environ, **(settings or {}), "SPARKDROP_JOBS_DIR": str(jobs)}
    try:
        yield _start(home, ["--configs", str(configs), "--dags", str(dags)], environment)
    except BenchError as error:
        error.add_note(f"the system's logs and Airflow's database are in {home}")
        _run("local", "down", "--home", str(home))
        raise
    except BaseException:
        _clear(home)
        raise
    else:
        _clear(home)


def _start(home: Path, places: list[str], environment: Mapping[str, str]) -> BenchSystem:
    up = _run("local", "up", "--detach", "--home", str(home), "--json", *places, env=environment)
    if up.returncode != 0:
        raise BenchError(f"the local system does not start: {up.stderr.strip() or up.stdout.strip()}")
    values = json.loads(_run("local", "env", "--home", str(home), "--json").stdout)
    return BenchSystem(home, values, json.loads(up.stdout)["login"])


def _clear(home: Path) -> None:
    _run("local", "down", "--home", str(home))
    shutil.rmtree(home, ignore_errors=True)


def _run(*arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [_SPARKDROP, *arguments], capture_output=True, text=True, check=False, env=env, timeout=300
    )
