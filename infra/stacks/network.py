"""The network of clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_ec2 as ec2

from infra.constructs.cluster_network import ClusterNetwork
from infra.stacks.stage_stack import StageStack

if TYPE_CHECKING:
    from constructs import Construct

    from infra.constructs.data_bucket import DataBuckets
    from infra.settings.model import StageSettings


class NetworkStack(StageStack):
    """A VPC whose private subnets clusters run in.

    Attributes:
        clusters: What a cluster needs of it.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: StageSettings,
        buckets: DataBuckets,
    ) -> None:
        """Create the VPC, or take the one that the settings name."""
        super().__init__(
            scope,
            construct_id,
            settings=settings,
            part="network",
            description="the VPC that clusters run in",
        )
        vpc = ec2.Vpc(
            self,
            "Vpc",
            max_azs=2,
            nat_gateways=0,
            subnet_configuration=[
                ec2.SubnetConfiguration(name="Private", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
            ],
        )
        groups = [ec2.SecurityGroup(self, name, vpc=vpc) for name in ("Primary", "Core", "ServiceAccess")]
        self.clusters = ClusterNetwork(vpc, tuple(vpc.isolated_subnets), *groups)
