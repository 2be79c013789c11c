"""DynamoDB's tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparkdrop_local.aws.cloudformation.kinds import Kind, Made, Properties, Target, make_tag_setter, pick

if TYPE_CHECKING:
    from sparkdrop_local.aws.clients import Clients

_MADE_WITH = (
    "AttributeDefinitions",
    "BillingMode",
    "GlobalSecondaryIndexes",
    "KeySchema",
    "ProvisionedThroughput",
    "TableClass",
)


def _make_table(clients: Clients, name: str, properties: Properties) -> Made:
    dynamodb = clients("dynamodb")
    made = dynamodb.create_table(TableName=name, **pick(properties, *_MADE_WITH))["TableDescription"]
    return Made(name, {"Arn": made["TableArn"]})


def _remove_table(clients: Clients, name: str, _: Properties) -> None:
    clients("dynamodb").delete_table(TableName=name)


def _set_protection(target: Target) -> None:
    target.clients("dynamodb").update_table(
        TableName=target.physical_id,
        DeletionProtectionEnabled=bool(target.properties.get("DeletionProtectionEnabled", False)),
    )


def _set_recovery(target: Target) -> None:
    off = {"PointInTimeRecoveryEnabled": False}
    target.clients("dynamodb").update_continuous_backups(
        TableName=target.physical_id,
        PointInTimeRecoverySpecification=target.properties.get("PointInTimeRecoverySpecification", off),
    )


def _set_encryption(target: Target) -> None:
    specification = dict(target.properties.get("SSESpecification", {"SSEEnabled": False}))
    enabled = specification.pop("SSEEnabled")
    target.clients("dynamodb").update_table(
        TableName=target.physical_id, SSESpecification={"Enabled": enabled, **specification}
    )


def _set_time_to_live(target: Target) -> None:
    off = {**target.before.get("TimeToLiveSpecification", {}), "Enabled": False}
    target.clients("dynamodb").update_time_to_live(
        TableName=target.physical_id,
        TimeToLiveSpecification=target.properties.get("TimeToLiveSpecification", off),
    )


def _read_arn(target: Target) -> str:
    arn: str = target.clients("dynamodb").describe_table(TableName=target.physical_id)["Table"]["TableArn"]
    return arn


KINDS = {
    "AWS::DynamoDB::Table": Kind(
        make=_make_table,
        remove=_remove_table,
        made_with=frozenset(_MADE_WITH),
        setters={
            "DeletionProtectionEnabled": _set_protection,
            "PointInTimeRecoverySpecification": _set_recovery,
            "SSESpecification": _set_encryption,
            "Tags": make_tag_setter(
                lambda target, tags: target.clients("dynamodb").tag_resource(
                    ResourceArn=_read_arn(target),
                    Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
                ),
                lambda target, keys: target.clients("dynamodb").untag_resource(
                    ResourceArn=_read_arn(target), TagKeys=keys
                ),
            ),
            "TimeToLiveSpecification": _set_time_to_live,
        },
        name_property="TableName",
    ),
}
