"""The image of Spark jobs: EMR's, with what the programs require."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import yaml

from tests.images.building import REPOSITORY, Builder, check

from .conftest import SPARK_JOB

if TYPE_CHECKING:
    from pathlib import Path

# Airflow's virtual environment comes first on the stand-in's path; on EMR's there is none.
PYTHON = "/usr/bin/python3.11"
OPTIONS = ("--build-arg", f"PYTHON={PYTHON}")


def test_a_program_imports_what_the_requirements_name(
    builder: Builder, build_options: list[str], spark_job_context: Path
) -> None:
    builder.build("localhost/spark-job", SPARK_JOB, spark_job_context, *build_options, *OPTIONS)
    with builder.container("localhost/spark-job") as container:
        done = container.run(PYTHON, "-c", "import getpass, tabulate; print(getpass.getuser())")
    assert check(done, "import").output == "hadoop\n"


def test_it_is_built_at_the_root_where_nothing_is_required(
    builder: Builder, build_options: list[str]
) -> None:
    builder.build("localhost/spark-job-as-is", SPARK_JOB, REPOSITORY, *build_options, *OPTIONS)
    inspected = builder.buildah("inspect", "--type", "image", "localhost/spark-job-as-is")
    config = json.loads(check(inspected, "inspect").output)["Docker"]["config"]
    assert config["User"] == "hadoop:hadoop"
    assert not config.get("Entrypoint")  # EMR's own stays


def test_the_base_is_of_the_release_that_pipelines_use() -> None:
    defaults = yaml.safe_load((REPOSITORY / "include" / "emr_configs" / "_defaults.yaml").read_text())
    release = defaults["compute"]["release"]
    assert f"/emr-serverless/spark/{release}:latest\n" in SPARK_JOB.read_text()
