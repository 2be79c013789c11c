"""AWS in this process: the ledger's table, the buckets, and what speaks to them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from sparkdrop.aws.ledger import Ledger
from sparkdrop.aws.records import RunKey
from sparkdrop.aws.storage import Storage
from sparkdrop.core.batch import BatchLimits, InboxEntry, make_batch_id
from sparkdrop.core.deployment import Deployment
from sparkdrop.core.pipeline import Pipeline
from sparkdrop.core.uploads import Arrival
from sparkdrop_local.aws.moto_fixes import dynamodb_atomicity

REGION = "us-east-1"
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
PLENTY = BatchLimits(max_files=1_000)


def create_table(client: Any, name: str) -> None:
    """The table as infra/constructs/ledger_table.py deploys it."""
    keys = [("pk", "HASH"), ("sk", "RANGE")]
    indexes = {"by_pipeline": "pipeline", "by_state": "state"}
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": attribute, "AttributeType": "S"}
            for attribute in ("pk", "sk", "upload_id", *indexes.values())
        ],
        KeySchema=[{"AttributeName": attribute, "KeyType": kind} for attribute, kind in keys],
        GlobalSecondaryIndexes=[
            {
                "IndexName": index,
                "KeySchema": [
                    {"AttributeName": attribute, "KeyType": "HASH"},
                    {"AttributeName": "upload_id", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
            for index, attribute in indexes.items()
        ],
    )


@dataclass
class Clock:
    """A clock that the test moves."""

    at: datetime = field(default=START)

    def __call__(self) -> datetime:
        return self.at

    def move(self, **by: float) -> None:
        self.at += timedelta(**by)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty AWS account, whose requests to DynamoDB happen as a whole, threads or not."""
    dynamodb_atomicity.apply()
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(aws: None, clock: Clock) -> Ledger:  # noqa: ARG001 - `aws` has to be there first
    client = boto3.client("dynamodb")
    create_table(client, "ledger")
    return Ledger("ledger", client=client, clock=clock)


@pytest.fixture
def deployment() -> Deployment:
    return Deployment(
        uploads_bucket="sd-uploads",
        curated_bucket="sd-curated",
        artifacts_bucket="sd-artifacts",
        logs_bucket="sd-logs",
        arrivals_queue_url="http://127.0.0.1:1/queue",
        ledger_table="ledger",
        emr_service_role="service",
        emr_instance_profile="profile",
    )


@pytest.fixture
def storage(aws: None, deployment: Deployment) -> Storage:  # noqa: ARG001 - `aws` has to be there first
    """S3 with the deployment's buckets; the uploads bucket keeps versions, "sd-partner" keeps none."""
    client = boto3.client("s3")
    names = (
        deployment.uploads_bucket,
        deployment.curated_bucket,
        deployment.artifacts_bucket,
        deployment.logs_bucket,
        "sd-partner",
    )
    for name in names:
        client.create_bucket(Bucket=name)
    client.put_bucket_versioning(
        Bucket=deployment.uploads_bucket, VersioningConfiguration={"Status": "Enabled"}
    )
    return Storage(client=client)


@pytest.fixture
def flights() -> Pipeline:
    return make_pipeline()


def make_pipeline(name: str = "flights", **settings: Any) -> Pipeline:
    return Pipeline.model_validate({"name": name, "arrival": {"keys": [f"{name}/*.csv"]}, **settings})


def make_entry(number: int, *, size: int = 10, attempt: int = 1, key: str | None = None) -> InboxEntry:
    """The entry of an object version that landed `number` seconds after the start."""
    arrival = Arrival(
        "sd-uploads", key or f"flights/{number}.csv", "v1", "etag", size, START + timedelta(seconds=number)
    )
    return InboxEntry(arrival.upload_id, arrival, attempt)


def make_run(name: str, pipeline: str = "flights") -> RunKey:
    return RunKey(make_batch_id(pipeline, name, START), pipeline, pipeline, name)
