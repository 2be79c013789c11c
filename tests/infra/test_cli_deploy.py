"""The pinned CDK CLI against the emulation: bootstrap, deploy, diff, change, destroy."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from infra.tools.assembly import read_assembly
from infra.tools.cdk_cli import INFRA, build_command, build_environment
from infra.tools.deployment import deploy_stage
from sparkdrop.core.catalog import CATALOG_KEY
from sparkdrop.core.deployment import Deployment, read_outputs
from sparkdrop.core.spark_dependencies import PLATFORMS, choose_archive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# Whatever else the app has, these are held; EMRStack really brings up a cluster.
STACKS = (
    "S3Stack",
    "NetworkStack",
    "EventsStack",
    "EcrStack",
    "EMRRolesStack",
    "EMRStack",
    "AirflowAccessStack",
)
PLACE = "aws://123456789012/us-east-1"
READY_SECONDS = 60


@dataclass(frozen=True)
class Account:
    """An emulated account, the CLI's way to it, and what was deployed there."""

    environment: dict[str, str]
    assembly: Path

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.environment["AWS_ENDPOINT_URL"],
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
            region_name=self.environment["AWS_REGION"],
        )

    def cdk(self, *arguments: str, assembly: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            build_command([*arguments, "--app", str(assembly or self.assembly)]),
            cwd=INFRA,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )

    def deploy(self, *stacks: str, assembly: Path | None = None) -> str:
        done = self.cdk("deploy", *stacks, "--require-approval", "never", assembly=assembly)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def list_stacks(self) -> dict[str, str]:
        stacks = self.client("cloudformation").describe_stacks()["Stacks"]
        return {stack["StackName"]: stack["StackStatus"] for stack in stacks}

    def read_outputs(self) -> dict[str, str]:
        return {
            output["OutputKey"]: output["OutputValue"]
            for stack in self.client("cloudformation").describe_stacks()["Stacks"]
            for output in stack.get("Outputs", [])
        }


