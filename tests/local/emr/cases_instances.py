"""EMR's operations on a cluster's instances: what the local EMR does with each, proven by a call."""

from typing import Any

from tests.local.emr.cases_ec2 import MASTER, WORKERS, case, refused, wait

FLEETS: dict[str, Any] = {
    "InstanceGroups": [],
    "InstanceFleets": [
        {
            "InstanceFleetType": role,
            "TargetOnDemandCapacity": 1,
            "InstanceTypeConfigs": [{"InstanceType": "m7g.xlarge"}],
        }
        for role in ("MASTER", "CORE")
    ],
}
LIMITS = {"UnitType": "Instances", "MinimumCapacityUnits": 1, "MaximumCapacityUnits": 2}
SCALING = {
    "Constraints": {"MinCapacity": 1, "MaxCapacity": 2},
    "Rules": [
        {
            "Name": "grow",
            "Action": {"SimpleScalingPolicyConfiguration": {"ScalingAdjustment": 1}},
            "Trigger": {
                "CloudWatchAlarmDefinition": {
                    "ComparisonOperator": "GREATER_THAN",
                    "MetricName": "YARNMemoryAvailablePercentage",
                    "Period": 300,
                    "Threshold": 15.0,
                }
            },
        }
    ],
}


def groups(emr: Any) -> tuple[str, str]:
    """Run a cluster of two groups; give its id and that of its core group."""
    role = "EMR_AutoScaling_DefaultRole"
    cluster = wait(emr, instances={"InstanceGroups": [MASTER, WORKERS]}, AutoScalingRole=role)
    found = emr.client.list_instance_groups(ClusterId=cluster)["InstanceGroups"]
    return cluster, next(str(one["Id"]) for one in found if one["InstanceGroupType"] == "CORE")


def fleets(emr: Any) -> tuple[str, str]:
    """Run a cluster of two fleets; give its id and that of its core fleet."""
    cluster = wait(emr, instances=FLEETS)
    found = emr.client.list_instance_fleets(ClusterId=cluster)["InstanceFleets"]
    return cluster, next(str(one["Id"]) for one in found if one["InstanceFleetType"] == "CORE")


@case("ListInstanceGroups", "behaves", "refused for a cluster of fleets")
def list_instance_groups(emr: Any) -> None:
    cluster, _ = groups(emr)
    found = emr.client.list_instance_groups(ClusterId=cluster)["InstanceGroups"]
    assert {one["InstanceGroupType"] for one in found} == {"MASTER", "CORE"}
    refused(emr.client.list_instance_fleets, "InvalidRequestException", ClusterId=cluster)


@case("ListInstanceFleets", "behaves", "refused for a cluster of groups")
def list_instance_fleets(emr: Any) -> None:
    cluster, _ = fleets(emr)
    refused(emr.client.list_instance_groups, "InvalidRequestException", ClusterId=cluster)


@case("ListInstances", "behaves", "made-up ids, all at 127.0.0.1")
def list_instances(emr: Any) -> None:
    cluster, core = groups(emr)
    (instance,) = emr.client.list_instances(ClusterId=cluster, InstanceGroupId=core)["Instances"]
    assert instance["Status"]["State"] == "RUNNING"


@case("ListBootstrapActions", "behaves", "as they were asked for")
def list_bootstrap_actions(emr: Any) -> None:
    emr.s3.put_object(Bucket="code", Key="case.sh", Body=b"true\n")
    action = {"Name": "one", "ScriptBootstrapAction": {"Path": "s3://code/case.sh"}}
    cluster = emr.run(BootstrapActions=[action])
    (found,) = emr.client.list_bootstrap_actions(ClusterId=cluster)["BootstrapActions"]
    assert (found["Name"], found["ScriptPath"]) == ("one", "s3://code/case.sh")


@case("AddInstanceGroups", "behaves", "no machine starts, but time passes as if one did")
def add_instance_groups(emr: Any) -> None:
    cluster, _ = groups(emr)
    group = WORKERS | {"InstanceRole": "TASK", "InstanceCount": 2}
    answer = emr.client.add_instance_groups(JobFlowId=cluster, InstanceGroups=[group])
    (added,) = answer["InstanceGroupIds"]
    emr.until(lambda: running(emr, cluster, added) == 2)


