"""The network of clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2

from infra.constructs.cluster_network import ClusterNetwork
from infra.constructs.cluster_vpc import ClusterVpc
from infra.constructs.emr_security_groups import EmrSecurityGroups
from infra.constructs.flow_log import FlowLog, acknowledge_no_flow_log
from infra.constructs.vpc_endpoints import GatewayEndpoints, InterfaceEndpoints
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
        network = ClusterVpc(self, "Network", settings=settings.network)
        groups = EmrSecurityGroups(self, "Emr", vpc=network.vpc)
        self.clusters = ClusterNetwork(
            network.vpc, network.subnets, groups.primary, groups.core, groups.service_access
        )
        if network.has_route_tables:
            GatewayEndpoints(self, "Gateways", vpc=network.vpc, subnets=network.subnets)
        if settings.network.interface_endpoints:
            InterfaceEndpoints(
                self,
                "Endpoints",
                vpc=network.vpc,
                subnets=network.subnets,
                names=settings.network.interface_endpoints,
                clients=[*map(ec2.Peer.ipv4, network.addresses), groups.primary, groups.core],
            )
        if settings.network.flow_logs:
            FlowLog(self, "Flow", vpc=network.vpc, logs=buckets.logs)
        else:
            acknowledge_no_flow_log(network.vpc)
        self._name_outputs()

    def _name_outputs(self) -> None:
        ids = [subnet.subnet_id for subnet in self.clusters.subnets]
        for name, value in {
            "VpcId": self.clusters.vpc.vpc_id,
            "EmrSubnetId": ids[0],
            "EmrSubnetIds": cdk.Fn.join(",", ids),
            "EmrPrimarySecurityGroup": self.clusters.primary.security_group_id,
            "EmrCoreSecurityGroup": self.clusters.core.security_group_id,
            "EmrServiceAccessSecurityGroup": self.clusters.service_access.security_group_id,
        }.items():
            cdk.CfnOutput(self, name, value=value)
        # for EMRStack
        groups = (self.clusters.primary, self.clusters.core, self.clusters.service_access)
        self.keep_exports(group.security_group_id for group in groups)
