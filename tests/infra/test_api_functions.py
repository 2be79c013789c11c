"""What the API's two functions can do, and what neither can: each call asked of a policy simulator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.infra.iam.simulator import Caller, Request, decide
from tests.infra.iam.templates import ACCOUNT, Stage, read_role_policies

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

ULID = "01JD8Z3V5N6Q7R8S9TABCDEFGH"
LINK, OWN, DAY = f"link#{ULID}", "links#cognito:ana", "quota#cognito:ana"
CATALOG = ("s3:GetObject", "{artifacts}/pipelines.json", ())

# A key leaves it to IAM who of the account may use it.
OF_THE_ACCOUNT = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
    ],
}

# Action, resource, and what the request says: the ledger's partition keys, or through whom a key is used.
Call = tuple[str, str, tuple[str, ...]]
SAYS = {"dynamodb": "dynamodb:LeadingKeys", "kms": "kms:ViaService"}


def touch(action: str, *partitions: str) -> Call:
    """A call of the ledger's table that names these partition keys."""
    return (f"dynamodb:{action}", "{table}", partitions)


BY_PIPELINE: Call = ("dynamodb:Query", "{table}/index/by_pipeline", ("flights",))
SIGN: Call = ("sts:AssumeRole", "{upload_role}", ())
WAKE: Call = ("sqs:SendMessage", "{queue}", ())
MAY: dict[str, list[Call]] = {
    "UploadsApiStack": [
        CATALOG,
        SIGN,
        # a link: put with its caller's list and day in one transaction, read with what landed, moved on
        *(touch("PutItem", key) for key in (LINK, OWN)),
        *(touch("UpdateItem", key) for key in (LINK, DAY)),
        *(touch("GetItem", key) for key in (LINK, OWN, DAY)),
        touch("BatchGetItem", LINK, f"link#{ULID[::-1]}"),
        touch("Query", OWN),
        # an upload, waiting or taken, and its batch; a run with its batches
        touch("GetItem", f"upload#{ULID}"),
        touch("Query", "inbox#flights#3"),
        touch("BatchGetItem", f"upload#{ULID}", "batch#B1"),
        touch("GetItem", "invocation#I1"),
        touch("Query", "invocation#I1"),
        BY_PIPELINE,
    ],
    "InvokeStack": [
        CATALOG,
        WAKE,
        touch("GetItem", "invocation#I1"),
        touch("PutItem", "invocation#I1"),
        touch("PutItem", "invocations#flights"),
    ],
}
NEITHER: list[Call] = [
    ("s3:PutObject", "{artifacts}/pipelines.json", ()),
    ("s3:GetObject", "{artifacts}/programs/0a1b/ingest.py", ()),
    ("s3:ListBucket", "{artifacts}", ()),
    *((f"s3:{action}", f"{{uploads}}/flights/{ULID}/a.csv", ()) for action in ("GetObject", "PutObject")),
    ("s3:DeleteObject", f"{{uploads}}/flights/{ULID}/a.csv", ()),
    ("s3:ListBucket", "{uploads}", ()),
    ("s3:GetObject", "{curated}/flights/part-0.parquet", ()),
    ("sts:AssumeRole", "{airflow_role}", ()),
    ("sts:AssumeRole", "arn:aws:iam::{account}:role/admin", ()),
    ("sqs:ReceiveMessage", "{queue}", ()),
    ("sqs:SendMessage", "{dead_letters}", ()),
    *(touch(action, LINK) for action in ("DeleteItem", "BatchWriteItem", "Scan", "DeleteTable")),
    # what Airflow keeps
    *(touch("PutItem", key) for key in (f"upload#{ULID}", "batch#B1", "inbox#flights#3", "open")),
    *(touch("UpdateItem", key) for key in (f"upload#{ULID}", "batch#B1", "invocation#I1", "open")),
    touch("GetItem", "open"),
    # one foreign key among its own ones
    touch("BatchGetItem", LINK, "open"),
    ("dynamodb:Query", "{table}/index/by_state", ("PENDING",)),
    ("dynamodb:PutItem", "arn:aws:dynamodb:{region}:{account}:table/another-table", (LINK,)),
    ("lambda:InvokeFunction", "arn:aws:lambda:{region}:{account}:function:other", ()),
]


