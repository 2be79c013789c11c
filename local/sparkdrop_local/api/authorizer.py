"""Who calls: a token of the user pool, checked as API Gateway's authorizer for Cognito checks it.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-integrate-with-cognito.html and
https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from joserfc import jwt
from joserfc.errors import JoseError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from joserfc.jwk import KeySet

_SCHEME = "bearer "
_TIMES = ("iat", "exp")


class UnauthorizedError(Exception):
    """No token, or one that is not good; the reason is for the log."""


class Authorizer:
    """Checks tokens.

    Args:
        keys: The pool's public keys.
        issuer: The pool's address, as its tokens name it.
        client_id: The pool's one client. API Gateway would take a token of any client of the pool; the stack
            makes one, so a second one is nobody that was let in on purpose.
    """

    def __init__(self, keys: KeySet, *, issuer: str, client_id: str) -> None:
        self._keys = keys
        self._claims = jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": client_id},
            # where a method names no scope, API Gateway wants this one, and not an access token
            token_use={"essential": True, "value": "id"},
            sub={"essential": True},
            exp={"essential": True},
        )

    def authorize(self, header: str | None) -> dict[str, str]:
        """Check the Authorization header; gives back the user's claims as the function gets them.

        Raises:
            UnauthorizedError: It holds no token that is good now.
        """
        if not header:
            raise UnauthorizedError("no Authorization header")
        token = header[len(_SCHEME) :] if header.lower().startswith(_SCHEME) else header
        try:
            claims = jwt.decode(token.strip(), self._keys, algorithms=["RS256"]).claims
            self._claims.validate(claims)
        except (JoseError, ValueError) as error:
            raise UnauthorizedError(str(error)) from error
        return write_claims(claims)


def write_claims(claims: Mapping[str, Any]) -> dict[str, str]:
    """Write claims as the proxy integration does: each a text, lists joined by commas, times in words."""
    return {name: _write(name, value) for name, value in claims.items()}


def _write(name: str, value: Any) -> str:  # noqa: ANN401 - JSON
    if name in _TIMES and isinstance(value, int):
        return datetime.fromtimestamp(value, UTC).strftime("%a %b %d %H:%M:%S UTC %Y")
    if isinstance(value, list):
        return ",".join(str(item) for item in value)
    return str(value).lower() if isinstance(value, bool) else str(value)
