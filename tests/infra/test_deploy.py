"""What a deployment does beside the CDK CLI, against an AWS in this process.

The CLI itself is a stand-in here that knows what it would leave behind: ``test_cli_deploy.py`` runs it.
"""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import MagicMock

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from typer.testing import CliRunner

from infra import cli
from infra.tools import delivery, deployment, doctor, removal
from infra.tools.account import BOOTSTRAP_PARAMETER, reach_account
from infra.tools.assembly import SynthesizedStack
from infra.tools.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from infra.tools.account import Account

REGION = "eu-west-1"
ACCOUNT = "123456789012"
NAMES = {
    "S3Stack": ("UploadsBucket", "CuratedBucket", "ArtifactsBucket", "LogsBucket"),
    "EventsStack": ("ArrivalsQueueUrl", "LedgerTable"),
    "EMRRolesStack": ("EmrServiceRole", "EmrInstanceProfile"),
    "EMRStack": ("JobFlowId",),
    "ApiStack": ("ApiUrl",),
}
BUCKETS = NAMES["S3Stack"]


@dataclass
class StandIn:
    """Stands in for the CDK CLI and the synthesis: notes what is asked for, and leaves what they would."""

    folder: Path
    commands: list[list[str]] = field(default_factory=list)
    destroyable: bool = False
    always_kept: tuple[str, ...] = ()

    def synthesize(
        self, stage: str, output: Path, *, destroy_data: str | None = None
    ) -> list[SynthesizedStack]:
        assert stage == "dev"
        self.destroyable = destroy_data == stage
        stacks = []
        for name, outputs in NAMES.items():
            template = output / f"{name}.template.json"
            template.write_text(json.dumps(self.make_template(name, outputs)))
            stacks.append(
                SynthesizedStack(
                    id=name,
                    name=f"sparkdrop-dev-{name.lower()}",
                    template=template,
                    dependencies=() if name == "S3Stack" else ("S3Stack",),
                    bootstrap_version=6,
                )
            )
        return stacks

    def make_template(self, stack: str, outputs: Sequence[str]) -> dict[str, Any]:
        kept = self.always_kept if self.destroyable else BUCKETS
        policies = {name: "Retain" if name in kept else "Delete" for name in BUCKETS}
        resources: dict[str, Any] = {
            f"{stack}Topic": {"Type": "AWS::SNS::Topic"},
            **(
                {
                    name: {"Type": "AWS::S3::Bucket", "DeletionPolicy": policy}
                    for name, policy in policies.items()
                }
                if stack == "S3Stack"
                else {}
            ),
        }
        values = {name: {"Value": {"Ref": name} if name in resources else f"the-{name}"} for name in outputs}
        return {"Resources": resources, "Outputs": values}

    def run_cli(self, arguments: Sequence[str], *, region: str, assembly: Path) -> None:
        assert (region, assembly) == (REGION, self.folder)
        self.commands.append(list(arguments))
        cloudformation = boto3.client("cloudformation", region_name=REGION)
        stacks = [name for name in NAMES if name in arguments]
        if arguments[0] == "bootstrap":
            boto3.client("ssm", region_name=REGION).put_parameter(
                Name=BOOTSTRAP_PARAMETER, Value="30", Type="String", Overwrite=True
            )
        for name in stacks:
            stack, body = f"sparkdrop-dev-{name.lower()}", (self.folder / f"{name}.template.json").read_text()
            known = {one["StackName"] for one in cloudformation.describe_stacks()["Stacks"]}
            if arguments[0] == "destroy":
                cloudformation.delete_stack(StackName=stack)
            elif stack in known:
                cloudformation.update_stack(StackName=stack, TemplateBody=body)
            else:
                tags = [{"Key": "stage", "Value": "dev"}]
                cloudformation.create_stack(StackName=stack, TemplateBody=body, Tags=tags)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": REGION,
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "SPARKDROP_JOBS_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SPARKDROP_CONFIG_DIR", "include/emr_configs")
    with mock_aws():
        yield reach_account(None)