@pytest.fixture(scope="module", params=["dev", "full"])
def stage(request: pytest.FixtureRequest, assemblies: tuple[Path, Path]) -> Stage:
    return Stage.read(assemblies[0] / request.param)


@pytest.mark.parametrize("stack", list(MAY))
def test_a_function_may_do_what_its_calls_take_and_nothing_else(stage: Stage, stack: str) -> None:
    mine = MAY[stack]
    others = [call for other, calls in MAY.items() if other != stack for call in calls if call not in mine]
    assert ask(stage, stack, mine) == dict.fromkeys(mine, True)
    refused = [*others, *NEITHER]
    assert ask(stage, stack, refused) == dict.fromkeys(refused, False)


def test_the_catalog_is_read_with_its_key_and_nothing_is_written_with_it(
    assemblies: tuple[Path, Path],
) -> None:
    stage = Stage.read(assemblies[0] / "full")
    asked: dict[Call, bool] = {
        ("kms:Decrypt", "{data_key}", ("s3.{region}.amazonaws.com",)): True,
        ("kms:Decrypt", "{data_key}", ()): False,
        ("kms:GenerateDataKey", "{data_key}", ("s3.{region}.amazonaws.com",)): False,
        ("kms:Encrypt", "{data_key}", ("s3.{region}.amazonaws.com",)): False,
    }
    for stack in MAY:
        assert ask(stage, stack, asked, OF_THE_ACCOUNT) == asked


def ask(
    stage: Stage, stack: str, calls: Iterable[Call], key_policy: dict[str, Any] | None = None
) -> dict[Call, bool]:
    """What the simulator says of calls of a stack's function."""
    calls = list(calls)
    names = find_names(stage)
    role = find_arn(stage, stack, "AWS::IAM::Role")
    (role_id,) = [found for other, found, _ in stage.find_resources("AWS::IAM::Role") if other == stack]
    requests = [
        Request(
            action,
            resource.format(**names),
            {SAYS[action.partition(":")[0]]: [one.format(**names) for one in said]} if said else {},
        )
        for action, resource, said in calls
    ]
    answers = decide(Caller(role, ACCOUNT, read_role_policies(stage, stack, role_id), key_policy), requests)
    return dict(zip(calls, answers, strict=True))


def find_names(stage: Stage) -> dict[str, str]:
    """The ARNs that stand for the names in the tables' braces."""
    buckets = {
        name: "arn:aws:s3:::" + stage.read_output(f"{name.title()}Bucket")
        for name in ("uploads", "curated", "artifacts")
    }
    keys = [one for one in stage.find_resources("AWS::KMS::Key") if one[0] == "S3Stack"]
    return {
        **buckets,
        "account": ACCOUNT,
        "region": stage.region,
        "table": find_arn(stage, "EventsStack", "AWS::DynamoDB::Table"),
        "queue": find_arn(stage, "EventsStack", "AWS::SQS::Queue", "ArrivalsQueue"),
        "dead_letters": find_arn(stage, "EventsStack", "AWS::SQS::Queue", "ArrivalsDeadLetters"),
        "upload_role": stage.read_output("UploadRoleArn"),
        "airflow_role": stage.read_output("AirflowRoleArn"),
        "data_key": find_arn(stage, "S3Stack", "AWS::KMS::Key") if keys else "",
    }


def find_arn(stage: Stage, stack: str, kind: str, part: str = "") -> str:
    """The ARN of the one resource of this type in a stack."""
    (found,) = [
        logical_id
        for other, logical_id, _ in stage.find_resources(kind)
        if other == stack and part in logical_id
    ]
    return str(stage.resolve(stack, {"Fn::GetAtt": [found, "Arn"]}))
