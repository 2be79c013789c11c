"""What every answer carries: which request it was, and which pages may read it."""

import pytest

from infra.stacks.invoke.handler.answers import is_known

from .conftest import NOBODY

PAGE = "https://page.example"
OTHER = "https://other.example"


def test_every_answer_names_its_request_and_is_kept_by_nobody(api):
    for answer in (api.get("/health"), api.get("/nowhere"), api.get("/health", NOBODY)):
        assert answer.headers["X-Request-Id"] == "request-1"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("path", ["/health", "/nowhere", "/uploads/x", "/uploads?limit=0"])
def test_a_listed_page_may_read_every_answer(api, monkeypatch, path):
    monkeypatch.setenv("SPARKDROP_CORS_ORIGINS", f"{OTHER}, {PAGE}")
    answer = api.get(path, headers={"Origin": PAGE})
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    assert answer.headers["Access-Control-Expose-Headers"] == "ETag, Retry-After, X-Request-Id"
    assert answer.headers["Vary"] == "Origin"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", f"{PAGE}.evil.example", PAGE.upper()])
def test_no_other_page_may(api, monkeypatch, origin):
    monkeypatch.setenv("SPARKDROP_CORS_ORIGINS", PAGE)
    answer = api.get("/health", headers={"origin": origin})
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.headers["Vary"] == "Origin"


@pytest.mark.parametrize("known", [None, "", '"b"', 'W/"b", "c"', "a"])
def test_another_tag_is_not_known(known):
    assert not is_known('"a"', known)
