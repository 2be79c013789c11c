"""The repository of Spark job images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_ecr as ecr

from infra.constructs.job_images import JobImages
from infra.stacks.stage_stack import StageStack

if TYPE_CHECKING:
    from constructs import Construct

    from infra.settings.model import StageSettings


class EcrStack(StageStack):
    """The repository that EMR Serverless takes Spark job images from.

    Attributes:
        spark_jobs: The repository.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: StageSettings,
        removal_policy: cdk.RemovalPolicy,
    ) -> None:
        """Create the repository."""
        super().__init__(
            scope,
            construct_id,
            settings=settings,
            part="ecr",
            description="the repository of Spark job images",
        )
        images = JobImages(
            self,
            "SparkJobs",
            keep_images=settings.ecr.keep_images,
            customer_key=settings.encryption == "kms",
            removal_policy=removal_policy,
        )
        self.spark_jobs: ecr.IRepository = images.repository
        cdk.CfnOutput(self, "SparkJobsRepositoryUri", value=self.spark_jobs.repository_uri)
