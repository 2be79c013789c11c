"""A name of one's own for the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_route53_targets as targets
from constructs import Construct

if TYPE_CHECKING:
    from infra.settings.sections import DomainSettings


class ApiDomain(Construct):
    """A host name with its certificate, mapped to the API's stage; its record where the zone is known.

    Attributes:
        url: Where the API is.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, api: apigateway.RestApi, settings: DomainSettings
    ) -> None:
        """Give ``api`` the name that ``settings`` say."""
        super().__init__(scope, construct_id)
        name = apigateway.DomainName(
            self,
            "Name",
            domain_name=settings.name,
            certificate=acm.Certificate.from_certificate_arn(self, "Certificate", settings.certificate_arn),
            endpoint_type=apigateway.EndpointType.REGIONAL,
            security_policy=apigateway.SecurityPolicy.TLS13_1_2_PFS_PQ_2025_09,
            endpoint_access_mode=apigateway.EndpointAccessMode.STRICT,
        )
        name.add_base_path_mapping(api)
        if settings.hosted_zone_id and settings.hosted_zone_name:
            # named, not looked up: a synthesis calls no AWS
            zone = route53.HostedZone.from_hosted_zone_attributes(
                self,
                "Zone",
                hosted_zone_id=settings.hosted_zone_id,
                zone_name=settings.hosted_zone_name,
            )
            route53.ARecord(
                self,
                "Record",
                zone=zone,
                record_name=f"{settings.name}.",
                target=route53.RecordTarget.from_alias(targets.ApiGatewayDomain(name)),
            )
        self.url = f"https://{settings.name}/"
