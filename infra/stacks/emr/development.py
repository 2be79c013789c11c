"""A cluster to develop on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk

from infra.constructs.development_cluster import DevelopmentCluster
from infra.constructs.pipeline_defaults import load_default_pipeline
from infra.stacks.stage_stack import StageStack
from sparkdrop.core.deployment import Deployment

if TYPE_CHECKING:
    from aws_cdk import aws_dynamodb as dynamodb
    from constructs import Construct

    from infra.constructs.cluster_network import ClusterNetwork
    from infra.constructs.data_bucket import DataBuckets
    from infra.constructs.emr_roles import EmrRoles
    from infra.settings.model import StageSettings
    from sparkdrop.core.pipeline import Pipeline


class EMRStack(StageStack):
    """One cluster like those that the pipelines start.

    EMR terminates it when it was idle for ``emr.idle_minutes``, which CloudFormation does not notice: the
    stack stays, and a deployment of it then changes nothing. To get a new cluster, destroy this stack and
    deploy it again; it holds nothing but the cluster. Destroy it too before a change of ``encryption``, which
    replaces the security configuration: CloudFormation replaces nothing that another stack imports.

    Attributes:
        cluster: The cluster.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: StageSettings,
        buckets: DataBuckets,
        clusters: ClusterNetwork,
        ledger: dynamodb.ITable,
        roles: EmrRoles,
        security_configuration: str,
    ) -> None:
        """Create the cluster."""
        super().__init__(
            scope,
            construct_id,
            settings=settings,
            part="emr",
            description="a development cluster",
        )
        deployment = Deployment(
            uploads_bucket=buckets.uploads.bucket_name,
            curated_bucket=buckets.curated.bucket_name,
            artifacts_bucket=buckets.artifacts.bucket_name,
            logs_bucket=buckets.logs.bucket_name,
            arrivals_queue_url="not asked for by a cluster",
            ledger_table=ledger.table_name,
            emr_service_role=roles.service.role_name,
            emr_instance_profile=roles.instance_profile.instance_profile_name,
            emr_subnet_id=clusters.subnets[0].subnet_id,
            emr_primary_security_group=clusters.primary.security_group_id,
            emr_core_security_group=clusters.core.security_group_id,
            emr_service_access_security_group=clusters.service_access.security_group_id,
            emr_security_configuration=security_configuration,
        )
        development = DevelopmentCluster(
            self,
            "Development",
            name=f"sparkdrop-{settings.stage}-development",
            pipeline=_load_pipeline(settings),
            deployment=deployment,
        )
        self.cluster = development.cluster
        self._tell(development, deployment.logs_bucket)

    def _tell(self, development: DevelopmentCluster, logs_bucket: str) -> None:
        job_flow = self.cluster.ref
        find_primary = (
            f"aws emr list-instances --region {self.region} --cluster-id {job_flow} "
            f"{development.primary_selector} --instance-states RUNNING "
            "--query 'Instances[0].Ec2InstanceId' --output text"
        )
        console = f"https://console.aws.amazon.com/emr/home?region={self.region}#/clusterDetails/{job_flow}"
        connect = f'aws ssm start-session --region {self.region} --target "$({find_primary})"'
        cdk.CfnOutput(self, "JobFlowId", value=job_flow, description="A pipeline's compute.reuse takes it")
        cdk.CfnOutput(self, "ConsoleUrl", value=console)
        cdk.CfnOutput(self, "ClusterLogs", value=f"s3://{logs_bucket}/emr/{job_flow}/")
        cdk.CfnOutput(
            self,
            "ConnectCommand",
            value=connect,
            description="A shell on the primary node; its subnet needs a NAT gateway or the ssm endpoints",
        )


def _load_pipeline(settings: StageSettings) -> Pipeline:
    compute = {"idle_timeout": f"{settings.emr.idle_minutes}m"}
    if settings.emr.release:
        compute["release"] = settings.emr.release
    return load_default_pipeline(**compute)
