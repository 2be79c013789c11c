"""One running emulation for all clients: each makes its own clusters."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from sparkdrop_local.emr.settings import DELAYS_VARIABLE
from tests.local.emr_clients.provider_sources import SourcesError
from tests.local.emr_clients.server import Server, run_server
from tests.local.emr_clients.system_dags import DagRuns, put_samples, start

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An EMR without delays of its own: a client's waiters sleep half a minute where the first look fails."""
    with run_server(tmp_path_factory.mktemp("emr_clients"), **{DELAYS_VARIABLE: "none"}) as running:
        yield running


@pytest.fixture(scope="session")
def emr(server: Server) -> Any:
    return server.make_client("emr")


@pytest.fixture(scope="session")
def serverless(server: Server) -> Any:
    return server.make_client("emr-serverless")


@pytest.fixture(scope="session")
def dag_runs(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[bool, DagRuns]]:
    """The provider's system tests, by whether they are deferrable; both kinds run at once."""
    put_samples(server)
    started = {}
    try:
        for deferrable in (False, True):
            folder = tmp_path_factory.mktemp("system_dags")
            started[deferrable] = start(server, folder, deferrable=deferrable)
        yield started
    finally:
        for run in started.values():
            run.process.kill()
            run.process.wait()


@pytest.fixture(scope="session", autouse=True)
def _start_dag_runs_first(request: pytest.FixtureRequest) -> None:
    """Begin with what sleeps half a minute between two looks: the other tests run meanwhile."""
    if any("dag_runs" in getattr(item, "fixturenames", ()) for item in request.session.items):
        # whoever asks for them is told: the other clients do not need the provider's sources
        with contextlib.suppress(SourcesError):
            request.getfixturevalue("dag_runs")
