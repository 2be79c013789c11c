"""The function of ``POST /invoke``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import aws_cdk as cdk

from infra.constructs.key_use import through_s3
from infra.constructs.python_function import PythonFunction
from infra.packaging.lambda_package import build_package
from infra.stacks.stage_stack import StageStack
from sparkdrop.core.catalog import CATALOG_KEY

if TYPE_CHECKING:
    from aws_cdk import aws_dynamodb as dynamodb
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_sns as sns
    from aws_cdk import aws_sqs as sqs
    from constructs import Construct

    from infra.constructs.data_bucket import DataBuckets
    from infra.settings.model import StageSettings


FOLDER = Path(__file__).parent


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
        invoke = PythonFunction(
            self,
            "Invoke",
            description="records an invocation of a pipeline and wakes it",
            package=build_package(FOLDER / "handler", FOLDER / "requirements.txt"),
            handler="handler.handler.handle",
            settings=settings.invoke,
            log_days=settings.logs.function_days,
            environment={
                "SPARKDROP_UPLOADS_BUCKET": buckets.uploads.bucket_name,
                "SPARKDROP_ARTIFACTS_BUCKET": buckets.artifacts.bucket_name,
                "SPARKDROP_LEDGER_TABLE": ledger.table_name,
                "SPARKDROP_ARRIVALS_QUEUE_URL": arrivals.queue_url,
                "POWERTOOLS_LOG_LEVEL": "INFO",
            },
            alerts=alerts,
        )
        invoke.allow("ReadCatalog", ["s3:GetObject"], buckets.artifacts.arn_for_objects(CATALOG_KEY))
        if key := buckets.artifacts.encryption_key:
            invoke.allow("DecryptCatalog", ["kms:Decrypt"], key.key_arn, through_s3(self.region))
        invoke.allow(
            "RecordInvocations",
            ["dynamodb:GetItem", "dynamodb:PutItem"],
            ledger.table_arn,
            # no upload and no batch: only items of invocations, by their partition key
            # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
            {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["invocation#*", "invocations#*"]}},
        )
        invoke.allow("WakePipelines", ["sqs:SendMessage"], arrivals.queue_arn)
        self.function: lambda_.IFunction = invoke.function
        cdk.CfnOutput(self, "InvokeFunctionName", value=invoke.function.function_name)
