"""The buckets: where files land, where results go, what Spark runs, and what is logged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from infra.constructs.data_bucket import DataBucket, DataBuckets
from infra.constructs.data_key import DataKey
from infra.constructs.upload_role import UploadRole
from infra.stacks.stage_stack import StageStack

if TYPE_CHECKING:
    from constructs import Construct

    from infra.settings.model import StageSettings

# What a page sends with a presigned PUT, and what it reads of the answer.
UPLOAD_HEADERS = [
    "content-type",
    "if-none-match",
    "x-amz-checksum-sha256",
    "x-amz-expected-bucket-owner",
    "x-amz-sdk-checksum-algorithm",
    "x-amz-server-side-encryption",
]
ANSWER_HEADERS = ["ETag", "x-amz-checksum-sha256", "x-amz-request-id", "x-amz-version-id"]


class S3Stack(StageStack):
    """Four buckets, the key of three of them, and the role that links to upload speak for.

    Attributes:
        buckets: All four.
        upload_role: Who may put what a link names.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: StageSettings,
        removal_policy: cdk.RemovalPolicy,
    ) -> None:
        """Create the buckets."""
        super().__init__(
            scope,
            construct_id,
            settings=settings,
            part="s3",
            description="the buckets of uploads, results, programs and logs",
        )
        # S3 writes no access logs into a bucket whose default is a key of KMS:
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
        logs = DataBucket(self, "Logs", removal_policy=removal_policy)
        logs.expire_objects(days=settings.logs.retention_days)
        key = (
            DataKey(self, "Data", removal_policy=removal_policy).key if settings.encryption == "kms" else None
        )

        uploads = DataBucket(
            self,
            "Uploads",
            removal_policy=removal_policy,
            key=key,
            access_logs=logs.bucket,
            versioned=True,
            abandoned_multipart_days=settings.uploads.abandoned_multipart_days,
            cors=_build_cors(settings.page_origins),
        )
        uploads.expire_noncurrent_versions(days=settings.uploads.noncurrent_version_days)
        uploads.send_events()

        curated = DataBucket(self, "Curated", removal_policy=removal_policy, key=key, access_logs=logs.bucket)
        artifacts = DataBucket(
            self, "Artifacts", removal_policy=removal_policy, key=key, access_logs=logs.bucket
        )

        self.buckets = DataBuckets(
            uploads=uploads.bucket, curated=curated.bucket, artifacts=artifacts.bucket, logs=logs.bucket
        )
        self.upload_role: iam.IRole = UploadRole(self, "Upload", uploads=uploads.bucket).role
        for name, bucket in {
            "UploadsBucket": self.buckets.uploads,
            "CuratedBucket": self.buckets.curated,
            "ArtifactsBucket": self.buckets.artifacts,
            "LogsBucket": self.buckets.logs,
        }.items():
            cdk.CfnOutput(self, name, value=bucket.bucket_name)
        cdk.CfnOutput(self, "UploadRoleArn", value=self.upload_role.role_arn)
        # for WebStack
        self.keep_exports([self.buckets.uploads.bucket_regional_domain_name])


def _build_cors(origins: tuple[str, ...]) -> list[s3.CorsRule] | None:
    """PUT from the pages of these origins; None (no CORS at all) where there is none."""
    if not origins:
        return None
    return [
        s3.CorsRule(
            allowed_origins=list(origins),
            allowed_methods=[s3.HttpMethods.PUT],
            allowed_headers=UPLOAD_HEADERS,
            exposed_headers=ANSWER_HEADERS,
            max_age=3000,
        )
    ]
