"""The security groups that EMR manages: whom nodes talk to, and how EMR's service reaches them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from sparkdrop.core.emr_request import TAG_MANAGED

if TYPE_CHECKING:
    from constructs import IConstruct

HTTPS = ec2.Port.tcp(443)
# EMR's service to its agent on a node, and the primary node's answer:
# https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-man-sec-groups.html
TO_NODES = ec2.Port.tcp(8443)
TO_SERVICE = ec2.Port.tcp(9443)


def mark_for_emr(construct: IConstruct, resource_type: str) -> None:
    """Tag resources that EMR may start nodes in; its managed policy lets it touch no others."""
    cdk.Tags.of(construct).add(TAG_MANAGED, "true", include_resource_types=[resource_type])


class EmrSecurityGroups(Construct):
    """Three groups for clusters in private subnets, with the rules that EMR would write itself.

    EMR adds what it misses of its inbound rules to the groups that a cluster names. Where all are there it
    adds none, so that the groups stay what the template says and can be deleted with it. No rule lets anyone
    in from outside the groups.

    Outbound, EMR documents what is the least without "all traffic": the other nodes, EMR's service from the
    primary node, and HTTPS to anywhere. HTTPS cannot be narrowed to S3, because the id of S3's prefix list
    differs by region and CloudFormation cannot look it up. In a VPC without NAT it leads to endpoints only.

    Attributes:
        primary: Of the primary node.
        core: Of core and task nodes.
        service_access: Of EMR's service.
    """

    def __init__(self, scope: Construct, construct_id: str, *, vpc: ec2.IVpc) -> None:
        """Create the groups and their rules."""
        super().__init__(scope, construct_id)
        self.primary = self._create_group("Primary", vpc, "EMR: primary nodes")
        self.core = self._create_group("Core", vpc, "EMR: core and task nodes")
        self.service_access = self._create_group("ServiceAccess", vpc, "EMR: its service")
        for group, name in ((self.primary, "primary"), (self.core, "core and task")):
            self._join_nodes(group)
            group.add_egress_rule(ec2.Peer.any_ipv4(), HTTPS, "S3 and other services")
            group.add_ingress_rule(self.service_access, TO_NODES, "EMR's service")
            self.service_access.add_egress_rule(group, TO_NODES, f"{name} nodes")
        self.primary.add_egress_rule(self.service_access, TO_SERVICE, "EMR's service")
        self.service_access.add_ingress_rule(self.primary, TO_SERVICE, "primary nodes")

    def _create_group(self, construct_id: str, vpc: ec2.IVpc, description: str) -> ec2.SecurityGroup:
        group = ec2.SecurityGroup(
            self, construct_id, vpc=vpc, description=description, allow_all_outbound=False
        )
        mark_for_emr(group, "AWS::EC2::SecurityGroup")
        return group

    def _join_nodes(self, group: ec2.SecurityGroup) -> None:
        """Let all nodes reach this group, and it all nodes: Spark and YARN choose their ports."""
        for other, name in ((self.primary, "primary"), (self.core, "core and task")):
            for port in (ec2.Port.all_tcp(), ec2.Port.all_udp(), ec2.Port.all_icmp()):
                group.add_ingress_rule(other, port, f"{name} nodes")
            group.add_egress_rule(other, ec2.Port.all_traffic(), f"{name} nodes")
