"""Who comes in, by the sign-in's own page, and who goes out."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.browser.people import Person
    from tests.browser.visit import Visit


def test_a_sign_in_proves_that_it_was_begun_here(visit: Visit, person: Person) -> None:
    (asked,) = [parse_qs(urlsplit(one.url).query) for one in visit.requests if "/oauth2/authorize" in one.url]
    (redeemed,) = visit.asked("POST", "/oauth2/token")
    verifier = parse_qs(redeemed.post_data or "")["code_verifier"][0]
    digest = hashlib.sha256(verifier.encode()).digest()
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["code_challenge"] == [base64.urlsafe_b64encode(digest).rstrip(b"=").decode()]
    assert asked["response_type"] == ["code"]
    assert visit.page.url == f"{visit.origin}/", "the code is in no bookmark"
    expect(visit.page.get_by_role("banner")).to_contain_text(person.user)


def test_a_sign_in_outlives_a_reload_and_ends_with_the_sign_out(visit: Visit) -> None:
    visit.page.reload()
    heading = visit.page.get_by_role("heading", name="Upload files")
    expect(heading).to_be_visible()
    visit.page.get_by_role("button", name="Sign out").click()
    expect(visit.page.get_by_role("button", name="Sign in")).to_be_visible()
    assert visit.page.evaluate("() => Object.keys(sessionStorage)") == []
    visit.page.reload()
    expect(visit.page.get_by_role("button", name="Sign in")).to_be_visible()
    expect(heading).to_have_count(0)


def test_a_wrong_password_is_told_and_can_be_mended(
    begin_visit: Callable[..., Visit], person: Person
) -> None:
    visit = begin_visit().open()
    visit.allow("status of 400")  # the form with what is wrong
    page = visit.page
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Email address").fill(person.user)
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Email address")).to_have_value(person.user)
    page.get_by_label("Password").fill(person.password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Upload files")).to_be_visible()


def test_a_sign_in_that_was_begun_elsewhere_is_none(begin_visit: Callable[..., Visit]) -> None:
    visit = begin_visit()
    visit.page.goto(f"{visit.origin}/?code=stolen&state=of-somebody-else")
    expect(visit.page.get_by_role("alert")).to_contain_text("You are not signed in")
    assert visit.asked("POST", "/oauth2/token") == []
    assert visit.page.url == f"{visit.origin}/"
