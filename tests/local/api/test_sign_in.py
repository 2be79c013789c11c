"""Cognito's sign-in on one machine: the code flow with PKCE, and what it refuses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from sparkdrop_local.api.codes import LIFETIME_SECONDS, Codes, Grant, build_challenge
from sparkdrop_local.api.user_pool import Tokens

if TYPE_CHECKING:
    from tests.api_process import Api


def test_a_sign_in_gives_tokens_of_the_pool_for_this_user_and_request(api: Api) -> None:
    pkce = api.make_proof()
    with api.browse() as browser:
        back = api.submit(browser, api.ask_for_code(pkce))
        assert back.status_code == 302
        assert back.headers["Location"].startswith(api.redirect_uri + "?")
        assert back.headers["Cache-Control"] == "no-store"
        returned = api.read_query(back.headers["Location"])
        assert returned["state"] == "the state & all of it"
        answer = api.redeem(browser, returned["code"], pkce)
        keys = browser.get("/.well-known/jwks.json").json()
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    tokens = answer.json()
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 3600)
    claims = jwt.decode(tokens["id_token"], KeySet.import_key_set(keys), algorithms=["RS256"]).claims
    assert (claims["aud"], claims["email"], claims["token_use"]) == (api.client_id, api.user, "id")
    assert claims["nonce"] == "n-0S6_WzA2Mj"
    assert jwt.decode(tokens["access_token"], KeySet.import_key_set(keys)).claims["sub"] == claims["sub"]


def test_a_refresh_token_gives_new_tokens_and_another_text_none(api: Api) -> None:
    refresh_token = api.sign_in()["refresh_token"]
    form = {
        "grant_type": "refresh_token",
        "client_id": api.client_id,
        "refresh_token": refresh_token,
    }
    with api.browse() as browser:
        tokens = browser.post("/oauth2/token", data=form).raise_for_status().json()
        wrong = browser.post("/oauth2/token", data=form | {"refresh_token": "x"})
    assert "refresh_token" not in tokens
    assert api.call("POST", "/invoke", token=tokens["id_token"], json={}).status_code != 401
    assert (wrong.status_code, wrong.json()) == (400, {"error": "invalid_grant"})


@pytest.mark.parametrize("user", ["demo@sparkdrop.local", "nobody@sparkdrop.local"])
def test_a_wrong_password_shows_the_form_again_and_tells_not_which_users_there_are(
    api: Api, user: str
) -> None:
    with api.browse() as browser:
        again = api.submit(
            browser, api.ask_for_code(api.make_proof()), user=user, password=f"{api.password}!"
        )
    assert again.status_code == 400
    assert '<p role="alert" id="error">Incorrect username or password.</p>' in again.text
    assert f'value="{user}"' in again.text
    assert api.password not in again.text
    assert "Location" not in again.headers


def test_what_was_typed_is_shown_again_as_text(api: Api) -> None:
    with api.browse() as browser:
        again = api.submit(browser, api.ask_for_code(api.make_proof()), user='"><script>alert(1)</script>')
    assert again.status_code == 400
    assert "<script" not in again.text
    assert "&quot;&gt;&lt;script&gt;alert(1)" in again.text


def test_the_form_is_labelled_protected_and_shows_no_markup_of_the_request(api: Api) -> None:
    with api.browse() as browser:
        form = browser.get(
            "/login", params=api.ask_for_code(api.make_proof(), state='"><script>alert(1)</script>')
        )
    assert form.status_code == 200
    assert '<html lang="en">' in form.text
    for name in ("username", "password"):
        assert f'<label for="{name}">' in form.text
        assert f'id="{name}"' in form.text
    assert "<script" not in form.text
    policy = form.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert f"form-action 'self' {api.origin};" in policy
    assert "frame-ancestors 'none'" in policy
    assert re.search(r"HttpOnly; SameSite=Strict", form.headers["Set-Cookie"])


@pytest.mark.parametrize("csrf", ["", "of-another-page"])
def test_a_form_that_another_page_sends_signs_nobody_in(api: Api, csrf: str) -> None:
    asked = api.ask_for_code(api.make_proof())
    with api.browse() as browser:
        browser.get("/login", params=asked)
        form = {"username": api.user, "password": api.password, "_csrf": csrf}
        sent = browser.post("/login", params=asked, data=form)
    assert sent.status_code == 400
    assert "please try again" in sent.text


@pytest.mark.parametrize(
    "change",
    [
        {"redirect_uri": "https://evil.example/"},
        {"redirect_uri": None},
        {"client_id": "somebody-else"},
        {"client_id": None},
    ],
)
def test_nobody_is_sent_to_an_address_that_the_client_has_not(
    api: Api, change: dict[str, str | None]
) -> None:
    asked = api.ask_for_code(api.make_proof(), **change)
    with api.browse() as browser:
        for path in ("/oauth2/authorize", "/login"):
            refused = browser.get(path, params=asked)
            assert refused.status_code == 400
            assert "Location" not in refused.headers
        posted = browser.post("/login", params=asked, data={"username": api.user, "password": api.password})
    assert posted.status_code == 400


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge": "ü" * 43}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "openid aws.cognito.signin.user.admin"}, "invalid_scope"),
    ],
)
def test_a_request_without_proof_key_or_for_more_goes_back_with_an_error(
    api: Api, change: dict[str, str | None], error: str
) -> None:
    asked = api.ask_for_code(api.make_proof(), **change)
    with api.browse() as browser:
        for path in ("/oauth2/authorize", "/login"):
            back = browser.get(path, params=asked)
            assert back.status_code == 302
            assert back.headers["Location"].startswith(api.redirect_uri + "?")
            returned = api.read_query(back.headers["Location"])
            assert (returned["error"], returned["state"]) == (error, "the state & all of it")
            assert "code" not in returned


def test_a_code_is_good_once(api: Api) -> None:
    pkce = api.make_proof()
    with api.browse() as browser:
        back = api.submit(browser, api.ask_for_code(pkce))
        code = api.read_query(back.headers["Location"])["code"]
        assert api.redeem(browser, code, pkce).status_code == 200
        second = api.redeem(browser, code, pkce)
    assert (second.status_code, second.json()) == (400, {"error": "invalid_grant"})


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"code_verifier": "of-another-request-that-is-long-enough-to-be-one"}, "invalid_grant"),
        ({"code_verifier": ""}, "invalid_grant"),
        ({"redirect_uri": "http://localhost:8080/"}, "invalid_grant"),
        ({"client_id": "somebody-else"}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
def test_a_code_is_good_for_whoever_asked_for_it(api: Api, change: dict[str, str], error: str) -> None:
    pkce = api.make_proof()
    with api.browse() as browser:
        back = api.submit(browser, api.ask_for_code(pkce))
        code = api.read_query(back.headers["Location"])["code"]
        refused = api.redeem(browser, code, pkce, **change)
        assert (refused.status_code, refused.json()) == (400, {"error": error})
        if error == "invalid_grant":  # it was tried, so it is used up
            assert api.redeem(browser, code, pkce).status_code == 400


def test_signing_out_leads_back_to_the_page_and_nowhere_else(api: Api) -> None:
    with api.browse() as browser:
        asked = {"client_id": api.client_id, "logout_uri": api.redirect_uri}
        back = browser.get("/logout", params=asked)
        astray = browser.get("/logout", params=asked | {"logout_uri": "https://evil.example/"})
    assert (back.status_code, back.headers["Location"]) == (302, api.redirect_uri)
    assert astray.status_code == 400


def test_the_openid_configuration_names_addresses_that_are_there(api: Api) -> None:
    with api.browse() as browser:
        told = browser.get("/.well-known/openid-configuration").json()
        assert told["authorization_endpoint"] == f"{api.origin}/oauth2/authorize"
        assert told["token_endpoint"] == f"{api.origin}/oauth2/token"
        assert browser.get(told["jwks_uri"]).json()["keys"][0]["kty"] == "RSA"
        elsewhere = browser.get("/.well-known/openid-configuration", headers={"Host": "evil.example"})
    assert elsewhere.json()["token_endpoint"] == told["token_endpoint"]


def test_a_code_ends_after_a_minute() -> None:
    now = [100.0]
    codes = Codes(lambda: now[0])
    grant = Grant(Tokens("id", "access", None, 3600), "http://here/", build_challenge("v" * 43))
    young, old = codes.make(grant), codes.make(grant)
    now[0] += LIFETIME_SECONDS - 1
    assert codes.take(young) == grant
    now[0] += 1
    assert codes.take(old) is None
