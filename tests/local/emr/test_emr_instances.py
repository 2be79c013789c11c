"""Instance groups, instance fleets and instances: made, listed, refused; and policies for them."""

import pytest

from tests.local.emr.calls import NEEDED, error_of
from tests.local.emr.hardware import (
    fleet,
    fleets_of,
    group,
    groups_of,
    instances_of,
    run_fleets,
    run_groups,
    states_of,
)


def test_groups_and_instances_go_their_clusters_way(slow):
    volumes = {"VolumeSpecification": {"VolumeType": "gp3", "SizeInGB": 32}, "VolumesPerInstance": 2}
    ebs = {"EbsConfiguration": {"EbsBlockDeviceConfigs": [volumes], "EbsOptimized": True}}
    cluster = run_groups(slow, group("MASTER", 1), group("CORE", 2, "SPOT", Name="workers", **ebs))
    made = instances_of(slow, cluster)
    assert states_of(slow, cluster) == ["PROVISIONING"] * 3
    assert [one["RunningInstanceCount"] for one in groups_of(slow, cluster)] == [0, 0]
    slow.step_clock(60)
    assert states_of(slow, cluster) == ["BOOTSTRAPPING"] * 3
    slow.step_clock(60)
    assert slow.cluster(cluster)["Status"]["State"] == "WAITING"
    master, core = groups_of(slow, cluster)
    assert (core["Name"], core["Market"], core["RequestedInstanceCount"], core["RunningInstanceCount"]) == (
        "workers", "SPOT", 2, 2,
    )  # fmt: skip
    assert master["Status"]["State"] == core["Status"]["State"] == "RUNNING"
    assert [block["Device"] for block in core["EbsBlockDevices"]] == ["/dev/sdb", "/dev/sdc"]
    up = instances_of(slow, cluster)
    assert [one["Id"] for one in up] == [one["Id"] for one in made]
    assert [one["Ec2InstanceId"][:2] for one in up] == ["i-"] * 3
    assert {len(one["EbsVolumes"]) for one in up if one["InstanceGroupId"] == core["Id"]} == {2}
    slow.step_clock(1)
    slow.client.terminate_job_flows(JobFlowIds=[cluster])
    assert {one["Status"]["State"] for one in groups_of(slow, cluster)} == {"TERMINATING"}
    slow.step_clock(60)
    for one in groups_of(slow, cluster):
        assert one["Status"]["State"] == "TERMINATED"
        assert one["Status"]["StateChangeReason"] == {
            "Code": "CLUSTER_TERMINATED", "Message": "Job flow terminated",
        }  # fmt: skip
    gone = instances_of(slow, cluster)[0]["Status"]
    assert (gone["State"], gone["StateChangeReason"]["Code"]) == ("TERMINATED", "CLUSTER_TERMINATED")
    timeline = gone["Timeline"]
    assert timeline["CreationDateTime"] < timeline["ReadyDateTime"] < timeline["EndDateTime"]


def test_the_short_form_makes_groups(stepped):
    short = {"MasterInstanceType": "m5.xlarge", "SlaveInstanceType": "m5.2xlarge", "InstanceCount": 4}
    alive = {"KeepJobFlowAliveWhenNoSteps": True}
    cluster = stepped.client.run_job_flow(Name="short", Instances=short | alive, **NEEDED)["JobFlowId"]
    found = [
        (one["InstanceGroupType"], one["InstanceType"], one["RunningInstanceCount"])
        for one in groups_of(stepped, cluster)
    ]
    assert found == [("MASTER", "m5.xlarge", 1), ("CORE", "m5.2xlarge", 3)]


