"""A cluster to develop on, made of the very request that a pipeline makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
from aws_cdk import aws_emr as emr
from constructs import Construct

from infra.constructs.job_flow_properties import translate_job_flow
from sparkdrop.core.emr_request import TAG_BATCH, TAG_PIPELINE, build_job_flow

if TYPE_CHECKING:
    from sparkdrop.core.deployment import Deployment
    from sparkdrop.core.pipeline import Pipeline

_OF_A_BATCH = (TAG_PIPELINE, TAG_BATCH)


class DevelopmentCluster(Construct):
    """A cluster as pipelines start it: release, nodes, roles, network, security, configurations, logs.

    It has the deployment's tag, so that a pipeline may use it (``compute.reuse``), and none of a batch's, so
    that the reaper leaves it alone.

    Attributes:
        cluster: The cluster.
        primary_selector: The options of ``aws emr list-instances`` that give the primary node.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, name: str, pipeline: Pipeline, deployment: Deployment
    ) -> None:
        """Create the cluster.

        Args:
            scope: The parent.
            construct_id: Its id, which the parent's does not hold.
            name: What the console shows.
            pipeline: Whose compute it has.
            deployment: Roles, network, security configuration and logs, as pipelines get them.
        """
        super().__init__(scope, construct_id)
        request = build_development_request(name, pipeline, deployment)
        self.cluster = emr.CfnCluster(self, "Cluster", **translate_job_flow(request))
        has_fleets = "InstanceFleets" in request["Instances"]
        kind = "--instance-fleet-type" if has_fleets else "--instance-group-types"
        self.primary_selector = f"{kind} MASTER"
        for rule, reason in {
            "EMR4": "The security configuration, which is in another stack, encrypts disks where the stage "
            "has a key; elsewhere the account's default for EBS applies, and the disks end with the node",
            "EMR5": "EMR needs a certificate for it; the nodes talk in security groups that admit nobody "
            "else, and S3 is reached by TLS",
            "EMR6": "Nobody logs in by SSH: Session Manager gives a shell, by IAM and on record",
        }.items():
            cdk.Validations.of(self.cluster).acknowledge(
                cdk.Acknowledgment(id=f"AwsSolutions-{rule}", reason=reason)
            )


def build_development_request(name: str, pipeline: Pipeline, deployment: Deployment) -> dict[str, Any]:
    """Build RunJobFlow's arguments for a cluster that is no batch's: a pipeline's, but for name and tags."""
    request = build_job_flow(pipeline, deployment, 0, batch_id="none")
    tags = [tag for tag in request["Tags"] if tag["Key"] not in _OF_A_BATCH]
    return request | {"Name": name, "Tags": tags}
