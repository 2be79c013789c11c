"""Clusters, steps, instance groups and instance fleets that change, as EMR's events tell of them.

The states that are told, their severity and their messages:
https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-manage-cloudwatch-events.html. EMR's table has no
event for a cluster that is BOOTSTRAPPING or TERMINATING, nor for groups and fleets that come and go with
their cluster, so that none is told here. Shapes:
https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-emr.html
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sparkdrop_local.emr.context import EmrContext
from sparkdrop_local.emr.ec2.hardware import Change
from sparkdrop_local.emr.ec2.nodes import ON_DEMAND, SPOT, Collection
from sparkdrop_local.emr.ec2.records import Cluster, Step
from sparkdrop_local.emr.ec2.words import ClusterState, CollectionState, StepState
from sparkdrop_local.emr.events import Event

_SOURCE = "aws.emr"
_INFO, _WARN, _ERROR, _CRITICAL = "INFO", "WARN", "ERROR", "CRITICAL"
_GOOD_ENDS = ("USER_REQUEST", "ALL_STEPS_COMPLETED")
_STEP_SEVERITIES = {
    StepState.CANCEL_PENDING: _WARN,
    StepState.CANCELLED: _WARN,
    StepState.INTERRUPTED: _WARN,
    StepState.FAILED: _ERROR,
}
_STEP_WORDS = {
    StepState.PENDING: "Step {step} was added to {cluster} at {time} and is pending execution.",
    StepState.CANCEL_PENDING: "Step {step} in {cluster} was cancelled at {time} and is pending cancellation.",
    StepState.RUNNING: "Step {step} in {cluster} started running at {time}.",
    StepState.COMPLETED: (
        "Step {step} in {cluster} completed execution at {time}. The step started running at {started} and "
        "took {minutes} minutes to complete."
    ),
    StepState.CANCELLED: (
        "Cancellation request has succeeded for cluster step {step} in {cluster} at {time}, and the step is "
        "now cancelled."
    ),
    StepState.FAILED: "Step {step} in {cluster} failed at {time}.",
    # not in EMR's table: worded as its neighbours
    StepState.INTERRUPTED: "Step {step} in {cluster} was interrupted at {time}.",
}
_RUNNING, _RESIZING = CollectionState.RUNNING, CollectionState.RESIZING
_RECONFIGURING = CollectionState.RECONFIGURING
_GROUP_RESIZES = (
    "A resize for {group} in {cluster} started at {time}. It is resizing from an instance count of {running} "
    "to {target}."
)
_GROUP_RECONFIGURES = (
    "A reconfiguration for {group} in the {cluster} started at {time}. It is configuring from version number "
    "{applied} to version number {version}."
)
_GROUP_WORDS: dict[tuple[CollectionState | None, CollectionState], str] = {
    (_RUNNING, _RESIZING): _GROUP_RESIZES,
    (_RECONFIGURING, _RESIZING): _GROUP_RESIZES,
    (_RESIZING, _RUNNING): (
        "The resizing operation for {group} in {cluster} is complete. It now has an instance count of "
        "{running}. The resize started at {started} and took {minutes} minutes to complete."
    ),
    (_RUNNING, _RECONFIGURING): _GROUP_RECONFIGURES,
    (_RESIZING, _RECONFIGURING): _GROUP_RECONFIGURES,
    (_RECONFIGURING, _RUNNING): (
        "The reconfiguration operation for {group} in the {cluster} is complete. The reconfiguration started "
        "at {started} and took {minutes} minutes to complete. Current configuration version is {applied}."
    ),
}
_FLEET_NOW = "The instance fleet now has On-Demand capacity of {on_demand} and Spot capacity of {spot}."
_FLEET_WORDS: dict[tuple[CollectionState | None, CollectionState], str] = {
    (CollectionState.PROVISIONING, _RUNNING): (
        "Provisioning for {fleet} is complete. Provisioning started at {started} and took {minutes} minutes. "
        f"{_FLEET_NOW} Target On-Demand capacity was {{to_on_demand}}, and target Spot capacity was "
        "{to_spot}."
    ),
    (_RUNNING, _RESIZING): (
        "A resize for {fleet} started at {time}. The instance fleet is resizing from an On-Demand capacity "
        "of {on_demand} to a target of {to_on_demand}, and from a Spot capacity of {spot} to a target of "
        "{to_spot}."
    ),
    (_RESIZING, _RUNNING): (
        "The resizing operation for {fleet} is complete. The resize started at {started} and took {minutes} "
        f"minutes. {_FLEET_NOW} Target On-Demand capacity was {{to_on_demand}} and target Spot capacity was "
        "{to_spot}."
    ),
}
_COMING = (CollectionState.PROVISIONING, CollectionState.BOOTSTRAPPING)


def announce_cluster(context: EmrContext, cluster: Cluster) -> None:
    """Tell of a cluster's new state."""
    now = context.clock.now()
    message = _word_cluster(cluster, now)
    if message is None:
        return
    reason = {"code": cluster.code or "", **({"message": cluster.message} if cluster.message else {})}
    detail = {
        "severity": _severity_of(cluster),
        "stateChangeReason": json.dumps(reason, separators=(",", ":")),
        "name": cluster.name,
        "clusterId": cluster.id,
        "state": cluster.state,
        "message": message,
    }
    _publish(context, "EMR Cluster State Change", detail, now)


