"""What a Spark job does with data, on a cluster's nodes and on EMR Serverless alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.constructs.acknowledged_wildcards import acknowledge_objects
from infra.constructs.key_use import allow_bucket_keys, allow_partner_keys

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aws_cdk import aws_s3 as s3

    from infra.constructs.data_bucket import DataBuckets

# Without ListBucket S3 answers "forbidden" for an object that is not there, and a job has to know which:
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
_LIST = "s3:ListBucket"

# Where sparkdrop.core.emr_request, and whoever packs dependencies, put things.
_READ_ARTIFACTS = ("programs/*", "dependencies/*", "batches/*/manifest.json")
_LISTED_ARTIFACTS = ("programs/*", "dependencies/*", "batches/*")
# A job that ends leaves one of the two.
_REPORTS = ("batches/*/report.json", "batches/*/failure.json")

_WRITE = (
    "s3:AbortMultipartUpload",
    "s3:DeleteObject",
    "s3:GetObject",
    "s3:ListMultipartUploadParts",
    "s3:PutObject",
)


class SparkDataPolicy(Construct):
    """A managed policy: uploads are read, the curated bucket is written, a batch's report too.

    Nothing of the ledger or the queue: what became of a batch, Airflow reads in its report.

    Attributes:
        policy: The policy.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        buckets: DataBuckets,
        partner_buckets: Iterable[s3.IBucket],
        partner_keys: Iterable[str],
    ) -> None:
        """Create the policy.

        Args:
            scope: The parent.
            construct_id: Its id, which the parent's does not hold.
            buckets: The stage's.
            partner_buckets: Buckets of others that pipelines read.
            partner_keys: The ARNs of the keys that objects in these lie under.
        """
        super().__init__(scope, construct_id)
        drops = [buckets.uploads, *partner_buckets]
        self.policy = iam.ManagedPolicy(
            self,
            "Policy",
            description="What Sparkdrop's Spark jobs do with data",
            statements=[
                *_allow_reading_drops(drops),
                *_allow_artifacts(buckets.artifacts),
                *_allow_writing_output(buckets.curated),
                *allow_bucket_keys(buckets.uploads, buckets.curated, buckets.artifacts),
                *allow_partner_keys(partner_keys),
            ],
        )
        self._acknowledge(buckets, drops)

    def _acknowledge(self, buckets: DataBuckets, drops: Iterable[s3.IBucket]) -> None:
        objects = [
            *((bucket, "*", "Any object may be a drop; jobs read, and never write here") for bucket in drops),
            (
                buckets.curated,
                "*",
                "Each pipeline's output has a prefix of its own, of the pipeline's choice",
            ),
            (buckets.artifacts, "programs/*", "A program's folder is its hash"),
            (buckets.artifacts, "dependencies/*", "An archive's name holds its hash"),
            (buckets.artifacts, "batches/*/manifest.json", "A batch's folder is its id"),
            *((buckets.artifacts, key, "A batch's folder is its id") for key in _REPORTS),
        ]
        for bucket, pattern, reason in objects:
            acknowledge_objects(self.policy, bucket, pattern, reason)


def _allow_reading_drops(drops: list[s3.IBucket]) -> list[iam.PolicyStatement]:
    """Read the very version that landed."""
    return [
        iam.PolicyStatement(actions=[_LIST], resources=[bucket.bucket_arn for bucket in drops]),
        iam.PolicyStatement(
            actions=["s3:GetObject", "s3:GetObjectVersion"],
            resources=[bucket.arn_for_objects("*") for bucket in drops],
        ),
    ]


def _allow_artifacts(artifacts: s3.IBucket) -> list[iam.PolicyStatement]:
    return [
        iam.PolicyStatement(
            actions=[_LIST],
            resources=[artifacts.bucket_arn],
            conditions={"StringLike": {"s3:prefix": list(_LISTED_ARTIFACTS)}},
        ),
        iam.PolicyStatement(
            actions=["s3:GetObject"], resources=[artifacts.arn_for_objects(key) for key in _READ_ARTIFACTS]
        ),
        iam.PolicyStatement(
            actions=["s3:PutObject"], resources=[artifacts.arn_for_objects(key) for key in _REPORTS]
        ),
    ]


def _allow_writing_output(curated: s3.IBucket) -> list[iam.PolicyStatement]:
    """What multipart uploads need, a program's own and Hadoop's: a task begins them, the job's end decides.

    https://hadoop.apache.org/docs/stable/hadoop-aws/tools/hadoop-aws/assumed_roles.html
    """
    return [
        iam.PolicyStatement(actions=[_LIST, "s3:ListBucketMultipartUploads"], resources=[curated.bucket_arn]),
        iam.PolicyStatement(actions=list(_WRITE), resources=[curated.arn_for_objects("*")]),
    ]
