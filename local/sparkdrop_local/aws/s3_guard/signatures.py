"""A signed query: its parameters, its time, its headers, its signature.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from botocore.auth import SIGV4_TIMESTAMP, UNSIGNED_PAYLOAD, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

from sparkdrop_local.aws.s3_guard.bodies import CONTENT_SHA256
from sparkdrop_local.aws.s3_guard.errors import BAD_REQUEST, S3Error

if TYPE_CHECKING:
    from sparkdrop_local.aws.s3_guard.account import Signatory
    from sparkdrop_local.aws.s3_guard.incoming import Request

ALGORITHM = "AWS4-HMAC-SHA256"
SIGNATURE = "X-Amz-Signature"
TOKEN = "X-Amz-Security-Token"  # noqa: S105 - its name
PARAMETERS = (
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    SIGNATURE,
    "X-Amz-Date",
    "X-Amz-SignedHeaders",
    "X-Amz-Expires",
)
LONGEST = timedelta(days=7)
SKEW = timedelta(minutes=15)
_TERMINATOR = "aws4_request"


@dataclass(frozen=True, slots=True)
class SignedQuery:
    """What a query says of its signature.

    Attributes:
        access_key_id: Whose.
        region: The one it is for.
        signed_at: When.
        lasts: For how long it is in force.
        headers: The names of those that are signed.
        signature: The signature, in hexadecimal digits.
        token: The session's; None where there is none.
        content_sha256: The body's hash, where the query has it.
    """

    access_key_id: str
    region: str
    signed_at: datetime
    lasts: timedelta
    headers: tuple[str, ...]
    signature: str
    token: str | None
    content_sha256: str | None

    def check_time(self, now: datetime) -> None:
        """Check that it is in force.

        Raises:
            S3Error: AccessDenied.
        """
        ends_at = self.signed_at + self.lasts
        if now > ends_at:
            details = {
                "X-Amz-Expires": str(int(self.lasts.total_seconds())),
                "Expires": _format(ends_at),
                "ServerTime": _format(now),
            }
            raise S3Error("AccessDenied", "Request has expired", details=details)
        if self.signed_at > now + SKEW:
            details = {"X-Amz-Date": _format(self.signed_at), "ServerTime": _format(now)}
            raise S3Error("AccessDenied", "Request is not valid yet", details=details)

    def check_headers(self, request: Request) -> None:
        """Check that what has to be signed is.

        Raises:
            S3Error: AccessDenied.
        """
        # the hash of a body is part of a signature without being one of its headers
        unsigned = [
            name
            for name in sorted(request.headers)
            if (name.startswith("x-amz-") or name == "host")
            and name not in self.headers
            and name != CONTENT_SHA256
        ]
        if unsigned:
            message = "There were headers present in the request which were not signed"
            raise S3Error("AccessDenied", message, details={"HeadersNotSigned": ", ".join(unsigned)})

    def check_signature(self, request: Request, signatory: Signatory) -> None:
        """Check that the request is what was signed.

        Raises:
            S3Error: SignatureDoesNotMatch.
        """
        signer = _Signer(signatory.secret_access_key, self)
        canonical, text, expected = signer.sign(request)
        if hmac.compare_digest(expected.encode(), self.signature.encode()):
            return
        message = (
            "The request signature we calculated does not match the signature you provided."
            " Check your key and signing method."
        )
        details = {
            "AWSAccessKeyId": self.access_key_id,
            "StringToSign": text,
            "SignatureProvided": self.signature,
            "CanonicalRequest": canonical,
        }
        raise S3Error("SignatureDoesNotMatch", message, details=details)


def parse_query(request: Request, region: str | None) -> SignedQuery:
    """Read a query's parameters.

    Args:
        request: The request.
        region: The bucket's; None where there is no such bucket.

    Raises:
        S3Error: AuthorizationQueryParametersError.
    """
    given = dict(request.query)
    if not all(given.get(name) for name in PARAMETERS):
        named = f"{', '.join(PARAMETERS[:-1])}, and {PARAMETERS[-1]}"
        raise _refuse(f"Query-string authentication version 4 requires the {named} parameters.")
    if given["X-Amz-Algorithm"] != ALGORITHM:
        raise _refuse(f'X-Amz-Algorithm only supports "{ALGORITHM}"')
    signed_at = _parse_date(given["X-Amz-Date"])
    access_key_id, for_region = _parse_credential(given["X-Amz-Credential"], given["X-Amz-Date"][:8], region)
    return SignedQuery(
        access_key_id=access_key_id,
        region=for_region,
        signed_at=signed_at,
        lasts=_parse_duration(given["X-Amz-Expires"]),
        headers=tuple(given["X-Amz-SignedHeaders"].lower().split(";")),
        signature=given[SIGNATURE],
        token=given.get(TOKEN),
        content_sha256=given.get("X-Amz-Content-Sha256"),
    )


def _parse_date(value: str) -> datetime:
    try:
        return datetime.strptime(value, SIGV4_TIMESTAMP).replace(tzinfo=UTC)
    except ValueError as error:
        raise _refuse("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"") from error


def _parse_credential(value: str, day: str, region: str | None) -> tuple[str, str]:
    where = "Error parsing the X-Amz-Credential parameter;"
    parts = value.split("/")
    if len(parts) != 5 or not parts[0]:  # noqa: PLR2004 - as the message names them
        form = f"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/{_TERMINATOR}"
        raise _refuse(f'{where} the Credential is mal-formed; expecting "{form}".')
    access_key_id, its_day, its_region, service, terminator = parts
    if its_day != day:
        raise _refuse(
            f'{where} incorrect date "{its_day}". This date is not the same as X-Amz-Date: "{day}".'
        )
    if service != "s3":
        raise _refuse(f'{where} incorrect service "{service}". This endpoint belongs to "s3".')
    if terminator != _TERMINATOR:
        raise _refuse(f'{where} incorrect terminal "{terminator}". This endpoint uses "{_TERMINATOR}".')
    if region is not None and its_region != region:
        message = f"{where} the region '{its_region}' is wrong; expecting '{region}'"
        raise _refuse(message, Region=region)
    return access_key_id, its_region


def _parse_duration(value: str) -> timedelta:
    try:
        seconds = int(value)
    except ValueError as error:
        raise _refuse("X-Amz-Expires should be a number") from error
    if seconds < 0:
        raise _refuse("X-Amz-Expires must be non-negative")
    if seconds > LONGEST.total_seconds():
        raise _refuse("X-Amz-Expires must be less than a week (in seconds); that is, 604800 at most")
    return timedelta(seconds=seconds)


def _refuse(message: str, **details: str) -> S3Error:
    return S3Error("AuthorizationQueryParametersError", message, BAD_REQUEST, details)


def _format(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class _Signer(S3SigV4QueryAuth):
    """botocore's signer, for a request that has been signed: headers and time are those of its query."""

    def __init__(self, secret_access_key: str, query: SignedQuery) -> None:
        super().__init__(Credentials(query.access_key_id, secret_access_key), "s3", query.region)
        self._query = query

    def sign(self, request: Request) -> tuple[str, str, str]:
        """Give the canonical request, the string to sign and the signature."""
        pairs = [(name, value) for name, value in request.query if name != SIGNATURE]
        named = urlencode(pairs, quote_via=quote, safe="-_.~")
        url = f"http://{request.headers.get('host', '')}{request.path}?{named}"
        again = AWSRequest(method=request.method, url=url, headers=request.headers)
        again.context["timestamp"] = self._query.signed_at.strftime(SIGV4_TIMESTAMP)
        canonical = self.canonical_request(again)
        text = self.string_to_sign(again, canonical)
        return canonical, text, self.signature(text, again)

    def headers_to_sign(self, request: Any) -> HTTPHeaders:  # noqa: ANN401 - botocore's own
        """Take the headers that the query names; one that did not come is not signed for."""
        headers = HTTPHeaders()
        for name in self._query.headers:
            if name in request.headers:
                headers[name] = request.headers[name]
        return headers

    def payload(self, request: Any) -> str:  # noqa: ANN401 - botocore's own
        """Take the hash that the query names; a header's is taken before this is asked."""
        del request
        return self._query.content_sha256 or UNSIGNED_PAYLOAD