def announce_step(context: EmrContext, cluster: Cluster, step: Step) -> None:
    """Tell of a step's new state."""
    now = context.clock.now()
    detail = {
        "severity": _STEP_SEVERITIES.get(step.state, _INFO),
        "actionOnFailure": step.action_on_failure,
        "stepId": step.id,
        "name": step.name,
        "clusterId": cluster.id,
        "state": step.state,
        "message": _word_step(cluster, step, now),
    }
    _publish(context, "EMR Step Status Change", detail, now)


def announce_collection(
    context: EmrContext, cluster: Cluster, collection: Collection, before: Change
) -> None:
    """Tell of the new state of an instance group or fleet, if EMR does."""
    now = context.clock.now()
    word = _word_fleet if collection.is_fleet else _word_group
    if collection.state is before[0] or (message := word(cluster, collection, before, now)) is None:
        return
    detail = {
        "severity": _INFO,
        "clusterId": cluster.id,
        "state": collection.state,
        "message": message,
        **(_describe_fleet(collection) if collection.is_fleet else _describe_group(collection)),
    }
    kind = "Fleet" if collection.is_fleet else "Group"
    _publish(context, f"EMR Instance {kind} State Change", detail, now)


def _word_cluster(cluster: Cluster, now: float) -> str | None:
    words = f"{cluster.id} ({cluster.name})"
    match cluster.state:
        case ClusterState.STARTING:
            return f"Amazon EMR cluster {words} was requested at {_time(now)} and is being created."
        case ClusterState.RUNNING:
            return f"Amazon EMR cluster {words} began running steps at {_time(now)}."
        case ClusterState.WAITING if cluster.last_step is None:
            return f"Amazon EMR cluster {words} was created at {_time(now)} and is ready for use."
        case ClusterState.WAITING:
            return f"Amazon EMR cluster {words} finished running all pending steps at {_time(now)}."
        case ClusterState.TERMINATED:
            how = "terminated"
        case ClusterState.TERMINATED_WITH_ERRORS:
            how = "terminated with errors"
        case _:
            return None
    return f"Amazon EMR Cluster {words} has {how} at {_time(now)} with a reason of {cluster.code}."


def _severity_of(cluster: Cluster) -> str:
    if not cluster.state.is_final:
        return _INFO
    is_good = cluster.state is ClusterState.TERMINATED and cluster.code in _GOOD_ENDS
    return _INFO if is_good else _CRITICAL


def _word_step(cluster: Cluster, step: Step, now: float) -> str:
    started = step.timeline.ready or now
    return _STEP_WORDS[step.state].format(
        step=f"{step.id} ({step.name})",
        cluster=f"Amazon EMR cluster {cluster.id} ({cluster.name})",
        time=_time(now),
        started=_time(started),
        minutes=_minutes(started, now),
    )


def _word_group(cluster: Cluster, group: Collection, before: Change, now: float) -> str | None:
    words = _GROUP_WORDS.get((before[0], group.state))
    return words and words.format(
        group=f"instance group {group.id}",
        cluster=f"Amazon EMR cluster {cluster.id} ({cluster.name})",
        time=_time(now),
        started=_time(before[1]),
        minutes=_minutes(before[1], now),
        running=group.provisioned(),
        target=group.target,
        applied=group.applied_version,
        version=group.version,
    )


def _word_fleet(cluster: Cluster, fleet: Collection, before: Change, now: float) -> str | None:
    state, started = before
    if state in _COMING:
        # a fleet is provisioned until it runs
        state, started = CollectionState.PROVISIONING, fleet.timeline.created
    words = _FLEET_WORDS.get((state, fleet.state))
    return words and words.format(
        fleet=f"instance fleet {fleet.id} in Amazon EMR cluster {cluster.id} ({cluster.name})",
        time=_time(now),
        started=_time(started),
        minutes=_minutes(started, now),
        on_demand=fleet.provisioned(ON_DEMAND),
        spot=fleet.provisioned(SPOT),
        to_on_demand=fleet.targets[ON_DEMAND],
        to_spot=fleet.targets[SPOT],
    )


def _describe_group(group: Collection) -> dict[str, str]:
    """The rest of a group's detail: EMR writes its numbers as strings."""
    return {
        "market": next(iter(group.targets)),
        "requestedInstanceCount": str(group.target),
        "instanceType": str(group.config["InstanceType"]),
        "instanceGroupType": group.role,
        "instanceGroupId": group.id,
        "runningInstanceCount": str(group.provisioned()),
    }


def _describe_fleet(fleet: Collection) -> dict[str, str]:
    return {
        "instanceFleetId": fleet.id,
        "instanceFleetType": fleet.role,
        "targetOnDemandCapacity": str(fleet.targets[ON_DEMAND]),
        "targetSpotCapacity": str(fleet.targets[SPOT]),
        "provisionedOnDemandCapacity": str(fleet.provisioned(ON_DEMAND)),
        "provisionedSpotCapacity": str(fleet.provisioned(SPOT)),
    }


def _publish(context: EmrContext, detail_type: str, detail: Mapping[str, Any], now: float) -> None:
    context.events.publish(Event(_SOURCE, detail_type, detail, now))


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _minutes(start: float, end: float) -> int:
    return int(end - start) // 60
