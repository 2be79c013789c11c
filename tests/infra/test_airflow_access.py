"""What Airflow's role can do, and what it cannot: each call as IAM sees it, asked of a policy simulator."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from sparkdrop.core.emr_request import TAG_BATCH, TAG_DEPLOYMENT, TAG_MANAGED, TAG_PIPELINE
from tests.infra.iam.simulator import Caller, Request, decide
from tests.infra.iam.templates import ACCOUNT, Stage, read_role_policies

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from conftest import LoadTemplate

STACK = "AirflowAccessStack"
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
MAX_POLICY_CHARACTERS = 6_144
EMR = "elasticmapreduce"
# The table speaks of a deployment's things by these names; `{…}` is filled in by the stage's ARNs.
OUR_TAGS = {TAG_PIPELINE: "flights", TAG_BATCH: "B1", TAG_DEPLOYMENT: "{table_name}", TAG_MANAGED: "true"}


@dataclass(frozen=True)
class Call:
    why: str
    action: str
    resource: str = "*"
    sent_tags: Mapping[str, str] | None = None
    carried_tags: Mapping[str, str] | None = None
    context: Mapping[str, str] | None = None

    def build(self, names: Mapping[str, str]) -> Request:
        context = {key: value.format(**names) for key, value in (self.context or {}).items()}
        for key, value in (self.sent_tags or {}).items():
            context[f"aws:RequestTag/{key}"] = value.format(**names)
        for key, value in (self.carried_tags or {}).items():
            context[f"{EMR}:ResourceTag/{key}"] = value.format(**names)
        return Request(self.action, self.resource.format(**names), context)


def without(*tags: str) -> dict[str, str]:
    return {key: value for key, value in OUR_TAGS.items() if key not in tags}


CLUSTER = "arn:aws:elasticmapreduce:{region}:{account}:cluster/j-1ABC"
# What AddTags and PutAutoTerminationPolicy are asked on when RunJobFlow brings tags and a policy: EMR says
# `cluster/*`, which is no pattern there.
NEW_CLUSTER = "arn:aws:elasticmapreduce:{region}:{account}:cluster/unnamed"
CLEANUP_ROLE = (
    "arn:aws:iam::{account}:role/aws-service-role/elasticmapreduce.amazonaws.com/AWSServiceRoleForEMRCleanup"
)
OTHERS = {TAG_PIPELINE: "flights", TAG_BATCH: "B1", TAG_DEPLOYMENT: "another-table", TAG_MANAGED: "true"}

ALLOWED = [
    Call("a drop is looked at", "s3:GetObject", "{uploads}/flights/jan.csv"),
    Call("a drop that is not there is told from one that may not be read", "s3:ListBucket", "{uploads}"),
    Call("reconcile lists versions", "s3:ListBucketVersions", "{uploads}"),
    Call("a program is put", "s3:PutObject", "{artifacts}/programs/0a1b/ingest.py"),
    Call("a program is looked for", "s3:GetObject", "{artifacts}/programs/0a1b/ingest.py"),
    Call("a manifest is written", "s3:PutObject", "{artifacts}/batches/B1/manifest.json"),
    Call("a report is read", "s3:GetObject", "{artifacts}/batches/B1/report.json"),
    Call("why a job failed is read", "s3:GetObject", "{artifacts}/batches/B1/failure.json"),
    Call("a report is not there yet", "s3:ListBucket", "{artifacts}"),
    Call("a failed batch's output is listed", "s3:ListBucket", "{curated}"),
    Call(
        "a failed batch's output is deleted", "s3:DeleteObject", "{curated}/flights/batch=B1/part-0.parquet"
    ),
    Call("a step's log is read", "s3:GetObject", "{logs}/emr/j-1/steps/s-1/stderr.gz"),
    Call("a step's log is not there yet", "s3:ListBucket", "{logs}"),
    *(
        Call("arrivals are read", f"sqs:{action}", "{queue}")
        for action in ("ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility")
    ),
    *(
        Call("the ledger is kept", f"dynamodb:{action}", "{table}")
        for action in (
            *("GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem"),
        )
    ),
    Call("uploads are listed", "dynamodb:Query", "{table}/index/by_pipeline"),
    Call("uploads are listed by state", "dynamodb:Query", "{table}/index/by_state"),
    Call("a cluster is started", f"{EMR}:RunJobFlow", sent_tags=OUR_TAGS),
    Call("its tags come with it", f"{EMR}:AddTags", NEW_CLUSTER, sent_tags=OUR_TAGS),
    Call("when it ends idle comes with it", f"{EMR}:PutAutoTerminationPolicy", NEW_CLUSTER),
    Call("clusters are listed", f"{EMR}:ListClusters"),
    *(
        Call("our cluster is used", f"{EMR}:{action}", CLUSTER, carried_tags=OUR_TAGS)
        for action in (
            *("DescribeCluster", "DescribeStep", "ListSteps", "AddJobFlowSteps", "CancelSteps"),
            "TerminateJobFlows",
        )
    ),
    Call(
        "a cluster that a pipeline reuses carries the deployment's tag",
        f"{EMR}:AddJobFlowSteps",
        CLUSTER,
        carried_tags={TAG_DEPLOYMENT: "{table_name}"},
    ),
    Call(
        "EMR gets its role",
        "iam:PassRole",
        "{service_role}",
        context={"iam:PassedToService": "elasticmapreduce.amazonaws.com"},
    ),
    Call(
        "the nodes get theirs",
        "iam:PassRole",
        "{instance_role}",
        context={"iam:PassedToService": "ec2.amazonaws.com"},
    ),
    Call(
        "an account's first cluster makes EMR's own role",
        "iam:CreateServiceLinkedRole",
        CLEANUP_ROLE,
        context={"iam:AWSServiceName": "elasticmapreduce.amazonaws.com"},
    ),
]

REFUSED = [
    Call("drops are written by their owners", "s3:PutObject", "{uploads}/flights/jan.csv"),
    Call("drops are kept", "s3:DeleteObject", "{uploads}/flights/jan.csv"),
    Call("versions are Spark's to read", "s3:GetObjectVersion", "{uploads}/flights/jan.csv"),
    Call("another bucket is nobody's business", "s3:GetObject", "arn:aws:s3:::others/flights/jan.csv"),
    Call("another bucket's list neither", "s3:ListBucketVersions", "arn:aws:s3:::others"),
    Call("results are for their readers", "s3:GetObject", "{curated}/flights/batch=B1/part-0.parquet"),
    Call("results are Spark's to write", "s3:PutObject", "{curated}/flights/batch=B1/part-0.parquet"),
    Call("a report is Spark's to write", "s3:PutObject", "{artifacts}/batches/B1/report.json"),
    Call("why it failed is Spark's to write", "s3:PutObject", "{artifacts}/batches/B1/failure.json"),
    Call("programs are kept: a running step reads them", "s3:DeleteObject", "{artifacts}/programs/0a1b/a.py"),
    Call("the API's catalogue is published by a person", "s3:PutObject", "{artifacts}/pipelines.json"),
    Call("access logs are an auditor's", "s3:GetObject", "{logs}/s3-access/uploads/2026-01-01"),
    Call("logs are EMR's to write", "s3:PutObject", "{logs}/emr/j-1/steps/s-1/stderr.gz"),
    Call("a bucket's rules are the stack's", "s3:PutBucketPolicy", "{uploads}"),
    Call("the queue is the stack's", "sqs:DeleteQueue", "{queue}"),
    Call("arrivals are EventBridge's to tell", "sqs:SendMessage", "{queue}"),
    Call("all arrivals at once are nobody's to drop", "sqs:PurgeQueue", "{queue}"),
    Call("dead letters wait for a person", "sqs:ReceiveMessage", "{dead_letters}"),
    Call("the table is the stack's", "dynamodb:DeleteTable", "{table}"),
    Call("the table is read by key", "dynamodb:Scan", "{table}"),
    Call(
        "another table is another's",
        "dynamodb:GetItem",
        "arn:aws:dynamodb:{region}:{account}:table/another-table",
    ),
    Call("a cluster without tags is found by nobody", f"{EMR}:RunJobFlow"),
    *(
        Call(f"a cluster without {tag} is not ours", f"{EMR}:RunJobFlow", sent_tags=without(tag))
        for tag in OUR_TAGS
    ),
    Call("another deployment's cluster is theirs to start", f"{EMR}:RunJobFlow", sent_tags=OTHERS),
    *(
        Call(f"{whose} is left alone", f"{EMR}:{action}", CLUSTER, carried_tags=tags)
        for whose, tags in (
            ("another deployment's cluster", OTHERS),
            ("a cluster with a pipeline's tag only", {TAG_PIPELINE: "flights"}),
            ("a cluster without tags", {}),
        )
        for action in ("TerminateJobFlows", "AddJobFlowSteps", "CancelSteps", "DescribeCluster", "ListSteps")
    ),
    Call(
        "another's cluster is not made ours",
        f"{EMR}:AddTags",
        CLUSTER,
        sent_tags=OUR_TAGS,
        carried_tags=OTHERS,
    ),
    Call("a cluster without tags is not made ours", f"{EMR}:AddTags", CLUSTER, sent_tags=OUR_TAGS),
    Call(
        "another's cluster ends when its owner says",
        f"{EMR}:PutAutoTerminationPolicy",
        CLUSTER,
        carried_tags=OTHERS,
    ),
    Call("a cluster without tags ends when its owner says", f"{EMR}:PutAutoTerminationPolicy", CLUSTER),
    Call("an idle cluster ends", f"{EMR}:RemoveAutoTerminationPolicy", CLUSTER, carried_tags=OUR_TAGS),
    Call("tags stay", f"{EMR}:RemoveTags", CLUSTER, carried_tags=OUR_TAGS),
    Call("protection stays as it is", f"{EMR}:SetTerminationProtection", CLUSTER, carried_tags=OUR_TAGS),
    Call(
        "EMR gets its own role only",
        "iam:PassRole",
        "{instance_role}",
        context={"iam:PassedToService": "elasticmapreduce.amazonaws.com"},
    ),
    Call(
        "nodes get their own role only",
        "iam:PassRole",
        "{service_role}",
        context={"iam:PassedToService": "ec2.amazonaws.com"},
    ),
    Call(
        "no other service gets a role",
        "iam:PassRole",
        "{instance_role}",
        context={"iam:PassedToService": "lambda.amazonaws.com"},
    ),
    Call(
        "no other role is passed",
        "iam:PassRole",
        "arn:aws:iam::{account}:role/admin",
        context={"iam:PassedToService": "ec2.amazonaws.com"},
    ),
    Call(
        "no other service makes itself a role",
        "iam:CreateServiceLinkedRole",
        "arn:aws:iam::{account}:role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot",
        context={"iam:AWSServiceName": "spot.amazonaws.com"},
    ),
    Call("no role is taken", "sts:AssumeRole", "{service_role}"),
    Call("nobody's rights are changed", "iam:AttachRolePolicy", "{airflow_role}"),
]


@pytest.fixture(scope="module", params=["dev", "full"])
def stage(request: pytest.FixtureRequest, assemblies: tuple[Path, Path]) -> Stage:
    return Stage.read(assemblies[0] / request.param)


@pytest.fixture(scope="module")
def names(stage: Stage) -> dict[str, str]:
    def find(stack: str, kind: str, part: str = "") -> str:
        found = [
            logical_id
            for other, logical_id, _ in stage.find_resources(kind)
            if other == stack and part in logical_id
        ]
        assert len(found) == 1, found
        return str(stage.resolve(stack, {"Fn::GetAtt": [found[0], "Arn"]}))

    table = find("EventsStack", "AWS::DynamoDB::Table")
    outputs = {
        name: "arn:aws:s3:::" + stage.read_output(f"{name.title()}Bucket")
        for name in ("uploads", "curated", "artifacts", "logs")
    }
    return {
        **outputs,
        "account": ACCOUNT,
        "region": stage.region,
        "table": table,
        "table_name": table.rpartition("/")[2],
        "queue": find("EventsStack", "AWS::SQS::Queue", "ArrivalsQueue"),
        "dead_letters": find("EventsStack", "AWS::SQS::Queue", "ArrivalsDeadLetters"),
        "service_role": _find_trusting_role(stage, "elasticmapreduce.amazonaws.com"),
        "instance_role": _find_trusting_role(stage, "ec2.amazonaws.com"),
        "airflow_role": find(STACK, "AWS::IAM::Role"),
    }


def _find_trusting_role(stage: Stage, service: str) -> str:
    (found,) = [
        logical_id
        for stack, logical_id, resource in stage.find_resources("AWS::IAM::Role")
        if stack == "EMRRolesStack"
        and service in json.dumps(resource["Properties"]["AssumeRolePolicyDocument"])
    ]
    return str(stage.resolve("EMRRolesStack", {"Fn::GetAtt": [found, "Arn"]}))


@pytest.fixture(scope="module")
def decisions(stage: Stage, names: dict[str, str]) -> dict[str, bool]:
    """Every call of both lists, asked at once: the simulator's start is what costs."""
    policies = read_role_policies(stage, STACK, _find_role_id(stage))
    caller = Caller(names["airflow_role"], ACCOUNT, policies)
    calls = [*ALLOWED, *REFUSED]
    answers = decide(caller, [call.build(names) for call in calls])
    return {_describe(call): answer for call, answer in zip(calls, answers, strict=True)}


