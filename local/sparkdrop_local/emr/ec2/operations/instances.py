"""What a cluster is made of: list instance groups, instance fleets, instances and bootstrap actions."""

from collections.abc import Mapping
from typing import Any

from sparkdrop_local.emr.ec2.bootstrap import list_actions
from sparkdrop_local.emr.ec2.instance_views import build_fleet, build_group, build_instance
from sparkdrop_local.emr.ec2.nodes import Collection
from sparkdrop_local.emr.ec2.records import Cluster
from sparkdrop_local.emr.ec2.registry import Registry
from sparkdrop_local.emr.errors import EmrError, invalid_request
from sparkdrop_local.emr.paging import take_page

_EXCLUSIVE = (
    "Instance fleets and instance groups are mutually exclusive. The EMR cluster specified in the request "
    "uses instance {has}. The {operation} operation does not support clusters that use instance {has}."
)
_COUNTERPARTS = {
    "ListInstanceGroups": "ListInstanceFleets",
    "ListInstanceFleets": "ListInstanceGroups",
    "AddInstanceGroups": "AddInstanceFleet",
    "AddInstanceFleet": "AddInstanceGroups",
    "ModifyInstanceGroups": "ModifyInstanceFleet",
    "ModifyInstanceFleet": "ModifyInstanceGroups",
}


def list_instance_groups(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """List a cluster's instance groups."""
    cluster = registry.find_cluster(parameters["ClusterId"])
    page, marker = _list_collections(cluster, parameters, "ListInstanceGroups", fleets=False)
    return {"InstanceGroups": [build_group(group) for group in page], "Marker": marker}


def list_instance_fleets(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """List a cluster's instance fleets."""
    cluster = registry.find_cluster(parameters["ClusterId"])
    page, marker = _list_collections(cluster, parameters, "ListInstanceFleets", fleets=True)
    return {"InstanceFleets": [build_fleet(fleet) for fleet in page], "Marker": marker}


def list_instances(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """List a cluster's instances, by group or fleet, its type, and their states; those that are gone too."""
    cluster = registry.find_cluster(parameters["ClusterId"])
    identifier = parameters.get("InstanceGroupId") or parameters.get("InstanceFleetId")
    types = parameters.get("InstanceGroupTypes") or []
    if fleet_type := parameters.get("InstanceFleetType"):
        types = [fleet_type]
    if "InstanceGroupId" in parameters or parameters.get("InstanceGroupTypes"):
        check_kind(cluster, "ListInstances", fleets=False)
    if "InstanceFleetId" in parameters or fleet_type:
        check_kind(cluster, "ListInstances", fleets=True)
    collections = [find_collection(cluster, identifier)] if identifier else list(cluster.collections.values())
    states = parameters.get("InstanceStates")
    found = [
        (collection, instance)
        for collection in collections
        if not types or collection.role in types
        for instance in collection.instances.values()
    ]
    page, marker = take_page(
        found,
        parameters.get("Marker"),
        lambda pair: pair[1].id,
        matches=lambda pair: not states or pair[1].state in states,
    )
    return {"Instances": [build_instance(*pair) for pair in page], "Marker": marker}


def list_bootstrap_actions(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """List a cluster's bootstrap actions."""
    cluster = registry.find_cluster(parameters["ClusterId"])
    actions = [
        {
            "Name": action["Name"],
            "ScriptPath": action["ScriptBootstrapAction"]["Path"],
            "Args": action["ScriptBootstrapAction"].get("Args", []),
        }
        for action in list_actions(cluster)
    ]
    page, marker = take_page(actions, parameters.get("Marker"), lambda action: str(action["Name"]))
    return {"BootstrapActions": page, "Marker": marker}


def check_kind(cluster: Cluster, operation: str, *, fleets: bool) -> None:
    """Check that a cluster has instance fleets, or instance groups, or raise InvalidRequestException."""
    if cluster.uses_fleets != fleets:
        message = _EXCLUSIVE.format(has="fleets" if cluster.uses_fleets else "groups", operation=operation)
        if operation in _COUNTERPARTS:
            message += f" Use the {_COUNTERPARTS[operation]} operation instead."
        raise invalid_request(message)


def find_collection(cluster: Cluster, identifier: str) -> Collection:
    """Find an instance group or fleet of a cluster, or raise InvalidRequestException."""
    if identifier not in cluster.collections:
        raise _unknown(cluster, identifier)
    return cluster.collections[identifier]


def _list_collections(
    cluster: Cluster, parameters: Mapping[str, Any], operation: str, *, fleets: bool
) -> tuple[list[Collection], str | None]:
    check_kind(cluster, operation, fleets=fleets)
    return take_page(list(cluster.collections.values()), parameters.get("Marker"), lambda one: one.id)


def _unknown(cluster: Cluster, identifier: str) -> EmrError:
    kind = "fleet" if cluster.uses_fleets else "group"
    return invalid_request(f"Instance {kind} id '{identifier}' is not valid.")


OPERATIONS = {
    "ListInstanceGroups": list_instance_groups,
    "ListInstanceFleets": list_instance_fleets,
    "ListInstances": list_instances,
    "ListBootstrapActions": list_bootstrap_actions,
}
