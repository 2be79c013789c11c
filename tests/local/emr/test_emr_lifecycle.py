"""Clusters as boto3 sees them: their states, their ends, and what a failing step does to them."""

import time

import pytest
from botocore.exceptions import ClientError

from sparkdrop_local.emr import Delays

QUICKLY = {"Delay": 0.05, "MaxAttempts": 400}


def test_a_cluster_that_is_kept_alive_waits_for_steps(emr):
    cluster = emr.run()
    assert emr.cluster(cluster)["Status"]["State"] in ("STARTING", "BOOTSTRAPPING", "WAITING")
    emr.client.get_waiter("cluster_running").wait(ClusterId=cluster, WaiterConfig=QUICKLY)
    status = emr.wait_cluster(cluster, "WAITING")
    assert status["StateChangeReason"] == {"Message": "Cluster ready to run steps."}
    assert status["Timeline"]["ReadyDateTime"] > status["Timeline"]["CreationDateTime"]
    (step,) = emr.add(cluster, emr.bash("true"))
    emr.client.get_waiter("step_complete").wait(ClusterId=cluster, StepId=step, WaiterConfig=QUICKLY)
    message = emr.wait_cluster(cluster, "WAITING")["StateChangeReason"]["Message"]
    assert message == "Cluster ready after last step completed."


def test_a_cluster_passes_emrs_states_in_order(make_emr, tmp_path):
    delays = Delays(starting=60, bootstrapping=60, terminating=60)
    emr = make_emr(scratch_dir=tmp_path / "emr", delays=delays, clock_rate=0)
    go = tmp_path / "go"
    try:
        cluster = emr.run(emr.bash(f"until [ -e {go} ]; do sleep 0.02; done"), keep_alive=False)
        for state in ("STARTING", "BOOTSTRAPPING"):
            assert emr.cluster(cluster)["Status"]["State"] == state
            emr.step_clock(60)
        assert emr.cluster(cluster)["Status"]["State"] == "RUNNING"
        go.touch()
        emr.wait_cluster(cluster, "TERMINATING")
        emr.step_clock(60)
        assert emr.cluster(cluster)["Status"]["State"] == "TERMINATED"
    finally:
        emr.close()


@pytest.mark.parametrize(
    ("steps", "code", "message"),
    [
        ([], "ALL_STEPS_COMPLETED", "Steps completed"),
        (["true"], "ALL_STEPS_COMPLETED", "Steps completed"),
        (["false", "true"], "STEP_FAILURE", "Steps completed with errors"),
    ],
)
def test_a_cluster_that_is_not_kept_alive_ends_with_its_steps(emr, steps, code, message):
    cluster = emr.run(*(emr.bash(step) for step in steps), keep_alive=False)
    emr.client.get_waiter("cluster_terminated").wait(ClusterId=cluster, WaiterConfig=QUICKLY)
    status = emr.cluster(cluster)["Status"]
    assert (status["State"], status["StateChangeReason"]) == (
        "TERMINATED",
        {"Code": code, "Message": message},
    )
    assert status["Timeline"]["EndDateTime"] >= status["Timeline"]["ReadyDateTime"]


def test_a_failing_step_can_take_its_cluster_down(emr):
    cluster = emr.run(emr.bash("exit 3", action="TERMINATE_CLUSTER"), emr.bash("true"))
    status = emr.wait_cluster(cluster, "TERMINATED_WITH_ERRORS")
    assert status["StateChangeReason"] == {"Code": "STEP_FAILURE", "Message": "Shut down as step failed"}
    assert emr.states(cluster) == ["FAILED", "CANCELLED"]


def test_a_failing_step_can_cancel_the_others_and_leave_the_cluster(emr):
    cluster = emr.run(emr.bash("exit 3", action="CANCEL_AND_WAIT"), emr.bash("true"))
    emr.until(lambda: emr.states(cluster) == ["FAILED", "CANCELLED"])
    message = emr.wait_cluster(cluster, "WAITING")["StateChangeReason"]["Message"]
    assert message == "Cluster ready after last step failed."


def test_a_failing_step_can_be_passed_over(emr):
    cluster = emr.run(emr.bash("exit 3"), emr.bash("true"))
    emr.until(lambda: emr.states(cluster) == ["FAILED", "COMPLETED"])


