"""How a client proves who it is: a token of the user pool, or a signature by AWS credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

from sparkdrop.client.names import TOKEN_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

_SERVICE = "execute-api"


class TokenAuth(httpx.Auth):
    """Sends a user's ID token.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-invoke-api-integrated-with-cognito-user-pool.html
    """

    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


class SignatureAuth(httpx.Auth):
    """Signs each request for API Gateway with AWS Signature Version 4.

    Args:
        credentials: botocore's.
        region: the API's.
    """

    requires_request_body = True

    def __init__(self, credentials: Any, region: str) -> None:  # noqa: ANN401 - botocore has no types for them
        self._credentials = credentials
        self._region = region

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign, and add what the signature is made of."""
        from botocore.auth import SigV4Auth  # half a second that a token need not pay
        from botocore.awsrequest import AWSRequest

        # only what does not change on the way is signed
        kept = {name: request.headers[name] for name in ("content-type",) if name in request.headers}
        signed = AWSRequest(request.method, str(request.url), data=request.content, headers=kept)
        SigV4Auth(self._credentials.get_frozen_credentials(), _SERVICE, self._region).add_auth(signed)
        request.headers.update(dict(signed.headers.items()))
        yield request


def choose_auth(environment: Mapping[str, str]) -> httpx.Auth | None:
    """Take the token that the environment names, or else AWS credentials found in one of boto3's ways.

    Returns:
        None where there is neither.
    """
    if token := environment.get(TOKEN_VARIABLE, "").strip():
        return TokenAuth(token)
    import boto3  # half a second that a token need not pay

    session = boto3.Session()
    credentials = session.get_credentials()
    if credentials is None or session.region_name is None:
        return None
    return SignatureAuth(credentials, session.region_name)
