"""The API's functions, and the role that links speak for, may make each call that the handler makes.

The handler runs here against moto, and each of its calls is told as what IAM would be asked for; what the
roles may not do is in `test_api_functions.py`.
"""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
import pytest
from moto import mock_aws

from infra.stacks.invoke.handler import clients, handler, routes_runs, services, upload_role
from sparkdrop.aws.catalog import publish_pipelines
from sparkdrop.core.pipeline import Pipeline
from tests.aws.conftest import create_table
from tests.e2e.iam_requests import Account, build_requests
from tests.infra.iam.simulator import Caller, Request, decide
from tests.infra.iam.templates import ACCOUNT, Stage, read_role_policies

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

LEADING_KEYS = "dynamodb:LeadingKeys"
SHA256 = "0" * 64
# The least that answering asks for; a trail without it proves nothing.
ASKED = {
    "InvokeStack": {"s3:GetObject", "dynamodb:PutItem", "dynamodb:GetItem", "sqs:SendMessage"},
    "UploadsApiStack": {
        "s3:GetObject",
        "sts:AssumeRole",
        *(f"dynamodb:{action}" for action in ("BatchGetItem", "GetItem", "PutItem", "Query", "UpdateItem")),
    },
    "S3Stack": {"s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"},
}


@pytest.fixture(scope="module")
def stage(assemblies: tuple[Path, Path]) -> Stage:
    return Stage.read(assemblies[0] / "dev")


@pytest.fixture
def names(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the stacks tell their functions, whose names moto gets too."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", stage.region)
    names = {
        "UPLOADS_BUCKET": stage.read_output("UploadsBucket"),
        "ARTIFACTS_BUCKET": stage.read_output("ArtifactsBucket"),
        "LEDGER_TABLE": stage.read_output("LedgerTable"),
        "ARRIVALS_QUEUE_URL": stage.read_output("ArrivalsQueueUrl"),
        "UPLOAD_ROLE_ARN": stage.read_output("UploadRoleArn"),
        "ACCOUNT_ID": ACCOUNT,
        "LINK_SECONDS": "900",
        "DAILY_UPLOADS": "100",
        "DAILY_BYTES": str(2**40),
    }
    for name, value in names.items():
        monkeypatch.setenv(f"SPARKDROP_{name}", value)
    return names


@pytest.fixture
def trails(
    monkeypatch: pytest.MonkeyPatch, stage: Stage, names: dict[str, str]
) -> Iterator[list[list[Request]]]:
    """What IAM is asked for, a list for each session: the function's own, then the upload role's."""
    account = Account(ACCOUNT, stage.region, {}, lambda _: {})
    trails: list[list[Request]] = []

    def make_session() -> Any:
        asked: list[Request] = []

        def note(params: Mapping[str, Any], model: SimpleNamespace, **_: object) -> None:
            service = model.service_model.service_name
            for request in build_requests(account, service, model.name, params):
                context = {LEADING_KEYS: read_leading_keys(params)} if service == "dynamodb" else {}
                asked.append(Request(request.action, request.resource, {**request.context, **context}))

        session = botocore.session.get_session()
        session.register("before-parameter-build", note)
        trails.append(asked)
        return session

    caches = (clients.make_client, clients._get_session, services.get_services, routes_runs.get_invoker)
    with mock_aws():
        create_table(boto3.client("dynamodb"), names["LEDGER_TABLE"])
        s3 = boto3.client("s3")
        for bucket in (names["ARTIFACTS_BUCKET"], names["UPLOADS_BUCKET"]):
            s3.create_bucket(Bucket=bucket)
        pipeline = Pipeline.model_validate({"name": "flights", "arrival": {"keys": ["flights/*.csv"]}})
        publish_pipelines(s3, names["ARTIFACTS_BUCKET"], [pipeline])
        queue = names["ARRIVALS_QUEUE_URL"].rpartition("/")[2]
        url = boto3.client("sqs").create_queue(QueueName=queue)["QueueUrl"]
        monkeypatch.setenv("SPARKDROP_ARRIVALS_QUEUE_URL", url)
        for module in (clients, upload_role):
            monkeypatch.setattr(module, "make_session", make_session)
        for cached in caches:
            cached.cache_clear()
        yield trails
        for cached in caches:
            cached.cache_clear()


