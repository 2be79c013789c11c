"""The function of ``POST /invoke``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_lambda as lambda_

from infra.stacks.stage_stack import StageStack

if TYPE_CHECKING:
    from aws_cdk import aws_dynamodb as dynamodb
    from aws_cdk import aws_sns as sns
    from aws_cdk import aws_sqs as sqs
    from constructs import Construct

    from infra.constructs.data_bucket import DataBuckets
    from infra.settings.model import StageSettings


class InvokeStack(StageStack):
    """The function of ``POST /invoke``, its log, permissions and alarms.

    Attributes:
        function: The function.
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
        alerts: sns.ITopic,
    ) -> None:
        """Create the function."""
        super().__init__(
            scope,
            construct_id,
            settings=settings,
            part="invoke",
            description="the function of POST /invoke",
        )
        self.function: lambda_.IFunction = lambda_.Function(
            self,
            "Function",
            runtime=lambda_.Runtime.PYTHON_3_13,
            handler="x.y",
            code=lambda_.Code.from_inline("x = 1"),
        )
