"""The ways from a VPC to AWS's services that do not lead over the internet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_Service = ec2.InterfaceVpcEndpointAwsService
# What each name of the settings stands for. A pull from ECR takes both of its endpoints:
# https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html. Session Manager takes three:
# https://docs.aws.amazon.com/systems-manager/latest/userguide/setup-create-vpc.html
_SERVICES = {
    "ecr": {"EcrApi": _Service.ECR, "EcrDocker": _Service.ECR_DOCKER},
    "elasticmapreduce": {"Emr": _Service.EMR},
    "emr-serverless": {"EmrServerless": _Service.EMR_SERVERLESS},
    "logs": {"Logs": _Service.CLOUDWATCH_LOGS},
    "secretsmanager": {"SecretsManager": _Service.SECRETS_MANAGER},
    "sqs": {"Sqs": _Service.SQS},
    "ssm": {
        "Ssm": _Service.SSM,
        "SsmMessages": _Service.SSM_MESSAGES,
        "Ec2Messages": _Service.EC2_MESSAGES,
    },
    "sts": {"Sts": _Service.STS},
}


class GatewayEndpoints(Construct):
    """S3 and DynamoDB by the route tables, free of charge.

    Their policies stay open: what a node may reach is what its role may, whose policy names buckets. A policy
    here would have to name the buckets of EMR's and Amazon Linux's packages for each region and release
    (https://docs.aws.amazon.com/emr/latest/ManagementGuide/private-subnet-iampolicy.html), and a cluster of a
    release that is not listed would not start.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, vpc: ec2.IVpc, subnets: Sequence[ec2.ISubnet]
    ) -> None:
        """Add both to the route tables of ``subnets``."""
        super().__init__(scope, construct_id)
        services = {
            "S3": ec2.GatewayVpcEndpointAwsService.S3,
            "DynamoDb": ec2.GatewayVpcEndpointAwsService.DYNAMODB,
        }
        for name, service in services.items():
            ec2.GatewayVpcEndpoint(
                self, name, vpc=vpc, service=service, subnets=[ec2.SubnetSelection(subnets=list(subnets))]
            )


class InterfaceEndpoints(Construct):
    """Services that are reached by an address in the VPC, under the names that they have everywhere.

    So whatever runs in the VPC comes to the endpoint, be it a node or Airflow: ``clients`` has to hold all
    of it. IAM decides as ever what a client may do.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        vpc: ec2.IVpc,
        subnets: Sequence[ec2.ISubnet],
        names: Iterable[str],
        clients: Sequence[ec2.IPeer],
    ) -> None:
        """Create the endpoints.

        Args:
            scope: The parent.
            construct_id: Its id.
            vpc: Where.
            subnets: Which get an address of each endpoint, one a zone.
            names: As the settings name the services.
            clients: Who may use them: HTTPS, nothing else.
        """
        super().__init__(scope, construct_id)
        group = ec2.SecurityGroup(
            self, "Group", vpc=vpc, description="Interface endpoints", allow_all_outbound=False
        )
        for client in clients:
            group.add_ingress_rule(client, ec2.Port.tcp(443), "HTTPS to AWS services")
        for name in names:
            for construct_name, service in _SERVICES[name].items():
                ec2.InterfaceVpcEndpoint(
                    self,
                    construct_name,
                    vpc=vpc,
                    service=service,
                    subnets=ec2.SubnetSelection(subnets=list(subnets)),
                    security_groups=[group],
                    open=False,
                )
