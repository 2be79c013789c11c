"""One running emulation for all clients: each makes its own clusters."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from sparkdrop_local.emr.settings import DELAYS_VARIABLE
from tests.local.emr_clients.calls import command, run_cluster, start_job_run
from tests.local.emr_clients.provider_sources import SourcesError
from tests.local.emr_clients.server import Server, run_server
from tests.local.emr_clients.system_dags import DagRuns, put_samples, start
from tests.local.emr_clients.waiting import wait_for_job_run, wait_for_step

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
def waiting(emr: Any) -> Any:
    """A cluster that stays, with a step that went well and one that did not."""
    cluster = run_cluster(emr, command("true"), command("bash", "-c", "echo it broke >&2; exit 3"))
    steps = {
        wait_for_step(emr, cluster, step["Id"], "COMPLETED", "FAILED"): step["Id"]
        for step in emr.list_steps(ClusterId=cluster)["Steps"]
    }
    yield cluster, steps
    emr.terminate_job_flows(JobFlowIds=[cluster])


@pytest.fixture(scope="session")
def application(serverless: Any) -> Any:
    identifier = serverless.create_application(name="boto3", releaseLabel="emr-spark-8.0.0", type="SPARK")
    yield identifier["applicationId"]
    serverless.stop_application(applicationId=identifier["applicationId"])


@pytest.fixture(scope="session")
def failed_run(serverless: Any, application: str) -> str:
    """A job run whose program is nowhere."""
    run = start_job_run(serverless, application, "s3://nowhere/program.py")
    assert wait_for_job_run(serverless, application, run) == "FAILED"
    return run


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
