"""The roles of EMR."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_iam as iam

from infra.constructs.emr_roles import EmrRoles
from infra.stacks.stage_stack import StageStack

if TYPE_CHECKING:
    from constructs import Construct

    from infra.constructs.cluster_network import ClusterNetwork
    from infra.constructs.data_bucket import DataBuckets
    from infra.settings.model import StageSettings


class EMRRolesStack(StageStack):
    """The roles that every cluster and job of the stage has.

    Attributes:
        roles: All of them.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: StageSettings,
        buckets: DataBuckets,
        clusters: ClusterNetwork,
    ) -> None:
        """Create the roles."""
        super().__init__(
            scope,
            construct_id,
            settings=settings,
            part="emr-roles",
            description="the roles of EMR, its nodes and its jobs",
        )
        service = iam.Role(self, "Service", assumed_by=iam.ServicePrincipal("elasticmapreduce.amazonaws.com"))
        instance = iam.Role(self, "Instance", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
        serverless = iam.Role(
            self, "Serverless", assumed_by=iam.ServicePrincipal("emr-serverless.amazonaws.com")
        )
        profile = iam.InstanceProfile(self, "InstanceProfile", role=instance)
        self.roles = EmrRoles(service, instance, profile, serverless)
