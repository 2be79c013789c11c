"""EMR's security groups: the rules that EMR would write, and nobody from outside."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Any

import pytest

from sparkdrop.core.emr_request import TAG_MANAGED
from tests.infra.network_templates import (
    ANYWHERE,
    STACK,
    STAGES,
    find_group,
    list_subnets,
    read_ports,
    read_rules,
)

if TYPE_CHECKING:
    from conftest import LoadTemplate, Template


@pytest.mark.parametrize("stage", STAGES)
def test_no_group_lets_anyone_in_from_the_internet(load_template: LoadTemplate, stage: str) -> None:
    rules = list(read_rules(load_template(STACK, stage), "Ingress"))
    assert rules
    for rule in rules:
        assert "CidrIpv6" not in rule
        block = rule.get("CidrIp")
        assert block is None or (IPv4Network(block).is_private and block != ANYWHERE)


@pytest.mark.parametrize("stage", STAGES)
def test_the_groups_have_the_rules_that_emr_writes(load_template: LoadTemplate, stage: str) -> None:
    template = load_template(STACK, stage)
    primary, core, service = (find_group(template, name) for name in ("Primary", "Core", "ServiceAccess"))
    every_port = {("tcp", 0, 65535), ("udp", 0, 65535), ("icmp", -1, -1)}
    # https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-man-sec-groups.html
    assert _read_ingress(template) == {
        *(
            (node, other, *ports)
            for node in (primary, core)
            for other in (primary, core)
            for ports in every_port
        ),
        (primary, service, "tcp", 8443, 8443),
        (core, service, "tcp", 8443, 8443),
        (service, primary, "tcp", 9443, 9443),
    }


@pytest.mark.parametrize("stage", STAGES)
def test_nodes_reach_each_other_emr_and_https(load_template: LoadTemplate, stage: str) -> None:
    template = load_template(STACK, stage)
    primary, core, service = (find_group(template, name) for name in ("Primary", "Core", "ServiceAccess"))
    found = {
        (rule["Group"], rule.get("DestinationSecurityGroupId", rule.get("CidrIp")), *read_ports(rule))
        for rule in read_rules(template, "Egress")
        if rule["Group"] in (primary, core, service)
    }
    assert found == {
        *((node, other, "-1", None, None) for node in (primary, core) for other in (primary, core)),
        (primary, ANYWHERE, "tcp", 443, 443),
        (core, ANYWHERE, "tcp", 443, 443),
        (primary, service, "tcp", 9443, 9443),
        (service, primary, "tcp", 8443, 8443),
        (service, core, "tcp", 8443, 8443),
    }


@pytest.mark.parametrize("stage", STAGES)
def test_emr_may_touch_what_clusters_run_in_and_no_more(load_template: LoadTemplate, stage: str) -> None:
    template = load_template(STACK, stage)
    marked = {
        logical_id
        for logical_id, resource in template.body["Resources"].items()
        for tag in resource.get("Properties", {}).get("Tags", [])
        if (tag["Key"], tag["Value"]) == (TAG_MANAGED, "true")
    }
    outputs = {name: output["Value"] for name, output in template.body["Outputs"].items()}
    groups = [value["Fn::GetAtt"][0] for name, value in outputs.items() if name.endswith("Group")]
    assert len(groups) == 3
    # what is there already is its owner's to tag
    ours = [] if stage == "existing" else [outputs["VpcId"]["Ref"], *list_subnets(template)]
    assert marked == {*groups, *ours}


def _read_ingress(template: Template) -> set[tuple[Any, ...]]:
    return {
        (rule["Group"], rule["SourceSecurityGroupId"], *read_ports(rule))
        for rule in read_rules(template, "Ingress")
        if not rule["Group"].startswith("Endpoints")
    }
