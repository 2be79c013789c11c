"""What a cluster is told about its own end, and other switches of it."""

from collections.abc import Mapping
from typing import Any

from sparkdrop_local.emr.ec2.records import Cluster
from sparkdrop_local.emr.ec2.registry import Registry
from sparkdrop_local.emr.errors import validation

_IDLE_RANGE = (60, 604_800)
_DEFAULT_IDLE_SECONDS = 3_600


def set_termination_protection(registry: Registry, parameters: Mapping[str, Any]) -> None:
    """Protect clusters from TerminateJobFlows and from failing steps, or end that."""
    for cluster in _find_live_job_flows(registry, parameters):
        cluster.protected = parameters["TerminationProtected"]
        registry.change(cluster)


def set_keep_alive(registry: Registry, parameters: Mapping[str, Any]) -> None:
    """Have clusters wait for more steps once theirs are done, or end."""
    for cluster in _find_live_job_flows(registry, parameters):
        cluster.keep_alive = parameters["KeepJobFlowAliveWhenNoSteps"]
        registry.change(cluster)


def set_visible_to_all_users(registry: Registry, parameters: Mapping[str, Any]) -> None:
    """Keep whether all users of the account see clusters; here all do."""
    for cluster in _find_live_job_flows(registry, parameters):
        cluster.request = {**cluster.request, "VisibleToAllUsers": parameters["VisibleToAllUsers"]}
        registry.change(cluster)


def set_unhealthy_node_replacement(registry: Registry, parameters: Mapping[str, Any]) -> None:
    """Keep whether unhealthy nodes are replaced; here none is."""
    for cluster in _find_live_job_flows(registry, parameters):
        cluster.unhealthy_node_replacement = parameters["UnhealthyNodeReplacement"]
        registry.change(cluster)


def put_auto_termination_policy(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Have a cluster end after some idle time."""
    cluster = registry.find_live_cluster(parameters["ClusterId"])
    cluster.idle_timeout = check_idle_timeout(parameters.get("AutoTerminationPolicy") or {})
    registry.change(cluster)
    return {}


def get_auto_termination_policy(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Tell a cluster's idle time; empty when it has no policy."""
    cluster = registry.find_cluster(parameters["ClusterId"])
    return {"AutoTerminationPolicy": {"IdleTimeout": cluster.idle_timeout}} if cluster.idle_timeout else {}


def remove_auto_termination_policy(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Have a cluster stay however long it is idle."""
    cluster = registry.find_live_cluster(parameters["ClusterId"])
    cluster.idle_timeout = None
    registry.change(cluster)
    return {}


def check_idle_timeout(policy: Mapping[str, Any]) -> int:
    """Check an idle timeout, 60 to 604,800 s, one hour by default, or raise ValidationException."""
    seconds = int(policy.get("IdleTimeout", _DEFAULT_IDLE_SECONDS))
    low, high = _IDLE_RANGE
    if not low <= seconds <= high:
        raise validation(f"IdleTimeout must be between {low} and {high} seconds, not {seconds}.")
    return seconds


def _find_live_job_flows(registry: Registry, parameters: Mapping[str, Any]) -> list[Cluster]:
    return [registry.find_live_job_flow(identifier) for identifier in parameters["JobFlowIds"]]


OPERATIONS = {
    "SetTerminationProtection": set_termination_protection,
    "SetKeepJobFlowAliveWhenNoSteps": set_keep_alive,
    "PutAutoTerminationPolicy": put_auto_termination_policy,
    "GetAutoTerminationPolicy": get_auto_termination_policy,
    "RemoveAutoTerminationPolicy": remove_auto_termination_policy,
    "SetVisibleToAllUsers": set_visible_to_all_users,
    "SetUnhealthyNodeReplacement": set_unhealthy_node_replacement,
}