def test_a_protected_cluster_outlives_terminate_and_its_failing_step(emr):
    cluster = emr.run(
        emr.bash("exit 3", action="TERMINATE_CLUSTER"), instances={"TerminationProtected": True}
    )
    other = emr.run()
    emr.until(lambda: emr.states(cluster) == ["FAILED"])
    emr.wait_cluster(cluster, "WAITING")
    with pytest.raises(ClientError, match="since they are termination protected") as refused:
        emr.client.terminate_job_flows(JobFlowIds=[cluster, other])
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    emr.wait_cluster(other, "TERMINATED")
    assert emr.cluster(cluster)["Status"]["State"] == "WAITING"
    emr.client.set_termination_protection(JobFlowIds=[cluster], TerminationProtected=False)
    emr.client.terminate_job_flows(JobFlowIds=[cluster])
    reason = emr.wait_cluster(cluster, "TERMINATED")["StateChangeReason"]
    assert reason == {"Code": "USER_REQUEST", "Message": "Terminated by user request"}


def test_a_cluster_can_be_terminated_before_it_is_up(make_emr, tmp_path):
    emr = make_emr(scratch_dir=tmp_path, delays=Delays(starting=60, terminating=0))
    try:
        cluster = emr.run(emr.bash("true"))
        emr.client.terminate_job_flows(JobFlowIds=[cluster])
        assert "ReadyDateTime" not in emr.wait_cluster(cluster, "TERMINATED")["Timeline"]
        assert emr.states(cluster) == ["CANCELLED"]
    finally:
        emr.close()


def test_a_terminated_cluster_takes_no_more_steps(emr):
    cluster = emr.run(keep_alive=False)
    emr.wait_cluster(cluster, "TERMINATED")
    with pytest.raises(ClientError, match="shutting down, terminated, or finished may not be modified"):
        emr.add(cluster, emr.bash("true"))


def test_an_idle_cluster_ends_by_its_policy(stepped):
    cluster = stepped.run(AutoTerminationPolicy={"IdleTimeout": 60})
    stepped.wait_cluster(cluster, "WAITING")
    stepped.step_clock(59.9)
    assert stepped.cluster(cluster)["Status"]["State"] == "WAITING"
    stepped.step_clock(0.1)
    status = stepped.cluster(cluster)["Status"]
    assert status["State"] == "TERMINATED"
    assert "idle" in status["StateChangeReason"]["Message"]
    timeline = status["Timeline"]
    assert (timeline["EndDateTime"] - timeline["ReadyDateTime"]).total_seconds() == 60


def test_a_busy_cluster_is_not_idle(stepped, tmp_path):
    go = tmp_path / "go"
    cluster = stepped.run(
        stepped.bash(f"until [ -e {go} ]; do sleep 0.02; done"), AutoTerminationPolicy={"IdleTimeout": 60}
    )
    stepped.wait_cluster(cluster, "RUNNING")
    stepped.step_clock(3600)
    assert stepped.cluster(cluster)["Status"]["State"] == "RUNNING"
    go.touch()
    stepped.wait_cluster(cluster, "WAITING")
    stepped.step_clock(60)
    assert stepped.cluster(cluster)["Status"]["State"] == "TERMINATED"


def test_a_protected_cluster_is_not_ended_for_being_idle(stepped):
    cluster = stepped.run(AutoTerminationPolicy={"IdleTimeout": 60}, instances={"TerminationProtected": True})
    stepped.wait_cluster(cluster, "WAITING")
    stepped.step_clock(3600)
    assert stepped.cluster(cluster)["Status"]["State"] == "WAITING"
    stepped.client.set_termination_protection(JobFlowIds=[cluster], TerminationProtected=False)
    assert stepped.cluster(cluster)["Status"]["State"] == "TERMINATED"


def test_an_idle_policy_can_be_read_changed_and_removed(stepped):
    emr = stepped
    cluster = emr.run(AutoTerminationPolicy={"IdleTimeout": 604_800})
    policy = {"ClusterId": cluster}
    assert emr.client.get_auto_termination_policy(**policy)["AutoTerminationPolicy"] == {
        "IdleTimeout": 604_800
    }
    emr.client.remove_auto_termination_policy(**policy)
    assert "AutoTerminationPolicy" not in emr.client.get_auto_termination_policy(**policy)
    emr.wait_cluster(cluster, "WAITING")
    emr.client.put_auto_termination_policy(**policy, AutoTerminationPolicy={"IdleTimeout": 60})
    emr.step_clock(60)
    emr.wait_cluster(cluster, "TERMINATED")


