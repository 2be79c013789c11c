"""What moto's CloudFormation drops in silence, set through the services' own APIs from the same template.

Every property of every resource is accounted for: held by moto, set here, or an error that names it. A
template that grows past what the emulation can hold stops the start instead of differing from AWS in silence.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sparkdrop_local.aws import names
from sparkdrop_local.aws.bucket_properties import SETTERS as BUCKET_SETTERS
from sparkdrop_local.aws.errors import EmulationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sparkdrop_local.aws.clients import Clients
    from sparkdrop_local.aws.templates import StackTemplate

    # (clients, physical id, the resource's resolved properties)
    Setter = Callable[[Clients, str, Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class _Kind:
    """What becomes of a resource type's properties.

    Attributes:
        held: Properties that moto's CloudFormation keeps.
        setters: Properties that it drops, and what sets each.
    """

    held: frozenset[str]
    setters: Mapping[str, Setter]


def check_template(template: StackTemplate) -> None:
    """Refuse a template that the emulation would hold only in part.

    Raises:
        EmulationError: It has resource types or properties that are not accounted for; names them all.
    """
    unheld = [
        f"{logical_id}: {what}"
        for logical_id, resource in template.body["Resources"].items()
        for what in _find_unheld(resource)
    ]
    if unheld:
        raise EmulationError(
            f"stack {template.name}: the emulation cannot hold {'; '.join(unheld)}"
            " (what it holds: sparkdrop_local/aws/completion.py)"
        )


def complete_stack(clients: Clients, template: StackTemplate) -> None:
    """Set what moto dropped of a stack that it created and :func:`check_template` accepted."""
    for logical_id, (physical_id, properties) in _resolve(template).items():
        setters = _KINDS[template.body["Resources"][logical_id]["Type"]].setters
        for name in properties:
            if (setter := setters.get(name)) is not None:
                setter(clients, physical_id, properties)


def _find_unheld(resource: Mapping[str, Any]) -> list[str]:
    resource_type: str = resource["Type"]
    kind = _KINDS.get(resource_type)
    if kind is None:
        return [resource_type]
    known = kind.held | set(kind.setters)
    return [f"{resource_type}.{name}" for name in resource.get("Properties", {}) if name not in known]


def _resolve(template: StackTemplate) -> dict[str, tuple[str, dict[str, Any]]]:
    """Resolve the template's references with moto's own resolver: it knows what it called everything."""
    from moto.cloudformation.models import cloudformation_backends
    from moto.cloudformation.parsing import clean_json

    backend = cloudformation_backends[names.ACCOUNT_ID][names.REGION]
    resources = backend.get_stack(template.name).resource_map
    resolved: dict[str, tuple[str, dict[str, Any]]] = {}
    for logical_id, resource in template.body["Resources"].items():
        # a type that moto skips has no physical id of its own
        held = None if resource["Type"] in _SKIPPED_BY_MOTO else resources[logical_id]
        physical_id = "" if held is None else str(held.physical_resource_id)
        resolved[logical_id] = (physical_id, clean_json(resource.get("Properties", {}), resources))
    return resolved


def _set_bucket_policy(clients: Clients, _: str, properties: Mapping[str, Any]) -> None:
    clients("s3").put_bucket_policy(
        Bucket=properties["Bucket"], Policy=json.dumps(properties["PolicyDocument"])
    )


def _set_queue_policy(clients: Clients, _: str, properties: Mapping[str, Any]) -> None:
    sqs = clients("sqs")
    for queue in properties["Queues"]:
        url = sqs.get_queue_url(QueueName=queue.rsplit("/", 1)[-1])["QueueUrl"]
        sqs.set_queue_attributes(
            QueueUrl=url, Attributes={"Policy": json.dumps(properties["PolicyDocument"])}
        )


def _set_recovery(clients: Clients, table: str, properties: Mapping[str, Any]) -> None:
    clients("dynamodb").update_continuous_backups(
        TableName=table, PointInTimeRecoverySpecification=properties["PointInTimeRecoverySpecification"]
    )


def _set_time_to_live(clients: Clients, table: str, properties: Mapping[str, Any]) -> None:
    clients("dynamodb").update_time_to_live(
        TableName=table, TimeToLiveSpecification=properties["TimeToLiveSpecification"]
    )


_SKIPPED_BY_MOTO = {"AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy"}
_KINDS: dict[str, _Kind] = {
    "AWS::S3::Bucket": _Kind(held=frozenset({"BucketEncryption", "Tags"}), setters=BUCKET_SETTERS),
    "AWS::S3::BucketPolicy": _Kind(
        held=frozenset({"Bucket"}), setters={"PolicyDocument": _set_bucket_policy}
    ),
    "AWS::SQS::Queue": _Kind(
        held=frozenset(
            {
                "MessageRetentionPeriod",
                "ReceiveMessageWaitTimeSeconds",
                "RedrivePolicy",
                "SqsManagedSseEnabled",
                "Tags",
                "VisibilityTimeout",
            }
        ),
        setters={},
    ),
    "AWS::SQS::QueuePolicy": _Kind(held=frozenset({"Queues"}), setters={"PolicyDocument": _set_queue_policy}),
    "AWS::Events::Rule": _Kind(
        held=frozenset({"Description", "EventBusName", "EventPattern", "State", "Tags", "Targets"}),
        setters={},
    ),
    "AWS::DynamoDB::Table": _Kind(
        held=frozenset(
            {
                "AttributeDefinitions",
                "BillingMode",
                "DeletionProtectionEnabled",
                "GlobalSecondaryIndexes",
                "KeySchema",
                "Tags",
            }
        ),
        setters={
            "PointInTimeRecoverySpecification": _set_recovery,
            "TimeToLiveSpecification": _set_time_to_live,
        },
    ),
}
