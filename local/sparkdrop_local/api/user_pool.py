"""The user pool in the emulation: who its users are, what its client may do, and its tokens.

The stack's pool asks every user for a second factor. Cognito's sign-in page would have a user set one up;
here the page asks for the password alone (AdminInitiateAuth, which moto answers without the factor). That is
the one thing of the pool's security that is not here; the pool itself is as its template says.
"""

from __future__ import annotations

import gzip
import json
import urllib.request
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from sparkdrop_local.aws.names import REGION

if TYPE_CHECKING:
    from sparkdrop_local.aws.clients import Clients

_WITHOUT_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
# moto finds the service of an address without a host of its own by what a request is signed for:
# https://docs.getmoto.org/en/latest/docs/services/cognito-idp.html
_FOR_COGNITO = {
    "Authorization": f"AWS4-HMAC-SHA256 Credential=none/20260101/{REGION}/cognito-idp/aws4_request"
}
_TIMEOUT_SECONDS = 10
# the key that moto signs every pool's tokens with; read here, since importing moto takes a second
_PRIVATE_KEY = Path("cognitoidp", "resources", "jwks-private.json.gz")
_WRONG = {"NotAuthorizedException", "UserNotFoundException", "ResourceNotFoundException"}


class SignInError(Exception):
    """Wrong user name or password, or a refresh token that is none; the text is for the user."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a sign-in gives.

    Attributes:
        id_token: Who the user is; the API takes this one.
        access_token: For the user pool itself.
        refresh_token: For new ones; None where it was used to get these.
        expires_in_seconds: Of the first two.
    """

    id_token: str
    access_token: str
    refresh_token: str | None
    expires_in_seconds: int


class UserPool:
    """One pool with one client.

    Args:
        clients: Of the emulation.
        pool_id: The pool's id.
        client_id: Its client's.
    """

    def __init__(self, clients: Clients, pool_id: str, client_id: str) -> None:
        self._cognito = clients("cognito-idp")
        self._endpoint_url = clients.endpoint_url
        self.pool_id = pool_id
        self.client_id = client_id

    @property
    def issuer(self) -> str:
        """The pool's address in its tokens."""
        return f"https://cognito-idp.{REGION}.amazonaws.com/{self.pool_id}"

    def read_keys(self) -> dict[str, Any]:
        """The pool's public keys, as a JWK set."""
        address = f"{self._endpoint_url}/{self.pool_id}/.well-known/jwks.json"
        request = urllib.request.Request(address, headers=_FOR_COGNITO)  # noqa: S310 - the emulation's own
        with _WITHOUT_PROXY.open(request, timeout=_TIMEOUT_SECONDS) as answer:
            keys: dict[str, Any] = json.load(answer)
        return keys

    def describe_client(self) -> dict[str, Any]:
        """The client as it is now: its callback and logout addresses, scopes and flows."""
        described: dict[str, Any] = self._cognito.describe_user_pool_client(
            UserPoolId=self.pool_id, ClientId=self.client_id
        )["UserPoolClient"]
        return described

    def sign_in(self, user: str, password: str) -> Tokens:
        """Check a password.

        Raises:
            SignInError: It is wrong, there is no such user, or the user has to choose a password first.
        """
        answer = self._ask(
            self._cognito.admin_initiate_auth,
            UserPoolId=self.pool_id,
            ClientId=self.client_id,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": user, "PASSWORD": password},
        )
        if challenge := answer.get("ChallengeName"):
            raise SignInError(
                f"This page does not know the step {challenge}. Set a password with"
                " `aws cognito-idp admin-set-user-password --permanent`."
            )
        return _read_tokens(answer)

    def refresh(self, refresh_token: str) -> Tokens:
        """Get new tokens.

        Raises:
            SignInError: It is no refresh token of this client's.
        """
        answer = self._ask(
            self._cognito.initiate_auth,
            ClientId=self.client_id,
            AuthFlow="REFRESH_TOKEN_AUTH",
            AuthParameters={"REFRESH_TOKEN": refresh_token},
        )
        return _read_tokens(answer)

    def _ask(self, call: Any, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401 - boto3's
        try:
            answer: dict[str, Any] = call(**arguments)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _WRONG:
                raise
            # one text for all, so that nobody learns which users there are
            raise SignInError("Incorrect username or password.") from error
        return answer


def _read_tokens(answer: dict[str, Any]) -> Tokens:
    result = answer["AuthenticationResult"]
    return Tokens(
        id_token=result["IdToken"],
        access_token=result["AccessToken"],
        refresh_token=result.get("RefreshToken"),
        expires_in_seconds=result["ExpiresIn"],
    )


def import_keys(keys: dict[str, Any]) -> KeySet:
    """Read a JWK set."""
    return KeySet.import_key_set(keys)  # type: ignore[arg-type] # a TypedDict of the same keys


def add_nonce(id_token: str, nonce: str) -> str:
    """Put a sign-in's nonce into its ID token, as Cognito does and moto does not, and sign it again."""
    moto = find_spec("moto")
    if moto is None or moto.origin is None:
        raise RuntimeError("moto is not installed")
    packed = (Path(moto.origin).parent / _PRIVATE_KEY).read_bytes()
    key = RSAKey.import_key(json.loads(gzip.decompress(packed)))
    token = jwt.decode(id_token, key, algorithms=["RS256"])
    return jwt.encode({"kid": token.header["kid"], "alg": "RS256"}, {**token.claims, "nonce": nonce}, key)
