"""EC2's security groups and their rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sparkdrop_local.aws.cloudformation.kinds import Kind, Made, Properties, Target, pick
from sparkdrop_local.aws.cloudformation.network import set_tags

if TYPE_CHECKING:
    from collections.abc import Mapping

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


def _revoke_default(clients: Clients, group: str) -> None:
    """Take away the rule that lets everything out: an egress rule of its own ends it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroupegress.html
    """
    ec2 = clients("ec2")
    (made,) = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    default = [
        {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        for rule in made["IpPermissionsEgress"]
        if rule["IpProtocol"] == "-1" and {"CidrIp": "0.0.0.0/0"} in rule["IpRanges"]
    ]
    if default:
        ec2.revoke_security_group_egress(GroupId=group, IpPermissions=default)


def _make_rule(direction: str) -> Any:  # noqa: ANN401 - a make
    def make_rule(clients: Clients, _: str, properties: Properties) -> Made:
        if direction == "egress":
            _revoke_default(clients, properties["GroupId"])
        call = getattr(clients("ec2"), f"authorize_security_group_{direction}")
        answer = call(GroupId=properties["GroupId"], IpPermissions=[_to_permission(properties)])
        return Made(answer["SecurityGroupRules"][0]["SecurityGroupRuleId"])

    return make_rule


def _remove_rule(direction: str) -> Any:  # noqa: ANN401 - a remove
    def remove_rule(clients: Clients, _: str, properties: Properties) -> None:
        call = getattr(clients("ec2"), f"revoke_security_group_{direction}")
        call(GroupId=properties["GroupId"], IpPermissions=[_to_permission(properties)])

    return remove_rule


def _remove_security_group(clients: Clients, group: str, _: Properties) -> None:
    clients("ec2").delete_security_group(GroupId=group)


KINDS = {
    "AWS::EC2::SecurityGroup": Kind(
        make=_make_security_group,
        remove=_remove_security_group,
        made_with=frozenset({"GroupDescription", "VpcId"}),
        setters={
            "SecurityGroupEgress": _set_rules("egress"),
            "SecurityGroupIngress": _set_rules("ingress"),
            "Tags": set_tags,
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
}
