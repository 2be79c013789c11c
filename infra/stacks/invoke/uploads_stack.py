"""The function of all calls but ``POST /invoke``: links to upload, uploads, runs, pipelines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk

from infra.constructs.api_function import ApiFunction
from infra.constructs.ledger_table import BY_PIPELINE
from infra.stacks.invoke.package import HANDLER, build_api_package
from infra.stacks.stage_stack import StageStack

if TYPE_CHECKING:
    from aws_cdk import aws_dynamodb as dynamodb
    from aws_cdk import aws_iam as iam
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_sns as sns
    from aws_cdk import aws_sqs as sqs
    from constructs import Construct

    from infra.constructs.data_bucket import DataBuckets
    from infra.settings.model import StageSettings

GIB = 1024**3
# Partition keys of what the function keeps itself, and of what it only tells.
OWN_ITEMS = ["link#*", "links#*", "quota#*"]
TOLD_ITEMS = ["batch#*", "inbox#*", "invocation#*", "upload#*"]


class UploadsStack(StageStack):
    """The function, its log, permissions and alarms.

    It puts nothing into the uploads bucket itself: what it signs speaks for the upload role, which it takes.

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
        upload_role: iam.IRole,
        arrivals: sqs.IQueue,
        ledger: dynamodb.ITable,
        alerts: sns.ITopic,
    ) -> None:
        """Create the function."""
        super().__init__(
            scope,
            construct_id,
            settings=settings,
            part="uploads-api",
            description="the function of links to upload, uploads and runs",
        )
        uploads = ApiFunction(
            self,
            "Uploads",
            description="hands out links to upload, and tells how uploads and runs stand",
            package=build_api_package(),
            handler=HANDLER,
            function=settings.uploads_api,
            settings=settings,
            buckets=buckets,
            arrivals=arrivals,
            ledger=ledger,
            alerts=alerts,
            environment={
                "SPARKDROP_UPLOAD_ROLE_ARN": upload_role.role_arn,
                "SPARKDROP_ACCOUNT_ID": self.account,
                "SPARKDROP_LINK_SECONDS": str(settings.uploads_api.link_seconds),
                "SPARKDROP_DAILY_UPLOADS": str(settings.uploads_api.daily_uploads),
                "SPARKDROP_DAILY_BYTES": str(settings.uploads_api.daily_gib * GIB),
                # links name the bucket's regional host, which is the one that the page may put to; without
                # this, boto3 signs for another in us-east-1:
                # https://docs.aws.amazon.com/sdkref/latest/guide/feature-s3-regional-endpoints.html
                "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT": "regional",
            },
        )
        uploads.allow("SignLinks", ["sts:AssumeRole"], upload_role.role_arn)
        uploads.allow_items(
            "ReadLedger",
            ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"],
            ledger,
            [*OWN_ITEMS, *TOLD_ITEMS],
        )
        # a transaction's parts are permitted one by one:
        # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
        uploads.allow_items("KeepLinks", ["dynamodb:PutItem", "dynamodb:UpdateItem"], ledger, OWN_ITEMS)
        uploads.allow("ListUploads", ["dynamodb:Query"], f"{ledger.table_arn}/index/{BY_PIPELINE}")
        self.function: lambda_.IFunction = uploads.function
        cdk.CfnOutput(self, "UploadsFunctionName", value=uploads.function.function_name)
