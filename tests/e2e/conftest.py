"""One local system for all end-to-end tests, started and stopped by its own command."""

from collections.abc import Iterator

import pytest

from tests.e2e.api import ApiUser
from tests.e2e.starting import start_system
from tests.e2e.system import System


@pytest.fixture(scope="package")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """The shipped pipelines and those of the tests, on real Airflow and real Spark."""
    with start_system(tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture(scope="package")
def demo(system: System) -> ApiUser:
    """The system's own user of the API."""
    return ApiUser(system, system["API_TOKEN"])
