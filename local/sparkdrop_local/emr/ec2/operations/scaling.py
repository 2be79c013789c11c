"""Scaling policies: kept and told. Nothing scales by them, as no workload's metrics exist here."""

from collections.abc import Mapping
from typing import Any

from sparkdrop_local.emr.ec2.instance_views import build_scaling_policy
from sparkdrop_local.emr.ec2.nodes import Collection
from sparkdrop_local.emr.ec2.operations.instances import check_kind, find_collection
from sparkdrop_local.emr.ec2.records import Cluster
from sparkdrop_local.emr.ec2.registry import Registry
from sparkdrop_local.emr.ec2.scaling import check_managed_scaling, check_scaling_policy


def put_auto_scaling_policy(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Give an instance group an automatic scaling policy, or another one."""
    cluster, group = _find_group(registry, parameters, "PutAutoScalingPolicy")
    policy = parameters["AutoScalingPolicy"]
    check_scaling_policy(group, policy, cluster.request.get("AutoScalingRole"))
    group.scaling_policy = policy
    registry.hardware.keep(cluster, group)
    return {
        "ClusterId": cluster.id,
        "InstanceGroupId": group.id,
        "AutoScalingPolicy": build_scaling_policy(policy),
        "ClusterArn": cluster.arn,
    }


def remove_auto_scaling_policy(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Take an instance group's automatic scaling policy away; it need not have one."""
    cluster, group = _find_group(registry, parameters, "RemoveAutoScalingPolicy")
    group.scaling_policy = None
    registry.hardware.keep(cluster, group)
    return {}


def put_managed_scaling_policy(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Give a cluster limits to scale in."""
    cluster = registry.find_live_cluster(parameters["ClusterId"])
    check_managed_scaling(parameters["ManagedScalingPolicy"], uses_fleets=cluster.uses_fleets)
    cluster.managed_scaling = parameters["ManagedScalingPolicy"]
    registry.change(cluster)
    return {}


def get_managed_scaling_policy(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Tell a cluster's limits to scale in; empty when it has none."""
    policy = registry.find_cluster(parameters["ClusterId"]).managed_scaling
    return {"ManagedScalingPolicy": policy} if policy else {}


def remove_managed_scaling_policy(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Take a cluster's limits to scale in away."""
    cluster = registry.find_live_cluster(parameters["ClusterId"])
    cluster.managed_scaling = None
    registry.change(cluster)
    return {}


def _find_group(
    registry: Registry, parameters: Mapping[str, Any], operation: str
) -> tuple[Cluster, Collection]:
    cluster = registry.find_live_cluster(parameters["ClusterId"])
    check_kind(cluster, operation, fleets=False)
    return cluster, find_collection(cluster, parameters["InstanceGroupId"])


OPERATIONS = {
    "PutAutoScalingPolicy": put_auto_scaling_policy,
    "RemoveAutoScalingPolicy": remove_auto_scaling_policy,
    "PutManagedScalingPolicy": put_managed_scaling_policy,
    "GetManagedScalingPolicy": get_managed_scaling_policy,
    "RemoveManagedScalingPolicy": remove_managed_scaling_policy,
}
