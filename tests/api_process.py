"""The API as the local system starts it: a process beside the AWS emulation's."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import boto3
import httpx

from sparkdrop_local.processes import pick_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

REPOSITORY = Path(__file__).resolve().parents[1]
SHIPPED = REPOSITORY / "include" / "emr_configs"
USER = "demo@sparkdrop.local"
PASSWORD = "correct-Horse-battery-1"
READY_SECONDS = 120  # cold templates and a busy machine; 3 seconds otherwise
STOP_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Pkce:
    """A proof key of one sign-in."""

    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    @property
    def challenge(self) -> str:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class Api:
    """The running API, with the emulation behind it."""

    origin: str
    home: Path
    configs: Path
    announcement: dict[str, Any]
    process: subprocess.Popen[bytes]
    user: str = USER
    password: str = PASSWORD

    @staticmethod
    def make_proof() -> Pkce:
        return Pkce()

    @staticmethod
    def read_query(address: str) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}

    @property
    def environment(self) -> dict[str, str]:
        environment: dict[str, str] = self.announcement["environment"]
        return environment

    @property
    def redirect_uri(self) -> str:
        return f"{self.origin}/"

    def aws(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.environment["AWS_ENDPOINT_URL"],
            aws_access_key_id="somebody",
            aws_secret_access_key="somebody",
            region_name=self.environment["AWS_REGION"],
        )

    def browse(self) -> httpx.Client:
        """A browser that has not been here before, and follows no redirect by itself."""
        return httpx.Client(base_url=self.origin, trust_env=False, timeout=30)

    def configuration(self) -> dict[str, Any]:
        with self.browse() as browser:
            answer: dict[str, Any] = browser.get("/config.json").raise_for_status().json()
        return answer

    @property
    def client_id(self) -> str:
        client_id: str = self.configuration()["auth"]["client_id"]
        return client_id

    def ask_for_code(self, pkce: Pkce, **changes: str | None) -> dict[str, str]:
        """The parameters of an authorization request; None leaves one out."""
        asked: dict[str, str | None] = {
            "client_id": self.client_id,
            "response_type": "code",
            "redirect_uri": self.redirect_uri,
            "scope": "openid email",
            "state": "the state & all of it",
            "nonce": "n-0S6_WzA2Mj",
            "code_challenge": pkce.challenge,
            "code_challenge_method": "S256",
        }
        return {name: value for name, value in (asked | changes).items() if value is not None}

    def submit(
        self, browser: httpx.Client, asked: dict[str, str], *, user: str = USER, password: str = PASSWORD
    ) -> httpx.Response:
        """Go through the form as a person does; gives back the answer to it."""
        sent = browser.get("/oauth2/authorize", params=asked)
        assert sent.status_code == 302, sent.text
        form = browser.get(sent.headers["Location"])
        assert form.status_code == 200, form.text
        return browser.post(
            sent.headers["Location"],
            data={"username": user, "password": password, "_csrf": browser.cookies["XSRF-TOKEN"]},
        )

    def redeem(self, browser: httpx.Client, code: str, pkce: Pkce, **changes: str) -> httpx.Response:
        form = {
            "grant_type": "authorization_code",
            "client_id": self.client_id,
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": pkce.verifier,
        }
        return browser.post("/oauth2/token", data=form | changes)

    def sign_in(self, user: str = USER, password: str = PASSWORD) -> dict[str, Any]:
        """Sign in through the page; gives back the tokens."""
        pkce = Pkce()
        with self.browse() as browser:
            back = self.submit(browser, self.ask_for_code(pkce), user=user, password=password)
            code = self.read_query(back.headers["Location"])["code"]
            tokens: dict[str, Any] = self.redeem(browser, code, pkce).raise_for_status().json()
        return tokens

    def call(self, method: str, path: str, *, token: str | None = None, **options: Any) -> httpx.Response:
        headers = options.pop("headers", {}) | ({"Authorization": token} if token else {})
        with self.browse() as client:
            return client.request(method, f"/api{path}", headers=headers, **options)


@contextmanager
def run_process(
    command: list[str], log: Path, is_ready: Callable[[], bool], **variables: str
) -> Iterator[subprocess.Popen[bytes]]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], env=inherited | variables, stdout=out, stderr=out
        )
    try:
        deadline = time.monotonic() + READY_SECONDS
        while not is_ready():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=STOP_SECONDS)


def answers(address: str) -> bool:
    try:
        return httpx.get(address, trust_env=False, timeout=5).is_success
    except httpx.HTTPError:
        return False


@contextmanager
def run_api(home: Path, pipelines: Iterable[Path] = (SHIPPED,)) -> Iterator[Api]:
    """Run the AWS emulation and the API with these folders' pipelines until they are not needed any more."""
    configs = home / "configs"
    for folder in pipelines:
        shutil.copytree(folder, configs, dirs_exist_ok=True)
    login = json.dumps({"user": USER, "password": PASSWORD})
    ready, port = home / "aws.json", pick_port()
    origin = f"http://127.0.0.1:{port}"
    command = ["sparkdrop_local.api", "--aws", str(ready), "--configs", str(configs), "--port", str(port)]
    with ExitStack() as stack:
        aws = ["sparkdrop_local.aws", "--home", str(home), "--trail"]
        stack.enter_context(run_process(aws, home / "aws.log", ready.exists))
        process = stack.enter_context(
            run_process(
                command,
                home / "api.log",
                lambda: answers(f"{origin}/config.json"),
                SPARKDROP_LOCAL_API_LOGIN=login,
            )
        )
        yield Api(origin, home, configs, json.loads(ready.read_bytes()), process)