def test_what_a_cluster_is_not_made_of_is_refused(stepped):
    client = stepped.client
    groups, fleets = run_groups(stepped, group("MASTER", 1)), run_fleets(stepped, fleet("MASTER", 1, 0))
    (master,) = groups_of(stepped, groups)
    (master_fleet,) = fleets_of(stepped, fleets)
    of_fleets = "uses instance fleets. The {0} operation does not support clusters that use instance fleets."
    of_groups = "uses instance groups. The {0} operation does not support clusters that use instance groups."
    for call, operation, words, more in (
        (client.list_instance_groups, "ListInstanceGroups", of_fleets, {"ClusterId": fleets}),
        (client.list_instance_fleets, "ListInstanceFleets", of_groups, {"ClusterId": groups}),
        (
            client.list_instances,
            "ListInstances",
            of_fleets,
            {"ClusterId": fleets, "InstanceGroupTypes": ["CORE"]},
        ),
        (
            client.list_instances,
            "ListInstances",
            of_groups,
            {"ClusterId": groups, "InstanceFleetType": "CORE"},
        ),
        (
            client.add_instance_groups,
            "AddInstanceGroups",
            of_fleets,
            {"JobFlowId": fleets, "InstanceGroups": [group("TASK", 1)]},
        ),
        (
            client.add_instance_fleet,
            "AddInstanceFleet",
            of_groups,
            {"ClusterId": groups, "InstanceFleet": fleet("TASK", 1, 0)},
        ),
        (
            client.modify_instance_fleet,
            "ModifyInstanceFleet",
            of_groups,
            {"ClusterId": groups, "InstanceFleet": {"InstanceFleetId": "if-1"}},
        ),
    ):
        code, message = error_of(call, **more)
        # the model of AddInstanceGroups has no InvalidRequestException
        assert code == (
            "ValidationException" if operation == "AddInstanceGroups" else "InvalidRequestException"
        )
        assert words.format(operation) in message
    resize = {"InstanceGroupId": master["Id"], "InstanceCount": 2}
    assert error_of(client.modify_instance_groups, InstanceGroups=[resize]) == (
        "ValidationException", "A master instance group may not be modified",
    )  # fmt: skip
    change = {"InstanceFleetId": master_fleet["Id"], "TargetOnDemandCapacity": 2}
    code, _ = error_of(client.modify_instance_fleet, ClusterId=fleets, InstanceFleet=change)
    assert code == "InvalidRequestException"
    added = client.add_instance_groups(JobFlowId=groups, InstanceGroups=[group("TASK", 0)])
    for count in (-1, 5_000):
        resize = {"InstanceGroupId": added["InstanceGroupIds"][0], "InstanceCount": count}
        code, message = error_of(client.modify_instance_groups, InstanceGroups=[resize])
        assert (code, f"must not be {count}" in message) == ("ValidationException", True)
    task = client.add_instance_fleet(ClusterId=fleets, InstanceFleet=fleet("TASK", 1, 0))["InstanceFleetId"]
    change = {"InstanceFleetId": task, "TargetOnDemandCapacity": 5_000}
    code, message = error_of(client.modify_instance_fleet, ClusterId=fleets, InstanceFleet=change)
    assert (code, "At most 4000 instances" in message) == ("ValidationException", True)
    assert fleets_of(stepped, fleets)[1]["TargetOnDemandCapacity"] == 1
    client.terminate_job_flows(JobFlowIds=[groups, fleets])
    resize = {"InstanceGroupId": added["InstanceGroupIds"][0], "InstanceCount": 2}
    assert error_of(client.modify_instance_groups, InstanceGroups=[resize]) == (
        "ValidationException",
        "An instance group may only be modified when the job flow is running or waiting",
    )
    more = {"JobFlowId": groups, "InstanceGroups": [group("TASK", 1)]}
    code, message = error_of(client.add_instance_groups, **more)
    assert (code, "may not be modified" in message) == ("ValidationException", True)


@pytest.mark.parametrize(
    ("instances", "words"),
    [
        ({"InstanceGroups": [group("CORE", 1)]}, "exactly one master instance group"),
        ({"InstanceGroups": [group("MASTER", 2)]}, "must specify a single instance"),
        ({"InstanceGroups": [group("MASTER", 1), group("CORE", 0)]}, "at least one instance"),
        ({"InstanceGroups": [group("MASTER", 1), *[group("CORE", 1)] * 2]}, "Multiple core instance groups"),
        ({"InstanceGroups": [group("MASTER", 1), group("CORE", 5_000)]}, "At most 4000 instances"),
        ({"InstanceFleets": [fleet("MASTER", 1, 1)]}, "can only have a target capacity of 1"),
        ({"InstanceFleets": [fleet("MASTER", 1, 0), fleet("CORE", 0, 0)]}, "one or greater"),
        (
            {"InstanceFleets": [fleet("MASTER", 1, 0) | {"InstanceTypeConfigs": []}]},
            "at least one instance type",
        ),
        ({"MasterInstanceType": "m5.xlarge", "InstanceCount": 0}, "at least one instance"),
    ],
)
def test_instances_that_make_no_cluster_are_refused(stepped, instances, words):
    code, message = error_of(stepped.client.run_job_flow, Name="none", Instances=instances, **NEEDED)
    assert code == "ValidationException"
    assert words in message


