"""Airflow as a library: no metadata database, a deployment's names, AWS in this process."""

# ruff: noqa: E402 - Airflow reads its settings when it is first imported

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).parents[2]

_HOME = tempfile.mkdtemp(prefix="sparkdrop-airflow-")
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
os.environ |= {
    "AIRFLOW_HOME": _HOME,
    "AIRFLOW__CORE__UNIT_TEST_MODE": "True",
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
}

import boto3
import pytest
from airflow.sdk.execution_time.context import OutletEventAccessors
from moto import mock_aws

from sparkdrop.core.batch import InboxEntry
from sparkdrop.core.pipeline import Pipeline
from sparkdrop.orchestration.services import Services, get_deployment, get_services

from ..aws.conftest import REGION, START, create_table  # noqa: TID252 - the tests are no installed package

NAMES = {
    "SPARKDROP_UPLOADS_BUCKET": "sd-uploads",
    "SPARKDROP_CURATED_BUCKET": "sd-curated",
    "SPARKDROP_ARTIFACTS_BUCKET": "sd-artifacts",
    "SPARKDROP_LOGS_BUCKET": "sd-logs",
    "SPARKDROP_ARRIVALS_QUEUE_URL": "http://127.0.0.1:1/queue",
    "SPARKDROP_LEDGER_TABLE": "ledger",
    "SPARKDROP_EMR_SERVICE_ROLE": "service",
    "SPARKDROP_EMR_INSTANCE_PROFILE": "profile",
    "SPARKDROP_CONFIG_DIR": str(ROOT / "include" / "emr_configs"),
    "SPARKDROP_JOBS_DIR": str(ROOT / "include" / "spark_jobs"),
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A deployment's names; what this process made of other names is forgotten, before and after."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for name, value in NAMES.items():
        monkeypatch.setenv(name, value)
    _forget()
    yield
    _forget()


def _forget() -> None:
    get_deployment.cache_clear()
    get_services.cache_clear()


def create_resources() -> None:
    """The table and the buckets."""
    create_table(boto3.client("dynamodb"), "ledger")
    s3 = boto3.client("s3")
    for name in ("sd-uploads", "sd-curated", "sd-artifacts", "sd-logs"):
        s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket="sd-uploads", VersioningConfiguration={"Status": "Enabled"})


@pytest.fixture
def services(environment: None) -> Iterator[Services]:  # noqa: ARG001 - it has to be there first
    """The services of tasks, on an empty AWS account."""
    with mock_aws():
        create_resources()
        yield get_services()


@pytest.fixture
def config_dir(tmp_path: Path, environment: None, monkeypatch: pytest.MonkeyPatch) -> Path:  # noqa: ARG001
    """A folder of pipeline files of the test's own."""
    monkeypatch.setenv("SPARKDROP_CONFIG_DIR", str(tmp_path))
    _forget()
    shutil.copy(ROOT / "include" / "emr_configs" / "_defaults.yaml", tmp_path)
    return tmp_path


class FakeTaskInstance:
    """What operators ask of their task instance."""

    def __init__(self, try_number: int = 1, live_runs: tuple[str, ...] = (), **xcoms: Any) -> None:
        self.try_number = try_number
        self.live_runs = live_runs
        self.xcoms = xcoms
        self.pushed: dict[str, Any] = {}

    def xcom_pull(self, task_ids: str) -> Any:
        return self.xcoms.get(task_ids)

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value

    def get_dr_count(self, dag_id: str, run_ids: list[str], states: list[str]) -> int:
        assert dag_id
        assert states == ["queued", "running"]
        return sum(run_id in self.live_runs for run_id in run_ids)


def make_context(
    run_id: str = "run1",
    *,
    ti: FakeTaskInstance | None = None,
    dag_id: str = "flights",
    woken_with: tuple[dict[str, Any], ...] = (),
    **params: Any,
) -> Any:
    """A task's context; the run's type is the first part of its id, as in Airflow."""
    return {
        "ti": ti or FakeTaskInstance(),
        "dag_run": SimpleNamespace(
            dag_id=dag_id, run_id=run_id, run_after=START, run_type=run_id.partition("__")[0]
        ),
        "triggering_asset_events": {"inbox": [SimpleNamespace(extra=extra) for extra in woken_with]},
        "params": {"keys": [], "prefix": None, **params},
        "outlet_events": OutletEventAccessors(),
    }


def make_pipeline(name: str = "flights", **settings: Any) -> Pipeline:
    return Pipeline.model_validate({"name": name, "arrival": {"keys": [f"{name}/*.csv"]}, **settings})


def put_upload(services: Services, key: str, body: bytes = b"a\n1\n") -> InboxEntry:
    """Put an object and record its arrival, as its event would."""
    services.storage.client.put_object(Bucket="sd-uploads", Key=key, Body=body)
    arrival = services.storage.read_arrival("sd-uploads", key)
    assert arrival is not None
    entry = InboxEntry(arrival.upload_id, arrival)
    services.ledger.record("flights", [entry])
    return entry
