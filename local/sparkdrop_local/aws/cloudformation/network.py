"""EC2: a VPC and what is in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sparkdrop_local.aws.cloudformation.kinds import Kind, Made, Properties, Target, make_tag_setter, pick

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sparkdrop_local.aws.clients import Clients


set_tags = make_tag_setter(
    lambda target, tags: target.clients("ec2").create_tags(
        Resources=[target.physical_id], Tags=[{"Key": key, "Value": value} for key, value in tags.items()]
    ),
    lambda target, keys: target.clients("ec2").delete_tags(
        Resources=[target.physical_id], Tags=[{"Key": key} for key in keys]
    ),
)


def _make_vpc(clients: Clients, _: str, properties: Properties) -> Made:
    ec2 = clients("ec2")
    vpc = ec2.create_vpc(**pick(properties, "CidrBlock", "InstanceTenancy"))["Vpc"]
    of_vpc = [{"Name": "vpc-id", "Values": [vpc["VpcId"]]}]
    (group,) = ec2.describe_security_groups(Filters=of_vpc)["SecurityGroups"]
    attributes = {
        "VpcId": vpc["VpcId"],
        "CidrBlock": vpc["CidrBlock"],
        "DefaultSecurityGroup": group["GroupId"],
    }
    return Made(vpc["VpcId"], attributes)


def _set_dns(name: str) -> Any:  # noqa: ANN401 - a setter
    def set_one(target: Target) -> None:
        value = {"Value": bool(target.properties.get(name, name == "EnableDnsSupport"))}
        target.clients("ec2").modify_vpc_attribute(VpcId=target.physical_id, **{name: value})

    return set_one


def _make_subnet(clients: Clients, _: str, properties: Properties) -> Made:
    names = ("AvailabilityZone", "CidrBlock", "VpcId")
    subnet = clients("ec2").create_subnet(**pick(properties, *names))["Subnet"]
    return Made(subnet["SubnetId"], pick(subnet, *names, "SubnetId"))


def _set_public_addresses(target: Target) -> None:
    value = {"Value": bool(target.properties.get("MapPublicIpOnLaunch", False))}
    target.clients("ec2").modify_subnet_attribute(SubnetId=target.physical_id, MapPublicIpOnLaunch=value)


def _make_association(clients: Clients, _: str, properties: Properties) -> Made:
    answer = clients("ec2").associate_route_table(**pick(properties, "RouteTableId", "SubnetId"))
    return Made(answer["AssociationId"], {"Id": answer["AssociationId"]})


def _make_route(clients: Clients, _: str, properties: Properties) -> Made:
    clients("ec2").create_route(**properties)
    return Made(f"{properties['RouteTableId']}|{properties['DestinationCidrBlock']}")


def _remove_route(clients: Clients, _: str, properties: Properties) -> None:
    clients("ec2").delete_route(**pick(properties, "RouteTableId", "DestinationCidrBlock"))


def _make_address(clients: Clients, _: str, properties: Properties) -> Made:
    address = clients("ec2").allocate_address(**pick(properties, "Domain"))
    return Made(
        address["PublicIp"], {"AllocationId": address["AllocationId"], "PublicIp": address["PublicIp"]}
    )


def _remove_address(clients: Clients, address: str, _: Properties) -> None:
    clients("ec2").release_address(AllocationId=_find_allocation(Target(clients, address, {})))


def _find_allocation(target: Target) -> str:
    (found,) = target.clients("ec2").describe_addresses(PublicIps=[target.physical_id])["Addresses"]
    allocation: str = found["AllocationId"]
    return allocation


def _set_address_tags(target: Target) -> None:
    # an address is tagged by its allocation, and referred to by itself
    set_tags(Target(target.clients, _find_allocation(target), target.properties, target.before))


def _attach_gateway(clients: Clients, name: str, properties: Properties) -> Made:
    clients("ec2").attach_internet_gateway(**pick(properties, "InternetGatewayId", "VpcId"))
    return Made(name)


def _detach_gateway(clients: Clients, _: str, properties: Properties) -> None:
    clients("ec2").detach_internet_gateway(**pick(properties, "InternetGatewayId", "VpcId"))


def _make_endpoint(clients: Clients, _: str, properties: Properties) -> Made:
    policy = properties.get("PolicyDocument")
    endpoint = clients("ec2").create_vpc_endpoint(
        **pick(properties, *_ENDPOINT), **({} if policy is None else {"PolicyDocument": json.dumps(policy)})
    )["VpcEndpoint"]
    return Made(endpoint["VpcEndpointId"], {"Id": endpoint["VpcEndpointId"]})


_ENDPOINT = (
    "PrivateDnsEnabled",
    "RouteTableIds",
    "SecurityGroupIds",
    "ServiceName",
    "SubnetIds",
    "VpcEndpointType",
    "VpcId",
)


def _remove_endpoint(clients: Clients, endpoint: str, _: Properties) -> None:
    clients("ec2").delete_vpc_endpoints(VpcEndpointIds=[endpoint])


def _make_plain(create: str, answer_key: str, id_key: str, names: Iterable[str]) -> Any:  # noqa: ANN401 - a make
    """A make of what one call makes from properties that are called as its parameters."""

    def make(clients: Clients, _: str, properties: Properties) -> Made:
        made = getattr(clients("ec2"), create)(**pick(properties, *names))[answer_key]
        return Made(made[id_key], {id_key: made[id_key]})

    return make


def _remove_plain(delete: str, parameter: str) -> Any:  # noqa: ANN401 - a remove
    def remove(clients: Clients, physical_id: str, _: Properties) -> None:
        getattr(clients("ec2"), delete)(**{parameter: physical_id})

    return remove


KINDS = {
    "AWS::EC2::VPC": Kind(
        make=_make_vpc,
        remove=_remove_plain("delete_vpc", "VpcId"),
        made_with=frozenset({"CidrBlock", "InstanceTenancy"}),
        setters={
            "EnableDnsHostnames": _set_dns("EnableDnsHostnames"),
            "EnableDnsSupport": _set_dns("EnableDnsSupport"),
            "Tags": set_tags,
        },
    ),
    "AWS::EC2::Subnet": Kind(
        make=_make_subnet,
        remove=_remove_plain("delete_subnet", "SubnetId"),
        made_with=frozenset({"AvailabilityZone", "CidrBlock", "VpcId"}),
        setters={"MapPublicIpOnLaunch": _set_public_addresses, "Tags": set_tags},
    ),
    "AWS::EC2::RouteTable": Kind(
        make=_make_plain("create_route_table", "RouteTable", "RouteTableId", ["VpcId"]),
        remove=_remove_plain("delete_route_table", "RouteTableId"),
        made_with=frozenset({"VpcId"}),
        setters={"Tags": set_tags},
    ),
    "AWS::EC2::SubnetRouteTableAssociation": Kind(
        make=_make_association,
        remove=_remove_plain("disassociate_route_table", "AssociationId"),
        made_with=frozenset({"RouteTableId", "SubnetId"}),
    ),
    "AWS::EC2::Route": Kind(
        make=_make_route,
        remove=_remove_route,
        made_with=frozenset({"DestinationCidrBlock", "GatewayId", "NatGatewayId", "RouteTableId"}),
    ),
    "AWS::EC2::InternetGateway": Kind(
        make=_make_plain("create_internet_gateway", "InternetGateway", "InternetGatewayId", []),
        remove=_remove_plain("delete_internet_gateway", "InternetGatewayId"),
        setters={"Tags": set_tags},
    ),
    "AWS::EC2::VPCGatewayAttachment": Kind(
        make=_attach_gateway,
        remove=_detach_gateway,
        made_with=frozenset({"InternetGatewayId", "VpcId"}),
    ),
    "AWS::EC2::EIP": Kind(
        make=_make_address,
        remove=_remove_address,
        made_with=frozenset({"Domain"}),
        setters={"Tags": _set_address_tags},
    ),
    "AWS::EC2::NatGateway": Kind(
        make=_make_plain("create_nat_gateway", "NatGateway", "NatGatewayId", ["AllocationId", "SubnetId"]),
        remove=_remove_plain("delete_nat_gateway", "NatGatewayId"),
        made_with=frozenset({"AllocationId", "SubnetId"}),
        setters={"Tags": set_tags},
    ),
    "AWS::EC2::VPCEndpoint": Kind(
        make=_make_endpoint,
        remove=_remove_endpoint,
        made_with=frozenset({*_ENDPOINT, "PolicyDocument"}),
        setters={"Tags": set_tags},
    ),
}
