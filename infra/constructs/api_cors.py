"""Which pages may call the API from a browser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import aws_cdk as cdk

if TYPE_CHECKING:
    from aws_cdk import aws_apigateway as apigateway

# What a page sends: a token or a signature, JSON, and for a status that is polled the tag of what it knows
REQUEST_HEADERS = ["Authorization", "Content-Type", "If-None-Match", "X-Amz-Date", "X-Amz-Security-Token"]
MAX_AGE = cdk.Duration.hours(1)
_ALLOW_ORIGIN = "Access-Control-Allow-Origin"


@dataclass(frozen=True, slots=True)
class ApiCors:
    """The pages' origins, and the headers that tell a browser so.

    Attributes:
        origins: Scheme and host of each; none means no CORS at all.
    """

    origins: tuple[str, ...]

    def add_preflight(self, resource: apigateway.IResource, methods: list[str]) -> None:
        """Answer the browser's question before a call.

        It carries no credentials (https://fetch.spec.whatwg.org/#cors-preflight-fetch), so this is the one
        method that asks for none; it tells nothing but these headers.
        """
        if self.origins:
            resource.add_cors_preflight(
                allow_origins=list(self.origins),
                allow_methods=methods,
                allow_headers=REQUEST_HEADERS,
                max_age=MAX_AGE,
            )

    def build_refusal_headers(self) -> dict[str, str]:
        """Headers of API Gateway's own answers, whose templates cannot compare.

        With several origins the caller's is given back, whichever it is. That opens nothing: a page of
        another origin fails at the preflight and cannot send a token or a signature, so what it could read
        is that it was refused.
        """
        if not self.origins:
            return {}
        one = f"'{self.origins[0]}'" if len(self.origins) == 1 else "method.request.header.Origin"
        return {_ALLOW_ORIGIN: one, "Vary": "'Origin'"}
