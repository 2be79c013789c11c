"""The API in this process: its very handler over an emulated AWS, and callers of all kinds.

Every answer that any of these tests sees is held against the OpenAPI document.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from jsonschema import Draft202012Validator
from moto import mock_aws

from infra.stacks.invoke.handler import clients, handler, openapi, routes_runs, services
from sparkdrop.aws.catalog import publish_pipelines
from sparkdrop.aws.intake import record_arrivals
from sparkdrop.aws.ledger import Ledger
from sparkdrop.core.pipeline import Pipeline
from sparkdrop.core.uploads import Arrival

from ..aws.conftest import REGION, Clock, create_table  # noqa: TID252 - the tests are no installed package

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/Uploads"
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"  # of b"test"
CONTEXT = SimpleNamespace(
    function_name="api",
    memory_limit_in_mb=512,
    invoked_function_arn="arn",
    aws_request_id="lambda-1",
    tenant_id=None,
)


def user(name: str, *groups: str) -> dict[str, Any]:
    """A user of the pool, as API Gateway names it."""
    claims = {"sub": name} | ({"cognito:groups": ",".join(groups)} if groups else {})
    return {"authorizer": {"claims": claims}}


def iam(arn: str) -> dict[str, Any]:
    """An IAM identity, as API Gateway names it."""
    return {"identity": {"userArn": arn}}


ALICE = user("alice", "loaders")
BOB = user("bob", "loaders", "others")
CAROL = user("carol", "auditors")
DAVE = user("dave")
NOBODY: dict[str, Any] = {}

PIPELINES = [
    {
        "name": "flights",
        "description": "Flights",
        "arrival": {"keys": ["flights/*.csv", "flights/*.csv.gz"]},
        "upload": {"groups": ["loaders"], "viewers": ["auditors"], "max_bytes": "20 GiB"},
    },
    {"name": "weather", "arrival": {"keys": ["weather/*.csv"]}},
    {"name": "partner", "arrival": {"keys": ["partner/*.csv"], "bucket": "sd-partner"}},
    {"name": "listed", "arrival": {"mode": "sensor", "keys": ["listed/*.csv"]}},
]


@dataclass(frozen=True)
class Answer:
    """What the API has answered."""

    status: int
    body: Any
    headers: dict[str, str]
    text: str

    @property
    def problem(self) -> str:
        """The kind of problem that it is."""
        assert self.headers["Content-Type"] == "application/problem+json", self.text
        assert self.body["status"] == self.status
        assert self.body["request_id"] == "request-1"
        kind: str = self.body["type"].removeprefix("urn:sparkdrop:problem:")
        return kind

    @property
    def pointers(self) -> list[str]:
        return [error["pointer"] for error in self.body["errors"]]


@dataclass
class Api:
    """The API, and what stands behind it."""

    clock: Clock
    ledger: Ledger
    number: int = field(default=0)

    def call(
        self,
        method: str,
        address: str,
        caller: dict[str, Any] = ALICE,
        *,
        body: Any = None,
        headers: dict[str, str] | None = None,
        **changes: Any,
    ) -> Answer:
        event = make_event(method, address, caller, body=body, headers=headers) | changes
        raw = handler.handle(event, CONTEXT)  # type: ignore[arg-type]  # what it reads of a context
        shown = {name: ", ".join(values) for name, values in raw["multiValueHeaders"].items()}
        body = json.loads(raw["body"]) if raw["body"] else None
        answer = Answer(raw["statusCode"], body, shown, raw["body"] or "")
        check_answer(method, urlsplit(address).path, answer)
        return answer

    def get(self, address: str, caller: dict[str, Any] = ALICE, **changes: Any) -> Answer:
        return self.call("GET", address, caller, **changes)

    def ask_link(self, caller: dict[str, Any] = ALICE, **changes: Any) -> Answer:
        asked = {"pipeline": "flights", "filename": "day 1.csv", "size": 4, "sha256": SHA256, **changes}
        query = "&".join(f"{name}={value}" for name, value in asked.items() if value is not None)
        return self.get(f"/upload-url?{query}", caller)

    def begin(self, caller: dict[str, Any] = ALICE, **changes: Any) -> Answer:
        asked = {"pipeline": "flights", "filename": "all.csv", "size": 20 * 2**20, **changes}
        return self.call("POST", "/uploads", caller, body=asked)

    def invoke(self, caller: dict[str, Any] = ALICE, **changes: Any) -> Answer:
        asked = {"pipeline": "flights", "input": "s3://sd-uploads/flights/1.csv", "idempotency_key": "1"}
        return self.call("POST", "/invoke", caller, body=asked | changes)

    def land(self, upload_id: str, *, caller: dict[str, Any] = ALICE) -> str:
        """Let the object of a link land, as its event tells; answers the ledger's id."""
        view = self.get(f"/uploads/{upload_id}", caller).body
        arrival = Arrival("sd-uploads", view["key"], "v1", "etag", view["size"], self.clock())
        record_arrivals(self.ledger, route, [arrival])
        return arrival.upload_id

    def drop(self, key: str) -> str:
        """Let an object land that nobody has asked a link for; answers the ledger's id."""
        self.number += 1
        arrival = Arrival("sd-uploads", key, f"v{self.number}", "etag", 4, self.clock())
        record_arrivals(self.ledger, route, [arrival])
        return arrival.upload_id


