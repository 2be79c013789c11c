"""ECR, KMS and SSM: repositories, keys, parameters."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sparkdrop_local.aws.cloudformation.kinds import (
    Kind,
    Made,
    Properties,
    Target,
    make_tag_setter,
    pick,
    to_lower_camels,
)

if TYPE_CHECKING:
    from sparkdrop_local.aws.clients import Clients

_MINIMAL_DAYS = 7  # of waiting for a key's deletion, KMS's least


def _make_repository(clients: Clients, name: str, properties: Properties) -> Made:
    made = clients("ecr").create_repository(
        repositoryName=name.lower(), **to_lower_camels(pick(properties, "EncryptionConfiguration"))
    )["repository"]
    return Made(
        made["repositoryName"], {"Arn": made["repositoryArn"], "RepositoryUri": made["repositoryUri"]}
    )


def _remove_repository(clients: Clients, name: str, properties: Properties) -> None:
    clients("ecr").delete_repository(repositoryName=name, force=bool(properties.get("EmptyOnDelete", False)))


def _keep_in_mind(_: Target) -> None:
    """Nothing is to be set: the deletion asks for it."""


def _set_scanning(target: Target) -> None:
    scanning = {"ScanOnPush": False, **target.properties.get("ImageScanningConfiguration", {})}
    target.clients("ecr").put_image_scanning_configuration(
        repositoryName=target.physical_id, imageScanningConfiguration=to_lower_camels(scanning)
    )


def _set_mutability(target: Target) -> None:
    target.clients("ecr").put_image_tag_mutability(
        repositoryName=target.physical_id,
        imageTagMutability=target.properties.get("ImageTagMutability", "MUTABLE"),
    )


def _set_lifecycle(target: Target) -> None:
    ecr, name = target.clients("ecr"), target.physical_id
    if (policy := target.properties.get("LifecyclePolicy")) is None:
        ecr.delete_lifecycle_policy(repositoryName=name)
        return
    # a template may hold the policy as a text, and YAML as a map
    text = policy["LifecyclePolicyText"]
    ecr.put_lifecycle_policy(
        repositoryName=name, lifecyclePolicyText=text if isinstance(text, str) else json.dumps(text)
    )


def _set_repository_policy(target: Target) -> None:
    ecr, name = target.clients("ecr"), target.physical_id
    if (policy := target.properties.get("RepositoryPolicyText")) is None:
        ecr.delete_repository_policy(repositoryName=name)
    else:
        ecr.set_repository_policy(repositoryName=name, policyText=json.dumps(policy))


def _repository_arn(target: Target) -> str:
    (found,) = target.clients("ecr").describe_repositories(repositoryNames=[target.physical_id])[
        "repositories"
    ]
    arn: str = found["repositoryArn"]
    return arn


def _make_key(clients: Clients, _: str, properties: Properties) -> Made:
    key = clients("kms").create_key(**pick(properties, "Description"))["KeyMetadata"]
    return Made(key["KeyId"], {"Arn": key["Arn"], "KeyId": key["KeyId"]})


def _remove_key(clients: Clients, key: str, _: Properties) -> None:
    clients("kms").schedule_key_deletion(KeyId=key, PendingWindowInDays=_MINIMAL_DAYS)


def _set_key_policy(target: Target) -> None:
    target.clients("kms").put_key_policy(
        KeyId=target.physical_id, PolicyName="default", Policy=json.dumps(target.properties["KeyPolicy"])
    )


def _set_rotation(target: Target) -> None:
    kms, key = target.clients("kms"), target.physical_id
    if target.properties.get("EnableKeyRotation"):
        kms.enable_key_rotation(KeyId=key)
    else:
        kms.disable_key_rotation(KeyId=key)


def _make_alias(clients: Clients, _: str, properties: Properties) -> Made:
    clients("kms").create_alias(**pick(properties, "AliasName", "TargetKeyId"))
    return Made(properties["AliasName"])


def _change_alias(target: Target) -> None:
    target.clients("kms").update_alias(
        AliasName=target.physical_id, TargetKeyId=target.properties["TargetKeyId"]
    )


def _remove_alias(clients: Clients, alias: str, _: Properties) -> None:
    clients("kms").delete_alias(AliasName=alias)


def _put_parameter(clients: Clients, name: str, properties: Properties, **options: Any) -> None:
    clients("ssm").put_parameter(Name=name, **pick(properties, "Description", "Type", "Value"), **options)


def _make_parameter(clients: Clients, name: str, properties: Properties) -> Made:
    _put_parameter(clients, name, properties)
    return Made(name, pick(properties, "Type", "Value"))


def _remove_parameter(clients: Clients, name: str, _: Properties) -> None:
    clients("ssm").delete_parameter(Name=name)


KINDS = {
    "AWS::ECR::Repository": Kind(
        make=_make_repository,
        remove=_remove_repository,
        made_with=frozenset({"EncryptionConfiguration"}),
        setters={
            "EmptyOnDelete": _keep_in_mind,
            "ImageScanningConfiguration": _set_scanning,
            "ImageTagMutability": _set_mutability,
            "LifecyclePolicy": _set_lifecycle,
            "RepositoryPolicyText": _set_repository_policy,
            "Tags": make_tag_setter(
                lambda target, tags: target.clients("ecr").tag_resource(
                    resourceArn=_repository_arn(target),
                    tags=[{"Key": key, "Value": value} for key, value in tags.items()],
                ),
                lambda target, keys: target.clients("ecr").untag_resource(
                    resourceArn=_repository_arn(target), tagKeys=keys
                ),
            ),
        },
        name_property="RepositoryName",
    ),
    "AWS::KMS::Key": Kind(
        make=_make_key,
        remove=_remove_key,
        made_with=frozenset({"Description"}),
        setters={
            "EnableKeyRotation": _set_rotation,
            "KeyPolicy": _set_key_policy,
            "Tags": make_tag_setter(
                lambda target, tags: target.clients("kms").tag_resource(
                    KeyId=target.physical_id,
                    Tags=[{"TagKey": key, "TagValue": value} for key, value in tags.items()],
                ),
                lambda target, keys: target.clients("kms").untag_resource(
                    KeyId=target.physical_id, TagKeys=keys
                ),
            ),
        },
    ),
    "AWS::KMS::Alias": Kind(
        make=_make_alias,
        remove=_remove_alias,
        made_with=frozenset({"AliasName"}),
        put_with=frozenset({"TargetKeyId"}),
        again=_change_alias,
    ),
    "AWS::SSM::Parameter": Kind(
        make=_make_parameter,
        remove=_remove_parameter,
        made_with=frozenset({"Type"}),
        put_with=frozenset({"Description", "Value"}),
        again=lambda target: _put_parameter(
            target.clients, target.physical_id, target.properties, Overwrite=True
        ),
        name_property="Name",
    ),
}
