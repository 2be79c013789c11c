"""A function that answers calls of the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk

from infra.constructs.python_function import PythonFunction
from sparkdrop.core.catalog import CATALOG_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from aws_cdk import aws_dynamodb as dynamodb
    from aws_cdk import aws_sns as sns
    from aws_cdk import aws_sqs as sqs
    from constructs import Construct

    from infra.constructs.data_bucket import DataBuckets
    from infra.settings.model import StageSettings
    from infra.settings.sections import FunctionSettings


class ApiFunction(PythonFunction):
    """A function that knows the deployment's names and may read the catalog of pipelines."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        description: str,
        package: Path,
        handler: str,
        function: FunctionSettings,
        settings: StageSettings,
        buckets: DataBuckets,
        arrivals: sqs.IQueue,
        ledger: dynamodb.ITable,
        alerts: sns.ITopic,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Create the function.

        Args:
            scope: The parent.
            construct_id: Its id.
            description: What the console shows.
            package: The folder of its code.
            handler: Module and function that Lambda calls.
            function: Memory, time, concurrency, tracing.
            settings: The stage's.
            buckets: The stage's.
            arrivals: What the arrival stream reads; who may send there is said by others.
            ledger: The table; who may read or write what is said by others.
            alerts: Where its alarms go.
            environment: Names and values on top of those that all functions of the API get.
        """
        super().__init__(
            scope,
            construct_id,
            description=description,
            package=package,
            handler=handler,
            settings=function,
            log_days=settings.logs.function_days,
            environment={
                "SPARKDROP_UPLOADS_BUCKET": buckets.uploads.bucket_name,
                "SPARKDROP_ARTIFACTS_BUCKET": buckets.artifacts.bucket_name,
                "SPARKDROP_LEDGER_TABLE": ledger.table_name,
                "SPARKDROP_ARRIVALS_QUEUE_URL": arrivals.queue_url,
                "SPARKDROP_CORS_ORIGINS": ",".join(settings.page_origins),
                "POWERTOOLS_LOG_LEVEL": "INFO",
                **(environment or {}),
            },
            alerts=alerts,
        )
        self.allow("ReadCatalog", ["s3:GetObject"], buckets.artifacts.arn_for_objects(CATALOG_KEY))
        if key := buckets.artifacts.encryption_key:
            region = cdk.Stack.of(self).region
            through_s3 = {"StringEquals": {"kms:ViaService": f"s3.{region}.{cdk.Aws.URL_SUFFIX}"}}
            self.allow("DecryptCatalog", ["kms:Decrypt"], key.key_arn, through_s3)

    def allow_items(self, sid: str, actions: list[str], table: dynamodb.ITable, keys: list[str]) -> None:
        """Let the function do this to a table's items whose partition keys match, and to no others.

        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
        """
        self.allow(sid, actions, table.table_arn, {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys}})
