"""What an Airflow that runs the pipelines may do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from infra.constructs.airflow_policy import AirflowPolicy
from infra.constructs.airflow_principal import build_airflow_principal
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

    Where Airflow has a role already (MWAA's execution role holds what MWAA itself needs), attach the policy
    to that; else give Airflow's processes this role.

    Attributes:
        role: The role.
        policy: The policy.
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
        partners = [
            s3.Bucket.from_bucket_name(self, f"Partner-{name}", name)
            for name in settings.uploads.partner_buckets
        ]
        self.policy: iam.IManagedPolicy = AirflowPolicy(
            self,
            "Airflow",
            buckets=buckets,
            partner_buckets=partners,
            partner_keys=settings.uploads.partner_keys,
            arrivals=arrivals,
            ledger=ledger,
            roles=roles,
        ).policy
        services = settings.airflow.service_principals
        role = iam.Role(
            self,
            "Role",
            description="Airflow's processes",
            assumed_by=build_airflow_principal(self, services),
            managed_policies=[self.policy],
        )
        self.role: iam.IRole = role
        cdk.CfnOutput(self, "AirflowRoleArn", value=role.role_arn)
        cdk.CfnOutput(self, "AirflowPolicyArn", value=self.policy.managed_policy_arn)
        if "ec2.amazonaws.com" in services:
            # a machine takes a role by a profile only
            profile = iam.InstanceProfile(self, "InstanceProfile", role=role)
            cdk.CfnOutput(self, "AirflowInstanceProfile", value=profile.instance_profile_name)
