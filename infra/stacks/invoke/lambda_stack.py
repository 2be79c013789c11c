"""The function of ``POST /invoke``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk

from infra.constructs.api_function import ApiFunction
from infra.stacks.invoke.package import HANDLER, build_api_package
from infra.stacks.stage_stack import StageStack

if TYPE_CHECKING:
    from aws_cdk import aws_dynamodb as dynamodb
    from aws_cdk import aws_lambda as lambda_
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
        invoke = ApiFunction(
            self,
            "Invoke",
            description="records an invocation of a pipeline and wakes it",
            package=build_api_package(),
            handler=HANDLER,
            function=settings.invoke,
            settings=settings,
            buckets=buckets,
            arrivals=arrivals,
            ledger=ledger,
            alerts=alerts,
        )
        # no upload and no batch: only items of invocations
        invoke.allow_items(
            "RecordInvocations",
            ["dynamodb:GetItem", "dynamodb:PutItem"],
            ledger,
            ["invocation#*", "invocations#*"],
        )
        invoke.allow("WakePipelines", ["sqs:SendMessage"], arrivals.queue_arn)
        self.function: lambda_.IFunction = invoke.function
        cdk.CfnOutput(self, "InvokeFunctionName", value=invoke.function.function_name)
