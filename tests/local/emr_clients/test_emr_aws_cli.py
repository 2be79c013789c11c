"""A session with the AWS CLI, version 1, as it comes from PyPI: the commands that people type."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.local.emr_clients.waiting import wait_for_job_run, wait_for_step

if TYPE_CHECKING:
    from tests.local.emr_clients.server import Server

AWS = Path(sys.executable).with_name("aws")
BUCKET = "cli"
PROGRAM = b"""
import sys
from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
print(sys.argv[1:], spark.conf.get("spark.sql.shuffle.partitions"), spark.range(10).count())
"""
CREATE = (
    *("--name", "a session", "--release-label", "emr-spark-8.0.0", "--use-default-roles"),
    *("--applications", "Name=Spark", "--log-uri", f"s3://{BUCKET}/logs/", "--enable-debugging"),
    *("--ec2-attributes", "KeyName=key,SubnetId=subnet-0123456789abcdef0"),
    *("--tags", "team=data", "purpose=a test", "--auto-termination-policy", "IdleTimeout=3600"),
)
INSTANCES = (
    "--instance-groups",
    "InstanceGroupType=MASTER,InstanceCount=1,InstanceType=m7g.xlarge",
    "InstanceGroupType=CORE,InstanceCount=2,InstanceType=m7g.xlarge",
)
PARTITIONS = [{"Classification": "spark-defaults", "Properties": {"spark.sql.shuffle.partitions": "3"}}]


@dataclass(frozen=True, slots=True)
class Cli:
    """The CLI, pointed at the emulation by its environment alone."""

    environment: dict[str, str] = field(repr=False)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [AWS, *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def __call__(self, *arguments: str) -> Any:
        """What a command prints, as JSON; None where it prints nothing."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    def fail(self, *arguments: str) -> str:
        """What a command that fails says."""
        done = self.run(*arguments)
        assert done.returncode != 0, done.stdout
        return done.stderr.strip()


@pytest.fixture(scope="module")
def aws(server: Server) -> Cli:
    return Cli(server.client_environment)


@pytest.fixture(scope="module")
def s3(server: Server) -> Any:
    client = server.make_client("s3")
    client.create_bucket(Bucket=BUCKET)
    client.put_object(Bucket=BUCKET, Key="program.py", Body=PROGRAM)
    client.put_object(Bucket=BUCKET, Key="prepare.sh", Body=b'#!/bin/bash\necho "prepared $@"\n')
    return client


@pytest.fixture(scope="module")
def cluster(aws: Cli, s3: Any) -> str:  # noqa: ARG001 - its objects have to be there
    """A cluster with everything that people give to one, all in the CLI's shorthand."""
    created = aws(
        *("emr", "create-cluster", *CREATE, *INSTANCES, "--configurations", json.dumps(PARTITIONS)),
        *("--bootstrap-actions", f"Path=s3://{BUCKET}/prepare.sh,Name=prepare,Args=[one,two]"),
        "--steps",
        f"Type=Spark,Name=spark,ActionOnFailure=CONTINUE,Args=[--deploy-mode,cluster,s3://{BUCKET}/program.py,a]",
        'Type=CUSTOM_JAR,Name=bash,Jar=command-runner.jar,ActionOnFailure=CONTINUE,Args=[bash,-c,"echo a,b"]',
        "Type=Streaming,Name=streaming,ActionOnFailure=CONTINUE,"
        f"Args=[-mapper,cat,-reducer,aggregate,-input,s3://{BUCKET}/in,-output,s3://{BUCKET}/out]",
    )
    assert created["ClusterArn"].endswith(f"cluster/{created['ClusterId']}")
    return str(created["ClusterId"])


@pytest.fixture(scope="module")
def worked(emr: Any, cluster: str) -> str:
    """The cluster, once all its steps are done."""
    for step in emr.list_steps(ClusterId=cluster)["Steps"]:
        wait_for_step(emr, cluster, step["Id"], "COMPLETED", "FAILED")
    return cluster


