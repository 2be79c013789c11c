"""Cognito: pools of users, their clients, groups and sign-in pages.

A template and the API name most things the same:
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_Cognito.html and
https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_Operations.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparkdrop_local.aws.cloudformation.kinds import Kind, Made, Properties, Target, pick
from sparkdrop_local.aws.errors import EmulationError

if TYPE_CHECKING:
    from sparkdrop_local.aws.clients import Clients

# What a pool is made with. In AWS most of it can change; a change of any makes moto forget the others.
_POOL = (
    "AccountRecoverySetting",
    "AdminCreateUserConfig",
    "AliasAttributes",
    "AutoVerifiedAttributes",
    "DeletionProtection",
    "EmailVerificationMessage",
    "EmailVerificationSubject",
    "Policies",
    "Schema",
    "SmsVerificationMessage",
    "UserPoolTags",
    "UserPoolTier",
    "UsernameAttributes",
    "UsernameConfiguration",
    "VerificationMessageTemplate",
)
_CLIENT = (
    "AccessTokenValidity",
    "AllowedOAuthFlows",
    "AllowedOAuthFlowsUserPoolClient",
    "AllowedOAuthScopes",
    "CallbackURLs",
    "EnableTokenRevocation",
    "ExplicitAuthFlows",
    "IdTokenValidity",
    "LogoutURLs",
    "PreventUserExistenceErrors",
    "RefreshTokenValidity",
    "SupportedIdentityProviders",
    "TokenValidityUnits",
)
_GROUP = ("Description", "Precedence", "RoleArn")
_MFA = "MfaConfiguration"
_FACTORS = {"SOFTWARE_TOKEN_MFA"}


def _make_pool(clients: Clients, name: str, properties: Properties) -> Made:
    pool = clients("cognito-idp").create_user_pool(PoolName=name, **pick(properties, *_POOL, _MFA))
    pool_id = pool["UserPool"]["Id"]
    provider = f"cognito-idp.{clients.region}.amazonaws.com/{pool_id}"
    return Made(
        pool_id,
        {
            "Arn": pool["UserPool"]["Arn"],
            "ProviderName": provider,
            "ProviderURL": f"https://{provider}",
            "UserPoolId": pool_id,
        },
    )


def _set_factors(target: Target) -> None:
    factors = target.properties.get("EnabledMfas", [])
    if unknown := sorted(set(factors) - _FACTORS):
        raise EmulationError(f"AWS::Cognito::UserPool: the emulation knows no factor {', '.join(unknown)}")
    target.clients("cognito-idp").set_user_pool_mfa_config(
        UserPoolId=target.physical_id,
        SoftwareTokenMfaConfiguration={"Enabled": bool(factors)},
        MfaConfiguration=target.properties.get(_MFA, "OFF"),
    )


def _remove_pool(clients: Clients, pool_id: str, _: Properties) -> None:
    clients("cognito-idp").delete_user_pool(UserPoolId=pool_id)


def _make_client(clients: Clients, name: str, properties: Properties) -> Made:
    client = clients("cognito-idp").create_user_pool_client(
        ClientName=name, **pick(properties, "GenerateSecret", "UserPoolId", *_CLIENT)
    )["UserPoolClient"]
    client_id = client["ClientId"]
    return Made(client_id, {"ClientId": client_id, "Name": name})


def _change_client(target: Target) -> None:
    if gone := [name for name in _CLIENT if name in target.before and name not in target.properties]:
        raise EmulationError(f"AWS::Cognito::UserPoolClient: moto does not take away {', '.join(gone)}")
    target.clients("cognito-idp").update_user_pool_client(
        ClientId=target.physical_id, **pick(target.properties, "UserPoolId", *_CLIENT)
    )


def _remove_client(clients: Clients, client_id: str, properties: Properties) -> None:
    clients("cognito-idp").delete_user_pool_client(UserPoolId=properties["UserPoolId"], ClientId=client_id)


def _make_group(clients: Clients, name: str, properties: Properties) -> Made:
    clients("cognito-idp").create_group(GroupName=name, **pick(properties, "UserPoolId", *_GROUP))
    return Made(name)


def _change_group(target: Target) -> None:
    target.clients("cognito-idp").update_group(
        GroupName=target.physical_id, **pick(target.properties, "UserPoolId", *_GROUP)
    )


def _remove_group(clients: Clients, name: str, properties: Properties) -> None:
    clients("cognito-idp").delete_group(UserPoolId=properties["UserPoolId"], GroupName=name)


def _make_domain(clients: Clients, _: str, properties: Properties) -> Made:
    domain = properties["Domain"]
    clients("cognito-idp").create_user_pool_domain(
        **pick(properties, "Domain", "ManagedLoginVersion", "UserPoolId")
    )
    return Made(domain)


def _remove_domain(clients: Clients, domain: str, properties: Properties) -> None:
    clients("cognito-idp").delete_user_pool_domain(Domain=domain, UserPoolId=properties["UserPoolId"])


KINDS = {
    "AWS::Cognito::UserPool": Kind(
        make=_make_pool,
        remove=_remove_pool,
        made_with=frozenset(_POOL),
        put_with=frozenset({_MFA}),
        again=_set_factors,
        setters={"EnabledMfas": _set_factors},
        name_property="UserPoolName",
    ),
    "AWS::Cognito::UserPoolClient": Kind(
        make=_make_client,
        remove=_remove_client,
        made_with=frozenset({"GenerateSecret", "UserPoolId"}),
        put_with=frozenset(_CLIENT),
        again=_change_client,
        name_property="ClientName",
    ),
    "AWS::Cognito::UserPoolGroup": Kind(
        make=_make_group,
        remove=_remove_group,
        made_with=frozenset({"UserPoolId"}),
        put_with=frozenset(_GROUP),
        again=_change_group,
        name_property="GroupName",
    ),
    "AWS::Cognito::UserPoolDomain": Kind(
        make=_make_domain,
        remove=_remove_domain,
        made_with=frozenset({"Domain", "ManagedLoginVersion", "UserPoolId"}),
    ),
}
