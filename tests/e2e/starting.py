"""A local system with the shipped pipelines and those of the tests, on real Airflow and real Spark."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.system import System, run_sparkdrop

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
_PIPELINES = (
    REPOSITORY / "include" / "emr_configs",
    HERE / "pipelines",
    REPOSITORY / "tests" / "faults" / "pipelines",
)


@contextmanager
def start_system(home: Path) -> Iterator[System]:
    """Start one by its own command, and stop it so."""
    configs, jobs = home / "emr_configs", home / "spark_jobs"
    for folder in _PIPELINES:
        shutil.copytree(folder, configs, dirs_exist_ok=True)
    shutil.copytree(REPOSITORY / "include" / "spark_jobs", jobs)
    shutil.copytree(HERE / "spark_jobs", jobs, dirs_exist_ok=True)
    environment = {
        **os.environ,
        "SPARKDROP_SWEEP_SCHEDULE": "* * * * *",
        "SPARKDROP_REAP_AFTER": "30s",
        "SPARKDROP_SENSOR_POLL": "1s",
        "SPARKDROP_JOBS_DIR": str(jobs),
    }
    try:
        up = run_sparkdrop(
            *("local", "up", "--detach", "--trail", "--json"),
            *("--home", str(home), "--configs", str(configs)),
            env=environment,
        )
        assert up.returncode == 0, up.stderr + up.stdout
        values = run_sparkdrop("local", "env", "--home", str(home), "--json")
        told = json.loads(up.stdout)
        running = System(home, json.loads(values.stdout), told["login"], told["api"])
        running.s3.create_bucket(Bucket="partner-exports")
        yield running
    finally:
        down = run_sparkdrop("local", "down", "--home", str(home))
    assert down.returncode == 0, down.stderr
