"""The page that files are dropped on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk

from infra.constructs.data_bucket import DataBucket
from infra.constructs.page_distribution import PageDistribution
from infra.constructs.page_headers import PageHeaders
from infra.stacks.stage_stack import StageStack

if TYPE_CHECKING:
    from aws_cdk import aws_s3 as s3
    from constructs import Construct

    from infra.constructs.api_users import ApiUsers
    from infra.settings.model import StageSettings


class WebStack(StageStack):
    """The page's bucket, the distribution before it, and their logs; `make deploy` brings the files.

    It comes after all that the page talks to, because its content security policy names them. They know it
    by the settings: docs/adr/0017-web.md.

    Attributes:
        url: Where browsers find the page.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: StageSettings,
        uploads: s3.IBucket,
        api_url: str,
        users: ApiUsers,
        removal_policy: cdk.RemovalPolicy,
    ) -> None:
        """Create the page's place.

        Args:
            scope: The app.
            construct_id: What ``cdk deploy`` calls it.
            settings: The stage's.
            uploads: Where the page puts files.
            api_url: Where the API is; it ends in "/".
            users: Who signs in.
            removal_policy: What deleting the stack does to the buckets.
        """
        super().__init__(
            scope,
            construct_id,
            settings=settings,
            part="web",
            description="the page that files are dropped on",
        )
        # CloudFront delivers logs by an ACL of the bucket; the newer way, without one, takes its resources in
        # us-east-1 alone: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/AccessLogs.html
        logs = DataBucket(self, "PageLogs", removal_policy=removal_policy, written_by_acl=True)
        logs.expire_objects(days=settings.logs.retention_days)
        # no key of one's own: what lies here is public code
        page = DataBucket(self, "Page", removal_policy=removal_policy, access_logs=logs.bucket)
        headers = PageHeaders(
            self,
            "Headers",
            connections=[
                api_url,
                f"https://{uploads.bucket_regional_domain_name}",
                users.sign_in_url,
            ],
        )
        served = PageDistribution(
            self,
            "Served",
            bucket=page.bucket,
            log_bucket=logs.bucket,
            headers=headers.policy,
            settings=settings.web,
        )
        self.url = served.url
        for name, value in {
            "PageUrl": self.url,
            "PageBucket": page.bucket.bucket_name,
            "DistributionId": served.distribution.distribution_id,
        }.items():
            cdk.CfnOutput(self, name, value=value)
