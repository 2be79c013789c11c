"""The app as a whole: the same templates each time, nothing unsafe, nothing destroyed by one switch."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import StartPython

STACKS = (
    "AirflowAccessStack",
    "ApiStack",
    "EMRRolesStack",
    "EMRServerlessStack",
    "EMRStack",
    "EcrStack",
    "EventsStack",
    "InvokeStack",
    "NetworkStack",
    "S3Stack",
    "UploadsApiStack",
    "UsersStack",
    "WebStack",
)
STAGES = ("dev", "prod", "full", "existing")
# What a stage's settings do not ask for: a development cluster, users beside the account's own, a page.
LEFT_OUT = {"prod": {"EMRStack"}, "existing": {"EMRStack", "UsersStack", "WebStack"}}

# What holds something that cannot be made again.
STATEFUL = {
    "AWS::Cognito::UserPool",
    "AWS::DynamoDB::Table",
    "AWS::ECR::Repository",
    "AWS::Events::Archive",
    "AWS::KMS::Key",
    "AWS::S3::Bucket",
}
# Nothing lies under these that is kept: a message is gone once it is delivered, a disk with its node.
STATELESS_KEYS = ("AlertsKey", "DiskKey")

# In one process, because Node's start is what costs: both switches, then an unsafe bucket beside the stacks.
PROBE = """
import sys
from pathlib import Path
from infra.app import build_app
import aws_cdk as cdk
from aws_cdk import aws_s3

settings, output = Path(sys.argv[1]), Path(sys.argv[2])
build = lambda name, **more: build_app(stage="scratch", settings_dir=settings, output=output / name, **more)
build("destroyed", context={"destroy-data": "scratch"}).synth()
build("kept").synth()
unsafe = build("unsafe")
aws_s3.Bucket(cdk.Stack(unsafe, "UnsafeStack"), "Bucket")
try:
    unsafe.synth()
except RuntimeError as error:
    assert "ValidationFailed" in str(error), error
else:
    sys.exit("an unsafe bucket was synthesized")
try:
    build("other", context={"destroy-data": "dev"})
except Exception as error:
    print(type(error).__name__, error)
"""
# Every kind of thing that holds data.
SCRATCH = """
owner: me
cost_centre: none
destroy_data: true
encryption: kms
api: {authorizer: cognito}
"""


@pytest.fixture(scope="session")
def probe(tmp_path_factory: pytest.TempPathFactory, start_python: StartPython) -> tuple[Path, str]:
    settings, output = tmp_path_factory.mktemp("settings"), tmp_path_factory.mktemp("probe")
    (settings / "scratch.yaml").write_text(SCRATCH)
    process = start_python("-c", PROBE, str(settings), str(output))
    text, _ = process.communicate(timeout=120)
    assert process.returncode == 0, text
    return output, text


def test_the_same_sources_give_the_same_templates_byte_by_byte(assemblies: tuple[Path, Path]) -> None:
    first, second = assemblies[0] / "dev", assemblies[1]
    assert _list_stacks(first) == _list_stacks(second) == set(STACKS)
    for stack in STACKS:
        name = f"{stack}.template.json"
        assert (first / name).read_bytes() == (second / name).read_bytes()


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_has_every_stack_that_it_asks_for(assemblies: tuple[Path, Path], stage: str) -> None:
    assert _list_stacks(assemblies[0] / stage) == set(STACKS) - LEFT_OUT.get(stage, set())


@pytest.mark.parametrize("stage", STAGES)
def test_every_stack_and_all_that_takes_tags_says_whose_it_is(
    assemblies: tuple[Path, Path], stage: str
) -> None:
    folder = assemblies[0] / stage
    owner, cost_centre = ("me", "none") if stage in ("full", "existing") else ("data-platform", "sparkdrop")
    tags = {"stage": stage, "owner": owner, "cost-centre": cost_centre}
    artifacts = json.loads((folder / "manifest.json").read_bytes())["artifacts"]
    for stack in _list_stacks(folder):
        assert artifacts[stack]["properties"]["tags"] == tags
    bare = [
        name
        for name, resource in _read_resources(folder)
        if (key := _find_tags_property(resource["Type"]))
        and not tags.items() <= _read_tags(resource.get("Properties", {}).get(key, [])).items()
    ]
    assert bare == []


def test_stacks_are_named_by_stage_and_the_events_follow_the_buckets(assemblies: tuple[Path, Path]) -> None:
    artifacts = json.loads((assemblies[0] / "dev" / "manifest.json").read_bytes())["artifacts"]
    assert artifacts["S3Stack"]["properties"]["stackName"] == "sparkdrop-dev-s3"
    assert artifacts["EventsStack"]["properties"]["stackName"] == "sparkdrop-dev-events"
    assert "S3Stack" in artifacts["EventsStack"]["dependencies"]


def test_an_unsafe_resource_cannot_be_synthesized(probe: tuple[Path, str]) -> None:
    report = json.loads((probe[0] / "unsafe" / "validation-report.json").read_bytes())
    rules = {
        violation["ruleName"] for plugin in report["pluginReports"] for violation in plugin["violations"]
    }
    assert "AwsSolutions-S10" in rules


def test_data_is_destroyed_only_where_file_and_command_line_say_so(probe: tuple[Path, str]) -> None:
    assert _read_policies(probe[0] / "kept") == {kind: {"Retain"} for kind in STATEFUL}
    assert _read_policies(probe[0] / "destroyed") == {kind: {"Delete"} for kind in STATEFUL}


def test_production_keeps_its_data(assemblies: tuple[Path, Path]) -> None:
    assert _read_policies(assemblies[0] / "prod") == {kind: {"Retain"} for kind in STATEFUL}


def test_destroying_another_stage_than_the_settings_allow_is_refused(probe: tuple[Path, str]) -> None:
    assert probe[1].startswith("ConfigError scratch.yaml: destroy_data: ")


def _list_stacks(folder: Path) -> set[str]:
    return {file.name.removesuffix(".template.json") for file in folder.glob("*.template.json")}


def _read_resources(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted(folder.glob("*.template.json")):
        for logical_id, resource in json.loads(file.read_bytes())["Resources"].items():
            yield f"{file.name.partition('.')[0]}.{logical_id}", resource


def _read_policies(folder: Path) -> dict[str, set[str]]:
    """What becomes of data when its stack is deleted, and of what is replaced: policies by type."""
    found: dict[str, set[str]] = {}
    for name, resource in _read_resources(folder):
        if resource["Type"] in STATEFUL and not any(key in name for key in STATELESS_KEYS):
            policies = {resource["DeletionPolicy"], resource["UpdateReplacePolicy"]}
            found.setdefault(resource["Type"], set()).update(policies)
    return found


def _find_tags_property(resource_type: str) -> str | None:
    """The property that takes a type's tags, by CloudFormation's own schemas; None where it takes none."""
    schema: dict[str, Any] = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource_type).schema
    # where a schema says nothing, its type takes none
    tagging = schema.get("tagging", {"taggable": False})
    if not tagging["taggable"]:
        return None
    return str(tagging.get("tagProperty", "/properties/Tags")).rpartition("/")[2]


def _read_tags(tags: list[dict[str, str]] | dict[str, str]) -> dict[str, str]:
    return tags if isinstance(tags, dict) else {tag["Key"]: tag["Value"] for tag in tags}
