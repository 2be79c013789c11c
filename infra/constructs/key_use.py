"""What a role may do with a key of KMS's, where the stage has keys of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_s3 as s3


def allow_bucket_keys(*buckets: s3.IBucket) -> list[iam.PolicyStatement]:
    """Allow the use of the buckets' keys through S3 only; nothing where no bucket has a key of its own."""
    arns = dict.fromkeys(bucket.encryption_key.key_arn for bucket in buckets if bucket.encryption_key)
    if not arns:
        return []
    return [
        iam.PolicyStatement(
            # decrypting is part of putting an object in parts, too:
            # https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
            actions=["kms:Decrypt", "kms:GenerateDataKey"],
            resources=list(arns),
            conditions=through_s3(cdk.Stack.of(buckets[0]).region),
        )
    ]


def allow_partner_keys(key_arns: Iterable[str]) -> list[iam.PolicyStatement]:
    """Allow to read what lies under others' keys, through the S3 of each key's region; nothing of no key.

    The key's own policy has to let this account in too:
    https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-modifying-external-accounts.html
    """
    by_region: dict[str, list[str]] = {}
    for arn in key_arns:
        by_region.setdefault(arn.split(":")[3], []).append(arn)
    return [
        iam.PolicyStatement(actions=["kms:Decrypt"], resources=arns, conditions=through_s3(region))
        for region, arns in by_region.items()
    ]


def through_s3(region: str) -> dict[str, dict[str, str]]:
    """The condition that a key is used by S3 in the caller's name, and not by the caller itself.

    https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
    """
    return {"StringEquals": {"kms:ViaService": f"s3.{region}.{cdk.Aws.URL_SUFFIX}"}}


def allow_disk_key(key: kms.IKey) -> iam.PolicyStatement:
    """Allow what EMR's disks under a key ask of it: of the caller itself, so the key has no other use.

    https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-encryption-enable.html
    """
    return iam.PolicyStatement(
        actions=[
            "kms:Decrypt",
            "kms:DescribeKey",
            "kms:Encrypt",
            "kms:GenerateDataKey",
            "kms:GenerateDataKeyWithoutPlaintext",
            "kms:ReEncryptFrom",
            "kms:ReEncryptTo",
        ],
        resources=[key.key_arn],
    )
