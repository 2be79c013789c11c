"""What an Airflow that runs the pipelines may do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.stacks.stage_stack import StageStack

if TYPE_CHECKING:
    from aws_cdk import aws_dynamodb as dynamodb
    from aws_cdk import aws_sqs as sqs
    from constructs import Construct

    from infra.constructs.data_bucket import DataBuckets
    from infra.constructs.emr_roles import EmrRoles
    from infra.settings.model import StageSettings


class AirflowAccessStack(StageStack):
    """The managed policy and the role of an Airflow that runs the pipelines.

    Attributes:
        role: The role.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: StageSettings,
        buckets: DataBuckets,
        arrivals: sqs.IQueue,
        ledger: dynamodb.ITable,
        roles: EmrRoles,
    ) -> None:
        """Create policy and role."""
        super().__init__(
            scope,
            construct_id,
            settings=settings,
            part="airflow-access",
            description="what Airflow may do",
        )
