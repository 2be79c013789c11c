"""Wrong requests, each answered as EMR answers it."""

import boto3
import pytest
from botocore.config import Config

from sparkdrop_local.emr import Delays
from tests.local.emr.calls import GROUPS, NEEDED, error_of, post

UNKNOWN = "j-UNKNOWN000000"


@pytest.fixture(scope="module")
def unchecked(emr):
    """A client that sends what botocore would refuse to."""
    client = boto3.client(
        "emr",
        endpoint_url=emr.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(parameter_validation=False),
    )
    yield client
    client.close()


@pytest.mark.parametrize(
    ("operation", "parameters", "code", "message"),
    [
        (
            "describe_cluster",
            {},
            "ValidationException",
            "Value null at 'clusterId' failed to satisfy constraint: Member must not be null",
        ),
        (
            "describe_cluster",
            {"ClusterId": 5},
            "SerializationException",
            "NUMBER_VALUE can not be converted to a String",
        ),
        ("describe_cluster", {"ClusterId": []}, "SerializationException", "Start of list found"),
        (
            "modify_cluster",
            {"ClusterId": "j-1", "StepConcurrencyLevel": 2**31},
            "SerializationException",
            "2147483648 can not be converted to an Integer",
        ),
        ("run_job_flow", {"Name": "x"}, "ValidationException", "Value null at 'instances'"),
        (
            "run_job_flow",
            {"Name": "x" * 257, "Instances": {"MasterInstanceType": ""}},
            "ValidationException",
            "2 validation errors detected",
        ),
        (
            "describe_cluster",
            {"ClusterId": "x" * 257},
            "ValidationException",
            "at 'clusterId' failed to satisfy constraint: Member must have length less than or equal to 256",
        ),
        (
            "start_session",
            {"ClusterId": "j-1", "ExecutionRoleArn": "arn:aws:iam::1:user/x"},
            "ValidationException",
            "Member must satisfy regular expression pattern: ^arn:",
        ),
        (
            "list_release_labels",
            {"MaxResults": 101},
            "ValidationException",
            "Value '101' at 'maxResults' failed to satisfy constraint: Member must have value less than",
        ),
        (
            "list_clusters",
            {"ClusterStates": ["ALIVE"]},
            "ValidationException",
            "'ALIVE' at 'clusterStates.1.member'",
        ),
        (
            "add_job_flow_steps",
            {
                "JobFlowId": UNKNOWN,
                "Steps": [{"Name": "x", "ActionOnFailure": "STOP", "HadoopJarStep": {"Jar": "x"}}],
            },
            "ValidationException",
            "Value 'STOP' at 'steps.1.member.actionOnFailure' failed to satisfy constraint",
        ),
        (
            "describe_cluster",
            {"ClusterId": UNKNOWN},
            "InvalidRequestException",
            f"Cluster id '{UNKNOWN}' is not valid.",
        ),
        (
            "list_steps",
            {"ClusterId": UNKNOWN},
            "InvalidRequestException",
            f"Cluster id '{UNKNOWN}' is not valid.",
        ),
        (
            "terminate_job_flows",
            {"JobFlowIds": [UNKNOWN]},
            "ValidationException",
            "Specified job flow ID not valid.",
        ),
        (
            "list_clusters",
            {"Marker": "garbage!"},
            "InvalidRequestException",
            "Marker 'garbage!' is not valid.",
        ),
    ],
)
def test_a_wrong_request_is_refused(unchecked, operation, parameters, code, message):
    found_code, found = error_of(getattr(unchecked, operation), **parameters)
    assert found_code == code
    assert message in found


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"StepConcurrencyLevel": 257}, "StepConcurrencyLevel must be between 1 and 256"),
        ({"AutoTerminationPolicy": {"IdleTimeout": 59}}, "IdleTimeout must be between 60 and 604800"),
        ({"LogUri": "file:///tmp/logs"}, "LogUri must be an S3 location"),
    ],
)
def test_a_cluster_beyond_emrs_limits_is_refused(emr, more, message):
    parameters = {"Name": "x", "Instances": GROUPS, **NEEDED} | more
    assert message in error_of(emr.client.run_job_flow, **parameters)[1]


def test_an_unknown_step_is_refused(emr):
    cluster = emr.run()
    code, message = error_of(emr.client.describe_step, ClusterId=cluster, StepId="s-NONE")
    assert (code, message) == ("InvalidRequestException", "Step id 's-NONE' is not valid.")


def test_more_than_256_active_steps_are_refused(make_emr, tmp_path):
    emr = make_emr(scratch_dir=tmp_path, delays=Delays(starting=60, terminating=0))
    try:
        cluster = emr.run(*[emr.bash("true")] * 200)
        emr.add(cluster, *[emr.bash("true")] * 56)
        code, message = error_of(emr.client.add_job_flow_steps, JobFlowId=cluster, Steps=[emr.bash("true")])
        assert code == "ValidationException"
        assert message.startswith("Maximum number of active steps")
        assert len(emr.steps(cluster)) == 256
    finally:
        emr.close()


def test_a_steps_strings_end_at_10240_characters(emr):
    cluster = emr.run()
    room = 10_240 - len("command-runner.jar") - len("true")
    assert len(emr.add(cluster, emr.command("true", "x" * room))) == 1
    step = emr.command("true", "x" * (room + 1))
    code, message = error_of(emr.client.add_job_flow_steps, JobFlowId=cluster, Steps=[step])
    assert code == "ValidationException"
    assert "10241 characters" in message


def test_steps_that_run_at_once_may_not_end_the_cluster(emr):
    cluster = emr.run(StepConcurrencyLevel=2)
    step = emr.bash("true", action="CANCEL_AND_WAIT")
    _, message = error_of(emr.client.add_job_flow_steps, JobFlowId=cluster, Steps=[step])
    assert message.startswith("ActionOnFailure CANCEL_AND_WAIT is not valid")
    assert emr.steps(cluster) == []


def test_groups_of_a_cluster_of_fleets_are_refused(emr):
    fleet = {"InstanceFleetType": "MASTER", "InstanceTypeConfigs": [{"InstanceType": "m5.xlarge"}]}
    instances = {"InstanceFleets": [fleet | {"TargetOnDemandCapacity": 1}]}
    cluster = emr.client.run_job_flow(Name="fleets", Instances=instances, **NEEDED)["JobFlowId"]
    assert emr.cluster(cluster)["InstanceCollectionType"] == "INSTANCE_FLEET"
    code, message = error_of(emr.client.list_instance_groups, ClusterId=cluster)
    assert code == "InvalidRequestException"
    assert "ListInstanceGroups operation does not support" in message


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b'{"CreatedAfter": NaN}', b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_refused(emr, body):
    status, answer = post(emr.endpoint_url, "ListClusters", body)
    assert (status, answer["__type"]) == (400, "SerializationException")
