"""The process of the REST API and its page, seen from outside: how it is started and asked."""

from __future__ import annotations

import secrets
import sys
import urllib.request
from typing import TYPE_CHECKING

from sparkdrop.client.names import URL_VARIABLE
from sparkdrop_local.supervisor import Child
from sparkdrop_local.system import API_LOGIN_VARIABLE, LocalApi, LocalSystem, LocalSystemError, Login

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

USER = "demo@sparkdrop.local"
_WITHOUT_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_TIMEOUT_SECONDS = 2


def describe(port: int) -> LocalApi:
    """The API of a new start, with a new password for its user, which has what the pool's policy asks for."""
    origin = f"http://127.0.0.1:{port}"
    password = f"{secrets.token_hex(8)}-aA1"
    return LocalApi(user=USER, password=password, url=f"{origin}/api", page_url=f"{origin}/")


def build_child(api: LocalApi, base: Mapping[str, str], *, aws_file: Path, configs: Path) -> Child:
    """The process that serves it."""
    port = api.page_url.rstrip("/").rsplit(":", 1)[-1]
    command = [sys.executable, "-m", "sparkdrop_local.api", "--aws", str(aws_file)]
    command += ["--configs", str(configs), "--port", port]
    login = Login(user=api.user, password=api.password)
    return Child("api", command, {**base, API_LOGIN_VARIABLE: login.model_dump_json()})


def is_answering(api: LocalApi) -> bool:
    """Whether it answers, which it does once the deployment is ready for its page."""
    try:
        with _WITHOUT_PROXY.open(f"{api.page_url}config.json", timeout=_TIMEOUT_SECONDS) as answer:
            return bool(answer.status == 200)  # noqa: PLR2004 - OK
    except OSError:
        return False


def build_client_environment(api: LocalApi) -> dict[str, str]:
    """What a client of the API sets."""
    return {URL_VARIABLE: api.url, "SPARKDROP_PAGE_URL": api.page_url}


def fetch_token(system: LocalSystem, *, user: str | None = None, password: str | None = None) -> str:
    """Sign in, and give back the ID token.

    Args:
        system: One that is up.
        user: Who; None takes the system's own user.
        password: Of another user.

    Raises:
        LocalSystemError: It has no API, or user and password do not go together.
    """
    if system.api is None:
        raise LocalSystemError("AWS alone is up: it has no API to have a token for")
    # boto3 is slow to import, and this module is what every command imports
    from sparkdrop_local.api.deployment import find_pool
    from sparkdrop_local.api.user_pool import SignInError
    from sparkdrop_local.aws.clients import Clients
    from sparkdrop_local.aws.templates import load_templates

    pool = find_pool(Clients(system.environment["AWS_ENDPOINT_URL"]), load_templates())
    try:
        return pool.sign_in(user or system.api.user, password or system.api.password).id_token
    except SignInError as error:
        raise LocalSystemError(f"{user or system.api.user}: {error}") from error
