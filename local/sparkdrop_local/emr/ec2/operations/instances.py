"""What a cluster would be made of: instance groups, instances and bootstrap actions, as they were asked for.

No machine is started, so the ids and addresses are made up: the same ones at every call, from the cluster's
id.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from sparkdrop_local.emr.ec2.records import Cluster
from sparkdrop_local.emr.ec2.registry import Registry
from sparkdrop_local.emr.ec2.views import build_timeline
from sparkdrop_local.emr.ec2.words import ClusterState
from sparkdrop_local.emr.errors import invalid_request
from sparkdrop_local.emr.paging import take_page

_FLEETS = (
    "Instance fleets and instance groups are mutually exclusive. The EMR cluster specified in the request "
    "uses instance fleets. The {operation} request does not support clusters that use instance fleets."
)
_STATES = {
    ClusterState.STARTING: "PROVISIONING",
    ClusterState.BOOTSTRAPPING: "BOOTSTRAPPING",
    ClusterState.RUNNING: "RUNNING",
    ClusterState.WAITING: "RUNNING",
    ClusterState.TERMINATING: "TERMINATING",
}
_ENDED = "TERMINATED"


def list_instance_groups(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """List a cluster's instance groups."""
    cluster = registry.find_cluster(parameters["ClusterId"])
    groups = _groups(cluster, "ListInstanceGroups")
    page, marker = take_page(groups, parameters.get("Marker"), lambda group: str(group["Id"]))
    return {"InstanceGroups": page, "Marker": marker}


def list_instances(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """List a cluster's instances, by group, type of group and state."""
    cluster = registry.find_cluster(parameters["ClusterId"])
    wanted_group, types = parameters.get("InstanceGroupId"), parameters.get("InstanceGroupTypes")
    states = parameters.get("InstanceStates")
    found = [
        instance
        for group in _groups(cluster, "ListInstances")
        if (not wanted_group or group["Id"] == wanted_group)
        and (not types or group["InstanceGroupType"] in types)
        for instance in _instances(cluster, group)
        if not states or instance["Status"]["State"] in states
    ]
    page, marker = take_page(found, parameters.get("Marker"), lambda instance: str(instance["Id"]))
    return {"Instances": page, "Marker": marker}


def list_bootstrap_actions(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """List a cluster's bootstrap actions, which are on record only: they are written for an EC2 instance."""
    cluster = registry.find_cluster(parameters["ClusterId"])
    actions = [
        {
            "Name": action["Name"],
            "ScriptPath": action["ScriptBootstrapAction"]["Path"],
            "Args": action["ScriptBootstrapAction"].get("Args", []),
        }
        for action in cluster.request.get("BootstrapActions", [])
    ]
    page, marker = take_page(actions, parameters.get("Marker"), lambda action: str(action["Name"]))
    return {"BootstrapActions": page, "Marker": marker}


def _groups(cluster: Cluster, operation: str) -> list[dict[str, Any]]:
    instances = cluster.request["Instances"]
    if instances.get("InstanceFleets"):
        raise invalid_request(_FLEETS.format(operation=operation))
    groups = []
    for number, config in enumerate(instances.get("InstanceGroups") or _simple_groups(instances)):
        state = _STATES.get(cluster.state, _ENDED)
        is_up = state == "RUNNING"
        groups.append(
            {
                "Id": f"ig-{_made_up(cluster, f'group{number}', 13).upper()}",
                "Name": config.get("Name") or config["InstanceRole"].title(),
                "Market": config.get("Market", "ON_DEMAND"),
                "InstanceGroupType": config["InstanceRole"],
                "BidPrice": config.get("BidPrice"),
                "InstanceType": config["InstanceType"],
                "RequestedInstanceCount": config["InstanceCount"],
                "RunningInstanceCount": config["InstanceCount"] if is_up else 0,
                "Status": {
                    "State": state,
                    "StateChangeReason": {"Code": "CLUSTER_TERMINATED"} if state == _ENDED else {},
                    "Timeline": build_timeline(cluster.timeline, "ReadyDateTime"),
                },
                "Configurations": config.get("Configurations", []),
                "EbsBlockDevices": [],
                "ShrinkPolicy": {},
            }
        )
    return groups


def _simple_groups(instances: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Make groups of the short form: MasterInstanceType, SlaveInstanceType and InstanceCount."""
    master = instances.get("MasterInstanceType")
    groups = [{"InstanceRole": "MASTER", "InstanceType": master, "InstanceCount": 1}] if master else []
    workers = instances.get("InstanceCount", 1) - 1
    if workers > 0:
        worker = instances.get("SlaveInstanceType") or master
        groups.append({"InstanceRole": "CORE", "InstanceType": worker, "InstanceCount": workers})
    return groups


def _instances(cluster: Cluster, group: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    state = group["Status"]["State"]
    for number in range(group["RequestedInstanceCount"]):
        name = _made_up(cluster, f"{group['Id']}{number}", 17)
        yield {
            "Id": f"ci-{name[:13].upper()}",
            "Ec2InstanceId": f"i-{name}",
            "PublicDnsName": "localhost",
            "PrivateDnsName": "localhost",
            "PrivateIpAddress": "127.0.0.1",
            "Status": {
                # an instance has no state between running and gone
                "State": _ENDED if state in (_ENDED, "TERMINATING") else state,
                "StateChangeReason": group["Status"]["StateChangeReason"],
                "Timeline": group["Status"]["Timeline"],
            },
            "InstanceGroupId": group["Id"],
            "Market": group["Market"],
            "InstanceType": group["InstanceType"],
            "EbsVolumes": [],
        }


def _made_up(cluster: Cluster, what: str, length: int) -> str:
    return hashlib.sha256(f"{cluster.id}{what}".encode()).hexdigest()[:length]


OPERATIONS = {
    "ListInstanceGroups": list_instance_groups,
    "ListInstances": list_instances,
    "ListBootstrapActions": list_bootstrap_actions,
}
