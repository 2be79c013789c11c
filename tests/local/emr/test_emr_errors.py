"""Every error that EMR documents, provoked once, and what no request can: an answer that is none."""

import logging

import pytest
from botocore.exceptions import ClientError

from sparkdrop_local.emr.ec2.operations import OPERATIONS
from tests.local.emr.calls import GROUPS, NEEDED, post

UNKNOWN = "j-UNKNOWN000000"


def error_of(call, **parameters):
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    return caught.value.response


def test_an_invalid_request_has_its_error_code_and_message_as_the_model_names_them(emr):
    status, answer = post(emr.endpoint_url, "DescribeCluster", {"ClusterId": UNKNOWN})
    message = f"Cluster id '{UNKNOWN}' is not valid."
    assert (status, answer) == (
        400,
        {"__type": "InvalidRequestException", "Message": message, "ErrorCode": "NoSuchCluster"},
    )
    response = error_of(emr.client.describe_cluster, ClusterId=UNKNOWN)
    assert response["Error"] == {"Code": "InvalidRequestException", "Message": message}
    assert response["ErrorCode"] == "NoSuchCluster"


def test_a_validation_exception_has_a_message_in_lower_case(emr):
    status, answer = post(emr.endpoint_url, "TerminateJobFlows", {"JobFlowIds": [UNKNOWN]})
    assert (status, answer) == (
        400,
        {"__type": "ValidationException", "message": "Specified job flow ID not valid."},
    )


@pytest.mark.parametrize("operation", ["", "Nothing", "describe_cluster"])
def test_an_operation_that_emr_does_not_have_is_unknown(emr, operation):
    status, answer = post(emr.endpoint_url, operation, {})
    assert (status, answer["__type"]) == (400, "UnknownOperationException")


@pytest.mark.parametrize(
    ("operation", "code"),
    [("DescribeCluster", "InternalServerException"), ("RunJobFlow", "InternalServerError")],
)
def test_a_failure_of_our_own_goes_by_the_name_that_the_operation_documents(
    emr, monkeypatch, caplog, operation, code
):
    def fail(*_):
        raise ZeroDivisionError

    monkeypatch.setitem(OPERATIONS, operation, fail)
    body = {"ClusterId": UNKNOWN, "Name": "x", "Instances": GROUPS}
    with caplog.at_level(logging.CRITICAL, "sparkdrop_local.emr.ec2.service"):
        status, answer = post(emr.endpoint_url, operation, body)
    assert (status, answer["__type"]) == (500, code)


def test_members_that_the_model_does_not_have_and_those_that_are_null_are_passed_over(emr):
    body = {"Name": "x", "Instances": GROUPS, "Nothing": 1, "LogUri": None, **NEEDED}
    status, answer = post(emr.endpoint_url, "RunJobFlow", body)
    assert status == 200
    assert "LogUri" not in emr.cluster(answer["JobFlowId"])


