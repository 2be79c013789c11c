"""The ledger: the one DynamoDB table of every upload's state."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

# Lists that people look at: index name to partition key. Newest first comes from the sort key, a ULID.
BY_PIPELINE = "by_pipeline"
LIST_INDEXES = {BY_PIPELINE: "pipeline", "by_state": "state"}


class LedgerTable(Construct):
    """An on-demand table with string keys ``pk`` and ``sk``, restorable to any second of the last 35 days.

    Attributes:
        table: The table. ``expires_at`` (Unix seconds) is when DynamoDB may delete an item.
    """

    def __init__(self, scope: Construct, construct_id: str, *, removal_policy: cdk.RemovalPolicy) -> None:
        """Create the table and its list indexes."""
        super().__init__(scope, construct_id)
        self.table = dynamodb.Table(
            self,
            "Table",
            partition_key=_string("pk"),
            sort_key=_string("sk"),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            time_to_live_attribute="expires_at",
            removal_policy=removal_policy,
            deletion_protection=removal_policy == cdk.RemovalPolicy.RETAIN,
        )
        for name, partition_key in LIST_INDEXES.items():
            self.table.add_global_secondary_index(
                index_name=name,
                partition_key=_string(partition_key),
                sort_key=_string("upload_id"),
                projection_type=dynamodb.ProjectionType.ALL,
            )


def _string(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
