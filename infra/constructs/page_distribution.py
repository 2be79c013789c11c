"""Brings the page's files from their bucket to browsers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_route53_targets as targets
from constructs import Construct

if TYPE_CHECKING:
    from aws_cdk import aws_s3 as s3

    from infra.settings.page_sections import WebDomainSettings, WebSettings

INDEX = "index.html"
PRICE_CLASSES = {
    "100": cloudfront.PriceClass.PRICE_CLASS_100,
    "200": cloudfront.PriceClass.PRICE_CLASS_200,
    "all": cloudfront.PriceClass.PRICE_CLASS_ALL,
}
# An address inside of the page is the page; what has an ending is a file, and is there or is not. So an
# error never turns into a page that was found, as it would with an error document for all paths.
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/functions-event-structure.html
ROUTE_TO_INDEX = f"""\
function handler(event) {{
  var request = event.request;
  if (request.uri.lastIndexOf('.') < request.uri.lastIndexOf('/')) {{
    request.uri = '/{INDEX}';
  }}
  return request;
}}
"""


class PageDistribution(Construct):
    """A distribution before a private bucket, which admits this distribution and nobody else.

    Attributes:
        distribution: The distribution.
        url: Where browsers find the page.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        bucket: s3.IBucket,
        log_bucket: s3.IBucket,
        headers: cloudfront.IResponseHeadersPolicy,
        settings: WebSettings,
    ) -> None:
        """Create the distribution.

        Args:
            scope: The parent.
            construct_id: Its id.
            bucket: Where the files lie, of the same stack.
            log_bucket: Where CloudFront writes who asked for what; it is let in by an ACL.
            headers: What is on every answer.
            settings: Its name and where it answers from.
        """
        super().__init__(scope, construct_id)
        domain = settings.domain
        self.distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment=f"{cdk.Stack.of(self).stack_name}: the page that files are dropped on",
            default_root_object=INDEX,
            default_behavior=self._build_behavior(bucket, headers),
            domain_names=[domain.name] if domain else None,
            certificate=acm.Certificate.from_certificate_arn(self, "Certificate", domain.certificate_arn)
            if domain
            else None,
            minimum_protocol_version=cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021 if domain else None,
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            price_class=PRICE_CLASSES[settings.price_class],
            enable_logging=True,
            log_bucket=log_bucket,
            log_file_prefix="cloudfront/",
            log_includes_cookies=False,
        )
        self._acknowledge(has_name=domain is not None)
        self.url = f"https://{self.distribution.distribution_domain_name}/"
        if domain:
            self.url = f"https://{domain.name}/"
            self._add_records(domain)

    def _build_behavior(
        self, bucket: s3.IBucket, headers: cloudfront.IResponseHeadersPolicy
    ) -> cloudfront.BehaviorOptions:
        router = cloudfront.Function(
            self,
            "Router",
            comment="An address inside of the page is the page",
            code=cloudfront.FunctionCode.from_inline(ROUTE_TO_INDEX),
            runtime=cloudfront.FunctionRuntime.JS_2_0,
        )
        return cloudfront.BehaviorOptions(
            origin=origins.S3BucketOrigin.with_origin_access_control(
                bucket,
                # with the list, what is not there is a 404; without it, S3 says 403. The router lets no
                # request through that would be answered with the list itself
                origin_access_levels=[cloudfront.AccessLevel.READ, cloudfront.AccessLevel.LIST],
            ),
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
            allowed_methods=cloudfront.AllowedMethods.ALLOW_GET_HEAD,
            # by the objects' own Cache-Control; no query string, cookie or header reaches the bucket
            cache_policy=cloudfront.CachePolicy.CACHING_OPTIMIZED,
            compress=True,
            response_headers_policy=headers,
            function_associations=[
                cloudfront.FunctionAssociation(
                    event_type=cloudfront.FunctionEventType.VIEWER_REQUEST, function=router
                )
            ],
        )

    def _add_records(self, domain: WebDomainSettings) -> None:
        if not (domain.hosted_zone_id and domain.hosted_zone_name):
            return
        # named, not looked up: a synthesis calls no AWS
        zone = route53.HostedZone.from_hosted_zone_attributes(
            self, "Zone", hosted_zone_id=domain.hosted_zone_id, zone_name=domain.hosted_zone_name
        )
        target = route53.RecordTarget.from_alias(targets.CloudFrontTarget(self.distribution))
        for record, construct_id in ((route53.ARecord, "Record"), (route53.AaaaRecord, "RecordIpv6")):
            record(self, construct_id, zone=zone, record_name=f"{domain.name}.", target=target)

    def _acknowledge(self, *, has_name: bool) -> None:
        reasons = {
            "AwsSolutions-CFR1": "The page may be used from anywhere: it is public code without data, and"
            " whoever uses it signs in.",
            "AwsSolutions-CFR2": "A firewall for CloudFront is 9 USD a month of its own. Behind this are"
            " static files only; the API has its own firewall where api.waf is on.",
            "Annotation::@aws-cdk/aws-cloudfront-origins:listBucketSecurityRisk": "The root is the page,"
            " and so is every address that names no file.",
        }
        if not has_name:
            reasons["AwsSolutions-CFR4"] = (
                "CloudFront's own name comes with CloudFront's own choice of TLS versions. The setting"
                " web.domain gives the page a name with TLS 1.2 at least; HSTS and the API's TLS 1.2 hold"
                " for both."
            )
        for rule, reason in reasons.items():
            cdk.Validations.of(self.distribution).acknowledge(cdk.Acknowledgment(id=rule, reason=reason))
