"""The VPC that clusters run in: a new one, or one that is there already."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from infra.constructs.emr_security_groups import mark_for_emr

if TYPE_CHECKING:
    from infra.settings.sections import ExistingVpc, NetworkSettings

# Public subnets hold a NAT gateway and nothing else. They keep their place where they are not made, and each
# private one has a quarter of the addresses: a NAT gateway or a third zone that comes later moves no subnet
# that clusters run in. /28 is the smallest that there is:
# https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html
PUBLIC_MASK = 28
# What an existing VPC's addresses may be, where nobody tells: RFC 1918's blocks and RFC 6598's.
# https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html
PRIVATE_BLOCKS = ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16")


class ClusterVpc(Construct):
    """A VPC with a private subnet in each zone.

    Attributes:
        vpc: The VPC.
        subnets: The private subnets, one a zone.
        addresses: Blocks that hold every address in it.
        has_route_tables: Whether gateway endpoints can be added: an existing VPC may have its own.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: NetworkSettings) -> None:
        """Create the VPC, or take the one that the settings name."""
        super().__init__(scope, construct_id)
        if settings.existing:
            self.vpc = self._take(settings.existing)
            self.subnets = tuple(self.vpc.private_subnets)
            self.addresses: tuple[str, ...] = PRIVATE_BLOCKS
            self.has_route_tables = bool(settings.existing.private_route_table_ids)
        else:
            self.vpc = self._create(settings)
            self.subnets = (*self.vpc.private_subnets, *self.vpc.isolated_subnets)
            self.addresses = (str(settings.cidr),)
            self.has_route_tables = True

    def _take(self, existing: ExistingVpc) -> ec2.IVpc:
        vpc = ec2.Vpc.from_vpc_attributes(
            self,
            "Vpc",
            vpc_id=existing.vpc_id,
            availability_zones=list(existing.availability_zones),
            private_subnet_ids=list(existing.private_subnet_ids),
            private_subnet_route_table_ids=list(existing.private_route_table_ids) or None,
        )
        if not existing.private_route_table_ids:
            cdk.Validations.of(vpc).acknowledge(
                cdk.Acknowledgment(
                    id="Annotation::@aws-cdk/aws-ec2:noSubnetRouteTableId",
                    reason="The settings name no route tables, and so nothing here asks for them.",
                )
            )
        return vpc

    def _create(self, settings: NetworkSettings) -> ec2.IVpc:
        """Create a VPC; without NAT it has no way to the internet, and none from there.

        Its default security group stays as EC2 makes it. CloudFormation can take no rule from it, CDK would
        run a Lambda function to do so, and nothing here is a member of it.
        """
        zones = cdk.Fn.get_azs()
        private = ec2.SubnetType.PRIVATE_WITH_EGRESS if settings.nat else ec2.SubnetType.PRIVATE_ISOLATED
        vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr(str(settings.cidr)),
            # by number: their names are known only where the stack is deployed
            availability_zones=[cdk.Fn.select(number, zones) for number in range(settings.zones)],
            nat_gateways=1 if settings.nat else 0,
            subnet_configuration=[
                ec2.SubnetConfiguration(name="Private", subnet_type=private),
                ec2.SubnetConfiguration(
                    name="Public",
                    subnet_type=ec2.SubnetType.PUBLIC,
                    cidr_mask=PUBLIC_MASK,
                    reserved=not settings.nat,
                    # a NAT gateway's address is one of its own
                    map_public_ip_on_launch=False if settings.nat else None,
                ),
            ],
        )
        mark_for_emr(vpc, "AWS::EC2::VPC")
        for subnet in (*vpc.private_subnets, *vpc.isolated_subnets):
            mark_for_emr(subnet, "AWS::EC2::Subnet")
        return vpc
