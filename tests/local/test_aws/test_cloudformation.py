"""Stacks through CloudFormation's API, as any client makes them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from sparkdrop_local.aws.cloudformation.catalog import KINDS, NOT_HELD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Emulation

CORS = {"CorsRules": [{"AllowedMethods": ["PUT"], "AllowedOrigins": ["*"]}]}

# what can be checked only while it is made
BROKEN = {"Type": "AWS::IAM::InstanceProfile", "Properties": {"Roles": ["nobody"]}}


@pytest.fixture(scope="module")
def account(
    tmp_path_factory: pytest.TempPathFactory, start_emulation: Callable[..., Any]
) -> Iterator[Emulation]:
    with start_emulation(tmp_path_factory.mktemp("empty"), "--empty") as running:
        yield running


@pytest.fixture
def stack(account: Emulation, request: pytest.FixtureRequest) -> Iterator[Stack]:
    made = Stack(account, request.node.name.replace("_", "-")[:60])
    yield made
    made.delete()


class Stack:
    """One stack of a test's own."""

    def __init__(self, account: Emulation, name: str) -> None:
        self.account = account
        self.name = name
        self.cloudformation = account.client("cloudformation")

    def put(self, resources: dict[str, Any], call: str = "create_stack", **template: Any) -> dict[str, Any]:
        body = json.dumps({"Resources": resources, **template})
        getattr(self.cloudformation, call)(StackName=self.name, TemplateBody=body)
        return self.describe()

    def describe(self) -> dict[str, Any]:
        found: dict[str, Any] = self.cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]
        return found

    def outputs(self) -> dict[str, str]:
        return {one["OutputKey"]: one["OutputValue"] for one in self.describe()["Outputs"]}

    def resources(self) -> dict[str, str]:
        listed = self.cloudformation.describe_stack_resources(StackName=self.name)["StackResources"]
        return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in listed}

    def delete(self) -> None:
        self.cloudformation.delete_stack(StackName=self.name)


def bucket(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::S3::Bucket", "Properties": properties}


def test_an_account_is_empty_before_anything_is_deployed(account: Emulation) -> None:
    assert account.announcement["stacks"] == {}
    assert not [name for name in account.environment if name.startswith("SPARKDROP_")]
    assert account.client("cloudformation").describe_stacks()["Stacks"] == []
    with pytest.raises(ClientError, match="ParameterNotFound"):
        account.client("ssm").get_parameter(Name="/cdk-bootstrap/hnb659fds/version")


def test_a_property_is_set_changed_and_taken_away(stack: Stack) -> None:
    s3 = stack.account.client("s3")
    stack.put({"Box": bucket(CorsConfiguration=CORS, Tags=[{"Key": "a", "Value": "1"}])})
    name = stack.resources()["Box"]
    assert s3.get_bucket_cors(Bucket=name)["CORSRules"][0]["AllowedMethods"] == ["PUT"]
    changed = {"CorsRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]}
    state = stack.put({"Box": bucket(CorsConfiguration=changed)}, "update_stack")
    assert state["StackStatus"] == "UPDATE_COMPLETE"
    assert s3.get_bucket_cors(Bucket=name)["CORSRules"][0]["AllowedMethods"] == ["GET"]
    with pytest.raises(ClientError, match="NoSuchTagSet"):
        s3.get_bucket_tagging(Bucket=name)
    stack.put({"Box": bucket()}, "update_stack")
    with pytest.raises(ClientError, match="NoSuchCORSConfiguration"):
        s3.get_bucket_cors(Bucket=name)
    assert stack.resources() == {"Box": name}


def test_resources_come_and_go_with_an_update_and_references_follow(stack: Stack) -> None:
    first = {"Type": "AWS::SQS::Queue", "DependsOn": "Second"}
    second = {"Type": "AWS::SQS::Queue", "Properties": {"Tags": [{"Key": "k", "Value": "v"}]}}
    stack.put({"First": first, "Second": second}, Outputs={"Url": {"Value": {"Ref": "First"}}})
    made = stack.resources()
    assert list(made) == ["Second", "First"]
    third = {"Type": "AWS::SQS::Queue"}
    stack.put(
        {"Second": second, "Third": third}, "update_stack", Outputs={"Url": {"Value": {"Ref": "Third"}}}
    )
    assert stack.outputs() == {"Url": stack.resources()["Third"]}
    urls = stack.account.client("sqs").list_queues()["QueueUrls"]
    assert made["First"] not in urls
    assert {made["Second"], stack.resources()["Third"]} <= set(urls)


def test_what_is_not_held_is_refused_before_anything_is_made(stack: Stack) -> None:
    with pytest.raises(ClientError, match=r"ValidationError.*Letter: AWS::SES::Template; Box: .*Nonsense"):
        stack.put({"Letter": {"Type": "AWS::SES::Template"}, "Box": bucket(Nonsense=1)})
    with pytest.raises(ClientError, match=r"the process `api` of the local system answers its calls instead"):
        stack.put({"Api": {"Type": "AWS::ApiGateway::RestApi"}})
    with pytest.raises(ClientError, match="does not exist"):
        stack.describe()


def test_what_cannot_change_in_place_is_refused_and_nothing_else_changes(stack: Stack) -> None:
    stack.put({"Box": bucket(), "Net": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}}})
    before = stack.resources()
    changed = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.1.0.0/16"}}
    with pytest.raises(ClientError, match=r"replaces nothing: Net: AWS::EC2::VPC\.CidrBlock"):
        stack.put({"Net": changed}, "update_stack")
    with pytest.raises(ClientError, match=r"AWS::EC2::VPC would become AWS::SNS::Topic"):
        stack.put({"Net": {"Type": "AWS::SNS::Topic"}}, "update_stack")
    assert stack.resources() == before