@pytest.fixture
def stand_in(account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:  # noqa: ARG001 - AWS is there first
    stand_in = StandIn(tmp_path)
    for module in (deployment, removal):
        monkeypatch.setattr(module, "synthesize", stand_in.synthesize)
        monkeypatch.setattr(module, "run_cli", stand_in.run_cli)
    monkeypatch.setattr(deployment, "build_command", lambda _: [])
    return stand_in


@pytest.fixture(autouse=True)
def packed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The platforms that were packed for, each time without the minute and the index that it takes."""
    platforms: list[str] = []

    def build(requirements: Path, output: Path, platform: str) -> Path:
        assert requirements.name == "requirements.txt"
        platforms.append(platform)
        archive = output / "packed.tar.gz"
        archive.write_bytes(platform.encode())
        return archive

    monkeypatch.setattr(delivery, "build_dependencies", build)
    return platforms


def upload_something(account: Account, bucket: str) -> None:
    client = account.make_client("s3")
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for _ in range(2):
        client.put_object(Bucket=bucket, Key="a", Body=b"a")
    client.delete_object(Bucket=bucket, Key="a")


def test_a_deployment_bootstraps_deploys_and_uploads(stand_in: StandIn, account: Account) -> None:
    deployed = deployment.deploy_stage("dev", assembly=stand_in.folder)
    assert stand_in.commands == [
        ["bootstrap", f"aws://{ACCOUNT}/{REGION}"],
        ["deploy", "S3Stack", "EventsStack", "EMRRolesStack", "ApiStack", "--progress", "events"],
    ]
    outputs = json.loads((stand_in.folder / "outputs.dev.json").read_bytes())
    assert outputs["sparkdrop-dev-eventsstack"]["LedgerTable"] == "the-LedgerTable"
    assert deployed.settings["SPARKDROP_LEDGER_TABLE"] == "the-LedgerTable"
    assert deployed.settings["AWS_REGION"] == REGION
    assert deployed.delivery is not None
    (program,) = deployed.delivery.programs
    assert deployed.settings["SPARKDROP_SPARK_DEPENDENCIES"] == deployed.delivery.dependencies
    listed = account.make_client("s3").list_objects_v2(Bucket=deployed.outputs["ArtifactsBucket"])
    keys = {entry["Key"] for entry in listed["Contents"]}
    assert {program.split("/", 3)[3], "pipelines.json"} <= keys
    assert any("flights" in change for change in deployed.delivery.changes)


def test_a_bootstrapped_account_is_left_alone_and_yes_asks_nothing(
    stand_in: StandIn, account: Account
) -> None:
    ssm = account.make_client("ssm")
    ssm.put_parameter(Name=BOOTSTRAP_PARAMETER, Value="6", Type="String")
    deployment.deploy_stage("dev", named=["S3Stack", "EMRStack"], yes=True, assembly=stand_in.folder)
    (command,) = stand_in.commands
    assert command[:3] == ["deploy", "S3Stack", "EMRStack"]
    assert command[-2:] == ["--require-approval", "never"]


def test_an_old_bootstrap_is_renewed(stand_in: StandIn, account: Account) -> None:
    account.make_client("ssm").put_parameter(Name=BOOTSTRAP_PARAMETER, Value="5", Type="String")
    deployment.deploy_stage("dev", named=["S3Stack"], assembly=stand_in.folder)
    assert [command[0] for command in stand_in.commands] == ["bootstrap", "deploy"]


def test_a_part_of_the_stacks_uploads_nothing_and_says_so(
    stand_in: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed = deployment.deploy_stage("dev", named=["S3Stack"], assembly=stand_in.folder)
    assert deployed.delivery is None
    assert "SPARKDROP_LEDGER_TABLE" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (None, False),
        ("http://localhost:8080/", False),
        ("https://d111111abcdef8.cloudfront.net/", True),
    ],
)
def test_a_page_that_nobody_knows_yet_is_said_how_to_make_known(
    page: str | None,
    said: object,
    stand_in: StandIn,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(deployment, "deliver_page", lambda *_: page)
    deployed = deployment.deploy_stage("dev", assembly=stand_in.folder)
    assert deployment.describe(deployed)["page"] == page
    assert (f"# page: {page}" in cli.render(deployed)) is (page is not None)
    told = "add https://d111111abcdef8.cloudfront.net to uploads.cors_origins of dev.yaml"
    assert (told in capsys.readouterr().err) is said


def test_an_unknown_stack_stops_before_anything_is_done(stand_in: StandIn) -> None:
    with pytest.raises(ToolError, match="no stack is called Nothing"):
        deployment.deploy_stage("dev", named=["Nothing"], assembly=stand_in.folder)
    assert stand_in.commands == []


def test_the_settings_can_be_pasted_and_the_rest_is_comments(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed = deployment.deploy_stage("dev", assembly=stand_in.folder)
    monkeypatch.setattr(cli, "deploy_stage", lambda *_, **__: deployed)
    lines = CliRunner().invoke(cli.app, ["deploy"]).stdout.splitlines()
    assert {line.split()[0] for line in lines} == {"#", "export"}
    assert "export SPARKDROP_ARRIVALS_QUEUE_URL=the-ArrivalsQueueUrl" in lines
    assert "# url: the-ApiUrl" in lines
    assert f"# stage: dev, account {ACCOUNT}, {REGION}" in lines
    shown = json.loads(CliRunner().invoke(cli.app, ["deploy", "--json"]).stdout)
    assert shown["buckets"].keys() == set(BUCKETS)
    assert shown["environment"] == deployed.settings
    assert shown["programs"] == list(deployed.delivery.programs) if deployed.delivery else False


@pytest.mark.parametrize(
    ("version", "state", "said"),
    [(None, "none", "make deploy STAGE=dev"), ("7", "wrong", "8 is needed"), ("8", "ok", "version 8")],
)
def test_the_doctor_tells_of_the_account(
    version: str | None, state: str, said: str, account: Account
) -> None:
    if version is not None:
        account.make_client("ssm").put_parameter(Name=BOOTSTRAP_PARAMETER, Value=version, Type="String")
    *_, reached, bootstrap = doctor.examine("dev")
    assert (reached.subject, reached.state) == ("account", "ok")
    assert f"{ACCOUNT} {REGION}" in reached.text
    assert (bootstrap.subject, bootstrap.state) == ("bootstrap", state)
    assert said in bootstrap.text


# what is uploaded


@pytest.fixture
def settings(account: Account) -> dict[str, str]:
    client = account.make_client("s3")
    client.create_bucket(Bucket="artifacts", CreateBucketConfiguration={"LocationConstraint": REGION})
    names = (name for outputs in list(NAMES.values())[:3] for name in outputs)
    values = deployment.read_outputs({name: f"the-{name}".lower() for name in names})
    return {**values, "SPARKDROP_ARTIFACTS_BUCKET": "artifacts"}


def test_packed_dependencies_go_where_spark_takes_them_from(
    account: Account,
    settings: dict[str, str],
    packed: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jobs = tmp_path / "jobs"
    jobs.mkdir()
    (jobs / "ingest.py").write_text("print()\n")
    (jobs / "requirements.txt").write_text("something==1\n")
    monkeypatch.setenv("SPARKDROP_JOBS_DIR", str(jobs))
    delivered = delivery.deliver(account, settings)
    assert packed == ["aarch64", "x86_64"]
    assert delivered.dependencies is not None
    pattern = r"s3://artifacts/(dependencies/\{platform\}/dependencies-[0-9a-f]{20}\.tar\.gz)"
    found = re.fullmatch(pattern, delivered.dependencies)
    assert found is not None
    client = account.make_client("s3")
    for platform in packed:
        stored = client.get_object(Bucket="artifacts", Key=found[1].format(platform=platform))
        assert stored["Body"].read() == platform.encode()


def test_dependencies_that_are_there_are_neither_packed_nor_written_again(
    account: Account, settings: dict[str, str], packed: list[str]
) -> None:
    first = delivery.deliver(account, settings).dependencies
    assert first is not None
    client = account.make_client("s3")
    keys = [first.format(platform=platform).removeprefix("s3://artifacts/") for platform in packed]
    client.put_object(Bucket="artifacts", Key=keys[0], Body=b"in use")
    client.delete_object(Bucket="artifacts", Key=keys[1])
    packed.clear()
    assert delivery.deliver(account, settings).dependencies == first
    assert packed == ["x86_64"]
    assert client.get_object(Bucket="artifacts", Key=keys[0])["Body"].read() == b"in use"


def test_a_bucket_that_does_not_answer_is_not_an_empty_one(
    account: Account, settings: dict[str, str], packed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = ClientError({"Error": {"Code": "403", "Message": "Forbidden"}}, "HeadObject")
    client = MagicMock()
    client.head_object.side_effect = refused
    monkeypatch.setattr(
        delivery, "Storage", lambda **_: SimpleNamespace(client=client, ensure_program=MagicMock())
    )
    with pytest.raises(ClientError, match="Forbidden"):
        delivery.deliver(account, settings)
    assert packed == []


def test_a_pipeline_file_that_does_not_load_stops_the_upload(
    account: Account, settings: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "odd.yaml").write_text("arival: {}\n")
    monkeypatch.setenv("SPARKDROP_CONFIG_DIR", str(tmp_path))
    with pytest.raises(ToolError, match=r"(?s)nothing was uploaded.*odd\.yaml"):
        delivery.deliver(account, settings)
    assert "Contents" not in account.make_client("s3").list_objects_v2(Bucket="artifacts")


# make destroy


def test_the_stacks_go_and_the_data_stays(stand_in: StandIn, account: Account) -> None:
    deployed = deployment.deploy_stage("dev", assembly=stand_in.folder)
    kept = removal.destroy_stage("dev", yes=True, assembly=stand_in.folder)
    assert kept == {"AWS::S3::Bucket": sorted(deployed.outputs[name] for name in BUCKETS)}
    assert stand_in.commands[-1] == [
        "destroy", "S3Stack", "EventsStack", "EMRRolesStack", "ApiStack", "--force",
    ]  # fmt: skip
    assert account.read_outputs(deployed.stacks) == {}


def test_with_both_switches_the_buckets_are_emptied_first(stand_in: StandIn, account: Account) -> None:
    deployed = deployment.deploy_stage("dev", assembly=stand_in.folder)
    uploads = deployed.outputs["UploadsBucket"]
    upload_something(account, uploads)
    kept = removal.destroy_stage("dev", yes=True, destroy_data="dev", assembly=stand_in.folder)
    assert kept == {}
    assert [command[0] for command in stand_in.commands[-2:]] == ["deploy", "destroy"]
    assert "--exclusively" in stand_in.commands[-2]
    client = account.make_client("s3")
    assert uploads not in {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}


def test_buckets_are_no_longer_logged_when_they_are_emptied(account: Account) -> None:
    client = account.make_client("s3")
    for name in ("the-logs", "the-data"):
        client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    grantee = {"Type": "Group", "URI": "http://acs.amazonaws.com/groups/s3/LogDelivery"}
    owner = client.get_bucket_acl(Bucket="the-logs")["Owner"]
    grants = [{"Grantee": grantee, "Permission": permission} for permission in ("WRITE", "READ_ACP")]
    client.put_bucket_acl(Bucket="the-logs", AccessControlPolicy={"Grants": grants, "Owner": owner})
    logging = {"LoggingEnabled": {"TargetBucket": "the-logs", "TargetPrefix": "access/"}}
    client.put_bucket_logging(Bucket="the-data", BucketLoggingStatus=logging)
    upload_something(account, "the-data")
    assert client.list_objects_v2(Bucket="the-logs")["KeyCount"] > 0
    removal.empty_buckets(account, ["the-logs", "the-data"])
    assert "LoggingEnabled" not in client.get_bucket_logging(Bucket="the-data")
    for name in ("the-logs", "the-data"):
        client.delete_bucket(Bucket=name)


def test_what_an_earlier_run_could_not_delete_is_not_deployed_again(
    stand_in: StandIn, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.deploy_stage("dev", assembly=stand_in.folder)
    states = account.list_stacks("dev") | {"sparkdrop-dev-s3stack": "DELETE_FAILED"}
    monkeypatch.setattr(type(account), "list_stacks", lambda *_: states)
    removal.destroy_stage("dev", yes=True, destroy_data="dev", assembly=stand_in.folder)
    update, destroy = stand_in.commands[-2:]
    assert "S3Stack" not in update
    assert "EventsStack" in update
    assert "S3Stack" in destroy


def test_a_bucket_that_outlives_its_stack_is_never_emptied(stand_in: StandIn, account: Account) -> None:
    stand_in.always_kept = ("UploadsBucket",)
    deployed = deployment.deploy_stage("dev", assembly=stand_in.folder)
    uploads = deployed.outputs["UploadsBucket"]
    upload_something(account, uploads)
    kept = removal.destroy_stage("dev", yes=True, destroy_data="dev", assembly=stand_in.folder)
    assert kept == {"AWS::S3::Bucket": [uploads]}
    versions = account.make_client("s3").list_object_versions(Bucket=uploads)
    assert len(versions["Versions"]) == 2


def test_nothing_is_emptied_without_the_second_switch(
    stand_in: StandIn, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.deploy_stage("dev", destroy_data="dev", assembly=stand_in.folder)
    emptied: list[str] = []
    monkeypatch.setattr(removal, "empty_buckets", lambda _, names: emptied.extend(names))
    removal.destroy_stage("dev", yes=True, assembly=stand_in.folder)
    assert emptied == []
    assert account.list_stacks("dev") == {}


@pytest.mark.parametrize(
    ("answer", "terminal", "said"),
    [("dev\n", False, "YES=1"), ("\n", True, "nothing was deleted"), ("prod\n", True, "nothing was deleted")],
)
def test_a_person_has_to_write_the_stages_name(
    answer: str, terminal: object, said: str, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.deploy_stage("dev", assembly=stand_in.folder)
    before = len(stand_in.commands)
    stdin = SimpleNamespace(isatty=lambda: terminal, readline=io.StringIO(answer).readline)
    monkeypatch.setattr(removal.sys, "stdin", stdin)
    with pytest.raises(ToolError, match=said):
        removal.destroy_stage("dev", assembly=stand_in.folder)
    assert len(stand_in.commands) == before
    if terminal:
        monkeypatch.setattr(stdin, "readline", lambda: "dev\n")
        removal.destroy_stage("dev", assembly=stand_in.folder)
        assert stand_in.commands[-1][0] == "destroy"


def test_a_stage_that_is_not_there_cannot_be_destroyed(stand_in: StandIn) -> None:
    with pytest.raises(ToolError, match="stage dev has no stack in account"):
        removal.destroy_stage("dev", yes=True, assembly=stand_in.folder)


def test_a_stack_that_the_settings_no_longer_have_is_named(stand_in: StandIn, account: Account) -> None:
    deployment.deploy_stage("dev", assembly=stand_in.folder)
    cloudformation = account.make_client("cloudformation")
    for name, stage in {"sparkdrop-dev-emr": "dev", "sparkdrop-dev-2-s3": "dev-2"}.items():
        cloudformation.create_stack(
            StackName=name,
            TemplateBody=json.dumps(stand_in.make_template("Other", ())),
            Tags=[{"Key": "stage", "Value": stage}],
        )
    with pytest.raises(ToolError, match=r"^sparkdrop-dev-emr: .* dev\.yaml no longer has"):
        removal.destroy_stage("dev", yes=True, assembly=stand_in.folder)
    assert stand_in.commands[-1][0] == "deploy"


def test_errors_are_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ToolError("it broke")

    monkeypatch.setattr(cli, "deploy_stage", fail)
    answer = CliRunner().invoke(cli.app, ["deploy"])
    assert (answer.exit_code, answer.output) == (1, "error: it broke\n")
    answer = CliRunner().invoke(cli.app, ["destroy", "--stage", "nowhere"])
    assert answer.exit_code == 1
    assert answer.output.startswith("error: ")
    assert answer.output.count("\n") == 1
