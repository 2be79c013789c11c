"""Instance groups and fleets of a cluster that is up: add, resize, configure anew."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sparkdrop_local.emr.ec2 import words
from sparkdrop_local.emr.ec2.nodes import ON_DEMAND, SPOT, Collection
from sparkdrop_local.emr.ec2.operations.instances import check_kind, find_collection
from sparkdrop_local.emr.ec2.provisioning import (
    MAX_INSTANCES,
    build_fleet,
    build_group,
    build_missing,
    check_roles,
    check_targets,
)
from sparkdrop_local.emr.ec2.records import Cluster
from sparkdrop_local.emr.ec2.registry import Registry
from sparkdrop_local.emr.ec2.scaling import check_scaling_policies
from sparkdrop_local.emr.ec2.words import ClusterState
from sparkdrop_local.emr.errors import invalid_request, validation


def add_instance_groups(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Add task instance groups to a cluster."""
    cluster = registry.find_live_job_flow(parameters["JobFlowId"])
    check_kind(cluster, "AddInstanceGroups", fleets=False)
    now = registry.context.clock.now()
    groups = [build_group(config, now=now) for config in parameters["InstanceGroups"]]
    check_roles([*cluster.collections.values(), *groups])
    check_scaling_policies(groups, cluster.request)
    registry.hardware.add(cluster, groups)
    registry.change(cluster)
    identifiers = [group.id for group in groups]
    return {"JobFlowId": cluster.id, "InstanceGroupIds": identifiers, "ClusterArn": cluster.arn}


