"""The page's way to its bucket: what is uploaded, in which order, and what browsers are told of it."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from moto import mock_aws

from infra.tools import page
from infra.tools.account import reach_account
from infra.tools.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from infra.tools.account import Account

REGION = "eu-west-1"
OUTPUTS = {
    "PageBucket": "the-page",
    "PageUrl": "https://d111111abcdef8.cloudfront.net/",
    "ApiUrl": "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/dev/",
    "UserPoolId": "eu-west-1_AbCdEfGhI",
    "UserPoolClientId": "1example23456789",
    "SignInUrl": "https://sparkdrop-dev-users-123456789012.auth.eu-west-1.amazoncognito.com",
}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    for name in ("AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        account = reach_account(REGION)
        account.make_client("s3").create_bucket(
            Bucket="the-page", CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        yield account


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    stand_in_for_make(monkeypatch, lambda: None)
    (tmp_path / "assets").mkdir()
    for name in ("index.html", "favicon.svg", "assets/index-0a1b2c3d.js", "assets/index-4e5f6a7b.css"):
        (tmp_path / name).write_text(name)
    # a build for one machine may hold one
    (tmp_path / "config.json").write_text('{"api_url": "http://localhost"}')
    return tmp_path


def test_files_are_uploaded_with_what_browsers_need_to_know(account: Account, built: Path) -> None:
    assert page.deliver_page(account, OUTPUTS, folder=built) == OUTPUTS["PageUrl"]
    told = {key: read(account, key) for key in list_keys(account)}
    for_ever, each_time = "public, max-age=31536000, immutable", "no-cache"
    assert {key: (one["ContentType"], one["CacheControl"]) for key, one in told.items()} == {
        "assets/index-0a1b2c3d.js": ("text/javascript; charset=utf-8", for_ever),
        "assets/index-4e5f6a7b.css": ("text/css; charset=utf-8", for_ever),
        "config.json": ("application/json", each_time),
        "favicon.svg": ("image/svg+xml", each_time),
        "index.html": ("text/html; charset=utf-8", each_time),
    }
    assert told["index.html"]["Body"].read() == b"index.html"


def test_the_page_is_told_where_everything_is(account: Account, built: Path) -> None:
    page.deliver_page(account, OUTPUTS, folder=built)
    assert json.load(read(account, "config.json")["Body"]) == {
        "api_url": "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/dev",
        "auth": {
            "authority": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI",
            "client_id": "1example23456789",
            "sign_in_url": "https://sparkdrop-dev-users-123456789012.auth.eu-west-1.amazoncognito.com",
            "region": REGION,
        },
    }


def test_the_way_in_comes_last_and_what_it_names_first(
    account: Account, built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys: list[str] = []

    class Client:
        def put_object(self, **request: Any) -> None:
            keys.append(request["Key"])

    monkeypatch.setattr(type(account), "make_client", lambda *_: Client())
    page.deliver_page(account, OUTPUTS, folder=built)
    assert keys[-1] == "index.html"
    assert [key.startswith("assets/") for key in keys] == [True, True, False, False, False]


@pytest.mark.parametrize("missing", sorted(OUTPUTS))
def test_without_what_it_talks_to_there_is_no_page(account: Account, built: Path, missing: str) -> None:
    outputs = {name: value for name, value in OUTPUTS.items() if name != missing}
    assert page.deliver_page(account, outputs, folder=built) is None
    assert list_keys(account) == []


def test_a_file_of_an_unknown_type_is_refused_before_anything_is_uploaded(
    account: Account, built: Path
) -> None:
    (built / "notes.docx").write_text("")
    with pytest.raises(ToolError, match=r"web/dist/notes\.docx: no type is known for \.docx"):
        page.deliver_page(account, OUTPUTS, folder=built)
    assert list_keys(account) == []


@pytest.mark.parametrize("there", [["index.html"], []])
def test_each_delivery_builds_the_page(
    account: Account, built: Path, monkeypatch: pytest.MonkeyPatch, there: list[str]
) -> None:
    if not there:
        (built / "index.html").unlink()
    asked = stand_in_for_make(monkeypatch, lambda: (built / "index.html").write_text("built"))
    page.deliver_page(account, OUTPUTS, folder=built)
    assert asked == [["make", "web"]]
    assert read(account, "index.html")["Body"].read() == b"built"


@pytest.mark.parametrize(("code", "said"), [(2, "cannot be built"), (0, r"left no index\.html")])
def test_a_build_that_fails_is_told_of(
    code: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in_for_make(monkeypatch, lambda: None, code=code)
    with pytest.raises(ToolError, match=said):
        page.build_page(tmp_path)


def stand_in_for_make(monkeypatch: pytest.MonkeyPatch, build: Any, *, code: int = 0) -> list[list[str]]:
    asked: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        build()
        return subprocess.CompletedProcess(command, code)

    monkeypatch.setattr(subprocess, "run", run)
    return asked


def list_keys(account: Account) -> list[str]:
    listed = account.make_client("s3").list_objects_v2(Bucket="the-page")
    return [entry["Key"] for entry in listed.get("Contents", ())]


def read(account: Account, key: str) -> Any:
    return account.make_client("s3").get_object(Bucket="the-page", Key=key)