def test_a_cluster_of_the_shorthand_is_what_was_asked_for(aws, cluster):
    assert aws("emr", "wait", "cluster-running", "--cluster-id", cluster) is None
    described = aws("emr", "describe-cluster", "--cluster-id", cluster)["Cluster"]

    assert described["Status"]["State"] in {"RUNNING", "WAITING"}
    assert described["ServiceRole"] == "EMR_DefaultRole"
    assert described["Ec2InstanceAttributes"]["IamInstanceProfile"] == "EMR_EC2_DefaultRole"
    assert described["Ec2InstanceAttributes"]["Ec2SubnetId"] == "subnet-0123456789abcdef0"
    assert {tag["Key"]: tag["Value"] for tag in described["Tags"]} == {"team": "data", "purpose": "a test"}
    # the CLI asks for these one by one, and puts them in
    assert [action["Args"] for action in described["BootstrapActions"]] == [["one", "two"]]
    groups = {
        group["InstanceGroupType"]: group["RequestedInstanceCount"] for group in described["InstanceGroups"]
    }
    assert groups == {"MASTER": 1, "CORE": 2}
    core = aws("emr", "list-instances", "--cluster-id", cluster, "--instance-group-types", "CORE")
    assert len({instance["Ec2InstanceId"] for instance in core["Instances"]}) == 2
    listed = aws("emr", "list-clusters", "--active", "--query", f"Clusters[?Id=='{cluster}'].Name")
    assert listed == ["a session"]


def test_steps_of_the_shorthand_run(aws, worked, s3):
    steps = {step["Name"]: step for step in aws("emr", "list-steps", "--cluster-id", worked)["Steps"]}
    states = {name: step["Status"]["State"] for name, step in steps.items()}
    assert states == {
        "Setup Hadoop Debugging": "COMPLETED",
        "spark": "COMPLETED",
        "bash": "COMPLETED",
        # there is no Hadoop here, and it says so
        "streaming": "FAILED",
    }
    spark, streaming = steps["spark"]["Id"], steps["streaming"]["Id"]
    assert aws("emr", "wait", "step-complete", "--cluster-id", worked, "--step-id", spark) is None
    # in cluster mode the driver is a container, and what it prints is in the container's log
    assert read_log(s3, f"logs/{worked}/containers/") == "['a'] 3 10\n"
    assert read_log(s3, f"logs/{worked}/steps/{steps['bash']['Id']}/") == "a,b\n"

    failure = aws("emr", "describe-step", "--cluster-id", worked, "--step-id", streaming)["Step"]["Status"]
    assert "hadoop-streaming" in failure["FailureDetails"]["Message"]
    message = aws.fail("emr", "wait", "step-complete", "--cluster-id", worked, "--step-id", streaming)
    assert message.startswith("Waiter StepComplete failed")
    assert '"FAILED"' in message


def test_steps_can_be_added_and_cancelled(aws, emr, worked):
    sleep = "Type=CUSTOM_JAR,Jar=command-runner.jar,ActionOnFailure=CONTINUE,Args=[sleep,600],Name="
    added = aws(
        *("emr", "add-steps", "--cluster-id", worked, "--steps", f"{sleep}first", f"{sleep}second"),
        *("--execution-role-arn", "arn:aws:iam::123456789012:role/step"),
    )
    first, second = added["StepIds"]

    refused = aws("emr", "cancel-steps", "--cluster-id", worked, "--step-ids", second)
    assert [told["Status"] for told in refused["CancelStepsInfoList"]] == ["SUBMITTED"]
    forced = ("--step-cancellation-option", "TERMINATE_PROCESS")
    aws("emr", "cancel-steps", "--cluster-id", worked, "--step-ids", first, *forced)

    for step in (first, second):
        wait_for_step(emr, worked, step, "CANCELLED")
    states = ("--step-states", "CANCELLED", "--query", "Steps[].Name")
    assert aws("emr", "list-steps", "--cluster-id", worked, *states) == ["second", "first"]


def test_a_cluster_can_be_changed(aws, emr, worked):
    named = ("--cluster-id", worked)
    aws("emr", "modify-cluster-attributes", *named, "--termination-protected")
    message = aws.fail("emr", "terminate-clusters", "--cluster-ids", worked)
    assert "(ValidationException)" in message
    assert "termination protected" in message
    for change in ("--no-termination-protected", "--no-auto-terminate", "--no-unhealthy-node-replacement"):
        aws("emr", "modify-cluster-attributes", *named, change)
    assert aws("emr", "modify-cluster", *named, "--step-concurrency-level", "2") == {
        "StepConcurrencyLevel": 2
    }
    aws("emr", "add-tags", "--resource-id", worked, "--tags", "owner=me", "bare")
    aws("emr", "remove-tags", "--resource-id", worked, "--tag-keys", "team")
    policy = ("--auto-termination-policy", "IdleTimeout=7200")
    aws("emr", "put-auto-termination-policy", *named, *policy)
    limits = "ComputeLimits={UnitType=Instances,MinimumCapacityUnits=1,MaximumCapacityUnits=4}"
    aws("emr", "put-managed-scaling-policy", *named, "--managed-scaling-policy", limits)

    described = emr.describe_cluster(ClusterId=worked)["Cluster"]
    tags = {tag["Key"]: tag["Value"] for tag in described["Tags"]}
    assert tags == {"purpose": "a test", "owner": "me", "bare": ""}
    assert described["StepConcurrencyLevel"] == 2
    assert described["UnhealthyNodeReplacement"] is False
    told = aws("emr", "get-auto-termination-policy", *named)
    assert told == {"AutoTerminationPolicy": {"IdleTimeout": 7200}}
    assert emr.get_managed_scaling_policy(ClusterId=worked)["ManagedScalingPolicy"]["ComputeLimits"] == {
        "UnitType": "Instances", "MinimumCapacityUnits": 1, "MaximumCapacityUnits": 4,
    }  # fmt: skip