@pytest.fixture(scope="module")
def account(assemblies: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """An account that is bootstrapped, and has the stacks."""
    home = tmp_path_factory.mktemp("account")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
    with (home / "aws.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "sparkdrop_local.aws", "--home", str(home), "--empty"],
            env=inherited,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + READY_SECONDS
        while not (home / "aws.json").exists():
            assert process.poll() is None, (home / "aws.log").read_text()
            assert time.monotonic() < deadline, (home / "aws.log").read_text()
            time.sleep(0.05)
        announced = json.loads((home / "aws.json").read_bytes())["environment"]
        environment = build_environment({**inherited, **announced}, home=home / "cdk")
        made = Account(environment, assemblies[0] / "dev")
        done = made.cdk("bootstrap", PLACE)
        assert done.returncode == 0, done.stdout
        made.deploy(*STACKS)
        yield made
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


@pytest.fixture
def change_template(
    account: Account, tmp_path: Path
) -> Callable[[str, Callable[[dict[str, Any]], None]], Path]:
    """A copy of the assembly in which one stack's template differs."""

    def change(stack_id: str, edit: Callable[[dict[str, Any]], None]) -> Path:
        copy = tmp_path / "assembly"
        shutil.copytree(account.assembly, copy)
        template = copy / f"{stack_id}.template.json"
        body = json.loads(template.read_bytes())
        edit(body)
        template.write_text(json.dumps(body))
        # the CLI uploads a template under its hash, once
        assets = json.loads((copy / f"{stack_id}.assets.json").read_bytes())
        (old,) = (name for name, file in assets["files"].items() if file["source"]["path"] == template.name)
        new = f"{abs(hash(tmp_path.as_posix())):064x}"
        for file in (copy / "manifest.json", copy / f"{stack_id}.assets.json"):
            file.write_text(file.read_text().replace(old, new))
        return copy

    return change


def test_every_stack_is_there_and_the_outputs_are_a_deployment(account: Account) -> None:
    names = {stack.name for stack in read_assembly(account.assembly) if stack.id in STACKS}
    assert len(names) == len(STACKS)
    assert account.list_stacks() == dict.fromkeys({*names, "CDKToolkit"}, "CREATE_COMPLETE")
    deployment = Deployment.from_environment(read_outputs(account.read_outputs()))
    assert deployment.emr_subnet_id is not None
    assert account.client("s3").head_bucket(Bucket=deployment.uploads_bucket)
    assert deployment.arrivals_queue_url.startswith(account.environment["AWS_ENDPOINT_URL"])


def test_a_diff_after_a_deploy_is_empty_and_a_second_deploy_changes_nothing(account: Account) -> None:
    diff = account.cdk("diff", *STACKS, "--fail")
    assert diff.returncode == 0, diff.stdout
    assert diff.stdout.count("There were no differences") == len(STACKS)
    before = account.list_stacks()
    assert account.deploy(*STACKS).count("(no changes)") == len(STACKS)
    assert account.list_stacks() == before


def test_what_lands_in_the_uploads_bucket_is_a_message_in_the_queue(account: Account) -> None:
    outputs = account.read_outputs()
    account.client("s3").put_object(Bucket=outputs["UploadsBucket"], Key="flights/a.csv", Body=b"x")
    (message,) = account.client("sqs").receive_message(
        QueueUrl=outputs["ArrivalsQueueUrl"], WaitTimeSeconds=10
    )["Messages"]
    assert json.loads(message["Body"])["detail"]["object"]["key"] == "flights/a.csv"
    # every upload stays in the archive, too
    (archive,) = account.client("events").list_archives()["Archives"]
    assert archive["EventCount"] == 1


def test_the_cluster_of_the_development_stack_is_up(account: Account) -> None:
    cluster = account.client("emr").describe_cluster(ClusterId=account.read_outputs()["JobFlowId"])["Cluster"]
    assert cluster["Status"]["State"] in {"STARTING", "BOOTSTRAPPING", "WAITING"}
    outputs = account.read_outputs()
    assert cluster["ServiceRole"] == outputs["EmrServiceRole"]
    assert cluster["Ec2InstanceAttributes"]["Ec2SubnetId"] == outputs["EmrSubnetId"]


def test_what_changes_in_a_template_changes_in_the_account(
    account: Account, change_template: Callable[..., Path]
) -> None:
    def edit(body: dict[str, Any]) -> None:
        resources = body["Resources"]
        (queue,) = (
            one["Properties"]
            for one in resources.values()
            if one["Type"] == "AWS::SQS::Queue" and "RedrivePolicy" in one["Properties"]
        )
        queue["VisibilityTimeout"] = 77
        resources["Extra"] = {"Type": "AWS::SNS::Topic"}
        body["Outputs"]["ExtraTopic"] = {"Value": {"Ref": "Extra"}}

    changed = change_template("EventsStack", edit)
    assert account.cdk("diff", "EventsStack", "--fail", assembly=changed).returncode == 1
    account.deploy("EventsStack", assembly=changed)
    outputs, sqs = account.read_outputs(), account.client("sqs")

    def read_timeout() -> str:
        answer = sqs.get_queue_attributes(
            QueueUrl=outputs["ArrivalsQueueUrl"], AttributeNames=["VisibilityTimeout"]
        )
        return str(answer["Attributes"]["VisibilityTimeout"])

    assert read_timeout() == "77"
    topics = [topic["TopicArn"] for topic in account.client("sns").list_topics()["Topics"]]
    assert outputs["ExtraTopic"] in topics
    assert account.cdk("diff", "EventsStack", "--fail", assembly=changed).returncode == 0

    account.deploy("EventsStack")
    assert read_timeout() != "77"
    after = [topic["TopicArn"] for topic in account.client("sns").list_topics()["Topics"]]
    assert sorted([*after, outputs["ExtraTopic"]]) == sorted(topics)
    assert account.cdk("diff", "EventsStack", "--fail").returncode == 0


def test_a_template_that_cannot_be_held_is_refused_whole(
    account: Account, change_template: Callable[..., Path]
) -> None:
    def edit(body: dict[str, Any]) -> None:
        body["Resources"]["Letter"] = {"Type": "AWS::SES::Template"}
        body["Resources"]["Extra"] = {"Type": "AWS::SNS::Topic"}

    before = account.client("sns").list_topics()["Topics"]
    done = account.cdk(
        "deploy", "EventsStack", "--require-approval", "never", assembly=change_template("EventsStack", edit)
    )
    assert done.returncode == 1
    assert "the emulation cannot hold Letter: AWS::SES::Template" in done.stdout
    assert account.client("sns").list_topics()["Topics"] == before
    assert set(account.list_stacks().values()) <= {"CREATE_COMPLETE", "UPDATE_COMPLETE"}


def test_make_deploy_changes_nothing_of_what_is_there_and_uploads_what_airflow_runs(
    account: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in account.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SPARKDROP_CONFIG_DIR", str(INFRA.parent / "include" / "emr_configs"))
    monkeypatch.setenv("SPARKDROP_JOBS_DIR", str(INFRA.parent / "include" / "spark_jobs"))
    stacks = account.list_stacks()
    named = ("S3Stack", "NetworkStack", "EventsStack", "EMRRolesStack")
    deployed = deploy_stage("dev", named=named, yes=True, assembly=tmp_path)
    assert account.list_stacks() == stacks
    outputs = account.read_outputs()
    assert outputs.items() >= deployed.outputs.items()
    assert json.loads((tmp_path / "outputs.dev.json").read_bytes()) == deployed.stacks

    assert deployed.delivery is not None
    s3, bucket = account.client("s3"), outputs["ArtifactsBucket"]
    keys = {found["Key"] for found in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    assert CATALOG_KEY in keys
    programs = {program.partition(f"{bucket}/")[2] for program in deployed.delivery.programs}
    assert programs
    assert programs <= keys
    deployment = Deployment.from_environment(deployed.settings)
    assert deployment.uploads_bucket == outputs["UploadsBucket"]
    assert deployment.spark_dependencies is not None
    for platform in PLATFORMS:
        assert choose_archive(deployment.spark_dependencies, platform).partition(f"{bucket}/")[2] in keys


def test_destroy_leaves_nothing_but_what_is_retained(account: Account) -> None:
    outputs = account.read_outputs()
    done = account.cdk("destroy", *STACKS, "--force")
    assert done.returncode == 0, done.stdout
    assert set(account.list_stacks()) == {"CDKToolkit"}
    buckets = {bucket["Name"] for bucket in account.client("s3").list_buckets()["Buckets"]}
    assert {outputs[f"{name}Bucket"] for name in ("Uploads", "Curated", "Artifacts", "Logs")} < buckets
    assert account.client("dynamodb").list_tables()["TableNames"] == [outputs["LedgerTable"]]
    left = {
        "queues": account.client("sqs").list_queues().get("QueueUrls", []),
        "topics": account.client("sns").list_topics()["Topics"],
        "alarms": account.client("cloudwatch").describe_alarms()["MetricAlarms"],
        "vpcs": [vpc for vpc in account.client("ec2").describe_vpcs()["Vpcs"] if not vpc["IsDefault"]],
        "profiles": account.client("iam").list_instance_profiles()["InstanceProfiles"],
        "policies": account.client("iam").list_policies(Scope="Local")["Policies"],
        "roles": [
            role["RoleName"]
            for role in account.client("iam").list_roles()["Roles"]
            if not role["RoleName"].startswith("cdk-")
        ],
    }
    assert left == {name: [] for name in left}
    emr = account.client("emr")
    state = emr.describe_cluster(ClusterId=outputs["JobFlowId"])["Cluster"]["Status"]["State"]
    assert state in {"TERMINATING", "TERMINATED"}
