"""A cluster to develop on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.stacks.stage_stack import StageStack

if TYPE_CHECKING:
    from constructs import Construct

    from infra.constructs.cluster_network import ClusterNetwork
    from infra.constructs.data_bucket import DataBuckets
    from infra.constructs.emr_roles import EmrRoles
    from infra.settings.model import StageSettings


class EMRStack(StageStack):
    """One cluster like those that the pipelines start.

    Attributes:
        cluster: The cluster.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: StageSettings,
        buckets: DataBuckets,
        clusters: ClusterNetwork,
        roles: EmrRoles,
    ) -> None:
        """Create the cluster."""
        super().__init__(
            scope,
            construct_id,
            settings=settings,
            part="emr",
            description="a development cluster",
        )
