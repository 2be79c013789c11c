"""What the API answers by itself: problem documents (RFC 9457), as the functions behind it do."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk import aws_apigateway as apigateway
from constructs import Construct

if TYPE_CHECKING:
    from infra.constructs.api_cors import ApiCors

CONTENT_TYPE = "application/problem+json"

# API Gateway puts the values in; both are letters, digits, dashes and underscores, so the JSON stays whole
_REQUEST_ID = "$context.requestId"
_RESPONSE_TYPE = "$context.error.responseType"
# what a request lacks; JSON's quotes in it come escaped
_VALIDATION_ERRORS = "$context.error.validationErrorString"


def build_problem(kind: str, title: str, detail: str, *, status: int | None = None, **more: object) -> str:
    """Build the template of a problem document; API Gateway puts in the id of the request.

    Args:
        kind: The last part of the problem's type, which never changes.
        title: The problem in a few words.
        detail: What to do about it.
        status: The HTTP status; None where one document stands for several.
        more: Members of the document's own.
    """
    members: dict[str, object] = {"type": f"urn:sparkdrop:problem:{kind}", "title": title}
    if status is not None:
        members["status"] = status
    return json.dumps({**members, "detail": detail, **more, "request_id": _REQUEST_ID})


@dataclass(frozen=True, slots=True)
class _Refusal:
    """One of API Gateway's own answers.

    Its types: https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
    """

    response_type: str
    status: int | None
    kind: str
    title: str
    detail: str

    def render(self) -> str:
        """The document's template."""
        more: dict[str, object] = {}
        if self.status is None:
            more["reason"] = _RESPONSE_TYPE
        if self.response_type.startswith("BAD_REQUEST"):
            more["errors"] = [{"detail": _VALIDATION_ERRORS}]
        return build_problem(self.kind, self.title, self.detail, status=self.status, **more)


_AGAIN = "Sign in, or sign the request, again."
REFUSALS = (
    # as a function answers that checks a body itself
    _Refusal("BAD_REQUEST_BODY", 422, "invalid-request", "The request is not valid", "See errors."),
    _Refusal("BAD_REQUEST_PARAMETERS", 400, "missing-parameter", "A parameter is missing", "See errors."),
    _Refusal("UNAUTHORIZED", 401, "unauthorized", "Not signed in", _AGAIN),
    _Refusal("ACCESS_DENIED", 403, "forbidden", "Not permitted", "Ask for the permission to make this call."),
    _Refusal("EXPIRED_TOKEN", 403, "expired-credentials", "The credentials have expired", _AGAIN),
    _Refusal("INVALID_SIGNATURE", 403, "invalid-signature", "The signature does not match", _AGAIN),
    _Refusal(
        "MISSING_AUTHENTICATION_TOKEN",
        403,
        "no-such-call",
        "No such call, or not signed",
        "Check method and path; every call has to be signed or carry a token.",
    ),
    _Refusal(
        "WAF_FILTERED", 403, "filtered", "Stopped by the firewall", "Tell the API's owner the request id."
    ),
    _Refusal("RESOURCE_NOT_FOUND", 404, "not-found", "Not found", "Check the path."),
    _Refusal("REQUEST_TOO_LARGE", 413, "too-large", "The request is too large", "Send less than 10 MB."),
    _Refusal("UNSUPPORTED_MEDIA_TYPE", 415, "unsupported-type", "The body's type is not known", "Send JSON."),
    _Refusal("THROTTLED", 429, "throttled", "Too many requests", "Wait, then try again more slowly."),
    _Refusal("QUOTA_EXCEEDED", 429, "quota-exceeded", "The quota is used up", "Wait for its next period."),
    _Refusal("INTEGRATION_FAILURE", 504, "unavailable", "No answer", "Try again."),
    _Refusal("INTEGRATION_TIMEOUT", 504, "timeout", "No answer in time", "Try again with the same key."),
    _Refusal("DEFAULT_4XX", None, "refused", "The request is refused", "See reason."),
    _Refusal("DEFAULT_5XX", None, "failed", "The API failed", "Try again; tell its owner the request id."),
)


class ApiProblems(Construct):
    """API Gateway's own answers as problem documents, readable to the pages that may call the API."""

    def __init__(
        self, scope: Construct, construct_id: str, *, api: apigateway.RestApi, cors: ApiCors
    ) -> None:
        """Give ``api`` one answer for each refusal."""
        super().__init__(scope, construct_id)
        headers = {"Content-Type": f"'{CONTENT_TYPE}'", **cors.build_refusal_headers()}
        for refusal in REFUSALS:
            name = "".join(word.capitalize() for word in refusal.response_type.split("_"))
            apigateway.GatewayResponse(
                self,
                name,
                rest_api=api,
                type=apigateway.ResponseType.of(refusal.response_type),
                status_code=None if refusal.status is None else str(refusal.status),
                response_headers=headers,
                templates={"application/json": refusal.render()},
            )
