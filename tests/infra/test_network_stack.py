"""The network: subnets without a way in, and as much of the outside as the settings say."""

from __future__ import annotations

import json
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

import pytest

from tests.infra.conftest import Template
from tests.infra.network_templates import (
    GROUP,
    STACK,
    STAGES,
    find_group,
    find_subnet,
    list_subnets,
    name_service,
    read_blocks,
    read_endpoints,
    read_ports,
    read_rules,
)

if TYPE_CHECKING:
    from conftest import LoadTemplate, StartPython

VPC_ID = "vpc-0123456789abcdef0"
# What leads out of a VPC, and what lets others in.
DOORS = {
    "AWS::EC2::InternetGateway",
    "AWS::EC2::EgressOnlyInternetGateway",
    "AWS::EC2::NatGateway",
    "AWS::EC2::EIP",
    "AWS::EC2::Route",
}

# The network's two stacks alone, in one process: what no stage of the other tests has.
PROBE = """
import sys
from pathlib import Path
import infra
import aws_cdk as cdk
from infra.app import load_feature_flags
from infra.settings.model import load_settings
from infra.stacks.network import NetworkStack
from infra.stacks.s3 import S3Stack

settings, output = map(Path, sys.argv[1:])
for file in sorted(settings.glob("*.yaml")):
    app = cdk.App(outdir=str(output / file.stem), context=load_feature_flags(), analytics_reporting=False)
    stage = load_settings(file.stem, settings)
    buckets = S3Stack(app, "S3Stack", settings=stage, removal_policy=cdk.RemovalPolicy.RETAIN).buckets
    NetworkStack(app, "NetworkStack", settings=stage, buckets=buckets)
    app.synth()
"""
PROBED = {
    "two": {"zones": 2},
    "three": {"zones": 3},
    "nat": {"zones": 2, "nat": True},
    "narrow": {"zones": 3, "nat": True, "cidr": "192.168.4.0/22"},
    "joined": {
        "interface_endpoints": ["sqs"],
        "flow_logs": True,
        "existing": {
            "vpc_id": VPC_ID,
            "availability_zones": ["us-east-1a"],
            "private_subnet_ids": ["subnet-0123abcd"],
            "private_route_table_ids": ["rtb-0123abcd"],
        },
    },
}


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory, start_python: StartPython) -> dict[str, Template]:
    settings, output = tmp_path_factory.mktemp("settings"), tmp_path_factory.mktemp("probe")
    for name, network in PROBED.items():
        stage = {"owner": "me", "cost_centre": "none", "network": network}
        (settings / f"{name}.yaml").write_text(json.dumps(stage))
    process = start_python("-c", PROBE, str(settings), str(output))
    text, _ = process.communicate(timeout=120)
    assert (process.returncode, text) == (0, "")
    return {
        name: Template(json.loads((output / name / f"{STACK}.template.json").read_bytes())) for name in PROBED
    }


def test_without_nat_nothing_leads_out_and_nothing_in(load_template: LoadTemplate) -> None:
    for stage in ("dev", "prod", "existing"):
        kinds = {resource["Type"] for resource in load_template(STACK, stage).body["Resources"].values()}
        assert not kinds & DOORS


@pytest.mark.parametrize(("stage", "zones"), [("dev", 2), ("prod", 3), ("full", 3)])
def test_a_private_subnet_in_each_zone(load_template: LoadTemplate, stage: str, zones: int) -> None:
    template = load_template(STACK, stage)
    private = [template.body["Resources"][subnet]["Properties"] for subnet in list_subnets(template)]
    assert [subnet["AvailabilityZone"] for subnet in private] == [
        {"Fn::Select": [number, {"Fn::GetAZs": ""}]} for number in range(zones)
    ]
    assert {subnet["MapPublicIpOnLaunch"] for subnet in private} == {False}
    assert template.body["Outputs"]["EmrSubnetId"]["Value"] == {"Ref": list_subnets(template)[0]}


