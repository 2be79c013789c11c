"""HTTP: which requests are concerned, and what they are answered."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from sparkdrop_local.aws.s3_guard.bodies import check_body
from sparkdrop_local.aws.s3_guard.cors import build_headers, find_rule
from sparkdrop_local.aws.s3_guard.errors import BAD_REQUEST, LENGTH_REQUIRED, S3Error
from sparkdrop_local.aws.s3_guard.incoming import Request, read_request
from sparkdrop_local.aws.s3_guard.permissions import check_permission
from sparkdrop_local.aws.s3_guard.signatures import PARAMETERS, TOKEN, SignedQuery, parse_query

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from sparkdrop_local.aws.s3_guard.account import Account, Bucket, Signatory

_V2_PARAMETERS = frozenset({"AWSAccessKeyId", "Signature"})
_V4_PARAMETERS = frozenset({*PARAMETERS, TOKEN})
_S3_SCOPE = "/s3/aws4_request"
_CORS_PREFIX = "access-control-"


def _tell_time() -> datetime:
    return datetime.now(UTC)


class S3Guard:
    """A WSGI app that lets through to the wrapped one what S3 would take.

    Args:
        wrapped: moto.
        account: What it holds.
        clock: Tells the time, in UTC.
    """

    def __init__(
        self, wrapped: WSGIApplication, account: Account, clock: Callable[[], datetime] = _tell_time
    ) -> None:
        self._wrapped = wrapped
        self._account = account
        self._clock = clock

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request, or hand it on."""
        if "HTTP_ORIGIN" not in environ and not _may_be_signed(environ.get("QUERY_STRING", "")):
            return self._wrapped(environ, start_response)
        request = read_request(environ)
        signed = any(name in _V2_PARAMETERS or name in _V4_PARAMETERS for name, _ in request.query)
        bucket = self._account.find_bucket(request.bucket) if request.bucket else None
        if not _is_for_s3(environ, bucket, signed=signed):
            return self._wrapped(environ, start_response)
        start = _mend_cors(request, bucket, start_response)
        try:
            if request.method == "OPTIONS":
                return _answer_preflight(request, bucket, start_response)
            if signed:
                self._check(request, bucket)
        except S3Error as error:
            return _answer_error(request, error, start)
        return self._wrapped(environ, start)

    def _check(self, request: Request, bucket: Bucket | None) -> None:
        """Check a request whose query is signed, in the order in which S3 tells what is wrong."""
        if "authorization" in request.headers:
            message = (
                "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query"
                " string parameter or the Authorization header should be specified"
            )
            raise S3Error("InvalidArgument", message, BAD_REQUEST)
        if not any(name in _V4_PARAMETERS for name, _ in request.query):
            message = (
                "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
            )
            raise S3Error("InvalidRequest", message, BAD_REQUEST)
        query = parse_query(request, bucket.region if bucket else None)
        query.check_time(self._clock())
        if request.method == "PUT" and (request.is_chunked or "content-length" not in request.headers):
            message = "You must provide the Content-Length HTTP header."
            raise S3Error("MissingContentLength", message, LENGTH_REQUIRED)
        signatory = self._find_signatory(query)
        query.check_headers(request)
        query.check_signature(request, signatory)
        expected_owner = request.headers.get("x-amz-expected-bucket-owner")
        if bucket and expected_owner not in {None, bucket.owner}:
            raise S3Error("AccessDenied", "Access Denied")
        check_permission(signatory, request)
        check_body(request)

    def _find_signatory(self, query: SignedQuery) -> Signatory:
        found = self._account.find_signatory(query.access_key_id)
        if found is None or (found.session_token is not None and query.token is None):
            message = "The AWS Access Key Id you provided does not exist in our records."
            details = {"AWSAccessKeyId": query.access_key_id}
            raise S3Error("InvalidAccessKeyId", message, details=details)
        if query.token != found.session_token:
            message = "The provided token is malformed or otherwise invalid."
            raise S3Error("InvalidToken", message, BAD_REQUEST, {"Token-0": query.token or ""})
        if found.ends_at is not None and self._clock() > found.ends_at:
            raise S3Error("ExpiredToken", "The provided token has expired.", BAD_REQUEST)
        return found


def _may_be_signed(query: str) -> bool:
    """Tell most requests apart in a microsecond."""
    return bool(query) and ("X-Amz-" in query or "Signature=" in query or "AWSAccessKeyId=" in query)


def _is_for_s3(environ: WSGIEnvironment, bucket: Bucket | None, *, signed: bool) -> bool:
    """Whether a request is for S3: by its signature's scope, else by the bucket that its path begins with."""
    if authorization := environ.get("HTTP_AUTHORIZATION"):
        return _S3_SCOPE in authorization
    return bucket is not None or (signed and environ.get("PATH_INFO", "/") != "/")


def _answer_preflight(
    request: Request, bucket: Bucket | None, start_response: StartResponse
) -> Iterable[bytes]:
    """Answer what a browser asks before a request.

    https://docs.aws.amazon.com/AmazonS3/latest/API/RESTOPTIONSobject.html
    """
    origin = request.headers.get("origin")
    if not origin:
        raise S3Error("BadRequest", "Insufficient information. Origin request header needed.", BAD_REQUEST)
    method = request.headers.get("access-control-request-method", "")
    if method not in {"GET", "PUT", "POST", "DELETE", "HEAD"}:
        message = f"Invalid Access-Control-Request-Method: {method or 'null'}"
        raise S3Error("BadRequest", message, BAD_REQUEST)
    named = request.headers.get("access-control-request-headers", "")
    asked = [name.strip().lower() for name in named.split(",") if name.strip()]
    rules = bucket.cors if bucket else ()
    rule = find_rule(rules, origin, method, asked)
    if rule is None:
        why = "This CORS request is not allowed. This is usually because the evalution of Origin, request"
        why += " method / Access-Control-Request-Method or Access-Control-Request-Headers are not"
        why += " whitelisted by the resource's CORS spec."
        details = {"Method": method, "ResourceType": "OBJECT" if request.key else "BUCKET"}
        message = f"CORSResponse: {why if rules else 'CORS is not enabled for this bucket.'}"
        raise S3Error("AccessForbidden", message, details=details)
    start_response("200 OK", [("Content-Length", "0"), *build_headers(rule, origin, asked)])
    return []


def _mend_cors(request: Request, bucket: Bucket | None, start_response: StartResponse) -> StartResponse:
    """Take moto's CORS headers off an answer, and put the bucket's on where a rule is for the request."""
    origin = request.headers.get("origin")
    rule = find_rule(bucket.cors, origin, request.method) if bucket and origin else None
    added = build_headers(rule, origin) if rule and origin else []

    def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:  # noqa: ANN401 - WSGI's own
        kept = [header for header in headers if not header[0].lower().startswith(_CORS_PREFIX)]
        return start_response(status, [*kept, *added], *more)

    return start


def _answer_error(request: Request, error: S3Error, start_response: StartResponse) -> Iterable[bytes]:
    request_id = uuid.uuid4().hex[:16].upper()
    body = b"" if request.method == "HEAD" else error.build_body(request_id)
    headers = [
        ("Content-Type", "application/xml"),
        ("Content-Length", str(len(body))),
        ("x-amz-request-id", request_id),
    ]
    start_response(f"{error.status} {HTTPStatus(error.status).phrase}", headers)
    return [body]
