"""Where clusters run: a VPC's private subnets, and the security groups that EMR manages there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aws_cdk import aws_ec2 as ec2


@dataclass(frozen=True, slots=True)
class ClusterNetwork:
    """What a cluster needs of a network.

    Attributes:
        vpc: The VPC.
        subnets: Its private subnets, one a zone.
        primary: EMR's managed security group of the primary node.
        core: That of core and task nodes.
        service_access: The group of EMR's service itself, which reaches nodes in private subnets by it.
    """

    vpc: ec2.IVpc
    subnets: tuple[ec2.ISubnet, ...]
    primary: ec2.ISecurityGroup
    core: ec2.ISecurityGroup
    service_access: ec2.ISecurityGroup
