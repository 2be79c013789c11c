"""The image of the Airflow that runs this project: built, and asked from inside."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from sparkdrop.configs import load_configs
from tests.images.building import REPOSITORY, Builder, Container, check

CONFIGS = REPOSITORY / "include" / "emr_configs"
# What a deployment's environment names; nothing of it is called here.
DEPLOYMENT = {
    "SPARKDROP_UPLOADS_BUCKET": "uploads",
    "SPARKDROP_CURATED_BUCKET": "curated",
    "SPARKDROP_ARTIFACTS_BUCKET": "artifacts",
    "SPARKDROP_LOGS_BUCKET": "logs",
    "SPARKDROP_ARRIVALS_QUEUE_URL": "http://127.0.0.1:1/queue",
    "SPARKDROP_LEDGER_TABLE": "ledger",
    "SPARKDROP_EMR_SERVICE_ROLE": "service",
    "SPARKDROP_EMR_INSTANCE_PROFILE": "profile",
    "AWS_DEFAULT_REGION": "us-east-1",
}

# What an Airflow process of the image knows; its last line is JSON.
QUESTIONS = """
import importlib.metadata, json, os
from airflow.configuration import conf
from airflow.dag_processing.dagbag import DagBag

bag = DagBag(conf.get("core", "dags_folder"))
home = os.environ["AIRFLOW_HOME"]
print(json.dumps({
    "dags": sorted(bag.dags),
    "errors": bag.import_errors,
    "user": os.getuid(),
    "idle_sleep": conf.getfloat("scheduler", "scheduler_idle_sleep_time"),
    "heartbeat": conf.getint("workers", "min_heartbeat_interval"),
    "versions": {found.name: found.version for found in importlib.metadata.distributions()},
    "tests": os.path.exists(f"{home}/tests") or os.path.exists(f"{home}/infra"),
}))
"""

# A fresh process each, as `airflow COMMAND` starts it.
PRELOADED = """
import sys
sys.argv = ["airflow", "{command}"]
from airflow import settings
settings.initialize()
print("airflow.providers.amazon.aws.operators.emr" in sys.modules)
"""

# An API server as far as the health check looks.
STAND_IN_SERVER = """
import http.server, sys, threading
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/api/v2/monitor/health" else 404)
        self.end_headers()
server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
threading.Thread(target=server.serve_forever, daemon=True).start()
import os, subprocess
port = str(server.server_address[1])
done = subprocess.run(["/bin/sh", "-c", sys.argv[1]], env={**os.environ, "AIRFLOW__API__PORT": port})
sys.exit(done.returncode)
"""

# A triggerer as far as the health check looks: the job that each of Airflow's processes keeps in the
# database. Its heart stopped an hour ago; then it beats.
WITH_JOB = """
import datetime, subprocess, sys
from airflow import settings
from airflow.jobs.job import Job
from airflow.utils import timezone
settings.initialize()
Job.__table__.create(settings.engine)
session = settings.Session()
job = Job(job_type="TriggererJob", state="running")
session.add(job)
codes = []
for hours in (1, 0):
    job.latest_heartbeat = timezone.utcnow() - datetime.timedelta(hours=hours)
    session.commit()
    codes.append(subprocess.run(["/bin/sh", "-c", sys.argv[1]]).returncode)
print(*codes)
"""


@pytest.fixture(scope="module")
def answers(airflow: Container) -> dict[str, Any]:
    done = airflow.run("python3", "-c", QUESTIONS, environment=DEPLOYMENT)
    answered: dict[str, Any] = json.loads(check(done, "asking the image").output.splitlines()[-1])
    return answered


@pytest.fixture(scope="module")
def health_check(builder: Builder, airflow: Container) -> str:
    assert airflow
    inspected = check(builder.buildah("inspect", "--type", "image", "localhost/airflow"), "inspect")
    kind, command = json.loads(inspected.output)["Docker"]["config"]["Healthcheck"]["Test"]
    assert kind == "CMD-SHELL"
    return str(command)


def test_every_dag_is_parsed(answers: dict[str, Any]) -> None:
    pipelines = load_configs(CONFIGS).pipelines
    sensors = {f"{name}.arrivals" for name, found in pipelines.items() if found.arrival.mode == "sensor"}
    assert answers["errors"] == {}
    assert set(answers["dags"]) == {*pipelines, *sensors, "maintenance", "reconcile"}


def test_the_command_lists_the_pipelines(airflow: Container) -> None:
    done = check(airflow.run("python3", "-m", "sparkdrop", "pipelines", "list", "--json"), "the command")
    listed = json.loads(done.output)
    assert {pipeline["name"] for pipeline in listed["pipelines"]} == set(load_configs(CONFIGS).pipelines)
    assert not listed["errors"]


def test_it_runs_as_airflows_user(answers: dict[str, Any]) -> None:
    assert answers["user"] == 50_000


def test_it_holds_what_runs_and_no_more(answers: dict[str, Any]) -> None:
    assert answers["tests"] is False


def test_it_has_the_locked_versions(answers: dict[str, Any]) -> None:
    locked = re.findall(r"^([a-z0-9-]+)==([^ ]+) \\", (REPOSITORY / "requirements.txt").read_text(), re.M)
    assert len(locked) > 100
    found = {name.lower().replace("_", "-"): version for name, version in answers["versions"].items()}
    assert {name: found[name] for name, _ in locked} == dict(locked)


def test_it_has_the_settings_of_a_quick_run(answers: dict[str, Any]) -> None:
    assert (answers["idle_sleep"], answers["heartbeat"]) == (0.1, 1)


@pytest.mark.parametrize(("command", "preloads"), [("scheduler", "True"), ("triggerer", "False")])
def test_the_scheduler_imports_what_its_tasks_need(airflow: Container, command: str, preloads: str) -> None:
    done = check(airflow.run("python3", "-c", PRELOADED.format(command=command)), "settings")
    assert done.output.split()[-1] == preloads


def test_an_api_server_that_answers_is_healthy(airflow: Container, health_check: str) -> None:
    check(airflow.run("python3", "-c", STAND_IN_SERVER, health_check), "the health check")


def test_a_process_is_as_healthy_as_the_heart_of_its_job(airflow: Container, health_check: str) -> None:
    environment = {
        "AIRFLOW__API__PORT": "1",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite:////tmp/airflow.db",
    }
    done = airflow.run("python3", "-c", WITH_JOB, health_check, environment=environment)
    assert done.output.splitlines()[-1] == "1 0", done.errors
    assert "No alive jobs found" in done.errors


def test_the_base_is_the_airflow_that_is_locked() -> None:
    text = (REPOSITORY / "requirements.txt").read_text()
    (version,) = re.findall(r"^apache-airflow==([^ ]+)", text, re.M)
    dockerfile = (REPOSITORY / "Dockerfile").read_text()
    assert f"ARG BASE_IMAGE=docker.io/apache/airflow:slim-{version}-python" in dockerfile


def test_no_image_is_named_but_the_bases() -> None:
    for file in (REPOSITORY / "Dockerfile", REPOSITORY / "infra/stacks/spark_job/Dockerfile"):
        froms = re.findall(r"^FROM (.*)$", Path(file).read_text(), re.M)
        assert froms == ["${BASE_IMAGE}"]