def test_a_cluster_that_ends_by_itself_can_be_waited_for(aws):
    named = aws(
        *(
            "emr",
            "create-cluster",
            "--name",
            "short",
            "--release-label",
            "emr-spark-8.0.0",
            "--auto-terminate",
        ),
        *("--use-default-roles", "--instance-type", "m7g.xlarge", "--instance-count", "3"),
        *("--steps", "Type=CUSTOM_JAR,Name=true,Jar=command-runner.jar,Args=[true]"),
    )["ClusterId"]
    aws("emr", "terminate-clusters", "--cluster-ids", named)

    assert aws("emr", "wait", "cluster-terminated", "--cluster-id", named) is None


def test_security_configurations_are_kept(aws):
    rules = json.dumps({"AuthorizationConfiguration": {"IAMConfiguration": {}}})
    named = ("--name", "cli")
    aws("emr", "create-security-configuration", *named, "--security-configuration", rules)
    told = aws("emr", "describe-security-configuration", *named)
    assert json.loads(told["SecurityConfiguration"]) == json.loads(rules)
    aws("emr", "delete-security-configuration", *named)
    assert "(InvalidRequestException)" in aws.fail("emr", "describe-security-configuration", *named)


def test_a_cluster_that_is_not_there_is_an_error_the_cli_tells(aws):
    message = aws.fail("emr", "describe-cluster", "--cluster-id", "j-ABCDEFGHIJKLM")
    assert message == (
        "An error occurred (InvalidRequestException) when calling the DescribeCluster operation: "
        "Cluster id 'j-ABCDEFGHIJKLM' is not valid."
    )


def test_a_job_run_of_emr_serverless(aws, serverless, s3):
    application = aws(
        *("emr-serverless", "create-application", "--name", "cli", "--type", "SPARK"),
        *("--release-label", "emr-spark-8.0.0"),
    )["applicationId"]
    driver = {"sparkSubmit": {"entryPoint": f"s3://{BUCKET}/program.py", "entryPointArguments": ["b"]}}
    logs = {"s3MonitoringConfiguration": {"logUri": f"s3://{BUCKET}/serverless/"}}
    run = aws(
        *("emr-serverless", "start-job-run", "--application-id", application, "--name", "cli"),
        *("--execution-role-arn", "arn:aws:iam::123456789012:role/job", "--job-driver", json.dumps(driver)),
        *("--configuration-overrides", json.dumps({"monitoringConfiguration": logs})),
    )["jobRunId"]
    named = ("--application-id", application)

    wait_for_job_run(serverless, application, run)

    told = aws("emr-serverless", "get-job-run", *named, "--job-run-id", run)["jobRun"]
    assert told["state"] == "SUCCESS", told["stateDetails"]
    assert aws("emr-serverless", "list-job-runs", *named, "--query", "jobRuns[].id") == [run]
    # only a job run that has not ended can be cancelled
    assert "(ValidationException)" in aws.fail(
        "emr-serverless", "cancel-job-run", *named, "--job-run-id", run
    )
    aws("emr-serverless", "stop-application", *named)
    key = f"serverless/applications/{application}/jobs/{run}/SPARK_DRIVER/stdout.gz"
    assert gzip.decompress(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()).startswith(b"['b']")


def read_log(s3: Any, prefix: str) -> str:
    """What went to stdout, of all under a prefix."""
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)["Contents"]
    keys = [found["Key"] for found in listed if found["Key"].endswith("/stdout.gz")]
    return "".join(
        gzip.decompress(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()).decode() for key in keys
    )
