"""Step Functions' EMR tasks as CDK makes them: what they call, replayed against the local EMR."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.emr_clients.server import REPOSITORY, Server
from tests.local.emr_clients.step_functions.replay import Replay, TaskFailedError

FOLDER = Path(__file__).resolve().parent / "step_functions"


@pytest.fixture(scope="module")
def s3(server: Server) -> Any:
    client = server.make_client("s3")
    client.create_bucket(Bucket="step-functions")
    client.put_object(Bucket="step-functions", Key="program.py", Body=b"import sys\nprint(sys.argv[1:])\n")
    return client


def load(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text())


def describe_steps(emr: Any, cluster: str) -> dict[str, str]:
    steps = emr.list_steps(ClusterId=cluster)["Steps"]
    return {step["Name"]: step["Status"]["State"] for step in steps}


def test_recordings_are_what_cdk_makes():
    done = subprocess.run(
        [sys.executable, "-m", "tests.local.emr_clients.step_functions.record", "--check"],
        cwd=REPOSITORY,
        env=os.environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_cluster_of_instance_groups(server, emr, s3):  # noqa: ARG001 - its logs go there
    machine = Replay(server, load("instance_groups"))

    data = machine.run({})

    assert machine.states == [
        "CreateCluster", "ModifyGroup", "Protect", "AddStep", "AddStepWithoutWaiting", "CancelStep",
        "Unprotect", "TerminateCluster",
    ]  # fmt: skip
    assert data["Added"]["Step"]["Status"]["State"] == "COMPLETED"
    assert data["Cancelled"]["CancelStepsInfo"]["Status"] == "SUBMITTED"
    cluster = data["Cluster"]["ClusterId"]
    assert describe_steps(emr, cluster) == {"add": "COMPLETED", "long": "CANCELLED"}
    described = emr.describe_cluster(ClusterId=cluster)["Cluster"]
    assert described["Status"]["StateChangeReason"]["Code"] == "USER_REQUEST"
    assert (described["AutoScalingRole"], described["StepConcurrencyLevel"]) == (
        "EMR_AutoScaling_DefaultRole", 2,
    )  # fmt: skip
    groups = emr.list_instance_groups(ClusterId=cluster)["InstanceGroups"]
    assert {group["Name"]: group["RequestedInstanceCount"] for group in groups} == {"primary": 1, "core": 3}


def test_a_cluster_of_instance_fleets(server, emr, s3):  # noqa: ARG001 - its logs go there
    data = Replay(server, load("instance_fleets")).run({})

    fleets = emr.list_instance_fleets(ClusterId=data["Cluster"]["ClusterId"])["InstanceFleets"]
    targets = {
        fleet["Name"]: (fleet["TargetOnDemandCapacity"], fleet["TargetSpotCapacity"]) for fleet in fleets
    }
    assert targets == {"primary": (1, 0), "core": (2, 0)}


def test_a_step_that_fails_fails_its_task(server, s3):  # noqa: ARG001 - its logs go there
    definition = load("instance_groups")
    step = definition["States"]["AddStep"]["Parameters"]["Step"]
    step["HadoopJarStep"]["Args"] = ["bash", "-c", "exit 3"]
    machine = Replay(server, definition)

    with pytest.raises(TaskFailedError):
        machine.run({})

    assert machine.states[-1] == "AddStep"


def test_a_protected_cluster_refuses_its_end(server, s3):  # noqa: ARG001 - its logs go there
    definition = load("instance_groups")
    definition["States"]["Protect"]["Next"] = "TerminateCluster"

    with pytest.raises(ClientError, match="termination protected"):
        Replay(server, definition).run({})


def test_a_job_run_of_emr_serverless(server, s3):  # noqa: ARG001 - its program is there
    data = Replay(server, load("serverless")).run({"Token": str(uuid.uuid4())})

    assert data["Told"]["JobRun"]["State"] == "SUCCESS"
    assert data["Told"]["JobRun"]["ApplicationId"] == data["Application"]["ApplicationId"]


def test_a_job_run_that_fails_fails_the_machine(server, s3):  # noqa: ARG001 - it is not there
    definition = load("serverless")
    driver = definition["States"]["StartJobRun"]["Parameters"]["JobDriver"]["SparkSubmit"]
    driver["EntryPoint"] = "s3://step-functions/nowhere.py"
    definition["States"]["CreateApplication"]["Parameters"]["ClientToken"] = "another"
    machine = Replay(server, definition)

    with pytest.raises(TaskFailedError):
        machine.run({"Token": str(uuid.uuid4())})

    assert machine.states[-1] == "JobRunFailed"
