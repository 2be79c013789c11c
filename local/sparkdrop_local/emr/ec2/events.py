"""Clusters and steps that change, as EMR's events tell of them.

https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-manage-cloudwatch-events.html
"""

from sparkdrop_local.emr.context import EmrContext
from sparkdrop_local.emr.ec2.records import Cluster, Step
from sparkdrop_local.emr.events import Event

_SOURCE = "aws.emr"


def announce_cluster(context: EmrContext, cluster: Cluster) -> None:
    """Tell of a cluster's new state."""
    detail = {
        "severity": "INFO",
        "stateChangeReason": "",
        "name": cluster.name,
        "clusterId": cluster.id,
        "state": cluster.state,
        "message": cluster.message or "",
    }
    context.events.publish(Event(_SOURCE, "EMR Cluster State Change", detail, context.clock.now()))


def announce_step(context: EmrContext, cluster: Cluster, step: Step) -> None:
    """Tell of a step's new state."""
    detail = {
        "severity": "INFO",
        "actionOnFailure": step.action_on_failure,
        "stepId": step.id,
        "name": step.name,
        "clusterId": cluster.id,
        "state": step.state,
        "message": "",
    }
    context.events.publish(Event(_SOURCE, "EMR Step Status Change", detail, context.clock.now()))
