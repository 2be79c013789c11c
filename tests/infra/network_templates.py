"""What a network's template says, read by what it means."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.infra.conftest import Template

STACK = "NetworkStack"
STAGES = ("dev", "prod", "full", "existing")
ANYWHERE = "0.0.0.0/0"
GROUP, ENDPOINT = "AWS::EC2::SecurityGroup", "AWS::EC2::VPCEndpoint"


def find_group(template: Template, id_part: str) -> str:
    (found,) = [logical_id for logical_id in template.all(GROUP) if id_part in logical_id]
    return found


def read_rules(template: Template, direction: str) -> Iterator[dict[str, Any]]:
    """Every rule of a direction, inline or not, each with its ``Group``; groups by their logical ids."""
    for logical_id, group in template.all(GROUP).items():
        for rule in group["Properties"].get(f"SecurityGroup{direction}", []):
            yield {**rule, "Group": logical_id}
    for resource in template.all(f"{GROUP}{direction}").values():
        rule = {
            key: value["Fn::GetAtt"][0] if isinstance(value, dict) else value
            for key, value in resource["Properties"].items()
        }
        yield {**rule, "Group": rule["GroupId"]}


def read_ports(rule: dict[str, Any]) -> tuple[Any, ...]:
    return rule["IpProtocol"], rule.get("FromPort"), rule.get("ToPort")


def list_subnets(template: Template) -> list[str]:
    """The subnets of clusters, as the output names them."""
    _, ids = template.body["Outputs"]["EmrSubnetIds"]["Value"]["Fn::Join"]
    return [subnet["Ref"] for subnet in ids]


def read_blocks(template: Template) -> dict[str, IPv4Network]:
    subnets = template.all("AWS::EC2::Subnet").items()
    return {logical_id: IPv4Network(subnet["Properties"]["CidrBlock"]) for logical_id, subnet in subnets}


def find_subnet(template: Template, route_table: str) -> str:
    (found,) = [
        str(association["Properties"]["SubnetId"]["Ref"])
        for association in template.all("AWS::EC2::SubnetRouteTableAssociation").values()
        if association["Properties"]["RouteTableId"] == {"Ref": route_table}
    ]
    return found


def read_endpoints(template: Template) -> list[dict[str, Any]]:
    return [endpoint["Properties"] for endpoint in template.all(ENDPOINT).values()]


def name_service(endpoint: dict[str, Any]) -> str:
    """``ecr.api`` of ``com.amazonaws.<region>.ecr.api``."""
    name = endpoint["ServiceName"]
    if isinstance(name, dict):
        return str(name["Fn::Join"][1][-1]).removeprefix(".")
    return ".".join(name.split(".")[3:])
