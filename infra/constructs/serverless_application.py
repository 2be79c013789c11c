"""An application of EMR Serverless."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_emrserverless as emrserverless
from constructs import Construct

if TYPE_CHECKING:
    from aws_cdk import aws_s3 as s3

    from infra.constructs.cluster_network import ClusterNetwork
    from infra.settings.sections import ServerlessSettings

LOGS_PREFIX = "emr-serverless/"


class ServerlessApplication(Construct):
    """Spark without a cluster: it starts with the first job, stops when idle, and costs nothing in between.

    Jobs run on the pipelines' kind of processor and release, in the private subnets, where S3 is reached by
    its gateway endpoint. An image is the application's, and no job can name another:
    https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/application-custom-image.html

    Attributes:
        application: The application.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        release: str,
        limits: ServerlessSettings,
        clusters: ClusterNetwork,
        logs: s3.IBucket,
    ) -> None:
        """Create the application and its security group.

        Args:
            scope: The parent.
            construct_id: Its id, which the parent's does not hold.
            name: What the console shows.
            release: EMR's release label.
            limits: The most that it may take, when it stops, and the image that its jobs run in.
            clusters: The network.
            logs: Where jobs put their logs.
        """
        super().__init__(scope, construct_id)
        group = ec2.SecurityGroup(
            self,
            "SecurityGroup",
            vpc=clusters.vpc,
            description="Workers of EMR Serverless: nobody reaches them, they reach TLS",
            allow_all_outbound=False,
        )
        # S3's addresses have no name before a deployment; the subnets' routes decide what is out there.
        # https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/vpc-access.html
        group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "S3, and what else has an endpoint")
        application = emrserverless.CfnApplication
        self.application = application(
            self,
            "Application",
            name=name,
            type="SPARK",
            release_label=release,
            architecture="ARM64",
            image_configuration=application.ImageConfigurationInputProperty(image_uri=limits.image)
            if limits.image
            else None,
            maximum_capacity=application.MaximumAllowedResourcesProperty(
                cpu=f"{limits.max_vcpu} vCPU", memory=f"{limits.max_memory_gib} GB"
            ),
            auto_start_configuration=application.AutoStartConfigurationProperty(enabled=True),
            auto_stop_configuration=application.AutoStopConfigurationProperty(
                enabled=True, idle_timeout_minutes=limits.idle_minutes
            ),
            network_configuration=application.NetworkConfigurationProperty(
                subnet_ids=[subnet.subnet_id for subnet in clusters.subnets],
                security_group_ids=[group.security_group_id],
            ),
            monitoring_configuration=application.MonitoringConfigurationProperty(
                s3_monitoring_configuration=application.S3MonitoringConfigurationProperty(
                    log_uri=logs.s3_url_for_object(LOGS_PREFIX)
                )
            ),
            interactive_configuration=application.InteractiveConfigurationProperty(
                livy_endpoint_enabled=False, studio_enabled=False
            ),
        )
