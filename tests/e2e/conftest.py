"""One local system for all end-to-end tests, started and stopped by its own command."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.api import ApiUser
from tests.e2e.system import System, run_sparkdrop

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]


@pytest.fixture(scope="package")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """The shipped pipelines and those of the tests, on real Airflow and real Spark."""
    home = tmp_path_factory.mktemp("home")
    configs, jobs = home / "emr_configs", home / "spark_jobs"
    shutil.copytree(REPOSITORY / "include" / "emr_configs", configs)
    shutil.copytree(HERE / "pipelines", configs, dirs_exist_ok=True)
    shutil.copytree(REPOSITORY / "include" / "spark_jobs", jobs)
    shutil.copytree(HERE / "spark_jobs", jobs, dirs_exist_ok=True)
    environment = {
        **os.environ,
        "SPARKDROP_SWEEP_SCHEDULE": "* * * * *",
        "SPARKDROP_SENSOR_POLL": "1s",
        "SPARKDROP_JOBS_DIR": str(jobs),
    }
    up = run_sparkdrop(
        *("local", "up", "--detach", "--trail", "--json"),
        *("--home", str(home), "--configs", str(configs)),
        env=environment,
    )
    try:
        assert up.returncode == 0, up.stderr + up.stdout
        values = run_sparkdrop("local", "env", "--home", str(home), "--json")
        told = json.loads(up.stdout)
        running = System(home, json.loads(values.stdout), told["login"], told["api"])
        running.s3.create_bucket(Bucket="partner-exports")
        yield running
    finally:
        down = run_sparkdrop("local", "down", "--home", str(home))
    assert down.returncode == 0, down.stderr


@pytest.fixture(scope="package")
def demo(system: System) -> ApiUser:
    """The system's own user of the API."""
    return ApiUser(system, system["API_TOKEN"])
