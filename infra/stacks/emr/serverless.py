"""The EMR Serverless application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.stacks.stage_stack import StageStack

if TYPE_CHECKING:
    from aws_cdk import aws_ecr as ecr
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
        images: ecr.IRepository,
    ) -> None:
        """Create the application."""
        super().__init__(
            scope,
            construct_id,
            settings=settings,
            part="emr-serverless",
            description="the EMR Serverless application",
        )