def test_nat_is_one_gateway_in_a_subnet_without_nodes(load_template: LoadTemplate) -> None:
    template = load_template(STACK, "full")
    (gateway_id,) = template.all("AWS::EC2::NatGateway")
    private = set(list_subnets(template))
    assert template.properties("AWS::EC2::NatGateway")["SubnetId"]["Ref"] not in private
    routes = [route["Properties"] for route in template.all("AWS::EC2::Route").values()]
    through_nat = [route for route in routes if route.get("NatGatewayId") == {"Ref": gateway_id}]
    assert {find_subnet(template, route["RouteTableId"]["Ref"]) for route in through_nat} == private
    # no subnet hands out public addresses, not even the public ones
    subnets = template.all("AWS::EC2::Subnet").values()
    assert {subnet["Properties"]["MapPublicIpOnLaunch"] for subnet in subnets} == {False}


def test_a_zone_or_a_nat_gateway_that_comes_later_moves_no_subnet(probe: dict[str, Template]) -> None:
    two, three, nat = (read_blocks(probe[name]) for name in ("two", "three", "nat"))
    assert two.items() < three.items()
    assert two == {name: block for name, block in nat.items() if name in two}


@pytest.mark.parametrize("name", ["three", "nat", "narrow"])
def test_subnets_lie_in_the_vpc_and_share_no_address(probe: dict[str, Template], name: str) -> None:
    network = IPv4Network(probe[name].properties("AWS::EC2::VPC")["CidrBlock"])
    blocks = list(read_blocks(probe[name]).values())
    assert all(block.subnet_of(network) for block in blocks)
    assert not any(one.overlaps(two) for index, one in enumerate(blocks) for two in blocks[:index])
    # room for a large cluster in each zone: a quarter of the addresses
    private = [read_blocks(probe[name])[subnet] for subnet in list_subnets(probe[name])]
    assert {block.num_addresses for block in private} == {network.num_addresses // 4}


def test_s3_and_dynamodb_are_reached_without_charge(load_template: LoadTemplate) -> None:
    for stage in ("dev", "prod", "full"):
        template = load_template(STACK, stage)
        gateways = [found for found in read_endpoints(template) if found["VpcEndpointType"] == "Gateway"]
        assert sorted(name_service(found) for found in gateways) == ["dynamodb", "s3"]
        for gateway in gateways:
            tables = [table["Ref"] for table in gateway["RouteTableIds"]]
            assert {find_subnet(template, table) for table in tables} == set(list_subnets(template))


def test_what_costs_by_the_hour_is_off_unless_it_is_asked_for(load_template: LoadTemplate) -> None:
    for stage in ("dev", "prod"):
        kinds = {found["VpcEndpointType"] for found in read_endpoints(load_template(STACK, stage))}
        assert kinds == {"Gateway"}


def test_each_name_of_the_settings_stands_for_its_endpoints(load_template: LoadTemplate) -> None:
    template = load_template(STACK, "full")
    found = [found for found in read_endpoints(template) if found["VpcEndpointType"] == "Interface"]
    assert sorted(map(name_service, found)) == [
        "ec2messages",
        "ecr.api",
        "ecr.dkr",
        "elasticmapreduce",
        "emr-serverless",
        "logs",
        "secretsmanager",
        "sqs",
        "ssm",
        "ssmmessages",
        "sts",
    ]
    group = find_group(template, "EndpointsGroup")
    for endpoint in found:
        assert endpoint["PrivateDnsEnabled"] is True
        assert endpoint["SecurityGroupIds"] == [{"Fn::GetAtt": [group, "GroupId"]}]
        assert [subnet["Ref"] for subnet in endpoint["SubnetIds"]] == list_subnets(template)


@pytest.mark.parametrize("name", ["full", "joined"])
def test_endpoints_take_https_of_all_in_the_vpc(
    load_template: LoadTemplate, probe: dict[str, Template], name: str
) -> None:
    template = load_template(STACK, name) if name == "full" else probe[name]
    group = find_group(template, "EndpointsGroup")
    rules = [rule for rule in read_rules(template, "Ingress") if rule["Group"] == group]
    assert {read_ports(rule) for rule in rules} == {("tcp", 443, 443)}
    sources = {rule.get("SourceSecurityGroupId", rule.get("CidrIp")) for rule in rules}
    nodes = {find_group(template, "Primary"), find_group(template, "EmrCore")}
    blocks = ["10.42.0.0/16"]
    if name == "joined":
        blocks = ["10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16"]
    assert sources == {*nodes, *blocks}


def test_traffic_is_on_record_in_the_bucket_of_logs(load_template: LoadTemplate) -> None:
    assert not load_template(STACK).all("AWS::EC2::FlowLog")
    for stage in ("prod", "full"):
        log = load_template(STACK, stage).properties("AWS::EC2::FlowLog")
        assert (log["LogDestinationType"], log["TrafficType"], log["ResourceType"]) == ("s3", "ALL", "VPC")
        assert log["DestinationOptions"] == {
            "fileFormat": "parquet",
            "hiveCompatiblePartitions": True,
            "perHourPartition": True,
        }
        assert "LogsBucket" in json.dumps(log["LogDestination"])
        policy = load_template("S3Stack", stage).properties("AWS::S3::BucketPolicy", "Logs")["PolicyDocument"]
        delivery = [one for one in policy["Statement"] if "delivery" in one["Principal"].get("Service", "")]
        assert {json.dumps(one["Action"]) for one in delivery} == {
            '"s3:PutObject"',
            '["s3:GetBucketAcl", "s3:ListBucket"]',
        }
        assert all(
            one["Condition"]["StringEquals"]["aws:SourceAccount"] == {"Ref": "AWS::AccountId"}
            for one in delivery
        )


def test_an_existing_vpc_is_taken_as_it_is(load_template: LoadTemplate) -> None:
    template = load_template(STACK, "existing")
    kinds = {resource["Type"] for resource in template.body["Resources"].values()}
    assert kinds == {GROUP, f"{GROUP}Ingress", f"{GROUP}Egress"}
    assert {group["Properties"]["VpcId"] for group in template.all(GROUP).values()} == {VPC_ID}
    outputs = {name: output["Value"] for name, output in template.body["Outputs"].items()}
    assert outputs["VpcId"] == VPC_ID
    assert outputs["EmrSubnetId"] == "subnet-0123456789abcdef0"
    assert outputs["EmrSubnetIds"] == "subnet-0123456789abcdef0,subnet-0123456789abcdef1"


def test_an_existing_vpc_gets_what_the_settings_ask_for(probe: dict[str, Template]) -> None:
    template = probe["joined"]
    endpoints = {name_service(found): found for found in read_endpoints(template)}
    assert set(endpoints) == {"s3", "dynamodb", "sqs"}
    assert endpoints["s3"]["RouteTableIds"] == endpoints["dynamodb"]["RouteTableIds"] == ["rtb-0123abcd"]
    assert endpoints["sqs"]["SubnetIds"] == ["subnet-0123abcd"]
    assert template.properties("AWS::EC2::FlowLog")["ResourceId"] == VPC_ID


@pytest.mark.parametrize("stage", STAGES)
def test_outputs_are_what_a_deployment_asks_for(load_template: LoadTemplate, stage: str) -> None:
    outputs = load_template(STACK, stage).body["Outputs"]
    named = {name for name, output in outputs.items() if "Export" not in output}
    assert named == {
        "VpcId",
        "EmrSubnetId",
        "EmrSubnetIds",
        "EmrPrimarySecurityGroup",
        "EmrCoreSecurityGroup",
        "EmrServiceAccessSecurityGroup",
    }
