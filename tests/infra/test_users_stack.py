"""The people who may call the API: who they are, how they sign in, and that nobody loses them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import LoadTemplate, Template


@pytest.fixture(scope="module", params=["dev", "prod", "full"])
def stack(request: pytest.FixtureRequest, load_template: LoadTemplate) -> Template:
    return load_template("UsersStack", request.param)


def test_users_are_invited_have_a_second_factor_and_are_kept(stack: Template) -> None:
    pool = stack.find("AWS::Cognito::UserPool")
    properties = pool["Properties"]
    assert (pool["DeletionPolicy"], properties["DeletionProtection"]) == ("Retain", "ACTIVE")
    assert properties["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}
    assert properties["EnabledMfas"] == ["SOFTWARE_TOKEN_MFA"]
    assert properties["MfaConfiguration"] == "ON"
    password = properties["Policies"]["PasswordPolicy"]
    assert password["MinimumLength"] >= 12
    kinds = ("Lowercase", "Uppercase", "Numbers", "Symbols")
    assert [password[f"Require{kind}"] for kind in kinds] == [True] * 4
    assert not stack.all("AWS::Cognito::UserPoolUser")


def test_a_page_signs_in_by_code_without_a_secret(load_template: LoadTemplate) -> None:
    client = load_template("UsersStack", "full").properties("AWS::Cognito::UserPoolClient")
    assert (client["AllowedOAuthFlows"], client["GenerateSecret"]) == (["code"], False)
    assert client["CallbackURLs"] == client["LogoutURLs"] == ["https://uploads.example.com/"]


def test_no_code_is_sent_to_where_cognito_refuses_to_send_one(load_template: LoadTemplate) -> None:
    """Without TLS it takes localhost by its name only, while browsers and S3 know 127.0.0.1 as well."""
    client = load_template("UsersStack").properties("AWS::Cognito::UserPoolClient")
    assert client["CallbackURLs"] == client["LogoutURLs"] == ["http://localhost:8080/"]


def test_without_a_page_programs_alone_sign_in(load_template: LoadTemplate) -> None:
    client = load_template("UsersStack", "prod").properties("AWS::Cognito::UserPoolClient")
    assert client["AllowedOAuthFlowsUserPoolClient"] is False
    assert "CallbackURLs" not in client


def test_no_program_sends_a_password(stack: Template) -> None:
    flows = stack.properties("AWS::Cognito::UserPoolClient")["ExplicitAuthFlows"]
    assert set(flows) == {"ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}


def test_the_settings_groups_are_there(load_template: LoadTemplate) -> None:
    groups = load_template("UsersStack", "full").all("AWS::Cognito::UserPoolGroup").values()
    assert {group["Properties"]["GroupName"] for group in groups} == {"analysts", "data-engineers"}
    assert not load_template("UsersStack").all("AWS::Cognito::UserPoolGroup")


def test_the_outputs_tell_where_to_sign_in(stack: Template) -> None:
    (pool,) = stack.all("AWS::Cognito::UserPool")
    (client,) = stack.all("AWS::Cognito::UserPoolClient")
    (domain,) = stack.all("AWS::Cognito::UserPoolDomain")
    outputs = {name: output["Value"] for name, output in stack.body["Outputs"].items()}
    assert outputs["UserPoolId"] == {"Ref": pool}
    assert outputs["UserPoolClientId"] == {"Ref": client}
    scheme, reference, *_, last = outputs["SignInUrl"]["Fn::Join"][1]
    assert (scheme, reference) == ("https://", {"Ref": domain})
    assert last.endswith(".amazoncognito.com")
    prefix = stack.properties("AWS::Cognito::UserPoolDomain")["Domain"]
    assert prefix["Fn::Join"][1][0].startswith("sparkdrop-")
    assert prefix["Fn::Join"][1][1] == {"Ref": "AWS::AccountId"}
