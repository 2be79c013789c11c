"""The app as a whole: the same templates each time, nothing unsafe, nothing destroyed by one switch."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
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
)

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


@pytest.fixture(scope="session")
def probe(tmp_path_factory: pytest.TempPathFactory, start_python: StartPython) -> tuple[Path, str]:
    settings, output = tmp_path_factory.mktemp("settings"), tmp_path_factory.mktemp("probe")
    (settings / "scratch.yaml").write_text("owner: me\ncost_centre: none\ndestroy_data: true\n")
    process = start_python("-c", PROBE, str(settings), str(output))
    text, _ = process.communicate(timeout=120)
    assert process.returncode == 0, text
    return output, text


def test_the_same_sources_give_the_same_templates_byte_by_byte(assemblies: tuple[Path, Path]) -> None:
    first, second = assemblies[0] / "dev", assemblies[1]
    names = sorted(file.name for file in first.glob("*.template.json"))
    assert [name.removesuffix(".template.json") for name in names] == sorted(STACKS)
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes()


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
    assert _policies(probe[0] / "kept") == {"Retain"}
    assert _policies(probe[0] / "destroyed") == {"Delete"}


def test_destroying_another_stage_than_the_settings_allow_is_refused(probe: tuple[Path, str]) -> None:
    assert probe[1].startswith("ConfigError scratch.yaml: destroy_data: ")


def _policies(folder: Path) -> set[str]:
    stateful = {"AWS::S3::Bucket", "AWS::DynamoDB::Table"}
    return {
        resource["DeletionPolicy"]
        for file in folder.glob("*.template.json")
        for resource in json.loads(file.read_bytes())["Resources"].values()
        if resource["Type"] in stateful
    }
