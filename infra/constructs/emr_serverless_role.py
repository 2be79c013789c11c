"""What a job of EMR Serverless may do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.constructs.acknowledged_wildcards import acknowledge_objects
from infra.constructs.serverless_application import LOGS_PREFIX

if TYPE_CHECKING:
    from aws_cdk import aws_s3 as s3


class EmrServerlessRole(Construct):
    """The runtime role of serverless jobs.

    Attributes:
        role: The role.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, data: iam.IManagedPolicy, logs: s3.IBucket
    ) -> None:
        """Create the role.

        Args:
            scope: The parent.
            construct_id: Its id, which the parent's does not hold.
            data: What Spark jobs do with data.
            logs: Where jobs put their logs.
        """
        super().__init__(scope, construct_id)
        stack = cdk.Stack.of(self)
        # https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/security-iam-runtime-role.html
        principal = iam.ServicePrincipal(
            "emr-serverless.amazonaws.com",
            conditions={
                "StringEquals": {"aws:SourceAccount": stack.account},
                "ArnLike": {
                    # a slash before "applications" too
                    "aws:SourceArn": stack.format_arn(
                        service="emr-serverless", resource="/applications", resource_name="*"
                    )
                },
            },
        )
        self.role = iam.Role(
            self,
            "Role",
            description="Spark jobs of EMR Serverless",
            assumed_by=principal,
            managed_policies=[data],
        )
        # https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/logging.html
        pattern = f"{LOGS_PREFIX}*"
        iam.Policy(
            self,
            "Logs",
            roles=[self.role],
            statements=[
                iam.PolicyStatement(actions=["s3:PutObject"], resources=[logs.arn_for_objects(pattern)])
            ],
        )
        acknowledge_objects(self, logs, pattern, "A log's folder is the application's and the job's id")