def _find_role_id(stage: Stage) -> str:
    ((_, logical_id, _),) = [found for found in stage.find_resources("AWS::IAM::Role") if found[0] == STACK]
    return logical_id


def _describe(call: Call) -> str:
    return f"{call.action}: {call.why}"


@pytest.mark.parametrize("call", ALLOWED, ids=_describe)
def test_airflow_can_do_what_a_run_asks_for(decisions: dict[str, bool], call: Call) -> None:
    assert decisions[_describe(call)]


@pytest.mark.parametrize("call", REFUSED, ids=_describe)
def test_airflow_cannot_do_what_lies_beside_it(decisions: dict[str, bool], call: Call) -> None:
    assert not decisions[_describe(call)]


def test_a_partners_bucket_is_read_where_the_settings_name_it(assemblies: tuple[Path, Path]) -> None:
    requests = [
        Request("s3:GetObject", "arn:aws:s3:::partner-drops/daily/a.csv"),
        Request("s3:ListBucketVersions", "arn:aws:s3:::partner-drops"),
        Request("s3:PutObject", "arn:aws:s3:::partner-drops/daily/a.csv"),
    ]
    answers = {
        name: decide(_build_caller(Stage.read(assemblies[0] / name)), requests) for name in ("dev", "full")
    }
    assert answers == {"dev": [False, False, False], "full": [True, True, False]}


