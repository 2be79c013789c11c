"""The built page: its files, their types, what browsers may keep, and what it may connect to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sparkdrop_local.api.messages import Answer, Request
from sparkdrop_local.api.page import Page
from sparkdrop_local.api.page_headers import read_page_headers
from sparkdrop_local.aws.errors import EmulationError
from sparkdrop_local.aws.templates import StackTemplate

if TYPE_CHECKING:
    from pathlib import Path

S3 = "http://127.0.0.1:5000"


@pytest.fixture
def page(tmp_path: Path) -> Page:
    dist = tmp_path / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_text("<!doctype html>")
    (dist / "assets" / "index-B2x.js").write_text("run()")
    (dist / "assets" / "index-C3y.css").write_text("p {}")
    (tmp_path / "secret.txt").write_text("secret")
    (dist / "link.txt").symlink_to(tmp_path / "secret.txt")
    return Page([("X-Content-Type-Options", "nosniff")], [tmp_path / "not-there", dist])


def get(page: Page, path: str, **headers: str) -> Answer:
    sent = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return page.answer(Request("GET", path, headers=sent))


@pytest.mark.parametrize(
    ("path", "kind", "kept"),
    [
        ("/", "text/html; charset=utf-8", "no-cache"),
        ("/an/address/inside", "text/html; charset=utf-8", "no-cache"),
        ("/index.html", "text/html; charset=utf-8", "no-cache"),
        ("/assets/index-B2x.js", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"),
        ("/assets/index-C3y.css", "text/css; charset=utf-8", "public, max-age=31536000, immutable"),
    ],
)
def test_a_file_has_its_type_and_is_kept_if_its_name_changes_with_it(
    page: Page, path: str, kind: str, kept: str
) -> None:
    answer = get(page, path)
    headers = dict(answer.headers)
    assert (answer.status, headers["Content-Type"], headers["Cache-Control"]) == (200, kind, kept)
    assert headers["X-Content-Type-Options"] == "nosniff"
    again = get(page, path, If_None_Match=headers["ETag"])
    assert (again.status, again.body) == (304, b"")


def test_the_page_may_connect_to_its_own_origin_and_to_s3_only(templates: list[StackTemplate]) -> None:
    (web,) = [template for template in templates if template.id == "WebStack"]
    headers = dict(read_page_headers(web, S3))
    directives = [directive.partition(" ") for directive in headers["Content-Security-Policy"].split("; ")]
    policy = {name: sources for name, _, sources in directives}
    assert policy.pop("connect-src") == f"'self' {S3}"
    assert {policy.pop(name) for name in ("default-src", "frame-ancestors", "base-uri")} == {"'none'"}
    assert {policy.pop(name) for name in ("script-src", "style-src", "form-action")} == {"'self'"}
    assert "unsafe" not in str(policy)
    assert (headers["X-Content-Type-Options"], headers["X-Frame-Options"]) == ("nosniff", "DENY")
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "Strict-Transport-Security" not in headers


@pytest.mark.parametrize(
    "change",
    [
        {"XSSProtection": {"Protection": True}},
        {"ContentSecurityPolicy": {"ContentSecurityPolicy": "default-src 'none'"}},
        {"ContentSecurityPolicy": {"ContentSecurityPolicy": {"Fn::Sub": "x"}}},
    ],
)
def test_headers_that_are_not_known_are_an_error(change: dict[str, Any]) -> None:
    config = {"SecurityHeadersConfig": change}
    policy = {
        "Type": "AWS::CloudFront::ResponseHeadersPolicy",
        "Properties": {"ResponseHeadersPolicyConfig": config},
    }
    with pytest.raises(EmulationError):
        read_page_headers(StackTemplate(name="web", id="WebStack", body={"Resources": {"One": policy}}), S3)


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/assets/..%2f..%2fsecret.txt",
        "/link.txt",
        "/assets/none.js",
        "/none.js",
        "/none%00.js",
    ],
)
def test_nothing_but_the_pages_files_is_given(page: Page, path: str) -> None:
    answer = get(page, path)
    assert answer.status == 404
    assert b"secret" not in answer.body
    assert dict(answer.headers)["Cache-Control"] == "no-cache"


def test_a_page_that_is_not_built_says_how_it_is(tmp_path: Path) -> None:
    page = Page([], [tmp_path])
    assert b"make web" in get(page, "/").body
    assert get(page, "/assets/index.js").status == 404
    (tmp_path / "index.html").write_text("built meanwhile")
    assert get(page, "/").body == b"built meanwhile"


def test_the_page_is_read_and_not_written(page: Page) -> None:
    assert page.answer(Request("POST", "/")).status == 405