def test_a_creation_that_fails_leaves_nothing(stack: Stack) -> None:
    state = stack.put({"Topic": {"Type": "AWS::SNS::Topic"}, "Profile": BROKEN})
    assert state["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "Profile (AWS::IAM::InstanceProfile)" in state["StackStatusReason"]
    assert "NoSuchEntity" in state["StackStatusReason"]
    assert stack.resources() == {}
    assert stack.account.client("sns").list_topics()["Topics"] == []
    assert stack.account.client("iam").list_instance_profiles()["InstanceProfiles"] == []


def test_an_update_that_fails_is_taken_back(stack: Stack) -> None:
    sqs, fine = stack.account.client("sqs"), {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": 5}}
    stack.put({"Queue": fine})
    changed = {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": 7}}
    state = stack.put({"Queue": changed, "Broken": BROKEN}, "update_stack")
    assert state["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert list(stack.resources()) == ["Queue"]
    attributes = sqs.get_queue_attributes(
        QueueUrl=stack.resources()["Queue"], AttributeNames=["DelaySeconds"]
    )
    assert attributes["Attributes"]["DelaySeconds"] == "5"
    stack.put({"Queue": changed}, "update_stack")
    assert stack.describe()["StackStatus"] == "UPDATE_COMPLETE"


def test_a_bucket_that_is_not_empty_keeps_its_stack(stack: Stack) -> None:
    s3 = stack.account.client("s3")
    stack.put({"Box": bucket()})
    name = stack.resources()["Box"]
    s3.put_object(Bucket=name, Key="a", Body=b"")
    stack.delete()
    assert stack.describe()["StackStatus"] == "DELETE_FAILED"
    s3.delete_object(Bucket=name, Key="a")
    stack.delete()
    with pytest.raises(ClientError, match="does not exist"):
        stack.describe()


def test_what_is_to_be_retained_stays_and_nothing_is_made_again_by_being_looked_at(stack: Stack) -> None:
    s3 = stack.account.client("s3")
    before = {one["Name"] for one in s3.list_buckets()["Buckets"]}
    stack.put(
        {"Kept": {**bucket(), "DeletionPolicy": "Retain"}, "Gone": bucket()},
        Outputs={"Kept": {"Value": {"Ref": "Kept"}}, "Gone": {"Value": {"Ref": "Gone"}}},
    )
    stack_id, made = stack.describe()["StackId"], stack.resources()
    stack.delete()
    state = stack.cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]
    assert state["StackStatus"] == "DELETE_COMPLETE"
    assert {one["Name"] for one in s3.list_buckets()["Buckets"]} - before == {made["Kept"]}
    s3.delete_bucket(Bucket=made["Kept"])


def test_a_condition_leaves_out_a_resource_and_a_list_s_item(stack: Stack) -> None:
    when = {"Conditions": {"Never": {"Fn::Equals": ["a", "b"]}}}
    gone = {"Ref": "AWS::NoValue"}
    role = {
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []},
        "ManagedPolicyArns": [
            "arn:aws:iam::aws:policy/ReadOnlyAccess",
            {"Fn::If": ["Never", "arn:aws:iam::aws:policy/AdministratorAccess", gone]},
        ],
    }
    stack.put(
        {
            "Role": {"Type": "AWS::IAM::Role", "Properties": role},
            "Topic": {"Type": "AWS::SNS::Topic", "Condition": "Never"},
        },
        **when,
    )
    assert list(stack.resources()) == ["Role"]
    attached = stack.account.client("iam").list_attached_role_policies(RoleName=stack.resources()["Role"])
    assert [one["PolicyName"] for one in attached["AttachedPolicies"]] == ["ReadOnlyAccess"]


def test_a_template_of_an_account_that_is_not_bootstrapped_is_refused(stack: Stack) -> None:
    kind = "AWS::SSM::Parameter::Value<String>"
    with pytest.raises(ClientError, match=r"Unable to fetch parameters \[/not/there\]"):
        stack.put({"Box": bucket()}, Parameters={"Version": {"Type": kind, "Default": "/not/there"}})


def test_two_stacks_with_change_sets_of_one_name_do_not_meddle(account: Emulation) -> None:
    cloudformation = account.client("cloudformation")
    body = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
    for name in ("one", "two"):
        cloudformation.create_change_set(
            StackName=name, ChangeSetName="same", TemplateBody=body, ChangeSetType="CREATE"
        )
    cloudformation.execute_change_set(StackName="one", ChangeSetName="same")
    states = {name: cloudformation.describe_stacks(StackName=name)["Stacks"][0] for name in ("one", "two")}
    assert states["one"]["StackStatus"] == "CREATE_COMPLETE"
    assert states["two"]["StackStatus"] == "REVIEW_IN_PROGRESS"
    cloudformation.delete_change_set(StackName="one", ChangeSetName="same")
    with pytest.raises(ClientError, match="ChangeSetNotFound"):
        cloudformation.describe_change_set(StackName="one", ChangeSetName="same")
    assert cloudformation.describe_change_set(StackName="two", ChangeSetName="same")["StackName"] == "two"
    for name in ("one", "two"):
        cloudformation.delete_stack(StackName=name)


def test_a_way_out_of_a_network_is_made_and_taken_down(stack: Stack) -> None:
    ref = {name: {"Ref": name} for name in ("Net", "Public", "Gateway", "Table", "Nat")}
    stack.put(
        {
            "Net": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
            "Public": {
                "Type": "AWS::EC2::Subnet",
                "Properties": {"CidrBlock": "10.0.0.0/24", "VpcId": ref["Net"], "MapPublicIpOnLaunch": True},
            },
            "Gateway": {"Type": "AWS::EC2::InternetGateway"},
            "Attachment": {
                "Type": "AWS::EC2::VPCGatewayAttachment",
                "Properties": {"InternetGatewayId": ref["Gateway"], "VpcId": ref["Net"]},
            },
            "Address": {
                "Type": "AWS::EC2::EIP",
                "Properties": {"Domain": "vpc", "Tags": [{"Key": "a", "Value": "b"}]},
            },
            "Nat": {
                "Type": "AWS::EC2::NatGateway",
                "Properties": {
                    "AllocationId": {"Fn::GetAtt": ["Address", "AllocationId"]},
                    "SubnetId": ref["Public"],
                },
            },
            "Table": {"Type": "AWS::EC2::RouteTable", "Properties": {"VpcId": ref["Net"]}},
            "Route": {
                "Type": "AWS::EC2::Route",
                "Properties": {
                    "RouteTableId": ref["Table"],
                    "DestinationCidrBlock": "0.0.0.0/0",
                    "NatGatewayId": ref["Nat"],
                },
            },
        }
    )
    assert stack.describe()["StackStatus"] == "CREATE_COMPLETE", stack.describe()
    ec2, made = stack.account.client("ec2"), stack.resources()
    (table,) = ec2.describe_route_tables(RouteTableIds=[made["Table"]])["RouteTables"]
    assert {route.get("NatGatewayId") for route in table["Routes"]} == {None, made["Nat"]}
    (address,) = ec2.describe_addresses()["Addresses"]
    assert address["Tags"] == [{"Key": "a", "Value": "b"}]
    stack.delete()
    assert ec2.describe_addresses()["Addresses"] == []
    assert all(one["IsDefault"] for one in ec2.describe_vpcs()["Vpcs"])


def test_a_key_is_there_with_its_policy_rotation_and_alias(stack: Stack) -> None:
    policy = {"Version": "2012-10-17", "Statement": []}
    key = {"KeyPolicy": policy, "EnableKeyRotation": True, "Tags": [{"Key": "a", "Value": "b"}]}
    alias = {"AliasName": "alias/mine", "TargetKeyId": {"Ref": "Key"}}
    stack.put(
        {
            "Key": {"Type": "AWS::KMS::Key", "Properties": key},
            "Alias": {"Type": "AWS::KMS::Alias", "Properties": alias},
        }
    )
    kms, key_id = stack.account.client("kms"), stack.resources()["Key"]
    assert json.loads(kms.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"]) == policy
    assert kms.get_key_rotation_status(KeyId=key_id)["KeyRotationEnabled"]
    assert kms.describe_key(KeyId="alias/mine")["KeyMetadata"]["KeyId"] == key_id
    assert kms.list_resource_tags(KeyId=key_id)["Tags"] == [{"TagKey": "a", "TagValue": "b"}]
    stack.put({"Key": {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": policy}}}, "update_stack")
    assert not kms.get_key_rotation_status(KeyId=key_id)["KeyRotationEnabled"]


def test_a_managed_policy_changes_more_often_than_iam_keeps_versions(stack: Stack) -> None:
    iam, role = stack.account.client("iam"), {"Version": "2012-10-17", "Statement": []}

    def build(number: int) -> dict[str, Any]:
        statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::b/{number}"}
        document = {"Version": "2012-10-17", "Statement": [statement]}
        policy = {"PolicyDocument": document, "Roles": [{"Ref": "Role"}] if number else []}
        return {
            "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": role}},
            "Policy": {"Type": "AWS::IAM::ManagedPolicy", "Properties": policy},
        }

    stack.put(build(0))
    for number in range(1, 8):
        assert stack.put(build(number), "update_stack")["StackStatus"] == "UPDATE_COMPLETE"
    made = stack.resources()
    attached = iam.list_attached_role_policies(RoleName=made["Role"])["AttachedPolicies"]
    assert [one["PolicyArn"] for one in attached] == [made["Policy"]]
    version = iam.get_policy(PolicyArn=made["Policy"])["Policy"]["DefaultVersionId"]
    held = iam.get_policy_version(PolicyArn=made["Policy"], VersionId=version)["PolicyVersion"]["Document"]
    assert held["Statement"][0]["Resource"] == "arn:aws:s3:::b/7"


def test_every_kind_is_held_or_has_its_reason_and_none_has_both() -> None:
    assert not [name for name in KINDS if name.startswith(tuple(NOT_HELD))]
    assert all(kind.again is not None for kind in KINDS.values() if kind.put_with)
