"""What the other stacks' templates say is there: network, roles, repository, alarms, archive, topic."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Emulation

    from sparkdrop_local.aws.templates import StackTemplate


@pytest.fixture(scope="session")
def held(emulation: Emulation, templates: list[StackTemplate]) -> list[tuple[dict[str, Any], str]]:
    """Every resource of the stacks that are deployed: as its template has it, and its physical id."""
    cloudformation = emulation.client("cloudformation")
    found: list[tuple[dict[str, Any], str]] = []
    for template in templates:
        if emulation.announcement["stacks"][template.id] != "deployed":
            continue
        listed = cloudformation.list_stack_resources(StackName=template.name)["StackResourceSummaries"]
        made = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in listed}
        assert made.keys() == template.body["Resources"].keys()
        found += [(template.body["Resources"][name], made[name]) for name in made]
    return found


def select(held: list[tuple[dict[str, Any], str]], kind: str) -> list[tuple[dict[str, Any], str]]:
    found = [(resource["Properties"], name) for resource, name in held if resource["Type"] == kind]
    assert found, kind
    return found


def to_map(tags: list[dict[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags}


def test_each_stack_is_deployed_or_says_in_a_sentence_why_not(
    emulation: Emulation, templates: list[StackTemplate]
) -> None:
    stacks = emulation.announcement["stacks"]
    assert set(stacks) == {template.id for template in templates}
    deployed = {name for name, state in stacks.items() if state == "deployed"}
    assert {
        "S3Stack",
        "EventsStack",
        "EMRRolesStack",
        "NetworkStack",
        "EcrStack",
        "AirflowAccessStack",
        "UsersStack",
    } <= deployed
    assert "run in the process `api`" in stacks["InvokeStack"]
    assert "the process `api` of the local system answers its calls" in stacks["ApiStack"]
    assert max(map(len, stacks.values())) < 300


def test_the_network_is_as_its_template_says(
    emulation: Emulation, held: list[tuple[dict[str, Any], str]]
) -> None:
    ec2 = emulation.client("ec2")
    ((vpc, vpc_id),) = select(held, "AWS::EC2::VPC")
    (found,) = ec2.describe_vpcs(VpcIds=[vpc_id])["Vpcs"]
    assert (found["CidrBlock"], to_map(found["Tags"])) == (vpc["CidrBlock"], to_map(vpc["Tags"]))
    for name in ("EnableDnsHostnames", "EnableDnsSupport"):
        attribute = name[0].lower() + name[1:]
        assert ec2.describe_vpc_attribute(VpcId=vpc_id, Attribute=attribute)[name]["Value"] is vpc[name]
    for subnet, subnet_id in select(held, "AWS::EC2::Subnet"):
        (one,) = ec2.describe_subnets(SubnetIds=[subnet_id])["Subnets"]
        assert (one["CidrBlock"], one["VpcId"]) == (subnet["CidrBlock"], vpc_id)
        assert to_map(one["Tags"]) == to_map(subnet["Tags"])
    tables = ec2.describe_route_tables(RouteTableIds=[i for _, i in select(held, "AWS::EC2::RouteTable")])
    associated = [one for table in tables["RouteTables"] for one in table["Associations"]]
    assert len(associated) == len(select(held, "AWS::EC2::SubnetRouteTableAssociation"))
    endpoints = select(held, "AWS::EC2::VPCEndpoint")
    made = ec2.describe_vpc_endpoints(VpcEndpointIds=[i for _, i in endpoints])["VpcEndpoints"]
    assert sorted(one["ServiceName"].rsplit(".", 1)[-1] for one in made) == sorted(
        one["ServiceName"]["Fn::Join"][1][-1].rsplit(".", 1)[-1] for one, _ in endpoints
    )


def test_a_security_group_has_the_rules_of_its_template_and_no_others(
    emulation: Emulation, held: list[tuple[dict[str, Any], str]]
) -> None:
    groups = select(held, "AWS::EC2::SecurityGroup")
    rules = emulation.client("ec2").describe_security_group_rules(
        Filters=[{"Name": "group-id", "Values": [group for _, group in groups]}]
    )["SecurityGroupRules"]
    egress = sum(len(properties.get("SecurityGroupEgress", ())) for properties, _ in groups)
    expected = {
        True: egress + len(select(held, "AWS::EC2::SecurityGroupEgress")),
        False: len(select(held, "AWS::EC2::SecurityGroupIngress")),
    }
    assert {way: sum(rule["IsEgress"] is way for rule in rules) for way in expected} == expected
    assert not [rule for rule in rules if not rule["IsEgress"] and "CidrIpv4" in rule]


def test_a_role_has_the_policies_of_its_template(
    emulation: Emulation, held: list[tuple[dict[str, Any], str]]
) -> None:
    iam = emulation.client("iam")
    attached: dict[str, int] = {}
    for properties, name in select(held, "AWS::IAM::Role"):
        role = iam.get_role(RoleName=name)["Role"]
        expected = properties["AssumeRolePolicyDocument"]["Statement"]
        assert [one["Principal"].keys() for one in role["AssumeRolePolicyDocument"]["Statement"]] == [
            one["Principal"].keys() for one in expected
        ]
        inline = iam.list_role_policies(RoleName=name)["PolicyNames"]
        assert {policy["PolicyName"] for policy in properties.get("Policies", ())} <= set(inline)
        attached[name] = len(iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"])
        assert attached[name] == len(properties.get("ManagedPolicyArns", ()))
    for _, name in select(held, "AWS::IAM::InstanceProfile"):
        assert len(iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]["Roles"]) == 1
    for properties, arn in select(held, "AWS::IAM::ManagedPolicy"):
        version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        document = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
        assert len(document["Statement"]) == len(properties["PolicyDocument"]["Statement"])
        assert "Fn::" not in json.dumps(document)


def test_the_repository_is_as_its_template_says(
    emulation: Emulation, held: list[tuple[dict[str, Any], str]]
) -> None:
    ecr = emulation.client("ecr")
    ((properties, name),) = select(held, "AWS::ECR::Repository")
    (made,) = ecr.describe_repositories(repositoryNames=[name])["repositories"]
    assert made["imageTagMutability"] == properties["ImageTagMutability"]
    assert made["imageScanningConfiguration"] == {"scanOnPush": True}
    lifecycle = ecr.get_lifecycle_policy(repositoryName=name)["lifecyclePolicyText"]
    assert json.loads(lifecycle) == json.loads(properties["LifecyclePolicy"]["LifecyclePolicyText"])
    policy = json.loads(ecr.get_repository_policy(repositoryName=name)["policyText"])
    assert policy["Statement"][0]["Sid"] == properties["RepositoryPolicyText"]["Statement"][0]["Sid"]


def test_alarms_topic_and_archive_are_as_their_templates_say(
    emulation: Emulation, held: list[tuple[dict[str, Any], str]]
) -> None:
    ((_, topic),) = select(held, "AWS::SNS::Topic")
    for properties, name in select(held, "AWS::CloudWatch::Alarm"):
        (alarm,) = emulation.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
        plain = (
            "AlarmDescription",
            "ComparisonOperator",
            "EvaluationPeriods",
            "Threshold",
            "TreatMissingData",
        )
        assert {key: alarm[key] for key in plain} == {key: properties[key] for key in plain}
        assert alarm["AlarmActions"] == [topic]
    ((policy, _),) = select(held, "AWS::SNS::TopicPolicy")
    attributes = emulation.client("sns").get_topic_attributes(TopicArn=topic)["Attributes"]
    sids = [statement["Sid"] for statement in policy["PolicyDocument"]["Statement"]]
    assert [statement["Sid"] for statement in json.loads(attributes["Policy"])["Statement"]] == sids
    ((properties, name),) = select(held, "AWS::Events::Archive")
    archive = emulation.client("events").describe_archive(ArchiveName=name)
    assert archive["RetentionDays"] == properties["RetentionDays"]
    pattern = json.loads(archive["EventPattern"])
    assert pattern["detail"]["bucket"]["name"] == [emulation.uploads]


def test_the_pool_of_users_is_as_its_template_says(
    emulation: Emulation, held: list[tuple[dict[str, Any], str]]
) -> None:
    cognito = emulation.client("cognito-idp")
    ((pool, pool_id),) = select(held, "AWS::Cognito::UserPool")
    made = cognito.describe_user_pool(UserPoolId=pool_id)["UserPool"]
    elsewhere = {"EnabledMfas"}
    assert {name: made[name] for name in pool.keys() - elsewhere} == {
        name: pool[name] for name in pool.keys() - elsewhere
    }
    factors = cognito.get_user_pool_mfa_config(UserPoolId=pool_id)
    assert factors["MfaConfiguration"] == pool["MfaConfiguration"] == "ON"
    assert factors["SoftwareTokenMfaConfiguration"] == {"Enabled": True}
    ((client, client_id),) = select(held, "AWS::Cognito::UserPoolClient")
    described = cognito.describe_user_pool_client(UserPoolId=pool_id, ClientId=client_id)["UserPoolClient"]
    elsewhere = {"GenerateSecret", "UserPoolId"}
    assert {name: described[name] for name in client.keys() - elsewhere} == {
        name: client[name] for name in client.keys() - elsewhere
    }
    assert "ClientSecret" not in described
    ((_, domain),) = select(held, "AWS::Cognito::UserPoolDomain")
    page = cognito.describe_user_pool_domain(Domain=domain)["DomainDescription"]
    assert (page["UserPoolId"], page["Domain"]) == (pool_id, "sparkdrop-dev-users-123456789012")
