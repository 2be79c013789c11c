"""The roles of EMR, and its security configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_s3 as s3

from infra.constructs.disk_key import DiskKey
from infra.constructs.emr_instance_role import EmrInstanceRole
from infra.constructs.emr_roles import EmrRoles
from infra.constructs.emr_security import EmrSecurity
from infra.constructs.emr_serverless_role import EmrServerlessRole
from infra.constructs.emr_service_role import EmrServiceRole
from infra.constructs.spark_data_policy import SparkDataPolicy
from infra.stacks.stage_stack import StageStack

if TYPE_CHECKING:
    from constructs import Construct

    from infra.constructs.data_bucket import DataBuckets
    from infra.settings.model import StageSettings


class EMRRolesStack(StageStack):
    """The roles and the security configuration that every cluster and job of the stage has.

    Attributes:
        roles: All of them.
        security_configuration: The name of EMR's security configuration.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: StageSettings,
        buckets: DataBuckets,
    ) -> None:
        """Create the roles."""
        super().__init__(
            scope,
            construct_id,
            settings=settings,
            part="emr-roles",
            description="the roles of EMR, its nodes and its jobs",
        )
        partners = [
            s3.Bucket.from_bucket_name(self, f"Partner-{name}", name)
            for name in settings.uploads.partner_buckets
        ]
        data = SparkDataPolicy(
            self,
            "Data",
            buckets=buckets,
            partner_buckets=partners,
            partner_keys=settings.uploads.partner_keys,
        ).policy
        disk_key = DiskKey(self, "Disk").key if settings.encryption == "kms" else None
        instance = EmrInstanceRole(
            self,
            "Instance",
            data=data,
            logs=buckets.logs,
            disk_key=disk_key,
            session_manager=settings.emr.development_cluster,
        )
        service = EmrServiceRole(self, "Service", instance=instance.role, disk_key=disk_key)
        serverless = EmrServerlessRole(self, "Serverless", data=data, logs=buckets.logs)
        self.roles = EmrRoles(service.role, instance.role, instance.profile, serverless.role)
        self.security_configuration = EmrSecurity(self, "Security", disk_key=disk_key).name
        for name, value in {
            "EmrServiceRole": service.role.role_name,
            "EmrInstanceProfile": instance.profile.instance_profile_name,
            "EmrSecurityConfiguration": self.security_configuration,
            "ServerlessJobRoleArn": serverless.role.role_arn,
        }.items():
            cdk.CfnOutput(self, name, value=value)
        # for EMRStack
        self.keep_exports(
            [service.role.role_name, instance.profile.instance_profile_name, self.security_configuration]
        )