def test_instances_are_listed_by_state_a_page_at_a_time(stepped):
    cluster = run_groups(stepped, group("MASTER", 1), group("CORE", 60), group("TASK", 5))
    pages = list(stepped.client.get_paginator("list_instances").paginate(ClusterId=cluster))
    assert [len(page["Instances"]) for page in pages] == [50, 16]
    assert len(instances_of(stepped, cluster, InstanceGroupTypes=["CORE", "MASTER"])) == 61
    assert instances_of(stepped, cluster, InstanceStates=["TERMINATED"]) == []


def test_normalized_hours_grow_with_size_and_time(slow):
    cluster = run_groups(slow, group("MASTER", 1), group("CORE", 2))
    slow.step_clock(60)
    assert slow.cluster(cluster)["NormalizedInstanceHours"] == 0
    slow.step_clock(60)
    assert slow.cluster(cluster)["NormalizedInstanceHours"] == 3 * 8
    slow.step_clock(3_600 + 1)
    assert slow.cluster(cluster)["NormalizedInstanceHours"] == 2 * 3 * 8


def test_scaling_policies_are_kept_and_checked(stepped):
    client = stepped.client
    cluster = run_groups(stepped, group("MASTER", 1), group("CORE", 1), AutoScalingRole="scaler")
    master, core = groups_of(stepped, cluster)
    alarm = {"MetricName": "YARN", "ComparisonOperator": "LESS_THAN", "Period": 300, "Threshold": 15.0}
    action = {"SimpleScalingPolicyConfiguration": {"ScalingAdjustment": 1}}
    rule = {"Name": "up", "Action": action, "Trigger": {"CloudWatchAlarmDefinition": alarm}}
    policy = {"Constraints": {"MinCapacity": 1, "MaxCapacity": 5}, "Rules": [rule]}
    where = {"ClusterId": cluster, "InstanceGroupId": core["Id"]}
    answer = client.put_auto_scaling_policy(**where, AutoScalingPolicy=policy)["AutoScalingPolicy"]
    assert answer["Status"]["State"] == "ATTACHED"
    assert groups_of(stepped, cluster)[1]["AutoScalingPolicy"]["Rules"] == [rule]
    client.remove_auto_scaling_policy(**where)
    assert "AutoScalingPolicy" not in groups_of(stepped, cluster)[1]
    on_master = {"ClusterId": cluster, "InstanceGroupId": master["Id"], "AutoScalingPolicy": policy}
    assert "master" in error_of(client.put_auto_scaling_policy, **on_master)[1]
    limits = {"UnitType": "Instances", "MinimumCapacityUnits": 1, "MaximumCapacityUnits": 5}
    client.put_managed_scaling_policy(ClusterId=cluster, ManagedScalingPolicy={"ComputeLimits": limits})
    kept = client.get_managed_scaling_policy(ClusterId=cluster)["ManagedScalingPolicy"]
    assert kept["ComputeLimits"] == limits
    client.remove_managed_scaling_policy(ClusterId=cluster)
    assert "ManagedScalingPolicy" not in client.get_managed_scaling_policy(ClusterId=cluster)
    for wrong in (
        {"MinimumCapacityUnits": 6},
        {"MinimumCapacityUnits": 0},
        {"MaximumCoreCapacityUnits": 6},
        {"UnitType": "InstanceFleetUnits"},
    ):
        policy = {"ComputeLimits": limits | wrong}
        wrong_call = {"ClusterId": cluster, "ManagedScalingPolicy": policy}
        assert error_of(client.put_managed_scaling_policy, **wrong_call)[0] == "ValidationException"
