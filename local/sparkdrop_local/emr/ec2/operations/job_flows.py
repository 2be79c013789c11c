"""DescribeJobFlows, which EMR has deprecated and still answers.

https://docs.aws.amazon.com/emr/latest/APIReference/API_DescribeJobFlows.html
"""

import itertools
from collections.abc import Mapping
from typing import Any

from sparkdrop_local.emr.ec2.records import Cluster, Step
from sparkdrop_local.emr.ec2.registry import Registry
from sparkdrop_local.emr.ec2.words import ClusterState, StepState

_MOST = 512
_TWO_WEEKS_SECONDS = 14 * 86_400
_STATES = {
    ClusterState.TERMINATING: "SHUTTING_DOWN",
    ClusterState.TERMINATED_WITH_ERRORS: "FAILED",
}


def describe_job_flows(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Describe clusters by id, state and time of creation, 512 at most; the last two weeks' by default.

    Without an argument those that have not ended are among them whatever their age.
    """
    identifiers, states = parameters.get("JobFlowIds"), parameters.get("JobFlowStates")
    after, before = parameters.get("CreatedAfter"), parameters.get("CreatedBefore")
    oldest = registry.context.clock.now() - _TWO_WEEKS_SECONDS

    def matches(cluster: Cluster) -> bool:
        created = cluster.timeline.created
        return (
            (not identifiers or cluster.id in identifiers)
            and (not states or _state(cluster) in states)
            and (after is None or created >= after)
            and (before is None or created <= before)
            and (bool(parameters) or not cluster.state.is_final or created >= oldest)
        )

    if identifiers:
        registry.find_job_flows(identifiers)
    found = itertools.islice(filter(matches, registry.list_clusters()), _MOST)
    return {"JobFlows": [_build_job_flow(cluster) for cluster in found]}


def _build_job_flow(cluster: Cluster) -> dict[str, Any]:
    request = cluster.request
    return {
        "JobFlowId": cluster.id,
        "Name": cluster.name,
        "LogUri": cluster.log_uri,
        "AmiVersion": request.get("AmiVersion"),
        "ExecutionStatusDetail": {
            "State": _state(cluster),
            "CreationDateTime": round(cluster.timeline.created, 3),
            "StartDateTime": cluster.timeline.ready and round(cluster.timeline.ready, 3),
            "ReadyDateTime": cluster.timeline.ready and round(cluster.timeline.ready, 3),
            "EndDateTime": cluster.timeline.ended and round(cluster.timeline.ended, 3),
            "LastStateChangeReason": cluster.message,
        },
        "Instances": _build_instances(cluster),
        "Steps": [_build_step(step) for step in cluster.steps.values()],
        "BootstrapActions": [{"BootstrapActionConfig": one} for one in request.get("BootstrapActions", ())],
        "SupportedProducts": request.get("SupportedProducts", []),
        "VisibleToAllUsers": request.get("VisibleToAllUsers", True),
        **{
            name: request.get(name)
            for name in ("JobFlowRole", "ServiceRole", "AutoScalingRole", "ScaleDownBehavior")
        },
    }


def _build_instances(cluster: Cluster) -> dict[str, Any]:
    """Describe the instances that were asked for; of a fleet the first type that it names."""
    instances = cluster.request["Instances"]
    types = {
        group["InstanceRole"]: group["InstanceType"]
        for group in reversed(instances.get("InstanceGroups", []))
    } or {
        fleet["InstanceFleetType"]: configs[0]["InstanceType"]
        for fleet in instances.get("InstanceFleets", [])
        if (configs := fleet.get("InstanceTypeConfigs"))
    }
    counts = [group["InstanceCount"] for group in instances.get("InstanceGroups", ())] or [
        fleet.get("TargetOnDemandCapacity", 0) + fleet.get("TargetSpotCapacity", 0)
        for fleet in instances.get("InstanceFleets", ())
    ]
    master = instances.get("MasterInstanceType") or types.get("MASTER", "")
    return {
        "MasterInstanceType": master,
        "SlaveInstanceType": instances.get("SlaveInstanceType") or types.get("CORE", master),
        "InstanceCount": sum(counts) if counts else instances.get("InstanceCount", 1),
        "Ec2KeyName": instances.get("Ec2KeyName"),
        "Ec2SubnetId": instances.get("Ec2SubnetId"),
        "Placement": instances.get("Placement"),
        "KeepJobFlowAliveWhenNoSteps": cluster.keep_alive,
        "TerminationProtected": cluster.protected,
        "UnhealthyNodeReplacement": cluster.unhealthy_node_replacement,
    }


def _build_step(step: Step) -> dict[str, Any]:
    timeline = step.timeline
    return {
        "StepConfig": {
            "Name": step.name,
            "ActionOnFailure": step.action_on_failure,
            "HadoopJarStep": dict(step.config),
        },
        "ExecutionStatusDetail": {
            # this operation has no word for it
            "State": StepState.RUNNING if step.state is StepState.CANCEL_PENDING else step.state,
            "CreationDateTime": round(timeline.created, 3),
            "StartDateTime": timeline.ready and round(timeline.ready, 3),
            "EndDateTime": timeline.ended and round(timeline.ended, 3),
        },
    }


def _state(cluster: Cluster) -> str:
    """The state in this operation's words: a cluster that ended by itself is COMPLETED."""
    if cluster.state is ClusterState.TERMINATED and cluster.code == "ALL_STEPS_COMPLETED":
        return "COMPLETED"
    return _STATES.get(cluster.state, cluster.state)


OPERATIONS = {"DescribeJobFlows": describe_job_flows}
