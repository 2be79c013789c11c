"""IAM: roles, policies, instance profiles."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sparkdrop_local.aws.cloudformation.kinds import Kind, Made, Properties, Target, make_tag_setter, pick

if TYPE_CHECKING:
    from sparkdrop_local.aws.clients import Clients

_VERSIONS_KEPT = 5  # IAM's own limit


def _make_role(clients: Clients, name: str, properties: Properties) -> Made:
    role = clients("iam").create_role(
        RoleName=name,
        AssumeRolePolicyDocument=json.dumps(properties["AssumeRolePolicyDocument"]),
        **pick(properties, "Description", "MaxSessionDuration", "Path", "PermissionsBoundary"),
    )["Role"]
    return Made(name, {"Arn": role["Arn"], "RoleId": role["RoleId"]})


def _change_role(target: Target) -> None:
    iam, name = target.clients("iam"), target.physical_id
    iam.update_assume_role_policy(
        RoleName=name, PolicyDocument=json.dumps(target.properties["AssumeRolePolicyDocument"])
    )
    iam.update_role(
        RoleName=name, **{"Description": "", **pick(target.properties, "Description", "MaxSessionDuration")}
    )


def _set_managed_policies(target: Target) -> None:
    iam, name = target.clients("iam"), target.physical_id
    wanted, before = (
        set(properties.get("ManagedPolicyArns", ())) for properties in (target.properties, target.before)
    )
    for arn in sorted(before - wanted):
        iam.detach_role_policy(RoleName=name, PolicyArn=arn)
    for arn in sorted(wanted - before):
        iam.attach_role_policy(RoleName=name, PolicyArn=arn)


def _set_inline_policies(target: Target) -> None:
    iam, name = target.clients("iam"), target.physical_id
    wanted = {
        policy["PolicyName"]: policy["PolicyDocument"] for policy in target.properties.get("Policies", ())
    }
    for gone in sorted({policy["PolicyName"] for policy in target.before.get("Policies", ())} - set(wanted)):
        iam.delete_role_policy(RoleName=name, PolicyName=gone)
    for policy, document in wanted.items():
        iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document))


def _remove_role(clients: Clients, name: str, _: Properties) -> None:
    iam = clients("iam")
    for policy in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
        iam.detach_role_policy(RoleName=name, PolicyArn=policy["PolicyArn"])
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        iam.delete_role_policy(RoleName=name, PolicyName=policy)
    iam.delete_role(RoleName=name)


def _set_policy(target: Target) -> None:
    iam, name = target.clients("iam"), target.physical_id
    document = json.dumps(target.properties["PolicyDocument"])
    roles = target.properties.get("Roles", ())
    for role in target.before.get("Roles", ()):
        if role not in roles:
            iam.delete_role_policy(RoleName=role, PolicyName=name)
    for role in roles:
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=document)


def _remove_policy(clients: Clients, name: str, properties: Properties) -> None:
    for role in properties.get("Roles", ()):
        clients("iam").delete_role_policy(RoleName=role, PolicyName=name)


def _make_managed_policy(clients: Clients, name: str, properties: Properties) -> Made:
    arn = clients("iam").create_policy(
        PolicyName=name,
        PolicyDocument=json.dumps(properties["PolicyDocument"]),
        **pick(properties, "Description", "Path"),
    )["Policy"]["Arn"]
    return Made(arn, {"PolicyArn": arn})


def _change_managed_policy(target: Target) -> None:
    iam, arn = target.clients("iam"), target.physical_id
    versions = iam.list_policy_versions(PolicyArn=arn)["Versions"]
    old = [version["VersionId"] for version in versions if not version["IsDefaultVersion"]]
    if len(versions) >= _VERSIONS_KEPT:
        iam.delete_policy_version(PolicyArn=arn, VersionId=min(old, key=lambda version: int(version[1:])))
    document = json.dumps(target.properties["PolicyDocument"])
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=document, SetAsDefault=True)


def _attach_policy(target: Target) -> None:
    iam, arn = target.clients("iam"), target.physical_id
    roles, before = (properties.get("Roles", ()) for properties in (target.properties, target.before))
    for role in before:
        if role not in roles:
            iam.detach_role_policy(RoleName=role, PolicyArn=arn)
    for role in roles:
        if role not in before:
            iam.attach_role_policy(RoleName=role, PolicyArn=arn)


def _remove_managed_policy(clients: Clients, arn: str, _: Properties) -> None:
    iam = clients("iam")
    for role in iam.list_entities_for_policy(PolicyArn=arn)["PolicyRoles"]:
        iam.detach_role_policy(RoleName=role["RoleName"], PolicyArn=arn)
    for version in iam.list_policy_versions(PolicyArn=arn)["Versions"]:
        if not version["IsDefaultVersion"]:
            iam.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])
    iam.delete_policy(PolicyArn=arn)


def _make_instance_profile(clients: Clients, name: str, properties: Properties) -> Made:
    made = clients("iam").create_instance_profile(InstanceProfileName=name, **pick(properties, "Path"))
    return Made(name, {"Arn": made["InstanceProfile"]["Arn"]})


def _set_profile_roles(target: Target) -> None:
    iam, name = target.clients("iam"), target.physical_id
    for role in target.before.get("Roles", ()):
        iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=role)
    for role in target.properties["Roles"]:
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=role)


def _remove_instance_profile(clients: Clients, name: str, _: Properties) -> None:
    iam = clients("iam")
    for role in iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]["Roles"]:
        iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=role["RoleName"])
    iam.delete_instance_profile(InstanceProfileName=name)


KINDS = {
    "AWS::IAM::Role": Kind(
        make=_make_role,
        remove=_remove_role,
        made_with=frozenset({"Path", "PermissionsBoundary"}),
        put_with=frozenset({"AssumeRolePolicyDocument", "Description", "MaxSessionDuration"}),
        again=_change_role,
        setters={
            "ManagedPolicyArns": _set_managed_policies,
            "Policies": _set_inline_policies,
            "Tags": make_tag_setter(
                lambda target, tags: target.clients("iam").tag_role(
                    RoleName=target.physical_id,
                    Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
                ),
                lambda target, keys: target.clients("iam").untag_role(
                    RoleName=target.physical_id, TagKeys=keys
                ),
            ),
        },
        name_property="RoleName",
        longest_name=64,
    ),
    "AWS::IAM::Policy": Kind(
        make=lambda _, name, __: Made(name),
        remove=_remove_policy,
        put_with=frozenset({"Roles"}),
        again=_set_policy,
        setters={"PolicyDocument": _set_policy},
        name_property="PolicyName",
    ),
    "AWS::IAM::ManagedPolicy": Kind(
        make=_make_managed_policy,
        remove=_remove_managed_policy,
        made_with=frozenset({"Description", "Path"}),
        put_with=frozenset({"PolicyDocument"}),
        again=_change_managed_policy,
        setters={"Roles": _attach_policy},
        name_property="ManagedPolicyName",
    ),
    "AWS::IAM::InstanceProfile": Kind(
        make=_make_instance_profile,
        remove=_remove_instance_profile,
        made_with=frozenset({"Path"}),
        setters={"Roles": _set_profile_roles},
        name_property="InstanceProfileName",
    ),
}
