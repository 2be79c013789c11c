"""Every wildcard in a statement that allows something is on a short list, with the page that says why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.infra.conftest import STAGES
from tests.infra.iam.templates import Document, Stage, read_documents

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Wildcard(NamedTuple):
    """One action on one resource, where either is not named whole."""

    stack: str
    action: str
    resource: str


_REFERENCE = "https://docs.aws.amazon.com/service-authorization/latest/reference"

# A statement of a policy that is attached to what it speaks of says "*" for "this one":
# https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-overview.html
_ATTACHED = "resource"

ACCEPTED = {
    Wildcard("AirflowAccessStack", "elasticmapreduce:RunJobFlow", "*"): (
        f"takes no resource, and is asked for our tags: {_REFERENCE}/list_amazonelasticmapreduce.html"
    ),
    Wildcard("AirflowAccessStack", "elasticmapreduce:ListClusters", "*"): (
        f"takes no resource: {_REFERENCE}/list_amazonelasticmapreduce.html"
    ),
    **{
        Wildcard("AirflowAccessStack", f"elasticmapreduce:{action}", "cluster/*"): (
            "a cluster's id is known to none before; the tag is asked for: "
            "https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-fine-grained-cluster-access.html"
        )
        for action in (
            "AddJobFlowSteps",
            "AddTags",
            "CancelSteps",
            "DescribeCluster",
            "DescribeStep",
            "ListSteps",
            "TerminateJobFlows",
        )
    },
    Wildcard("AirflowAccessStack", "elasticmapreduce:PutAutoTerminationPolicy", "cluster/*"): (
        "RunJobFlow asks for it before there is an id or a tag; another's cluster is denied: "
        "https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-auto-termination-policy.html"
    ),
    **{
        Wildcard(stack, f"xray:{action}", "*"): f"takes no resource: {_REFERENCE}/list_awsx-ray.html"
        for stack in ("InvokeStack", "UploadsApiStack")
        for action in ("PutTelemetryRecords", "PutTraceSegments")
    },
    Wildcard("EMRRolesStack", "ssm:UpdateInstanceInformation", "instance/*"): (
        f"a node's id is known to none before: {_REFERENCE}/list_awssystemsmanager.html"
    ),
    **{
        Wildcard("EMRRolesStack", f"ssmmessages:{action}", "*"): (
            f"takes no resource: {_REFERENCE}/list_amazonmessagegatewayservice.html"
        )
        for action in (
            "CreateControlChannel",
            "CreateDataChannel",
            "OpenControlChannel",
            "OpenDataChannel",
        )
    },
}

# Services whose ARNs begin with a name, not with a type.
_NAMED_FIRST = {"s3", "sns", "sqs", "execute-api"}


@pytest.fixture(scope="module")
def found(assemblies: tuple[Path, Path]) -> set[Wildcard]:
    return {
        wildcard
        for name in STAGES
        for document in read_documents(Stage.read(assemblies[0] / name))
        for wildcard in find_wildcards(document)
    }


def find_wildcards(document: Document) -> Iterator[Wildcard]:
    """Find what a document allows without naming it whole; what it denies takes nothing from anyone."""
    for statement in document.body["Statement"]:
        if statement["Effect"] != "Allow" or document.kind == "trust":
            continue
        assert not {"NotAction", "NotResource"} & set(statement), f"{document.stack}: {statement}"
        resources = [_shorten(resource) for resource in _list(statement.get("Resource", []))]
        for action in _list(statement["Action"]):
            if document.kind == _ATTACHED:
                if "*" in action and not _is_own_account(statement):
                    yield Wildcard(document.stack, action, "this")
                continue
            for resource in resources:
                if "*" in action or _is_wildcard(resource):
                    yield Wildcard(document.stack, action, resource)


def _is_own_account(statement: dict[str, Any]) -> bool:
    """Whether it is KMS's own first statement, which leaves the rest to IAM's policies."""
    return str(statement.get("Principal", {}).get("AWS", "")).endswith(":root")


def _shorten(resource: str) -> str:
    """Leave service, region and account out of a resource that has a type: ``cluster/*``."""
    parts = resource.split(":", 5)
    if len(parts) < 6:
        return resource
    return resource if parts[2] in _NAMED_FIRST else parts[5]


def _is_wildcard(resource: str) -> bool:
    if resource.startswith("arn:"):
        name = resource.split(":", 5)[5]
        return name.partition("/")[0].strip("*") == ""
    kind, _, name = resource.replace(":", "/").partition("/")
    return kind == "*" or name == "*"


def _list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def test_every_wildcard_is_on_the_list(found: set[Wildcard]) -> None:
    assert sorted(found - ACCEPTED.keys()) == []


def test_the_list_holds_no_wildcard_that_is_gone(found: set[Wildcard]) -> None:
    assert sorted(ACCEPTED.keys() - found) == []


def test_the_list_says_where_to_read_why() -> None:
    assert [entry for entry, why in ACCEPTED.items() if "https://" not in why] == []


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("s3:GetObject", "*"),
        ("s3:GetObject", "arn:aws:s3:::*"),
        ("s3:GetObject", "arn:aws:s3:::*/logs/*"),
        ("s3:*", "arn:aws:s3:::bucket/*"),
        ("ssm:StartSession", "arn:aws:ec2:us-east-1:111122223333:instance/*"),
        ("dynamodb:GetItem", "arn:aws:dynamodb:us-east-1:111122223333:*"),
        ("logs:PutLogEvents", "arn:aws:logs:us-east-1:111122223333:log-group:*"),
    ],
)
def test_a_wildcard_is_seen(action: str, resource: str) -> None:
    assert len(list(find_wildcards(_build_document(action, resource)))) == 1


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("s3:GetObject", "arn:aws:s3:::bucket/*"),
        ("dynamodb:Query", "arn:aws:dynamodb:us-east-1:111122223333:table/ledger/index/*"),
        ("logs:PutLogEvents", "arn:aws:logs:us-east-1:111122223333:log-group:/aws/lambda/f:*"),
    ],
)
def test_a_part_of_a_named_resource_is_none(action: str, resource: str) -> None:
    assert list(find_wildcards(_build_document(action, resource))) == []


def _build_document(action: str, resource: str) -> Document:
    statement = {"Effect": "Allow", "Action": [action], "Resource": resource}
    return Document("Stack", "Policy", "identity", {"Statement": [statement]})
