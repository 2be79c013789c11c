"""What a role may do with a key of KMS's, where the stage has keys of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_s3 as s3


def allow_bucket_keys(*buckets: s3.IBucket) -> list[iam.PolicyStatement]:
    """Allow the use of the buckets' keys through S3 only; nothing where no bucket has a key of its own."""
    arns = dict.fromkeys(bucket.encryption_key.key_arn for bucket in buckets if bucket.encryption_key)
    if not arns:
        return []
    region = cdk.Stack.of(buckets[0]).region
    return [
        iam.PolicyStatement(
            actions=["kms:Decrypt", "kms:GenerateDataKey"],
            resources=list(arns),
            conditions={"StringEquals": {"kms:ViaService": f"s3.{region}.{cdk.Aws.URL_SUFFIX}"}},
        )
    ]


def allow_disk_key(key: kms.IKey) -> iam.PolicyStatement:
    """Allow what EMR's disks under a key ask of it.

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
