"""What the page's answers tell a browser of security."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_cloudfront as cloudfront
from constructs import Construct

if TYPE_CHECKING:
    from collections.abc import Sequence

TWO_YEARS = cdk.Duration.days(730)
# What a page of ours never asks for
PERMISSIONS = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


def build_content_policy(connections: Sequence[str]) -> str:
    """Build the content security policy: nothing but the page's own files, and requests to these places.

    Nothing inline runs, and no text of a file's name or of an error could make it run.

    Args:
        connections: Where requests go beside the page's own origin, as CSP's source expressions; a path
            that ends in "/" admits what lies below it: https://www.w3.org/TR/CSP3/#source-expression
    """
    directives = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": " ".join(("'self'", *connections)),
        "img-src": "'self' data:",
        "font-src": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "form-action": "'self'",
    }
    return "; ".join(f"{name} {sources}" for name, sources in directives.items())


class PageHeaders(Construct):
    """A policy of CloudFront's that puts security headers on every answer, whatever the origin says.

    Attributes:
        policy: The policy.
    """

    def __init__(self, scope: Construct, construct_id: str, *, connections: Sequence[str]) -> None:
        """Create the policy.

        Args:
            scope: The parent.
            construct_id: Its id.
            connections: Where the page sends requests.
        """
        super().__init__(scope, construct_id)
        self.policy = cloudfront.ResponseHeadersPolicy(
            self,
            "Policy",
            comment="The page loads its own files, and talks to the API, the uploads bucket and the sign-in",
            security_headers_behavior=cloudfront.ResponseSecurityHeadersBehavior(
                content_security_policy=cloudfront.ResponseHeadersContentSecurityPolicy(
                    content_security_policy=build_content_policy(connections), override=True
                ),
                content_type_options=cloudfront.ResponseHeadersContentTypeOptions(override=True),
                frame_options=cloudfront.ResponseHeadersFrameOptions(
                    frame_option=cloudfront.HeadersFrameOption.DENY, override=True
                ),
                referrer_policy=cloudfront.ResponseHeadersReferrerPolicy(
                    referrer_policy=cloudfront.HeadersReferrerPolicy.NO_REFERRER, override=True
                ),
                strict_transport_security=cloudfront.ResponseHeadersStrictTransportSecurity(
                    access_control_max_age=TWO_YEARS, include_subdomains=True, override=True
                ),
            ),
            custom_headers_behavior=cloudfront.ResponseCustomHeadersBehavior(
                custom_headers=[
                    cloudfront.ResponseCustomHeader(header=name, value=value, override=True)
                    for name, value in {
                        "Cross-Origin-Opener-Policy": "same-origin",
                        "Cross-Origin-Resource-Policy": "same-origin",
                        "Permissions-Policy": PERMISSIONS,
                    }.items()
                ]
            ),
        )