def route(_: str, key: str) -> str | None:
    head = key.partition("/")[0]
    return head if head in {"flights", "weather"} else None


def make_event(
    method: str,
    address: str,
    caller: dict[str, Any],
    *,
    body: Any = None,
    headers: dict[str, str] | None = None,
) -> dict[str, Any]:
    """An event as a REST API's proxy integration sends it."""
    parts = urlsplit(address)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    query = {name: [value for other, value in pairs if other == name] for name, _ in pairs}
    sent = {"content-type": "application/json", **(headers or {})}
    return {
        "resource": parts.path,
        "path": parts.path,
        "httpMethod": method,
        "headers": sent,
        "multiValueHeaders": {name: [value] for name, value in sent.items()},
        "queryStringParameters": dict(pairs) or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "accountId": ACCOUNT,
            "requestId": "request-1",
            "stage": "dev",
            "path": f"/dev{parts.path}",
            "httpMethod": method,
            **caller,
        },
        "body": body if body is None or isinstance(body, str) else json.dumps(body),
        "isBase64Encoded": False,
    }


@cache
def get_document() -> dict[str, Any]:
    return openapi.build_document(handler.app, "1")


def find_operation(method: str, path: str) -> dict[str, Any] | None:
    """The operation of a path of a request: literal paths before those with parameters."""
    paths = get_document()["paths"]
    for template in (path, *(one for one in paths if "{" in one)):
        theirs, ours = template.split("/"), path.split("/")
        same = len(theirs) == len(ours) and all(
            one == other or one.startswith("{") for one, other in zip(theirs, ours, strict=True)
        )
        if same and method.lower() in paths.get(template, {}):
            operation: dict[str, Any] = paths[template][method.lower()]
            return operation
    return None


def check_answer(method: str, path: str, answer: Answer) -> None:
    """Hold an answer against the document: its status, its type, its body and its headers."""
    operation = find_operation(method, path)
    if operation is None:
        assert answer.problem == "no-such-route"
        return
    told = operation["responses"].get(str(answer.status))
    assert told, f"{method} {path} answers {answer.status}, of which the document says nothing"
    unknown = {name for name in ("ETag", "Retry-After") if name in answer.headers} - set(told["headers"])
    assert not unknown, f"{method} {path} answers with headers that the document says nothing of: {unknown}"
    if not told.get("content"):
        assert not answer.text
        return
    ((content_type, content),) = told["content"].items()
    assert answer.headers["Content-Type"] == content_type
    schema = {**content["schema"], "components": get_document()["components"]}
    Draft202012Validator(schema).validate(answer.body)


@pytest.fixture
def clock() -> Clock:
    """A clock of today: signatures are made by the real one."""
    return Clock(datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=1))


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Iterator[Api]:
    """The API over an AWS account of its own."""
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE", "SPARKDROP_CORS_ORIGINS"):
        monkeypatch.delenv(name, raising=False)
    environment = {
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "SPARKDROP_UPLOADS_BUCKET": "sd-uploads",
        "SPARKDROP_ARTIFACTS_BUCKET": "sd-artifacts",
        "SPARKDROP_LEDGER_TABLE": "ledger",
        "SPARKDROP_ARRIVALS_QUEUE_URL": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/arrivals",
        "SPARKDROP_UPLOAD_ROLE_ARN": ROLE,
        "SPARKDROP_ACCOUNT_ID": ACCOUNT,
        "SPARKDROP_DAILY_UPLOADS": "50",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(services, "_utc_now", clock)
    forget()
    with mock_aws():
        client = clients.make_client("dynamodb")
        create_table(client, "ledger")
        s3 = clients.make_client("s3")
        for bucket in ("sd-uploads", "sd-artifacts"):
            s3.create_bucket(Bucket=bucket)
        clients.make_client("sqs").create_queue(QueueName="arrivals")
        publish_pipelines(s3, "sd-artifacts", [Pipeline.model_validate(one) for one in PIPELINES])
        yield Api(clock, Ledger("ledger", client=client, clock=clock))
    forget()


def forget() -> None:
    """Let the function be a new instance but for its clients, which take longest to make."""
    services.get_services.cache_clear()
    routes_runs.get_invoker.cache_clear()