def add_instance_fleet(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Add a task instance fleet to a cluster."""
    cluster = registry.find_cluster(parameters["ClusterId"])
    check_kind(cluster, "AddInstanceFleet", fleets=True)
    if cluster.state.is_over or cluster.ending is not None:
        raise invalid_request(words.MODIFY_TERMINATED)
    fleet = build_fleet(parameters["InstanceFleet"], now=registry.context.clock.now())
    check_roles([*cluster.collections.values(), fleet])
    registry.hardware.add(cluster, [fleet])
    registry.change(cluster)
    return {"ClusterId": cluster.id, "InstanceFleetId": fleet.id, "ClusterArn": cluster.arn}


def modify_instance_groups(registry: Registry, parameters: Mapping[str, Any]) -> None:
    """Resize instance groups, or have them configured anew; all of them are checked before one is changed."""
    changes = [
        (*_find_group(registry, parameters.get("ClusterId"), config["InstanceGroupId"]), config)
        for config in parameters.get("InstanceGroups") or ()
    ]
    for cluster, group, config in changes:
        _check_change(cluster, group, config)
    for cluster, group, config in changes:
        _change_group(registry, cluster, group, config)
        registry.change(cluster)


def modify_instance_fleet(registry: Registry, parameters: Mapping[str, Any]) -> None:
    """Change a fleet's targets, its instance types, or how it is resized."""
    cluster = registry.find_cluster(parameters["ClusterId"])
    check_kind(cluster, "ModifyInstanceFleet", fleets=True)
    config = parameters["InstanceFleet"]
    fleet = find_collection(cluster, config["InstanceFleetId"])
    # EMR's wording of both is not public: it says as much of instance groups
    if cluster.state not in (ClusterState.RUNNING, ClusterState.WAITING):
        raise invalid_request(
            "An instance fleet may only be modified when the cluster is running or waiting."
        )
    if fleet.role == "MASTER":
        raise invalid_request("The master instance fleet may not be modified.")
    targets = {
        ON_DEMAND: int(config.get("TargetOnDemandCapacity", fleet.targets[ON_DEMAND])),
        SPOT: int(config.get("TargetSpotCapacity", fleet.targets[SPOT])),
    }
    check_targets(fleet.role, fleet.config.get("Name"), targets)
    kept = ("ResizeSpecifications", "InstanceTypeConfigs", "Context")
    asked = {**fleet.config, **{name: config[name] for name in kept if config.get(name)}}
    # refused before anything has changed
    build_missing(replace(fleet, config=asked, targets=targets), now=registry.context.clock.now())
    fleet.config = asked
    registry.hardware.resize(cluster, fleet, targets)
    registry.hardware.keep(cluster, fleet)
    registry.change(cluster)


def _find_group(registry: Registry, cluster_id: str | None, group_id: str) -> tuple[Cluster, Collection]:
    """Find a group, whose cluster need not be named."""
    if cluster_id is not None:
        cluster = registry.find_cluster(cluster_id)
        check_kind(cluster, "ModifyInstanceGroups", fleets=False)
        return cluster, find_collection(cluster, group_id)
    for cluster in registry.list_clusters():
        if group_id in cluster.collections and not cluster.uses_fleets:
            return cluster, cluster.collections[group_id]
    raise validation(f"Instance group id '{group_id}' is not valid.")


def _check_change(cluster: Cluster, group: Collection, config: Mapping[str, Any]) -> None:
    if cluster.state not in (ClusterState.RUNNING, ClusterState.WAITING):
        raise validation(words.GROUP_NOT_MODIFIABLE)
    resizes = config.get("InstanceCount") is not None or config.get("EC2InstanceIdsToTerminate")
    if group.role == "MASTER" and resizes:
        raise validation(words.MASTER_NOT_MODIFIABLE)
    fewest, count = 1 if group.role == "CORE" else 0, config.get("InstanceCount")
    if count is not None and not fewest <= count <= MAX_INSTANCES:
        raise validation(f"Instance count of the {group.role.lower()} instance group must not be {count}.")
    known = {one.ec2_id for one in group.staying()}
    policy = config.get("ShrinkPolicy") or {}
    named = [
        *(config.get("EC2InstanceIdsToTerminate") or ()),
        *((policy.get("InstanceResizePolicy") or {}).get("InstancesToTerminate") or ()),
    ]
    if unknown := [name for name in named if name not in known]:
        raise validation(f"Instances {', '.join(unknown)} are not part of instance group {group.id}.")
    leaving = set(config.get("EC2InstanceIdsToTerminate") or ())
    if count is None and sum(group.targets.values()) - len(leaving) < fewest:
        raise validation(f"Instance count of the {group.role.lower()} instance group must not be 0.")


def _change_group(registry: Registry, cluster: Cluster, group: Collection, config: Mapping[str, Any]) -> None:
    hardware = registry.hardware
    if (policy := config.get("ShrinkPolicy")) is not None:
        group.shrink_policy = policy
    if (configurations := config.get("Configurations")) is not None:
        merge = config.get("ReconfigurationType") == "MERGE"
        hardware.reconfigure(
            cluster, group, _merge(group.configurations, configurations) if merge else configurations
        )
    leaving = list(dict.fromkeys(config.get("EC2InstanceIdsToTerminate") or ()))
    ((market, count),) = group.targets.items()
    asked = config.get("InstanceCount")
    if asked is None:
        # the group does not get back to its size: https://docs.aws.amazon.com/emr/latest/APIReference/API_InstanceGroupModifyConfig.html
        asked = count - len(leaving)
    elif asked < count:
        named = (group.shrink_policy.get("InstanceResizePolicy") or {}).get("InstancesToTerminate") or ()
        leaving += [name for name in named if name not in leaving][: max(count - asked - len(leaving), 0)]
    if leaving or asked != count:
        hardware.resize(cluster, group, {market: asked}, leaving)
    hardware.keep(cluster, group)


def _merge(configurations: list[dict[str, Any]], changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Lay changes over configurations, by classification and property."""
    merged = {one["Classification"]: dict(one) for one in configurations}
    for change in changes:
        known = merged.get(change["Classification"], {})
        properties = {**(known.get("Properties") or {}), **(change.get("Properties") or {})}
        merged[change["Classification"]] = {**known, **change, "Properties": properties}
    return list(merged.values())


OPERATIONS = {
    "AddInstanceGroups": add_instance_groups,
    "AddInstanceFleet": add_instance_fleet,
    "ModifyInstanceGroups": modify_instance_groups,
    "ModifyInstanceFleet": modify_instance_fleet,
}
