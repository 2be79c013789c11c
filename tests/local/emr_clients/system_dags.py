"""Airflow's amazon provider's own system tests, run by Airflow as they are: each kind in its own process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkdrop_local.airflow import build_airflow_environment, make_login, prepare_home
from tests.local.emr_clients.provider_sources import PACKAGE, load_sources

if TYPE_CHECKING:
    from tests.local.emr_clients.server import Server

HERE = Path(__file__).resolve().parent
DEADLINE_SECONDS = 400
NAMES = ("example_emr", "example_emr_serverless")
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
class DagRuns:
    """Airflow, running the DAGs one after the other."""

    process: subprocess.Popen[bytes]
    folder: Path

    @property
    def log(self) -> str:
        return (self.folder / "run.log").read_text()

    def wait(self, dag: str) -> dict[str, Any]:
        """What became of a DAG's run."""
        self.process.wait(DEADLINE_SECONDS)
        assert self.process.returncode == 0, self.log[-6000:]
        found: dict[str, Any] = json.loads((self.folder / f"{dag}.json").read_text())
        return found


def start(server: Server, folder: Path, *, deferrable: bool) -> DagRuns:
    """Start an Airflow of its own: settings, database, no scheduler."""
    sources = load_sources()
    login = make_login()
    environment = server.client_environment | build_airflow_environment(
        folder, {}, port=1, dags=sources / PACKAGE.replace(".", "/"), configs=folder, login=login
    )
    prepare_home(folder, environment, login)
    name = "deferrable" if deferrable else "waiting"
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
    with (folder / "run.log").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, HERE / "run_dag.py", folder, *(f"{PACKAGE}.{dag}" for dag in NAMES)],
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    return DagRuns(process, folder)


def put_samples(server: Server) -> None:
    """Make AWS's bucket of samples, with the program that the serverless example runs."""
    s3 = server.make_client("s3")
    samples = f"{server.environment['AWS_REGION']}.elasticmapreduce"
    s3.create_bucket(Bucket=samples)
    s3.put_object(
        Bucket=samples, Key="emr-containers/samples/wordcount/scripts/wordcount.py", Body=WORD_COUNT
    )
