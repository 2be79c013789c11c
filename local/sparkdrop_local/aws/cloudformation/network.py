"""EC2: a VPC and what is in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sparkdrop_local.aws.cloudformation.kinds import Kind, Made, Properties, Target, make_tag_setter, pick

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sparkdrop_local.aws.clients import Clients

_PEERS = {
    "SourceSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
    "DestinationSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
    "CidrIp": ("IpRanges", "CidrIp"),
    "CidrIpv6": ("Ipv6Ranges", "CidrIpv6"),
    "SourcePrefixListId": ("PrefixListIds", "PrefixListId"),
    "DestinationPrefixListId": ("PrefixListIds", "PrefixListId"),
}
_PORTS = frozenset({"Description", "FromPort", "IpProtocol", "ToPort"})

_set_tags = make_tag_setter(
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
    _set_tags(Target(target.clients, _find_allocation(target), target.properties, target.before))


def _attach_gateway(clients: Clients, name: str, properties: Properties) -> Made:
    clients("ec2").attach_internet_gateway(**pick(properties, "InternetGatewayId", "VpcId"))
    return Made(name)


def _detach_gateway(clients: Clients, _: str, properties: Properties) -> None:
    clients("ec2").detach_internet_gateway(**pick(properties, "InternetGatewayId", "VpcId"))


def _make_security_group(clients: Clients, name: str, properties: Properties) -> Made:
    ec2 = clients("ec2")
    group = ec2.create_security_group(
        GroupName=name, Description=properties["GroupDescription"], **pick(properties, "VpcId")
    )["GroupId"]
    if "SecurityGroupEgress" in properties:
        # a new group lets everything out, until its template says what
        (made,) = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
        ec2.revoke_security_group_egress(GroupId=group, IpPermissions=made["IpPermissionsEgress"])
    return Made(group, {"GroupId": group, "VpcId": properties.get("VpcId", "")})


def _to_permission(rule: Mapping[str, Any]) -> dict[str, Any]:
    """One rule of a template as EC2 takes it."""
    peers = {
        place: [{inner: rule[name], **pick(rule, "Description")}]
        for name, (place, inner) in _PEERS.items()
        if name in rule
    }
    return {**pick(rule, "IpProtocol", "FromPort", "ToPort"), **peers}


def _set_rules(direction: str) -> Any:  # noqa: ANN401 - a setter
    def set_rules(target: Target) -> None:
        ec2, name = target.clients("ec2"), f"SecurityGroup{direction.capitalize()}"
        rules, before = (properties.get(name, []) for properties in (target.properties, target.before))
        for verb, some in (
            ("revoke", [rule for rule in before if rule not in rules]),
            ("authorize", [rule for rule in rules if rule not in before]),
        ):
            if some:
                call = getattr(ec2, f"{verb}_security_group_{direction}")
                call(GroupId=target.physical_id, IpPermissions=[_to_permission(rule) for rule in some])

    return set_rules


def _make_rule(direction: str) -> Any:  # noqa: ANN401 - a make
    def make_rule(clients: Clients, _: str, properties: Properties) -> Made:
        call = getattr(clients("ec2"), f"authorize_security_group_{direction}")
        answer = call(GroupId=properties["GroupId"], IpPermissions=[_to_permission(properties)])
        return Made(answer["SecurityGroupRules"][0]["SecurityGroupRuleId"])

    return make_rule


def _remove_rule(direction: str) -> Any:  # noqa: ANN401 - a remove
    def remove_rule(clients: Clients, _: str, properties: Properties) -> None:
        call = getattr(clients("ec2"), f"revoke_security_group_{direction}")
        call(GroupId=properties["GroupId"], IpPermissions=[_to_permission(properties)])

    return remove_rule


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
            "Tags": _set_tags,
        },
    ),
    "AWS::EC2::Subnet": Kind(
        make=_make_subnet,
        remove=_remove_plain("delete_subnet", "SubnetId"),
        made_with=frozenset({"AvailabilityZone", "CidrBlock", "VpcId"}),
        setters={"MapPublicIpOnLaunch": _set_public_addresses, "Tags": _set_tags},
    ),
    "AWS::EC2::RouteTable": Kind(
        make=_make_plain("create_route_table", "RouteTable", "RouteTableId", ["VpcId"]),
        remove=_remove_plain("delete_route_table", "RouteTableId"),
        made_with=frozenset({"VpcId"}),
        setters={"Tags": _set_tags},
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
        setters={"Tags": _set_tags},
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
        setters={"Tags": _set_tags},
    ),
    "AWS::EC2::SecurityGroup": Kind(
        make=_make_security_group,
        remove=_remove_plain("delete_security_group", "GroupId"),
        made_with=frozenset({"GroupDescription", "VpcId"}),
        setters={
            "SecurityGroupEgress": _set_rules("egress"),
            "SecurityGroupIngress": _set_rules("ingress"),
            "Tags": _set_tags,
        },
        name_property="GroupName",
    ),
    "AWS::EC2::SecurityGroupEgress": Kind(
        make=_make_rule("egress"),
        remove=_remove_rule("egress"),
        made_with=_PORTS
        | {"CidrIp", "CidrIpv6", "DestinationPrefixListId", "DestinationSecurityGroupId", "GroupId"},
    ),
    "AWS::EC2::SecurityGroupIngress": Kind(
        make=_make_rule("ingress"),
        remove=_remove_rule("ingress"),
        made_with=_PORTS | {"CidrIp", "CidrIpv6", "GroupId", "SourcePrefixListId", "SourceSecurityGroupId"},
    ),
    "AWS::EC2::VPCEndpoint": Kind(
        make=_make_endpoint,
        remove=_remove_endpoint,
        made_with=frozenset({*_ENDPOINT, "PolicyDocument"}),
        setters={"Tags": _set_tags},
    ),
}
