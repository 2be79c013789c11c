"""EMR's operations on clusters: what the local EMR does with each, proven by a call."""

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.emr.calls import NEEDED
from tests.local.emr.cases import Case, Verdict

WORKERS = {"InstanceRole": "CORE", "InstanceType": "m7g.xlarge", "InstanceCount": 1}
MASTER = {"InstanceRole": "MASTER", "InstanceType": "m7g.xlarge", "InstanceCount": 1}
_numbers = itertools.count(1)

CASES: list[Case] = []
Proof = Callable[[Any], None]


def case(operation: str, verdict: Verdict, note: str) -> Callable[[Proof], Proof]:
    """Take a function for the proof of an operation; it gets a local EMR."""

    def add(proof: Proof) -> Proof:
        CASES.append(Case("emr", operation, verdict, note, proof))
        return proof

    return add


def refused(call: Callable[..., Any], code: str, **parameters: Any) -> None:
    with pytest.raises(ClientError) as error:
        call(**parameters)
    assert error.value.response["Error"]["Code"] == code


def wait(emr: Any, **more: Any) -> str:
    """Run a cluster and wait until it waits."""
    cluster = str(emr.run(**more))
    emr.wait_cluster(cluster, "WAITING")
    return cluster


# Clusters


@case("RunJobFlow", "behaves", "roles and a release label are demanded, as by EMR")
def run_job_flow(emr: Any) -> None:
    cluster = emr.run(emr.bash("true"), keep_alive=False, Tags=[{"Key": "a", "Value": "b"}])
    assert emr.wait_cluster(cluster, "TERMINATED")["StateChangeReason"]["Code"] == "ALL_STEPS_COMPLETED"
    assert emr.states(cluster) == ["COMPLETED"]


@case("DescribeCluster", "behaves", "its primary node is localhost")
def describe_cluster(emr: Any) -> None:
    described = emr.cluster(wait(emr, Applications=[{"Name": "Spark"}]))
    assert described["Applications"] == [{"Name": "Spark", "Version": "4.0.2-amzn-0"}]
    assert described["ServiceRole"] == NEEDED["ServiceRole"]
    assert described["Ec2InstanceAttributes"]["IamInstanceProfile"] == NEEDED["JobFlowRole"]
    assert described["MasterPublicDnsName"] == "localhost"


@case("ListClusters", "behaves", "newest first, 50 a page, by state and time")
def list_clusters(emr: Any) -> None:
    cluster = emr.run()
    assert emr.client.list_clusters()["Clusters"][0]["Id"] == cluster


@case("DescribeJobFlows", "behaves", "deprecated by EMR; instances as they were asked for")
def describe_job_flows(emr: Any) -> None:
    cluster = wait(emr)
    (flow,) = emr.client.describe_job_flows(JobFlowIds=[cluster], JobFlowStates=["WAITING"])["JobFlows"]
    assert (flow["JobFlowId"], flow["Instances"]["MasterInstanceType"]) == (cluster, "m7g.xlarge")
    assert emr.client.describe_job_flows(JobFlowIds=[cluster], JobFlowStates=["FAILED"])["JobFlows"] == []


@case("ModifyCluster", "behaves", "StepConcurrencyLevel counts at once; ExtendedSupport is told again")
def modify_cluster(emr: Any) -> None:
    cluster = emr.run()
    answer = emr.client.modify_cluster(ClusterId=cluster, StepConcurrencyLevel=3, ExtendedSupport=True)
    assert (answer["StepConcurrencyLevel"], answer["ExtendedSupport"]) == (3, True)
    assert emr.cluster(cluster)["StepConcurrencyLevel"] == 3


@case("TerminateJobFlows", "behaves", "ten clusters at most; protected ones stay")
def terminate_job_flows(emr: Any) -> None:
    cluster = emr.run()
    emr.client.terminate_job_flows(JobFlowIds=[cluster])
    assert emr.wait_cluster(cluster, "TERMINATED")["StateChangeReason"]["Code"] == "USER_REQUEST"


@case("SetTerminationProtection", "behaves", "against TerminateJobFlows, failing steps and idle time")
def set_termination_protection(emr: Any) -> None:
    cluster = emr.run()
    emr.client.set_termination_protection(JobFlowIds=[cluster], TerminationProtected=True)
    refused(emr.client.terminate_job_flows, "ValidationException", JobFlowIds=[cluster])
    emr.client.set_termination_protection(JobFlowIds=[cluster], TerminationProtected=False)


