"""The templates of every stage as CloudFormation and IAM read them, and what was acknowledged in them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cfnlint.api import lint
from cfnlint.config import ManualArgs
from cfnlint.core import get_rules

from tests.infra.conftest import STAGES
from tests.infra.iam.simulator import find_problems
from tests.infra.iam.templates import Stage, read_documents

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cfnlint.match import Match
    from cfnlint.rules import RulesCollection

ACKNOWLEDGEMENTS = Path(__file__).with_name("acknowledgements.txt")

# Findings of cfn-lint that are no faults, by rule and by the type of resource:
# https://github.com/aws-cloudformation/cfn-lint/blob/main/docs/rules.md
_FLOW_LOG = (
    "AWS takes these options in CDK's spelling, whatever the schema says: "
    "https://github.com/aws/aws-cdk/blob/main/packages/aws-cdk-lib/aws-ec2/lib/vpc-flow-logs.ts"
)
ACCEPTED_FINDINGS = {
    ("E3002", "AWS::EC2::FlowLog"): _FLOW_LOG,
    ("E3003", "AWS::EC2::FlowLog"): _FLOW_LOG,
    (
        "W3005",
        "AWS::Lambda::Function",
    ): "CDK lets a function wait for its role's policies, and the role with it",
    ("W6001", "Outputs"): "EMRStack tells where its logs are, in the bucket of another stack",
}


@pytest.fixture(scope="module")
def rules() -> RulesCollection:
    """All rules but the informational ones; made once, because that is most of the time."""
    return get_rules([], [], [], include_experimental=False)


@pytest.fixture(scope="module")
def findings(assemblies: tuple[Path, Path], rules: RulesCollection) -> dict[str, list[tuple[str, str, str]]]:
    """What cfn-lint finds, by stage: (rule, type of resource, what it says)."""
    return {name: list(_lint(Stage.read(assemblies[0] / name), rules)) for name in STAGES}


def _lint(stage: Stage, rules: RulesCollection) -> Iterator[tuple[str, str, str]]:
    config = ManualArgs(regions=[stage.region])
    for stack, template in stage.templates.items():
        for match in lint(json.dumps(template), rules=rules, config=config):
            yield match.rule.id, _find_type(template.get("Resources", {}), match), f"{stack}: {match.message}"


def _find_type(resources: dict[str, dict[str, str]], match: Match) -> str:
    section, *rest = [str(part) for part in getattr(match, "path", None) or [""]]
    return resources[rest[0]]["Type"] if section == "Resources" and rest else section


@pytest.mark.parametrize("name", STAGES)
def test_cloudformation_takes_the_templates(
    findings: dict[str, list[tuple[str, str, str]]], name: str
) -> None:
    assert [finding for finding in findings[name] if finding[:2] not in ACCEPTED_FINDINGS] == []


def test_no_finding_is_accepted_that_is_gone(findings: dict[str, list[tuple[str, str, str]]]) -> None:
    found = {finding[:2] for stage in findings.values() for finding in stage}
    assert ACCEPTED_FINDINGS.keys() - found == set()


@pytest.mark.parametrize("name", STAGES)
def test_iam_knows_each_action_and_takes_its_resources_and_keys(
    assemblies: tuple[Path, Path], name: str
) -> None:
    documents = list(read_documents(Stage.read(assemblies[0] / name)))
    problems = find_problems((document.kind, document.body) for document in documents)
    named = {
        f"{document.stack}/{document.logical_id}": found
        for document, found in zip(documents, problems, strict=True)
        if found
    }
    assert named == {}
    assert len(documents) > 10


def test_a_wrong_policy_is_found() -> None:
    def build(action: str, resource: str, key: str = "aws:SourceAccount") -> dict[str, object]:
        statement = {
            "Effect": "Allow",
            "Action": action,
            "Resource": resource,
            "Condition": {"StringEquals": {key: "x"}},
        }
        return {"Version": "2012-10-17", "Statement": [statement]}

    documents = [
        build("s3:GetObjects", "arn:aws:s3:::bucket/*"),
        build("s3:GetObject", "arn:aws:s3:::bucket"),
        build("s3:GetObject", "arn:aws:s3:::bucket/*", "s3:prefix"),
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject"}]},
        build("s3:GetObject", "arn:aws:s3:::bucket/*"),
    ]
    problems = find_problems(("identity", document) for document in documents)
    assert [bool(found) for found in problems] == [True, True, True, True, False]


def test_every_acknowledgement_is_on_the_reviewed_list(assemblies: tuple[Path, Path]) -> None:
    """The list is the file beside this one, a line each: where, which rule, why."""
    found = {line for name in STAGES for line in _read_acknowledgements(assemblies[0] / name)}
    reviewed = set(ACKNOWLEDGEMENTS.read_text(encoding="utf-8").splitlines())
    assert sorted(found - reviewed) == [], "acknowledged, but not on the list"
    assert sorted(reviewed - found) == [], "on the list, but acknowledged no more"


def test_no_acknowledgement_is_of_a_whole_stack_or_without_a_reason(assemblies: tuple[Path, Path]) -> None:
    for name in STAGES:
        for line in _read_acknowledgements(assemblies[0] / name):
            path, rule, reason = line.split(" | ")
            # what CDK itself acknowledges, it acknowledges of its own checks
            assert path.count("/") >= 1 or not rule.startswith("AwsSolutions-"), line
            assert len(reason.split()) >= 4, line


def _read_acknowledgements(folder: Path) -> Iterator[str]:
    for file in folder.glob("*.metadata.json"):
        for path, entries in json.loads(file.read_bytes()).items():
            for entry in entries:
                if entry["type"] == "aws:cdk:acknowledged-rules":
                    for rule, reason in entry["data"].items():
                        yield f"{path.strip('/')} | {_shorten(rule)} | {reason}"


def _shorten(rule: str) -> str:
    """Say an acknowledged rule the same for every stage: without hashes, stage and region."""
    rule = re.sub(r"^\w+::", "", rule)
    rule = re.sub(
        r"sparkdrop-[a-z]+-([a-z0-9-]+):ExportsOutput(?:FnGetAtt|Ref)(\w+?)[0-9A-F]{8}(?:Arn)?[0-9A-F]{8}",
        r"<\1:\2>",
        rule,
    )
    rule = re.sub(r"<(\w+?)[0-9A-F]{8}\.Arn>", r"<\1>", rule)
    rule = re.sub(r"<AWS::Partition>|(?<=arn:)aws(?=:)", "aws", rule)
    return re.sub(r":(?:<AWS::Region>|[a-z]{2}-[a-z]+-\d):<AWS::AccountId>", "::", rule)
