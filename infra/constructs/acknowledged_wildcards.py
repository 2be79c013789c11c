"""Wildcards in a policy that are meant, each said to cdk-nag by name and with a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aws_cdk as cdk

if TYPE_CHECKING:
    from aws_cdk import aws_s3 as s3
    from constructs import IConstruct


def acknowledge_wildcard(policy: IConstruct, resource: str, reason: str) -> None:
    """Acknowledge one resource with a wildcard.

    Args:
        policy: The policy, or what holds it and nothing else.
        resource: The resource, of this very stack.
        reason: Why it cannot be narrower.
    """
    _acknowledge(policy, _flatten(cdk.Stack.of(policy).resolve(resource)), reason)


def acknowledge_objects(policy: IConstruct, bucket: s3.IBucket, pattern: str, reason: str) -> None:
    """Acknowledge a bucket's objects, by a pattern of their keys; the bucket may be of another stack.

    cdk-nag calls another stack's resource by the name of its export. Asking for the export here makes the
    very one that the policy's own reference would.
    """
    producer = cdk.Stack.of(bucket)
    arn: Any = producer.resolve(bucket.bucket_arn)
    if isinstance(arn, dict) and "Fn::GetAtt" in arn and producer.node.addr != cdk.Stack.of(policy).node.addr:
        arn = producer.resolve(producer.export_value(bucket.bucket_arn))
    _acknowledge(policy, f"{_flatten(arn)}/{pattern}", reason)


def _acknowledge(policy: IConstruct, resource: str, reason: str) -> None:
    cdk.Validations.of(policy).acknowledge(
        cdk.Acknowledgment(id=f"AwsSolutions-IAM5[Resource::{resource}]", reason=reason)
    )


def _flatten(value: Any) -> str:  # noqa: ANN401 - CloudFormation's intrinsic functions are plain JSON
    """Write a resource as cdk-nag does.

    https://github.com/cdklabs/cdk-nag/blob/main/src/utils/flatten-cfn-reference.ts
    """
    if isinstance(value, str):
        return value
    ((function, argument),) = value.items()
    if function == "Fn::Join":
        separator, parts = argument
        return str(separator).join(map(_flatten, parts))
    if function == "Fn::ImportValue":
        return _flatten(argument)
    return f"<{argument if function == 'Ref' else '.'.join(argument)}>"