@case("SetKeepJobFlowAliveWhenNoSteps", "behaves", "a cluster that waits ends when it is no longer kept")
def set_keep_alive(emr: Any) -> None:
    cluster = wait(emr)
    emr.client.set_keep_job_flow_alive_when_no_steps(JobFlowIds=[cluster], KeepJobFlowAliveWhenNoSteps=False)
    emr.wait_cluster(cluster, "TERMINATED")


@case("SetVisibleToAllUsers", "accepts", "every caller sees every cluster")
def set_visible_to_all_users(emr: Any) -> None:
    cluster = emr.run()
    emr.client.set_visible_to_all_users(JobFlowIds=[cluster], VisibleToAllUsers=False)
    assert emr.cluster(cluster)["VisibleToAllUsers"] is False


@case("SetUnhealthyNodeReplacement", "accepts", "no node ever is unhealthy")
def set_unhealthy_node_replacement(emr: Any) -> None:
    cluster = emr.run()
    emr.client.set_unhealthy_node_replacement(JobFlowIds=[cluster], UnhealthyNodeReplacement=True)
    assert emr.cluster(cluster)["UnhealthyNodeReplacement"] is True


@case("PutAutoTerminationPolicy", "behaves", "60 to 604,800 seconds by the clock of the local EMR")
def put_auto_termination_policy(emr: Any) -> None:
    cluster = emr.run()
    policy = {"IdleTimeout": 600}
    emr.client.put_auto_termination_policy(ClusterId=cluster, AutoTerminationPolicy=policy)
    assert emr.client.get_auto_termination_policy(ClusterId=cluster)["AutoTerminationPolicy"] == policy


@case("GetAutoTerminationPolicy", "behaves", "empty without a policy")
def get_auto_termination_policy(emr: Any) -> None:
    assert "AutoTerminationPolicy" not in emr.client.get_auto_termination_policy(ClusterId=emr.run())


@case("RemoveAutoTerminationPolicy", "behaves", "the cluster stays however long it is idle")
def remove_auto_termination_policy(emr: Any) -> None:
    cluster = emr.run(AutoTerminationPolicy={"IdleTimeout": 600})
    emr.client.remove_auto_termination_policy(ClusterId=cluster)
    assert "AutoTerminationPolicy" not in emr.client.get_auto_termination_policy(ClusterId=cluster)


@case("AddTags", "behaves", "50 tags at most, not on a terminated cluster")
def add_tags(emr: Any) -> None:
    cluster = emr.run()
    emr.client.add_tags(ResourceId=cluster, Tags=[{"Key": "a", "Value": "b"}])
    assert emr.cluster(cluster)["Tags"] == [{"Key": "a", "Value": "b"}]


@case("RemoveTags", "behaves", "keys that are not there do not matter")
def remove_tags(emr: Any) -> None:
    cluster = emr.run(Tags=[{"Key": "a", "Value": "b"}])
    emr.client.remove_tags(ResourceId=cluster, TagKeys=["a", "c"])
    assert emr.cluster(cluster)["Tags"] == []


# Steps


@case("AddJobFlowSteps", "behaves", "they really run; 256 active ones, 10,240 characters each")
def add_job_flow_steps(emr: Any) -> None:
    cluster = emr.run()
    (step,) = emr.add(cluster, emr.bash("echo done"))
    emr.wait_step(cluster, step, "COMPLETED")
    assert emr.log(cluster, step, "stdout") == "done\n"


@case("ListSteps", "behaves", "newest first, 50 a page, by state or by ten ids")
def list_steps(emr: Any) -> None:
    cluster = emr.run(emr.bash("true", name="one"), emr.bash("true", name="two"))
    assert [step["Name"] for step in emr.client.list_steps(ClusterId=cluster)["Steps"]] == ["two", "one"]


@case("DescribeStep", "behaves", "with FailureDetails of one that failed")
def describe_step(emr: Any) -> None:
    cluster = emr.run(emr.bash("exit 3"))
    (step,) = (one["Id"] for one in emr.steps(cluster))
    assert "FailureDetails" in emr.wait_step(cluster, step, "FAILED")


