"""Cognito's pages and endpoints for signing in, on one machine: the authorization code flow with PKCE.

::

    GET  /oauth2/authorize   checks the request and sends the browser to the form
    GET  /login              the form
    POST /login              checks the password, sends the browser back with a code
    POST /oauth2/token       a code, or a refresh token, for tokens
    GET  /logout             sends the browser back; there is no session to end
    GET  /.well-known/...    the OpenID configuration and the pool's public keys

https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-userpools-server-contract-reference.html.
Unlike Cognito it takes no code flow without PKCE, and keeps no session: every sign-in asks for the password.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from sparkdrop_local.api.codes import Codes, Grant, is_challenge
from sparkdrop_local.api.messages import Answer, Request
from sparkdrop_local.api.sign_in_pages import STYLE, build_error, build_form
from sparkdrop_local.api.user_pool import SignInError, add_nonce

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sparkdrop_local.api.user_pool import Tokens, UserPool

_COOKIE = "XSRF-TOKEN"
# what a request for a code may carry on to the form
_CARRIED = (
    "client_id",
    "code_challenge",
    "code_challenge_method",
    "nonce",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
)
_NO_STORE = ("Cache-Control", "no-store")
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()


class BadRequestError(Exception):
    """Nobody can be sent back: client or address is not known."""


class SignIn:
    """The sign-in of one user pool.

    Args:
        pool: The pool.
        codes: The codes that are out.
    """

    def __init__(self, pool: UserPool, codes: Codes | None = None) -> None:
        self._pool = pool
        self._codes = codes or Codes()
        self._routes: dict[tuple[str, str], Callable[[Request], Answer]] = {
            ("GET", "/oauth2/authorize"): self._authorize,
            ("GET", "/login"): self._show_form,
            ("POST", "/login"): self._sign_in,
            ("POST", "/oauth2/token"): self._give_tokens,
            ("GET", "/logout"): self._sign_out,
            ("GET", "/.well-known/jwks.json"): self._tell_keys,
        }

    def answer(self, request: Request) -> Answer | None:
        """Answer a request; None where it is none of these."""
        if route := self._routes.get((request.method, request.path)):
            try:
                return route(request)
            except BadRequestError as error:
                return _show(400, build_error(str(error)))
        return None

    def describe(self, origin: str) -> Answer:
        """The OpenID configuration, as the page at this origin reaches it."""
        return _tell(
            200,
            {
                "issuer": self._pool.issuer,
                "authorization_endpoint": f"{origin}/oauth2/authorize",
                "token_endpoint": f"{origin}/oauth2/token",
                "end_session_endpoint": f"{origin}/logout",
                "jwks_uri": f"{origin}/.well-known/jwks.json",
                "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code", "refresh_token"],
                "code_challenge_methods_supported": ["S256"],
                "scopes_supported": ["openid", "email"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "token_endpoint_auth_methods_supported": ["none"],
            },
        )

    def _tell_keys(self, _: Request) -> Answer:
        return _tell(200, self._pool.read_keys())

    def _authorize(self, request: Request) -> Answer:
        asked = self._read(request)
        if problem := self._find_problem(asked):
            return _send_back(asked, {"error": problem[0], "error_description": problem[1]})
        return Answer(302, (("Location", f"/login?{urlencode(asked)}"), _NO_STORE))

    def _show_form(self, request: Request) -> Answer:
        asked = self._read(request)
        if self._find_problem(asked):
            return self._authorize(request)
        return _ask(asked)

    def _sign_in(self, request: Request) -> Answer:
        asked = self._read(request)
        if self._find_problem(asked):
            return self._authorize(request)
        form, cookie = request.form, request.cookies.get(_COOKIE, "")
        user = form.get("username", "").strip()
        if not cookie or not hmac.compare_digest(cookie.encode(), form.get("_csrf", "").encode()):
            return _ask(asked, user=user, error="The form was open for too long: please try again.")
        try:
            tokens = self._pool.sign_in(user, form.get("password", ""))
        except SignInError as error:
            return _ask(asked, user=user, error=str(error))
        if nonce := asked.get("nonce"):
            tokens = replace(tokens, id_token=add_nonce(tokens.id_token, nonce))
        grant = Grant(tokens, asked["redirect_uri"], asked["code_challenge"])
        return _send_back(asked, {"code": self._codes.make(grant)})

    def _give_tokens(self, request: Request) -> Answer:
        form = request.form
        if form.get("client_id") != self._pool.client_id:
            return _tell(400, {"error": "invalid_client"})
        match form.get("grant_type"):
            case "authorization_code":
                # a code that was tried with a wrong verifier is used up, too: somebody else may have it
                grant = self._codes.take(form.get("code", ""))
                if grant is None or not grant.fits(
                    form.get("redirect_uri", ""), form.get("code_verifier", "")
                ):
                    return _tell(400, {"error": "invalid_grant"})
                return _tell(200, _write(grant.tokens))
            case "refresh_token":
                try:
                    return _tell(200, _write(self._pool.refresh(form.get("refresh_token", ""))))
                except SignInError:
                    return _tell(400, {"error": "invalid_grant"})
        return _tell(400, {"error": "unsupported_grant_type"})

    def _sign_out(self, request: Request) -> Answer:
        client = self._describe_client(request.parameter("client_id"))
        there = request.parameter("logout_uri") or ""
        if there not in client.get("LogoutURLs", ()):
            raise BadRequestError("logout_uri is none of the client's sign-out addresses.")
        return Answer(302, (("Location", there), _NO_STORE))

    def _read(self, request: Request) -> dict[str, str]:
        """Read a request for a code.

        Raises:
            BadRequestError: Client or address is not known, so nothing may be sent there.
        """
        asked = {name: value for name in _CARRIED if (value := request.parameter(name)) is not None}
        client = self._describe_client(asked.get("client_id"))
        if asked.get("redirect_uri") not in client.get("CallbackURLs", ()):
            raise BadRequestError("redirect_uri is none of the client's callback addresses.")
        return asked

    def _describe_client(self, client_id: str | None) -> dict[str, Any]:
        if client_id != self._pool.client_id:
            raise BadRequestError("There is no such client.")
        return self._pool.describe_client()

    def _find_problem(self, asked: Mapping[str, str]) -> tuple[str, str] | None:
        """What is wrong with a request whose sender is known: OAuth's word for it, and ours."""
        scopes = set(asked.get("scope", "openid").split())
        if asked.get("response_type") != "code":
            return "unsupported_response_type", "response_type has to be code"
        if asked.get("code_challenge_method") != "S256":
            return "invalid_request", "code_challenge_method has to be S256"
        if not is_challenge(asked.get("code_challenge", "")):
            return "invalid_request", "code_challenge has to be a SHA-256 in base64url"
        if unknown := sorted(scopes - set(self._pool.describe_client().get("AllowedOAuthScopes", ()))):
            return "invalid_scope", f"the client may not ask for {', '.join(unknown)}"
        return None


