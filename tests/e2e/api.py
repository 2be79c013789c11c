"""The API as one of its users sees it: with a token, and without AWS credentials."""

import hashlib
import os
from dataclasses import dataclass
from typing import Any

import httpx

from tests.e2e.system import System, run_sparkdrop, wait_for

PASSWORD = "correct-Horse-battery-9"


@dataclass(frozen=True)
class ApiUser:
    """Somebody with a token."""

    system: System
    token: str

    @property
    def environment(self) -> dict[str, str]:
        """What a program of this user's runs with: where the API is, and who calls; nothing of AWS."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SPARKDROP_"))
        }
        return {**kept, "SPARKDROP_API_URL": self.system["API_URL"], "SPARKDROP_API_TOKEN": self.token}

    def call(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, **request: Any
    ) -> httpx.Response:
        sent = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        return httpx.request(
            method, self.system["API_URL"] + path, headers=sent, timeout=30, trust_env=False, **request
        )

    def read(self, path: str, **params: str) -> Any:
        answer = self.call("GET", path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ask_for_link(self, pipeline: str, filename: str, content: bytes) -> httpx.Response:
        asked = {
            "pipeline": pipeline,
            "filename": filename,
            "size": str(len(content)),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        return self.call("GET", "/upload-url", params=asked)

    def upload(self, pipeline: str, filename: str, content: bytes) -> str:
        """Send a file by its link; the answer is the upload's id."""
        asked = self.ask_for_link(pipeline, filename, content)
        assert asked.status_code == 200, asked.text
        link = asked.json()
        put = httpx.put(link["url"], headers=link["headers"], content=content, timeout=30, trust_env=False)
        assert put.status_code == 200, put.text
        upload_id: str = link["upload_id"]
        return upload_id

    def wait_for_end(self, path: str, *, seconds: float = 180) -> dict[str, Any]:
        """Ask for an upload or a run until the API says that nothing more is to come."""

        def look() -> dict[str, Any] | None:
            answer = self.call("GET", path)
            assert answer.status_code == 200, answer.text
            return None if "Retry-After" in answer.headers else answer.json()

        return wait_for(f"end of {path}", look, seconds=seconds)


def create_user(system: System, name: str, *groups: str) -> ApiUser:
    """Make a user of these groups, which are made where they are not there, and sign in."""
    cognito = system.client("cognito-idp")
    (pool,) = cognito.list_user_pools(MaxResults=10)["UserPools"]
    known = {group["GroupName"] for group in cognito.list_groups(UserPoolId=pool["Id"])["Groups"]}
    user = {"UserPoolId": pool["Id"], "Username": f"{name}@sparkdrop.local"}
    cognito.admin_create_user(**user, MessageAction="SUPPRESS")
    cognito.admin_set_user_password(**user, Password=PASSWORD, Permanent=True)
    for group in groups:
        if group not in known:
            cognito.create_group(UserPoolId=pool["Id"], GroupName=group)
        cognito.admin_add_user_to_group(**user, GroupName=group)
    signed_in = run_sparkdrop(
        *("local", "token", "--home", str(system.home), "--user", user["Username"]),
        env={**os.environ, "SPARKDROP_LOCAL_PASSWORD": PASSWORD},
    )
    assert signed_in.returncode == 0, signed_in.stderr
    return ApiUser(system, signed_in.stdout.strip())
