"""The EMR Serverless application."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk

from infra.constructs.pipeline_defaults import load_default_pipeline
from infra.constructs.serverless_application import ServerlessApplication
from infra.stacks.stage_stack import StageStack

if TYPE_CHECKING:
    from constructs import Construct

    from infra.constructs.cluster_network import ClusterNetwork
    from infra.constructs.data_bucket import DataBuckets
    from infra.settings.model import StageSettings


class EMRServerlessStack(StageStack):
    """An application that runs jobs without a cluster.

    Attributes:
        application: The application.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: StageSettings,
        clusters: ClusterNetwork,
        buckets: DataBuckets,
    ) -> None:
        """Create the application."""
        super().__init__(
            scope,
            construct_id,
            settings=settings,
            part="emr-serverless",
            description="the EMR Serverless application",
        )
        self.application = ServerlessApplication(
            self,
            "Spark",
            name=f"sparkdrop-{settings.stage}",
            release=settings.emr.release or load_default_pipeline().compute.release,
            limits=settings.emr.serverless,
            clusters=clusters,
            logs=buckets.logs,
        ).application
        cdk.CfnOutput(self, "ServerlessApplicationId", value=self.application.attr_application_id)