def _ask(asked: Mapping[str, str], *, user: str = "", error: str = "") -> Answer:
    csrf = secrets.token_urlsafe(24)
    page = build_form(f"/login?{urlencode(asked)}", csrf, user=user, error=error)
    cookie = f"{_COOKIE}={csrf}; Path=/login; HttpOnly; SameSite=Strict"
    # the form's answer leads back to the page, which the policy has to know
    back = urlsplit(asked["redirect_uri"])
    return _show(
        400 if error else 200, page, ("Set-Cookie", cookie), form_action=f"{back.scheme}://{back.netloc}"
    )


def _send_back(asked: Mapping[str, str], answer: Mapping[str, str]) -> Answer:
    parameters = {**answer, **({"state": asked["state"]} if "state" in asked else {})}
    between = "&" if urlsplit(asked["redirect_uri"]).query else "?"
    address = f"{asked['redirect_uri']}{between}{urlencode(parameters)}"
    return Answer(302, (("Location", address), _NO_STORE))


def _show(status: int, page: str, *headers: tuple[str, str], form_action: str = "") -> Answer:
    policy = (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self' {form_action}".rstrip()
        + "; frame-ancestors 'none'; base-uri 'none'"
    )
    fixed = (
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Security-Policy", policy),
        ("Referrer-Policy", "no-referrer"),
        ("X-Content-Type-Options", "nosniff"),
        _NO_STORE,
    )
    return Answer(status, (*fixed, *headers), page.encode())


def _tell(status: int, document: object) -> Answer:
    headers = (("Content-Type", "application/json"), ("X-Content-Type-Options", "nosniff"), _NO_STORE)
    return Answer(status, headers, json.dumps(document).encode())


def _write(tokens: Tokens) -> dict[str, object]:
    written: dict[str, object] = {
        "id_token": tokens.id_token,
        "access_token": tokens.access_token,
        "expires_in": tokens.expires_in_seconds,
        "token_type": "Bearer",
    }
    return written if tokens.refresh_token is None else {**written, "refresh_token": tokens.refresh_token}
