"""The function of POST /invoke may make the calls that it makes, and none beside them, by its template.

The handler runs here against moto, and each of its calls is told as what IAM would be asked for.
"""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from infra.stacks.invoke.handler import handler
from sparkdrop.aws.catalog import publish_pipelines
from sparkdrop.core.catalog import CATALOG_KEY
from sparkdrop.core.pipeline import Pipeline
from tests.aws.conftest import create_table
from tests.e2e.iam_requests import Account, build_requests
from tests.infra.iam.simulator import Caller, Request, decide
from tests.infra.iam.templates import ACCOUNT, Stage, read_role_policies

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

STACK = "InvokeStack"
LEADING_KEYS = "dynamodb:LeadingKeys"
# The least that answering asks for; a trail without it proves nothing.
ASKED = {"s3:GetObject", "dynamodb:PutItem", "dynamodb:GetItem", "sqs:SendMessage"}


@pytest.fixture(scope="module")
def stage(assemblies: tuple[Path, Path]) -> Stage:
    return Stage.read(assemblies[0] / "dev")


@pytest.fixture(scope="module")
def caller(stage: Stage) -> Caller:
    _, value = stage.find_output("InvokeFunctionName")
    function = stage.templates[STACK]["Resources"][value["Ref"]]["Properties"]
    role_id = function["Role"]["Fn::GetAtt"][0]
    arn = stage.resolve(STACK, function["Role"])
    return Caller(arn, ACCOUNT, read_role_policies(stage, STACK, role_id))


@pytest.fixture(scope="module")
def names(stage: Stage) -> dict[str, str]:
    return {
        "uploads_bucket": stage.read_output("UploadsBucket"),
        "artifacts_bucket": stage.read_output("ArtifactsBucket"),
        "ledger_table": stage.read_output("LedgerTable"),
        "arrivals_queue": stage.read_output("ArrivalsQueueUrl").rpartition("/")[2],
    }


@pytest.fixture
def trail(monkeypatch: pytest.MonkeyPatch, stage: Stage, names: dict[str, str]) -> Iterator[list[Request]]:
    """What IAM is asked for, call by call, from the moment that the deployment is there."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", stage.region)
    account = Account(ACCOUNT, stage.region, {}, lambda _: {})
    asked: list[Request] = []

    def note(params: Mapping[str, Any], model: SimpleNamespace, **_: object) -> None:
        service = model.service_model.service_name
        for request in build_requests(account, service, model.name, params):
            context = {LEADING_KEYS: read_leading_keys(params)} if service == "dynamodb" else {}
            asked.append(Request(request.action, request.resource, {**request.context, **context}))

    with mock_aws():
        create_table(boto3.client("dynamodb"), names["ledger_table"])
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=names["artifacts_bucket"])
        pipeline = Pipeline.model_validate({"name": "flights", "arrival": {"keys": ["flights/*.csv"]}})
        publish_pipelines(s3, names["artifacts_bucket"], [pipeline])
        queue = boto3.client("sqs").create_queue(QueueName=names["arrivals_queue"])["QueueUrl"]
        for name, value in {**names, "arrivals_queue_url": queue}.items():
            monkeypatch.setenv(f"SPARKDROP_{name.upper()}", value)
        # of this session are the clients that the handler makes from here on
        session = boto3.Session()
        session.events.register("before-parameter-build", note)
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", session)
        handler.get_invoker.cache_clear()
        yield asked
        handler.get_invoker.cache_clear()


def read_leading_keys(params: Mapping[str, Any]) -> tuple[str, ...]:
    """The partition keys of the items that a call names.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
    """
    parts = [one for action in params.get("TransactItems", ()) for one in action.values()] or [params]
    keys = (part.get("Key") or part.get("Item") for part in parts)
    return tuple(sorted({key["pk"]["S"] for key in keys if key}))


def call(body: dict[str, Any], context: Any) -> int:
    event = {
        "resource": "/invoke",
        "path": "/invoke",
        "httpMethod": "POST",
        "headers": {"content-type": "application/json"},
        "requestContext": {
            "requestId": "request-1",
            "identity": {"userArn": f"arn:aws:iam::{ACCOUNT}:user/me"},
        },
        "body": json.dumps(body),
        "isBase64Encoded": False,
    }
    status: int = handler.handle(event, context)["statusCode"]
    return status


@pytest.fixture
def context() -> Any:
    return SimpleNamespace(
        function_name="invoke",
        memory_limit_in_mb=512,
        invoked_function_arn=f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:invoke",
        aws_request_id="lambda-1",
    )


def test_the_role_allows_each_call_that_the_handler_makes(
    trail: list[Request], caller: Caller, names: dict[str, str], context: Any
) -> None:
    body = {
        "pipeline": "flights",
        "input": f"s3://{names['uploads_bucket']}/flights/1.csv",
        "idempotency_key": "first",
    }
    # new, asked for again, in conflict, and of a pipeline that is not there
    other = {**body, "input": f"s3://{names['uploads_bucket']}/flights/2.csv"}
    nowhere = {**body, "pipeline": "nowhere"}
    assert [call(one, context) for one in (body, body, other, nowhere)] == [202, 202, 409, 404]
    assert ASKED - {request.action for request in trail} == set()
    denied = [request for request, allowed in zip(trail, decide(caller, trail), strict=True) if not allowed]
    assert denied == []


def test_the_role_allows_nothing_beside_them(stage: Stage, caller: Caller, names: dict[str, str]) -> None:
    account = Account(ACCOUNT, stage.region, {}, lambda _: {})
    table, artifacts = f"table/{names['ledger_table']}", f"arn:aws:s3:::{names['artifacts_bucket']}"
    ledger, queue = account.name("dynamodb", table), account.name("sqs", names["arrivals_queue"])

    def touch(action: str, *keys: str, resource: str = ledger) -> Request:
        return Request(f"dynamodb:{action}", resource, {LEADING_KEYS: keys})

    refused = [
        touch("GetItem", "upload#B1"),
        touch("PutItem", "link#01JD8Z3V5N6Q7R8S9TABCDEFGH"),
        touch("PutItem", "batch#B1"),
        # one item of another kind in a transaction is enough
        touch("PutItem", "invocation#I1", "upload#B1"),
        touch("PutItem", "invocation#I1", resource=account.name("dynamodb", "table/another")),
        touch("DeleteItem", "invocation#I1"),
        touch("UpdateItem", "invocation#I1"),
        touch("Query", "invocation#I1"),
        touch("Query", "invocations#flights", resource=f"{ledger}/index/by_state"),
        Request("sqs:SendMessage", account.name("sqs", "another-queue")),
        Request("sqs:ReceiveMessage", queue),
        Request("sqs:DeleteMessage", queue),
        Request("s3:PutObject", f"{artifacts}/{CATALOG_KEY}"),
        Request("s3:GetObject", f"{artifacts}/programs/0a1b/ingest.py"),
        Request("s3:ListBucket", artifacts),
        Request("s3:GetObject", f"arn:aws:s3:::{names['uploads_bucket']}/flights/1.csv"),
        Request("s3:PutObject", f"arn:aws:s3:::{names['uploads_bucket']}/flights/1.csv"),
    ]
    allowed = [touch("PutItem", "invocation#I1", "invocations#flights"), Request("sqs:SendMessage", queue)]
    answers = decide(caller, [*allowed, *refused])
    assert answers == [*([True] * len(allowed)), *([False] * len(refused))]
