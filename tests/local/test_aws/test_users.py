"""A stack of users through CloudFormation's API: made, changed, taken down."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from conftest import Emulation

NAME = "people"


def build_template(*, groups: dict[str, dict[str, Any]], **client: Any) -> str:
    pool = {"UsernameAttributes": ["email"], "MfaConfiguration": "ON", "EnabledMfas": ["SOFTWARE_TOKEN_MFA"]}
    client = {"ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH"], "GenerateSecret": False} | client
    here = {"UserPoolId": {"Ref": "Pool"}}
    resources = {
        "Pool": {"Type": "AWS::Cognito::UserPool", "Properties": pool},
        "Client": {"Type": "AWS::Cognito::UserPoolClient", "Properties": client | here},
        "Page": {"Type": "AWS::Cognito::UserPoolDomain", "Properties": {"Domain": "people"} | here},
        **{
            name: {"Type": "AWS::Cognito::UserPoolGroup", "Properties": {"GroupName": name} | group | here}
            for name, group in groups.items()
        },
    }
    outputs = {"Pool": {"Value": {"Ref": "Pool"}}, "Client": {"Value": {"Ref": "Client"}}}
    return json.dumps({"Resources": resources, "Outputs": outputs})


def test_a_stack_of_users_is_made_changed_and_taken_down(emulation: Emulation) -> None:
    cloudformation, cognito = emulation.client("cloudformation"), emulation.client("cognito-idp")
    first = build_template(
        groups={"analysts": {"Description": "read"}, "operators": {}}, CallbackURLs=["http://a/"]
    )
    cloudformation.create_stack(StackName=NAME, TemplateBody=first)
    (stack,) = cloudformation.describe_stacks(StackName=NAME)["Stacks"]
    made = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def read_groups() -> dict[str, str]:
        groups = cognito.list_groups(UserPoolId=made["Pool"])["Groups"]
        return {group["GroupName"]: group["Description"] for group in groups}

    def read_client() -> dict[str, Any]:
        described: dict[str, Any] = cognito.describe_user_pool_client(
            UserPoolId=made["Pool"], ClientId=made["Client"]
        )["UserPoolClient"]
        return described

    assert read_groups() == {"analysts": "read", "operators": ""}
    assert read_client()["CallbackURLs"] == ["http://a/"]
    second = build_template(
        groups={"analysts": {"Description": "read and ask"}}, CallbackURLs=["http://a/", "http://b/"]
    )
    cloudformation.update_stack(StackName=NAME, TemplateBody=second)
    assert read_groups() == {"analysts": "read and ask"}
    assert read_client()["CallbackURLs"] == ["http://a/", "http://b/"]
    assert read_client()["ExplicitAuthFlows"] == ["ALLOW_USER_SRP_AUTH"]
    # what moto would keep although the template has it no more
    cloudformation.update_stack(StackName=NAME, TemplateBody=build_template(groups={"analysts": {}}))
    (stack,) = cloudformation.describe_stacks(StackName=NAME)["Stacks"]
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert "CallbackURLs" in stack["StackStatusReason"]
    cloudformation.delete_stack(StackName=NAME)
    assert cognito.describe_user_pool_domain(Domain="people")["DomainDescription"] == {}
    with pytest.raises(ClientError, match="ResourceNotFound"):
        cognito.describe_user_pool(UserPoolId=made["Pool"])


def test_a_change_that_moto_would_forget_the_rest_for_is_refused(emulation: Emulation) -> None:
    cloudformation = emulation.client("cloudformation")
    template = build_template(groups={}).replace('"people"', '"others"')
    cloudformation.create_stack(StackName="others", TemplateBody=template)
    with pytest.raises(
        ClientError, match=r"not changeable in place.*Pool: AWS::Cognito::UserPool.UsernameAttr"
    ):
        cloudformation.update_stack(
            StackName="others", TemplateBody=template.replace('["email"]', '["phone_number"]')
        )
    cloudformation.delete_stack(StackName="others")


def test_a_factor_that_is_not_known_is_refused(emulation: Emulation) -> None:
    cloudformation = emulation.client("cloudformation")
    template = build_template(groups={}).replace("SOFTWARE_TOKEN_MFA", "SMS_MFA").replace('"people"', '"sms"')
    cloudformation.create_stack(StackName="sms", TemplateBody=template)
    (stack,) = cloudformation.describe_stacks(StackName="sms")["Stacks"]
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "knows no factor SMS_MFA" in stack["StackStatusReason"]
    cloudformation.delete_stack(StackName="sms")