def test_a_waiting_cluster_ends_when_it_is_no_longer_kept_alive(emr):
    cluster = emr.run()
    emr.wait_cluster(cluster, "WAITING")
    emr.client.set_keep_job_flow_alive_when_no_steps(JobFlowIds=[cluster], KeepJobFlowAliveWhenNoSteps=False)
    assert emr.wait_cluster(cluster, "TERMINATED")["StateChangeReason"]["Code"] == "ALL_STEPS_COMPLETED"


def test_clusters_are_listed_by_state_and_time_a_page_at_a_time(emr):
    before = emr.run(keep_alive=False)
    emr.wait_cluster(before, "TERMINATED")
    time.sleep(0.01)  # the clock's next tick: times go over the wire in milliseconds
    start = time.time()
    alive = emr.run()
    made = [emr.run(keep_alive=False) for _ in range(55)]
    for cluster in made:
        emr.wait_cluster(cluster, "TERMINATED")
    paginator = emr.client.get_paginator("list_clusters")
    pages = list(paginator.paginate(CreatedAfter=start, ClusterStates=["TERMINATED"]))
    assert [len(page["Clusters"]) for page in pages] == [50, 5]
    assert [one["Id"] for page in pages for one in page["Clusters"]] == made[::-1]
    earlier = [one["Id"] for page in paginator.paginate(CreatedBefore=start) for one in page["Clusters"]]
    assert before in earlier
    assert not {alive, *made} & set(earlier)


def test_tags_are_kept_added_and_removed(emr):
    cluster = emr.run(Tags=[{"Key": "team", "Value": "data"}, {"Key": "old", "Value": "1"}])
    emr.client.add_tags(
        ResourceId=cluster, Tags=[{"Key": "team", "Value": "ops"}, {"Key": "empty", "Value": ""}]
    )
    emr.client.remove_tags(ResourceId=cluster, TagKeys=["old", "never"])
    assert {tag["Key"]: tag["Value"] for tag in emr.cluster(cluster)["Tags"]} == {"team": "ops", "empty": ""}


def test_what_was_asked_for_is_described(emr):
    emr.s3.put_object(Bucket="code", Key="setup.sh", Body=b"#!/bin/bash\n")
    cluster = emr.run(
        instances={
            "InstanceGroups": [
                {"InstanceRole": "MASTER", "InstanceType": "m7g.xlarge", "InstanceCount": 1},
                {"InstanceRole": "CORE", "InstanceType": "r7g.large", "InstanceCount": 3, "Market": "SPOT"},
            ],
            "Ec2SubnetId": "subnet-1",
        },
        JobFlowRole="profile",
        ServiceRole="role",
        Applications=[{"Name": "Spark"}],
        BootstrapActions=[
            {"Name": "setup", "ScriptBootstrapAction": {"Path": "s3://code/setup.sh", "Args": ["a"]}}
        ],
        StepConcurrencyLevel=4,
    )
    emr.wait_cluster(cluster, "WAITING")
    found = emr.cluster(cluster)
    assert found["Ec2InstanceAttributes"]["Ec2SubnetId"] == "subnet-1"
    assert found["Ec2InstanceAttributes"]["IamInstanceProfile"] == "profile"
    assert (found["ServiceRole"], found["StepConcurrencyLevel"]) == ("role", 4)
    assert (found["LogUri"], found["AutoTerminate"]) == ("s3://logs/emr/", False)
    groups = emr.client.list_instance_groups(ClusterId=cluster)["InstanceGroups"]
    assert [(one["InstanceGroupType"], one["RunningInstanceCount"]) for one in groups] == [
        ("MASTER", 1),
        ("CORE", 3),
    ]
    core = emr.client.list_instances(
        ClusterId=cluster, InstanceGroupTypes=["CORE"], InstanceStates=["RUNNING"]
    )
    assert [one["Market"] for one in core["Instances"]] == ["SPOT"] * 3
    (action,) = emr.client.list_bootstrap_actions(ClusterId=cluster)["BootstrapActions"]
    assert action == {"Name": "setup", "ScriptPath": "s3://code/setup.sh", "Args": ["a"]}


def test_every_other_request_goes_to_the_wrapped_app(emr):
    emr.s3.put_object(Bucket="code", Key="other", Body=b"other")
    assert emr.s3.get_object(Bucket="code", Key="other")["Body"].read() == b"other"
