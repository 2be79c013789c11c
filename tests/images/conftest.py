"""Both images, built once for all tests."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.images.building import (
    BASE,
    REPOSITORY,
    Builder,
    BuildError,
    Container,
    hand_over_index,
    install_tools,
    make_base,
    run,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

SPARK_JOB = REPOSITORY / "infra" / "stacks" / "spark_job" / "Dockerfile"


@pytest.fixture(scope="package")
def builder() -> Iterator[Builder]:
    """Buildah with the base image; its storage ends with the tests."""
    try:
        prefix = install_tools()
        base = make_base(prefix)
    except BuildError as error:
        pytest.fail(str(error), pytrace=False)
    storage = Path(tempfile.mkdtemp(prefix="sparkdrop-images-"))
    made = Builder.create(storage, prefix)
    try:
        made.build_base(base)
        yield made
    finally:
        run(*prefix, "rm", "-rf", str(storage))


@pytest.fixture(scope="package")
def build_options(builder: Builder, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What every build of ours gets: the base, and where packages come from here."""
    assert builder
    return ["--build-arg", f"BASE_IMAGE={BASE}", *hand_over_index(tmp_path_factory.mktemp("index"))]


@pytest.fixture(scope="package")
def airflow(builder: Builder, build_options: list[str]) -> Iterator[Container]:
    """A container of the Airflow image."""
    builder.build("localhost/airflow", REPOSITORY / "Dockerfile", REPOSITORY, *build_options)
    with builder.container("localhost/airflow") as container:
        yield container


@pytest.fixture(scope="package")
def spark_job_context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose Spark programs require something; ours require nothing."""
    context = tmp_path_factory.mktemp("context")
    shutil.copytree(REPOSITORY / "include" / "spark_jobs", context / "include" / "spark_jobs")
    with (context / "include" / "spark_jobs" / "requirements.txt").open("a") as file:
        file.write("tabulate==0.9.0\n")
    return context
