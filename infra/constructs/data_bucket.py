"""The rules that every bucket of Sparkdrop keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms

# What a request says of the encryption that it wants; nothing where it takes the bucket's:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/amazon-s3-policy-keys.html
_ENCRYPTION = "s3:x-amz-server-side-encryption"
_ENCRYPTION_KEY = "s3:x-amz-server-side-encryption-aws-kms-key-id"


@dataclass(frozen=True, slots=True)
class DataBuckets:
    """The four buckets of a stage.

    Attributes:
        uploads: Where files land; versioned, and every object that is created is an event.
        curated: What Spark writes.
        artifacts: Programs, manifests and reports.
        logs: EMR's step logs, and the access logs of the other three.
    """

    uploads: s3.IBucket
    curated: s3.IBucket
    artifacts: s3.IBucket
    logs: s3.IBucket


class DataBucket(Construct):
    """A bucket: encrypted, TLS only, closed to the public, free of abandoned multipart uploads.

    Attributes:
        bucket: The bucket; CloudFormation names it.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        removal_policy: cdk.RemovalPolicy,
        key: kms.IKey | None = None,
        access_logs: s3.IBucket | None = None,
        versioned: bool = False,
        abandoned_multipart_days: int = 3,
        cors: list[s3.CorsRule] | None = None,
        written_by_acl: bool = False,
    ) -> None:
        """Create the bucket.

        Args:
            scope: The parent.
            construct_id: Its id, which the parent's does not hold.
            removal_policy: What deleting the stack does to the bucket; S3 deletes none that holds objects.
            key: What objects are encrypted with; None for keys that S3 keeps.
            access_logs: Where S3 writes who did what, under the construct's id; None for that bucket itself.
            versioned: Whether an overwritten object stays readable by its version id.
            abandoned_multipart_days: When the parts of an upload that never ended are deleted.
            cors: What pages in a browser may do.
            written_by_acl: Whether a service writes here that AWS lets in by an ACL alone; what it writes is
                still the bucket owner's.
        """
        super().__init__(scope, construct_id)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            encryption=s3.BucketEncryption.KMS if key else s3.BucketEncryption.S3_MANAGED,
            encryption_key=key,
            # one call of KMS for many objects: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html
            bucket_key_enabled=None if key is None else True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_PREFERRED
            if written_by_acl
            else s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=versioned,
            removal_policy=removal_policy,
            server_access_logs_bucket=access_logs,
            server_access_logs_prefix=None if access_logs is None else f"s3-access/{construct_id.lower()}/",
            cors=cors,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="AbandonedMultipartUploads",
                    abort_incomplete_multipart_upload_after=cdk.Duration.days(abandoned_multipart_days),
                )
            ],
        )
        if key:
            self._refuse_other_encryption(key)

    def _refuse_other_encryption(self, key: kms.IKey) -> None:
        """Refuse a PUT that asks for another key, or for none; one that asks for nothing gets the bucket's.

        ``aws:kms`` without a key would mean S3's own key of the account, which our roles have no use of.
        """
        named, unnamed = {_ENCRYPTION_KEY: "false"}, {_ENCRYPTION_KEY: "true"}
        refused = {
            "AnotherKey": {"Null": named, "StringNotEquals": {_ENCRYPTION_KEY: key.key_arn}},
            "EncryptionWithoutTheKey": {"Null": {**unnamed, _ENCRYPTION: "false"}},
        }
        for sid, conditions in refused.items():
            self.bucket.add_to_resource_policy(
                iam.PolicyStatement(
                    sid=sid,
                    effect=iam.Effect.DENY,
                    principals=[iam.AnyPrincipal()],
                    actions=["s3:PutObject"],
                    resources=[self.bucket.arn_for_objects("*")],
                    conditions=conditions,
                )
            )

    def expire_objects(self, *, days: int) -> None:
        """Delete every object when it is ``days`` old."""
        self.bucket.add_lifecycle_rule(id="OldObjects", expiration=cdk.Duration.days(days))

    def expire_noncurrent_versions(self, *, days: int) -> None:
        """Delete a version ``days`` after it was overwritten or deleted, and delete markers left alone."""
        self.bucket.add_lifecycle_rule(
            id="NoncurrentVersions",
            noncurrent_version_expiration=cdk.Duration.days(days),
            expired_object_delete_marker=True,
        )

    def send_events(self) -> None:
        """Send the bucket's events to EventBridge.

        On the L1 resource, where it is one property: the L2's ``event_bridge_enabled`` brings a Lambda
        function and a role to set the very same.
        """
        bucket = self.bucket.node.default_child
        if not isinstance(bucket, s3.CfnBucket):
            raise TypeError(f"{self.node.path}: the bucket's resource is not an AWS::S3::Bucket")
        bucket.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(
                event_bridge_enabled=True
            )
        )