@case("ModifyInstanceGroups", "behaves", "instances come and go by the delay `resizing`")
def modify_instance_groups(emr: Any) -> None:
    cluster, core = groups(emr)
    wanted = {"InstanceGroupId": core, "InstanceCount": 3}
    emr.client.modify_instance_groups(ClusterId=cluster, InstanceGroups=[wanted])
    emr.until(lambda: running(emr, cluster, core) == 3)


@case("AddInstanceFleet", "behaves", "one task fleet at most")
def add_instance_fleet(emr: Any) -> None:
    cluster, _ = fleets(emr)
    fleet = FLEETS["InstanceFleets"][1] | {"InstanceFleetType": "TASK"}
    answer = emr.client.add_instance_fleet(ClusterId=cluster, InstanceFleet=fleet)
    found = emr.client.list_instance_fleets(ClusterId=cluster)["InstanceFleets"]
    assert answer["InstanceFleetId"] in [one["Id"] for one in found]


@case("ModifyInstanceFleet", "behaves", "instances come and go by the delay `resizing`")
def modify_instance_fleet(emr: Any) -> None:
    cluster, core = fleets(emr)
    wanted = {"InstanceFleetId": core, "TargetOnDemandCapacity": 2}
    emr.client.modify_instance_fleet(ClusterId=cluster, InstanceFleet=wanted)

    def provisioned() -> int:
        found = emr.client.list_instance_fleets(ClusterId=cluster)["InstanceFleets"]
        return next(int(one["ProvisionedOnDemandCapacity"]) for one in found if one["Id"] == core)

    emr.until(lambda: provisioned() == 2)


@case("PutAutoScalingPolicy", "accepts", "no load is measured that it could follow")
def put_auto_scaling_policy(emr: Any) -> None:
    cluster, core = groups(emr)
    answer = emr.client.put_auto_scaling_policy(
        ClusterId=cluster, InstanceGroupId=core, AutoScalingPolicy=SCALING
    )
    assert answer["AutoScalingPolicy"]["Constraints"] == SCALING["Constraints"]


@case("RemoveAutoScalingPolicy", "accepts", "the group keeps its size")
def remove_auto_scaling_policy(emr: Any) -> None:
    cluster, core = groups(emr)
    place = {"ClusterId": cluster, "InstanceGroupId": core}
    emr.client.put_auto_scaling_policy(**place, AutoScalingPolicy=SCALING)
    emr.client.remove_auto_scaling_policy(**place)
    found = emr.client.list_instance_groups(ClusterId=cluster)["InstanceGroups"]
    assert not any("AutoScalingPolicy" in one for one in found)


@case("PutManagedScalingPolicy", "accepts", "no load is measured that it could follow")
def put_managed_scaling_policy(emr: Any) -> None:
    cluster, _ = groups(emr)
    policy = {"ComputeLimits": LIMITS}
    emr.client.put_managed_scaling_policy(ClusterId=cluster, ManagedScalingPolicy=policy)
    assert emr.client.get_managed_scaling_policy(ClusterId=cluster)["ManagedScalingPolicy"] == policy


@case("GetManagedScalingPolicy", "behaves", "empty without a policy")
def get_managed_scaling_policy(emr: Any) -> None:
    cluster, _ = groups(emr)
    assert "ManagedScalingPolicy" not in emr.client.get_managed_scaling_policy(ClusterId=cluster)


@case("RemoveManagedScalingPolicy", "behaves", "the cluster keeps its size")
def remove_managed_scaling_policy(emr: Any) -> None:
    cluster, _ = groups(emr)
    emr.client.put_managed_scaling_policy(ClusterId=cluster, ManagedScalingPolicy={"ComputeLimits": LIMITS})
    emr.client.remove_managed_scaling_policy(ClusterId=cluster)
    assert "ManagedScalingPolicy" not in emr.client.get_managed_scaling_policy(ClusterId=cluster)


def running(emr: Any, cluster: str, group: str) -> int:
    """Count the running instances of a group."""
    found = emr.client.list_instance_groups(ClusterId=cluster)["InstanceGroups"]
    return next(int(one["RunningInstanceCount"]) for one in found if one["Id"] == group)