def read_leading_keys(params: Mapping[str, Any]) -> tuple[str, ...]:
    """The partition keys of the items that a call names.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
    """
    if "KeyConditionExpression" in params:
        mark = params["KeyConditionExpression"].split(" ")[2]
        return (params["ExpressionAttributeValues"][mark]["S"],)
    if "RequestItems" in params:
        keys = [key for table in params["RequestItems"].values() for key in table["Keys"]]
    else:
        parts = [one for action in params.get("TransactItems", ()) for one in action.values()] or [params]
        keys = [part.get("Key") or part.get("Item") for part in parts]
    return tuple(sorted({key["pk"]["S"] for key in keys}))


def call(method: str, path: str, body: Any = None, **query: str) -> tuple[int, Any]:
    event = {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": {"content-type": "application/json"},
        "queryStringParameters": query or None,
        "multiValueQueryStringParameters": {name: [value] for name, value in query.items()} or None,
        "requestContext": {
            "requestId": "request-1",
            "identity": {"userArn": f"arn:aws:iam::{ACCOUNT}:user/me"},
        },
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }
    context = SimpleNamespace(
        function_name="api",
        memory_limit_in_mb=512,
        invoked_function_arn=f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:api",
        aws_request_id="lambda-1",
    )
    answer = handler.handle(event, context)  # type: ignore[arg-type]  # what of Lambda's is used
    return answer["statusCode"], json.loads(answer["body"] or "null")


def check(stage: Stage, stack: str, asked: list[Request]) -> None:
    """Hold what was asked for against the one role of a stack."""
    (role_id,) = [found for other, found, _ in stage.find_resources("AWS::IAM::Role") if other == stack]
    arn = stage.resolve(stack, {"Fn::GetAtt": [role_id, "Arn"]})
    caller = Caller(arn, ACCOUNT, read_role_policies(stage, stack, role_id))
    assert ASKED[stack] - {request.action for request in asked} == set()
    denied = [request for request, allowed in zip(asked, decide(caller, asked), strict=True) if not allowed]
    assert denied == []


def test_the_invoke_function_may_make_its_calls(
    stage: Stage, names: dict[str, str], trails: list[list[Request]]
) -> None:
    body = {
        "pipeline": "flights",
        "input": f"s3://{names['UPLOADS_BUCKET']}/flights/1.csv",
        "idempotency_key": "first",
    }
    # new, asked for again, in conflict, and of a pipeline that is not there
    other = {**body, "input": f"s3://{names['UPLOADS_BUCKET']}/flights/2.csv"}
    nowhere = {**body, "pipeline": "nowhere"}
    assert [call("POST", "/invoke", one)[0] for one in (body, body, other, nowhere)] == [202, 202, 409, 404]
    (asked,) = trails
    check(stage, "InvokeStack", asked)


def test_the_uploads_function_and_the_upload_role_may_make_their_calls(
    stage: Stage, trails: list[list[Request]]
) -> None:
    file = {"pipeline": "flights", "filename": "1.csv"}
    status, link = call("GET", "/upload-url", size="3", sha256=SHA256, **file)
    assert status == 200
    status, parts = call("POST", "/uploads", {**file, "size": 10})
    assert status == 201
    calls = [
        ("GET", f"/uploads/{parts['upload_id']}/parts", {"part": f"1:{SHA256}"}, 200),
        ("POST", f"/uploads/{parts['upload_id']}/complete", {}, 409),
        ("DELETE", f"/uploads/{parts['upload_id']}", {}, 204),
        ("GET", f"/uploads/{link['upload_id']}", {}, 200),
        ("GET", "/uploads/01ARZ3NDEKTSV4RRFFQ69G5FAV", {}, 404),
        ("GET", "/uploads", {}, 200),
        ("GET", "/uploads", {"pipeline": "flights"}, 200),
        ("GET", f"/runs/{'0' * 32}", {}, 404),
        ("GET", "/pipelines", {}, 200),
    ]
    for method, path, query, expected in calls:
        assert call(method, path, **query)[0] == expected, (method, path)
    own, signed = trails
    check(stage, "UploadsApiStack", own)
    check(stage, "S3Stack", signed)
