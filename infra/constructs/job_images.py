"""The repository of Spark job images."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

UNTAGGED_DAYS = 1


class JobImages(Construct):
    """An ECR repository whose tags never move, that EMR Serverless may pull from.

    Attributes:
        repository: The repository.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        keep_images: int,
        customer_key: bool,
        removal_policy: cdk.RemovalPolicy,
    ) -> None:
        """Create the repository.

        Args:
            scope: The parent.
            construct_id: Its id.
            keep_images: How many of the newest are kept.
            customer_key: Whether the images lie under a key of one's own; else under one that ECR keeps.
            removal_policy: What deleting the stack does to the images, and to their key.
        """
        super().__init__(scope, construct_id)
        key = (
            kms.Key(
                self,
                "Key",
                description="Spark job images",
                enable_key_rotation=True,
                removal_policy=removal_policy,
            )
            if customer_key
            else None
        )
        self.repository = ecr.Repository(
            self,
            "Repository",
            image_tag_mutability=ecr.TagMutability.IMMUTABLE,
            image_scan_on_push=True,
            encryption=ecr.RepositoryEncryption.KMS if key else ecr.RepositoryEncryption.AES_256,
            encryption_key=key,
            removal_policy=removal_policy,
            empty_on_delete=removal_policy == cdk.RemovalPolicy.DESTROY,
            lifecycle_rules=[
                ecr.LifecycleRule(
                    description="Layers of pushes that were cut off",
                    tag_status=ecr.TagStatus.UNTAGGED,
                    max_image_age=cdk.Duration.days(UNTAGGED_DAYS),
                ),
                ecr.LifecycleRule(description="All but the newest", max_image_count=keep_images),
            ],
        )
        self.repository.add_to_resource_policy(self._let_serverless_pull())

    def _let_serverless_pull(self) -> iam.PolicyStatement:
        """Let this account's applications in this region take images.

        https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/application-custom-image.html
        """
        # a slash before "applications" too, so that this is no ARN as format_arn builds them
        applications = cdk.Stack.of(self).format_arn(
            service="emr-serverless", resource="/applications", resource_name="*"
        )
        return iam.PolicyStatement(
            sid="EmrServerlessPulls",
            principals=[iam.ServicePrincipal("emr-serverless.amazonaws.com")],
            actions=["ecr:BatchGetImage", "ecr:DescribeImages", "ecr:GetDownloadUrlForLayer"],
            conditions={"ArnLike": {"aws:SourceArn": applications}},
        )
