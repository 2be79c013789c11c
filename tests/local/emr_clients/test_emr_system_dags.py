"""The amazon provider's own system tests, as they are, run by Airflow against the local EMR."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sparkdrop_local.airflow import build_airflow_environment, make_login, prepare_home
from tests.local.emr_clients.provider_sources import DAGS, load_sources

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.local.emr_clients.server import Server

HERE = Path(__file__).resolve().parent
DEADLINE_SECONDS = 400
# what AWS's bucket of samples has for the serverless example: it counts words, and here it brings its own
WORD_COUNT = b"""
import sys
from pyspark.sql import SparkSession

spark = SparkSession.builder.appName("WordCount").getOrCreate()
words = [(word,) for word in "to be or not to be".split()]
spark.createDataFrame(words, ["word"]).groupBy("word").count().coalesce(1).write.csv(sys.argv[1])
spark.stop()
"""


@dataclass(frozen=True, slots=True)
class DagRun:
    """A DAG that runs, in a process of its own."""

    process: subprocess.Popen[bytes]
    log: Path
    result: Path

    def wait(self) -> dict[str, Any]:
        self.process.wait(DEADLINE_SECONDS)
        assert self.process.returncode == 0, self.log.read_text()[-6000:]
        found: dict[str, Any] = json.loads(self.result.read_text())
        return found


def start(server: Server, folder: Path, dag: str, *, deferrable: bool) -> DagRun:
    """Start a run with an Airflow of its own: settings, database, no scheduler."""
    sources = load_sources()
    login = make_login()
    environment = server.client_environment | build_airflow_environment(
        folder, {}, port=1, dags=sources / DAGS, configs=folder, login=login
    )
    prepare_home(folder, environment, login)
    name = f"env{dag.replace('_', '')}{'deferrable' if deferrable else ''}"
    server.make_client("s3").create_bucket(Bucket=f"{name}-logs")
    environment |= {
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(folder / "plugins"),
        "AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE": str(deferrable),
        "PYTHONPATH": os.pathsep.join([str(sources), str(HERE / "stand_ins")]),
        "SYSTEM_TESTS_ENV_ID": name,
        "BUCKET_NAME": f"{name}-logs",
        "EXECUTION_ROLE_ARN": "arn:aws:iam::123456789012:role/emr-step",
        "ROLE_ARN": "arn:aws:iam::123456789012:role/emr-job",
    }
    log, result = folder / "run.log", folder / "result.json"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, HERE / "run_dag.py", f"system.amazon.aws.{dag}", result],
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    return DagRun(process, log, result)


@pytest.fixture(scope="module")
def runs(
    server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[tuple[str, bool], DagRun]]:
    """All of them at once: most of the time they sleep between two looks."""
    s3 = server.make_client("s3")
    samples = f"{server.environment['AWS_REGION']}.elasticmapreduce"
    s3.create_bucket(Bucket=samples)
    s3.put_object(
        Bucket=samples, Key="emr-containers/samples/wordcount/scripts/wordcount.py", Body=WORD_COUNT
    )
    started = {}
    try:
        for dag in ("example_emr", "example_emr_serverless"):
            for deferrable in (False, True):
                folder = tmp_path_factory.mktemp(dag)
                started[dag, deferrable] = start(server, folder, dag, deferrable=deferrable)
        yield started
    finally:
        for run in started.values():
            run.process.kill()
            run.process.wait()


@pytest.mark.parametrize("deferrable", [False, True], ids=["waiting", "deferrable"])
@pytest.mark.parametrize("dag", ["example_emr", "example_emr_serverless"])
def test_a_system_test_of_the_provider_passes(runs, dag, deferrable):
    run = runs[dag, deferrable]
    ended = run.wait()

    tasks = {name: task["state"] for name, task in ended["tasks"].items()}
    assert tasks.pop("watcher") == "skipped", run.log.read_text()[-6000:]
    assert set(tasks.values()) == {"success"}
    assert ended["state"] == "success"