@case("CancelSteps", "behaves", "SEND_INTERRUPT is SIGTERM, TERMINATE_PROCESS is SIGKILL")
def cancel_steps(emr: Any) -> None:
    cluster = emr.run(emr.bash("exec sleep 600"))
    (step,) = (one["Id"] for one in emr.steps(cluster))
    emr.wait_step(cluster, step, "RUNNING")
    option = "TERMINATE_PROCESS"
    emr.client.cancel_steps(ClusterId=cluster, StepIds=[step], StepCancellationOption=option)
    emr.wait_step(cluster, step, "CANCELLED")


# Security, releases, account


def configure(emr: Any) -> tuple[str, str]:
    """Make a security configuration; give its name and text."""
    name = f"configuration-{next(_numbers)}"
    text = json.dumps({"InstanceMetadataServiceConfiguration": {"MinimumInstanceMetadataServiceVersion": 2}})
    emr.client.create_security_configuration(Name=name, SecurityConfiguration=text)
    return name, text


@case("CreateSecurityConfiguration", "accepts", "a cluster may name it; nothing is encrypted by it")
def create_security_configuration(emr: Any) -> None:
    name, _ = configure(emr)
    assert emr.cluster(emr.run(SecurityConfiguration=name))["SecurityConfiguration"] == name


@case("DescribeSecurityConfiguration", "behaves", "as it was given")
def describe_security_configuration(emr: Any) -> None:
    name, text = configure(emr)
    assert emr.client.describe_security_configuration(Name=name)["SecurityConfiguration"] == text


@case("ListSecurityConfigurations", "behaves", "50 a page")
def list_security_configurations(emr: Any) -> None:
    name, _ = configure(emr)
    pages = emr.client.get_paginator("list_security_configurations").paginate()
    assert name in [one["Name"] for page in pages for one in page["SecurityConfigurations"]]


@case("DeleteSecurityConfiguration", "behaves", "clusters that have it keep its name")
def delete_security_configuration(emr: Any) -> None:
    name, _ = configure(emr)
    emr.client.delete_security_configuration(Name=name)
    refused(emr.client.describe_security_configuration, "InvalidRequestException", Name=name)


@case("GetBlockPublicAccessConfiguration", "accepts", "at first all but port 22, as in every account")
def get_block_public_access(emr: Any) -> None:
    answer = emr.client.get_block_public_access_configuration()
    assert answer["BlockPublicAccessConfiguration"]["BlockPublicSecurityGroupRules"] is True


@case("PutBlockPublicAccessConfiguration", "accepts", "there are no security groups that it could block")
def put_block_public_access(emr: Any) -> None:
    wanted = {
        "BlockPublicSecurityGroupRules": True,
        "PermittedPublicSecurityGroupRuleRanges": [{"MinRange": 22, "MaxRange": 23}],
    }
    emr.client.put_block_public_access_configuration(BlockPublicAccessConfiguration=wanted)
    found = emr.client.get_block_public_access_configuration()
    assert found["BlockPublicAccessConfiguration"] == wanted


@case("ListReleaseLabels", "behaves", "the newest few; RunJobFlow takes all from emr-4.0.0 on")
def list_release_labels(emr: Any) -> None:
    filters = {"Prefix": "emr-7", "Application": "spark@3.5.6"}
    labels = emr.client.list_release_labels(Filters=filters)["ReleaseLabels"]
    assert labels == ["emr-7.13.0", "emr-7.12.0", "emr-7.11.0"]


@case("DescribeReleaseLabel", "behaves", "applications of the releases that ListReleaseLabels lists")
def describe_release_label(emr: Any) -> None:
    applications = emr.client.describe_release_label(ReleaseLabel="emr-spark-8.0.0")["Applications"]
    assert {"Name": "Spark", "Version": "4.0.2-amzn-0"} in applications


@case("ListSupportedInstanceTypes", "accepts", "some families; a cluster may ask for any type")
def list_supported_instance_types(emr: Any) -> None:
    answer = emr.client.list_supported_instance_types(ReleaseLabel="emr-7.13.0")["SupportedInstanceTypes"]
    (found,) = (one for one in answer if one["Type"] == "m7g.xlarge")
    assert (found["VCPU"], found["MemoryGB"], found["Architecture"]) == (4, 16.0, "ARM64")
