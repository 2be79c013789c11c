"""Clusters: run, describe, list, change, terminate."""

from collections.abc import Mapping
from typing import Any

from sparkdrop_local.emr.ec2 import words
from sparkdrop_local.emr.ec2.operations.policies import check_idle_timeout
from sparkdrop_local.emr.ec2.operations.requests import check_request
from sparkdrop_local.emr.ec2.operations.steps import build_steps
from sparkdrop_local.emr.ec2.operations.tags import check_tags
from sparkdrop_local.emr.ec2.records import Cluster
from sparkdrop_local.emr.ec2.registry import Registry
from sparkdrop_local.emr.ec2.views import build_cluster, build_cluster_summary
from sparkdrop_local.emr.errors import EmrError, invalid_request, validation
from sparkdrop_local.emr.paging import take_page

_MAX_CONCURRENCY = 256
_MAX_TERMINATED_AT_ONCE = 10


def run_job_flow(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Start a cluster."""
    instances = parameters["Instances"]
    concurrency = check_concurrency(parameters.get("StepConcurrencyLevel", 1))
    check_request(registry, parameters)
    policy = parameters.get("AutoTerminationPolicy")
    # a new cluster has no active steps yet, so its own limit is all there is to check
    steps = build_steps(
        parameters.get("Steps", []),
        created=registry.context.clock.now(),
        concurrency=concurrency,
        active=0,
        execution_role=parameters.get("StepExecutionRoleArn"),
    )
    cluster = registry.add_cluster(
        parameters,
        keep_alive=instances.get("KeepJobFlowAliveWhenNoSteps", False),
        protected=instances.get("TerminationProtected", False),
        concurrency=concurrency,
        idle_timeout=check_idle_timeout(policy) if policy else None,
        tags=check_tags(parameters.get("Tags", ())),
        steps=steps,
    )
    return {"JobFlowId": cluster.id, "ClusterArn": cluster.arn}


def describe_cluster(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Describe a cluster."""
    cluster = registry.find_cluster(parameters["ClusterId"])
    return {"Cluster": build_cluster(cluster, now=registry.context.clock.now())}


def list_clusters(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """List clusters by state and time of creation, newest first, 50 a page."""
    states = parameters.get("ClusterStates")
    after, before = parameters.get("CreatedAfter"), parameters.get("CreatedBefore")

    def matches(cluster: Cluster) -> bool:
        created = cluster.timeline.created
        return (
            (not states or cluster.state in states)
            and (after is None or created >= after)
            and (before is None or created <= before)
        )

    page, marker = take_page(
        registry.list_clusters(), parameters.get("Marker"), lambda cluster: cluster.id, matches=matches
    )
    now = registry.context.clock.now()
    return {"Clusters": [build_cluster_summary(cluster, now=now) for cluster in page], "Marker": marker}


def modify_cluster(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Change how many steps run at once, and whether support goes on."""
    cluster = registry.find_cluster(parameters["ClusterId"])
    if cluster.state.is_over:
        raise invalid_request(words.MODIFY_TERMINATED)
    if (level := parameters.get("StepConcurrencyLevel")) is not None:
        try:
            cluster.concurrency = check_concurrency(level)
        except EmrError as error:
            raise invalid_request(error.message) from error
    if (support := parameters.get("ExtendedSupport")) is not None:
        cluster.request = {**cluster.request, "ExtendedSupport": support}
    registry.change(cluster)
    return {
        "StepConcurrencyLevel": cluster.concurrency,
        "ExtendedSupport": cluster.request.get("ExtendedSupport"),
    }


def terminate_job_flows(registry: Registry, parameters: Mapping[str, Any]) -> None:
    """End clusters; those under termination protection stay, and make the call fail."""
    identifiers = parameters["JobFlowIds"]
    if len(identifiers) > _MAX_TERMINATED_AT_ONCE:
        raise validation(f"At most {_MAX_TERMINATED_AT_ONCE} job flows can be terminated at once.")
    clusters = registry.find_job_flows(identifiers)
    for cluster in clusters:
        if not cluster.protected or cluster.state.is_over:
            registry.end_cluster(cluster)
    if any(cluster.protected and not cluster.state.is_over for cluster in clusters):
        raise validation(words.TERMINATION_PROTECTED)


def check_concurrency(level: int) -> int:
    """Check a StepConcurrencyLevel, 1 to 256, or raise ValidationException."""
    if not 1 <= level <= _MAX_CONCURRENCY:
        raise validation(f"StepConcurrencyLevel must be between 1 and {_MAX_CONCURRENCY}, not {level}.")
    return level


OPERATIONS = {
    "RunJobFlow": run_job_flow,
    "DescribeCluster": describe_cluster,
    "ListClusters": list_clusters,
    "ModifyCluster": modify_cluster,
    "TerminateJobFlows": terminate_job_flows,
}
