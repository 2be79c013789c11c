"""The sections of a stage's settings file that are about uploads by the API and its page."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from infra.settings.sections import DomainSettings, FunctionSettings, Section


class UploadsApiSettings(FunctionSettings):
    """The function of all other calls: links to upload, uploads, runs.

    Attributes:
        memory_mib: Its memory; its share of a processor grows with it.
        timeout_seconds: When Lambda ends a call. S3 may take long to make one object of 10,000 parts.
        reserved_concurrency: Calls at once, kept for this function; None leaves it to the account's limit.
        tracing: Whether X-Ray records calls.
        link_seconds: How long a link to upload is good for. It ends with the session that signed it, and that
            one lasts an hour.
        daily_uploads: How many links a caller may ask for in a day (UTC).
        daily_gib: How much those links may bring in a day.
    """

    timeout_seconds: Annotated[int, Field(ge=3, le=29)] = 29
    link_seconds: Annotated[int, Field(ge=60, le=1800)] = 900
    daily_uploads: Annotated[int, Field(ge=1, le=10_000_000)] = 10_000
    daily_gib: Annotated[int, Field(ge=1, le=10_000_000)] = 10_240


class WebDomainSettings(DomainSettings):
    """A name of one's own for the page.

    Attributes:
        name: The host name.
        certificate_arn: Its certificate in ACM, in us-east-1: CloudFront takes none of another region.
        hosted_zone_id: The Route 53 zone that gets its record; None leaves the record to others.
        hosted_zone_name: That zone's name.
    """

    certificate_arn: Annotated[
        str, StringConstraints(pattern=r"^arn:aws[a-z-]*:acm:us-east-1:\d{12}:certificate/[0-9a-f-]{36}$")
    ]


class WebSettings(Section):
    """The page that files are dropped on.

    Attributes:
        enabled: Whether the stage has the stack ``WebStack``; its users sign in, so ``api.authorizer`` has to
            be "cognito".
        domain: A name of one's own. Without one, CloudFront's name is known after the first deployment, and
            has to be added to ``uploads.cors_origins`` then.
        price_class: Where CloudFront answers from: "100" is North America and Europe, "200" leaves out South
            America and Oceania, "all" is everywhere.
    """

    enabled: bool = False
    domain: WebDomainSettings | None = None
    price_class: Literal["100", "200", "all"] = "100"