# what a cluster may not be; the wording is EMR's where mrjob and others have recorded it
MASTER = {"InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1}
TASK = MASTER | {"InstanceRole": "TASK"}
FLEET = {
    "InstanceFleetType": "MASTER",
    "TargetSpotCapacity": 1,
    "InstanceTypeConfigs": [{"InstanceType": "m5.xlarge"}],
}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"JobFlowRole": ""}, "InstanceProfile is required for creating cluster."),
        ({"ServiceRole": ""}, "ServiceRole is required for creating cluster."),
        ({"ReleaseLabel": "emr-9.0.0"}, "The supplied release label is invalid: emr-9.0.0."),
        ({"ReleaseLabel": "7.0.0"}, "The supplied release label is invalid: 7.0.0."),
        ({"ReleaseLabel": ""}, "Must specify exactly one of the following: release label, AMI version"),
        ({"AmiVersion": "3.11.0"}, "Only one AMI version and release label may be specified."),
        ({"ReleaseLabel": "", "AmiVersion": "4.0.0"}, "The supplied ami version is invalid."),
        (
            {"ReleaseLabel": "", "AmiVersion": "3.11.0", "Applications": [{"Name": "Spark"}]},
            "Cannot specify applications when AMI version is used.",
        ),
        (
            {"ReleaseLabel": "", "AmiVersion": "3.11.0", "Configurations": [{"Classification": "a"}]},
            "Cannot specify configurations when AMI version is used.",
        ),
        ({"SupportedProducts": ["mapr"]}, "Cannot specify supported products when release label is used."),
        ({"Instances": {}}, "Please configure instances using one and only one of the following"),
        ({"Instances": GROUPS | {"InstanceCount": 3}}, "Please configure instances using one and only one"),
        (
            {"Instances": GROUPS | {"InstanceFleets": [FLEET]}},
            "Please configure instances using one and only",
        ),
        ({"Instances": GROUPS | {"Ec2SubnetIds": ["a", "b"]}}, "Only one subnet may be specified"),
        ({"Instances": GROUPS | {"Ec2SubnetIds": ["a"], "Ec2SubnetId": "a"}}, "not both"),
        ({"Instances": {"InstanceCount": 1}}, "Zero master instance groups supplied"),
        ({"Instances": {"InstanceGroups": [TASK]}}, "Zero master instance groups supplied"),
        ({"Instances": {"InstanceGroups": [MASTER, MASTER]}}, "Multiple master instance groups supplied"),
        ({"Instances": {"InstanceGroups": [MASTER, TASK]}}, "task nodes must also define core nodes"),
        (
            {"Instances": {"InstanceGroups": [MASTER | {"InstanceCount": 2}]}},
            "A master instance group must specify a single instance",
        ),
        (
            {"Instances": {"InstanceGroups": [MASTER | {"InstanceCount": 0}]}},
            "An instance group must have at least one instance",
        ),
        ({"Instances": {"InstanceGroups": [MASTER | {"BidPrice": "1"}]}}, "set bid price for on demand"),
        *(
            ({"Instances": {"InstanceGroups": [MASTER | {"Market": "SPOT", "BidPrice": price}]}}, message)
            for price, message in (
                ("much", "The bid price supplied for an instance group is invalid"),
                ("0.0", "The bid price is negative or zero."),
                ("0.1234", "No more than 3 digits are allowed after decimal place in bid price"),
            )
        ),
        ({"Instances": {"InstanceFleets": [FLEET, FLEET]}}, "Multiple master instance fleets supplied"),
        (
            {"Instances": {"InstanceFleets": [FLEET | {"TargetSpotCapacity": 2}]}},
            "A master instance fleet can only have a target capacity of 1.",
        ),
        (
            {"Instances": {"InstanceFleets": [FLEET, {"InstanceFleetType": "CORE"}]}},
            "The instance fleet (null) should have a value of one or greater",
        ),
        ({"SecurityConfiguration": "none"}, "Security configuration with name 'none' does not exist."),
        (
            {"BootstrapActions": [{"Name": "x", "ScriptBootstrapAction": {"Path": "s3://a/b"}}] * 17},
            "at most 16 bootstrap actions",
        ),
    ],
)
def test_a_cluster_that_emr_would_not_make_is_refused(emr, more, message):
    response = error_of(emr.client.run_job_flow, **{"Name": "x", "Instances": GROUPS, **NEEDED, **more})
    assert response["Error"]["Code"] == "ValidationException"
    assert message in response["Error"]["Message"]


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ([{"Value": "x"}], "Invalid tag key: 'null'"),
        ([{"Key": "x" * 129}], "must be between 1 and 128 characters"),
        ([{"Key": "x", "Value": "x" * 257}], "Invalid tag value"),
        ([{"Key": "aws:x"}], "must not start with 'aws:'"),
        ([{"Key": str(number)} for number in range(51)], "at most 50 tags"),
    ],
)
def test_tags_beyond_emrs_limits_are_refused(emr, tags, message):
    cluster = emr.run()
    response = error_of(emr.client.add_tags, ResourceId=cluster, Tags=tags)
    assert response["Error"]["Code"] == "InvalidRequestException"
    assert message in response["Error"]["Message"]
    assert emr.cluster(cluster)["Tags"] == []
    response = error_of(emr.client.run_job_flow, Name="tags", Instances=GROUPS, Tags=tags, **NEEDED)
    assert response["Error"]["Code"] == "ValidationException"
    assert message in response["Error"]["Message"]


def test_a_terminated_cluster_keeps_its_tags(emr):
    cluster = emr.run(keep_alive=False)
    emr.wait_cluster(cluster, "TERMINATED")
    response = error_of(emr.client.add_tags, ResourceId=cluster, Tags=[{"Key": "a"}])
    assert response["Error"]["Message"] == "Tags cannot be modified on terminated clusters."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "it is not JSON"),
        ("[]", "it is not a JSON object"),
        ('{"Nothing": {}}', "Nothing is not a section of it"),
        ('{"EncryptionConfiguration": 1}', "EncryptionConfiguration is not a JSON object"),
        ('{"EncryptionConfiguration": {}}', "EnableInTransitEncryption of EncryptionConfiguration must be"),
        (
            '{"EncryptionConfiguration":{"EnableInTransitEncryption":false,"EnableAtRestEncryption":true}}',
            "needs AtRestEncryptionConfiguration",
        ),
    ],
)
def test_a_security_configuration_that_is_none_is_refused(emr, text, message):
    response = error_of(emr.client.create_security_configuration, Name="refused", SecurityConfiguration=text)
    assert response["Error"]["Code"] == "InvalidRequestException"
    assert message in response["Error"]["Message"]


def test_a_name_of_a_security_configuration_is_given_once(emr):
    emr.client.create_security_configuration(Name="twice", SecurityConfiguration="{}")
    response = error_of(emr.client.create_security_configuration, Name="twice", SecurityConfiguration="{}")
    assert response["Error"]["Message"] == "Security configuration with name 'twice' already exists."


def test_steps_are_asked_for_by_id_or_by_state_and_ten_at_a_time(emr):
    cluster = emr.run()
    both = {"StepIds": ["s-1"], "StepStates": ["PENDING"]}
    response = error_of(emr.client.list_steps, ClusterId=cluster, **both)
    assert response["Error"]["Message"] == "Cannot specify both StepIds and StepStates."
    response = error_of(emr.client.list_steps, ClusterId=cluster, StepIds=["s-1"] * 11)
    assert response["Error"]["Code"] == "InvalidRequestException"
    response = error_of(emr.client.cancel_steps, ClusterId=UNKNOWN, StepIds=["s-1"])
    assert response["Error"]["Code"] == "InvalidRequestException"


def test_a_password_is_not_told_again(emr):
    kerberos = {"Realm": "EC2.INTERNAL", "KdcAdminPassword": "secret"}
    told = emr.cluster(emr.run(KerberosAttributes=kerberos))["KerberosAttributes"]
    assert told == {"Realm": "EC2.INTERNAL", "KdcAdminPassword": "********"}
