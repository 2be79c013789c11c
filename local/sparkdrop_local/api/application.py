"""Which path goes where: the API, the sign-in, and the page, which has all the others."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sparkdrop_local.api.messages import Answer, Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from wsgiref.types import StartResponse, WSGIEnvironment

    from sparkdrop_local.api.gateway import Gateway
    from sparkdrop_local.api.page import Page
    from sparkdrop_local.api.sign_in import SignIn

API_PREFIX = "/api"
_OPENID = "/.well-known/openid-configuration"


class Application:
    """The WSGI app.

    Args:
        gateway: Answers what is under /api.
        sign_in: Answers Cognito's paths.
        page: Answers all others.
        origins: How browsers may call this server; the first is its name.
        client_id: What the page signs in as.
    """

    def __init__(
        self,
        *,
        gateway: Gateway,
        sign_in: SignIn,
        page: Page,
        origins: Sequence[str],
        client_id: str,
    ) -> None:
        self._gateway = gateway
        self._sign_in = sign_in
        self._page = page
        self._origins = tuple(origins)
        self._client_id = client_id

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        request = Request.read(environ)
        return self.answer(request).send(start_response, with_body=request.method != "HEAD")

    def answer(self, request: Request) -> Answer:
        """Answer a request."""
        if request.path == API_PREFIX or request.path.startswith(f"{API_PREFIX}/"):
            return self._gateway.answer(replace(request, path=request.path.removeprefix(API_PREFIX) or "/"))
        if request.method == "GET" and request.path == "/config.json":
            return self._page.configure(self._find_origin(request), self._client_id)
        if request.method == "GET" and request.path == _OPENID:
            return self._sign_in.describe(self._find_origin(request))
        return self._sign_in.answer(request) or self._page.answer(request)

    def _find_origin(self, request: Request) -> str:
        """The origin that the browser sees, if it is one of ours: whoever calls can say anything."""
        asked = f"http://{request.header('Host')}"
        return asked if asked in self._origins else self._origins[0]