def test_the_buckets_key_is_used_through_s3_only(assemblies: tuple[Path, Path]) -> None:
    stage = Stage.read(assemblies[0] / "full")
    keys = [
        stage.resolve(stack, {"Fn::GetAtt": [logical_id, "Arn"]})
        for stack, logical_id, _ in stage.find_resources("AWS::KMS::Key")
        if stack == "S3Stack"
    ]
    (key,) = keys
    via = {"kms:ViaService": f"s3.{stage.region}.amazonaws.com"}
    requests = [
        Request("kms:Decrypt", key, via),
        Request("kms:GenerateDataKey", key, via),
        Request("kms:Decrypt", key),
        Request("kms:ScheduleKeyDeletion", key, via),
    ]
    policy = {
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
    caller = _build_caller(stage, trust=policy)
    assert decide(caller, requests) == [True, True, False, False]


def test_a_partners_key_opens_what_s3_hands_out(assemblies: tuple[Path, Path]) -> None:
    key = "arn:aws:kms:eu-west-1:999999999999:key/01234567-89ab-cdef-0123-456789abcdef"
    stage = Stage.read(assemblies[0] / "full")
    policies = read_role_policies(stage, STACK, _find_role_id(stage))
    (statement,) = [
        one for policy in policies for one in policy["Statement"] if one["Resource"] in (key, [key])
    ]
    assert statement["Action"] in ("kms:Decrypt", ["kms:Decrypt"])
    assert statement["Condition"] == {"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}}


def _build_caller(stage: Stage, trust: dict[str, Any] | None = None) -> Caller:
    role_id = _find_role_id(stage)
    arn = stage.resolve(STACK, {"Fn::GetAtt": [role_id, "Arn"]})
    return Caller(arn, ACCOUNT, read_role_policies(stage, STACK, role_id), trust)


@pytest.mark.parametrize(
    ("name", "service", "source", "is_trusted"),
    [
        ("dev", "ecs-tasks.amazonaws.com", "arn:aws:ecs:us-east-1:{account}:*", True),
        ("dev", "ecs-tasks.amazonaws.com", "arn:aws:ecs:us-east-1:999999999999:*", False),
        ("dev", "airflow-env.amazonaws.com", "arn:aws:airflow:us-east-1:{account}:environment/main", False),
        ("dev", "lambda.amazonaws.com", "arn:aws:lambda:us-east-1:{account}:function:f", False),
        ("full", "airflow.amazonaws.com", "arn:aws:airflow:eu-central-1:{account}:environment/main", True),
        ("full", "airflow-env.amazonaws.com", "arn:aws:airflow:eu-central-1:{account}:environment/a", True),
        (
            "full",
            "airflow-env.amazonaws.com",
            "arn:aws:airflow:eu-central-1:999999999999:environment/a",
            False,
        ),
        ("existing", "ec2.amazonaws.com", "", True),
    ],
)
def test_the_role_is_taken_by_the_settings_services_for_this_account_only(
    assemblies: tuple[Path, Path], name: str, service: str, source: str, *, is_trusted: bool
) -> None:
    stage = Stage.read(assemblies[0] / name)
    role_id = _find_role_id(stage)
    role = stage.resolve(STACK, stage.templates[STACK]["Resources"][role_id]["Properties"])
    caller = Caller(service, ACCOUNT, trust=role["AssumeRolePolicyDocument"])
    arn = stage.resolve(STACK, {"Fn::GetAtt": [role_id, "Arn"]})
    context = {}
    if source:
        arn_of_source = source.format(account=ACCOUNT)
        context = {"aws:SourceArn": arn_of_source, "aws:SourceAccount": arn_of_source.split(":")[4]}
    assert decide(caller, [Request("sts:AssumeRole", arn, context)]) == [is_trusted]


def test_a_machine_gets_a_profile(load_template: LoadTemplate) -> None:
    assert "AirflowInstanceProfile" in load_template(STACK, "existing").body["Outputs"]
    assert not load_template(STACK).all("AWS::IAM::InstanceProfile")


@pytest.mark.parametrize("name", ["dev", "full"])
def test_the_policy_is_shorter_than_iam_takes(assemblies: tuple[Path, Path], name: str) -> None:
    for body in _build_caller(Stage.read(assemblies[0] / name)).policies:
        # names that CloudFormation makes are up to 64 characters: twice the room is left for them
        assert len(json.dumps(body, separators=(",", ":"))) < MAX_POLICY_CHARACTERS * 0.8
    assert {"AirflowRoleArn", "AirflowPolicyArn"} <= Stage.read(assemblies[0] / name).templates[STACK][
        "Outputs"
    ].keys()
