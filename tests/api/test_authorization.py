"""Who may do what: every call, for its owner, another member, a viewer, an outsider and nobody."""

import pytest

from .conftest import (
    ACCOUNT,
    ALICE,
    BOB,
    CAROL,
    DAVE,
    NOBODY,
    SHA256,
    get_document,
    iam,
    user,
)

LINK = f"/upload-url?pipeline=flights&filename=1.csv&size=4&sha256={SHA256}"
NEW = {"pipeline": "flights", "filename": "1.csv", "size": 4}
RUN = {"pipeline": "flights", "input": "s3://sd-uploads/flights/1.csv", "idempotency_key": "mine"}

# the call, and what it answers to: Alice, whose uploads these are; Bob, who may upload as well; Carol, who
# may look; Dave, who may neither
MATRIX = [
    ("GET", LINK, None, (200, 200, 403, 404)),
    ("POST", "/uploads", NEW, (201, 201, 403, 404)),
    ("GET", "/uploads", None, (200, 200, 200, 200)),
    ("GET", "/uploads?pipeline=flights", None, (200, 200, 200, 404)),
    ("GET", "/uploads/{link}", None, (200, 404, 200, 404)),
    ("GET", "/uploads/{landed}", None, (200, 404, 200, 404)),
    ("GET", "/uploads/{parts}/parts", None, (200, 404, 403, 404)),
    ("POST", "/uploads/{parts}/complete", None, (409, 404, 403, 404)),
    ("DELETE", "/uploads/{parts}", None, (204, 404, 403, 404)),
    ("POST", "/invoke", RUN, (202, 202, 403, 404)),
    ("GET", "/runs/{run}", None, (200, 404, 200, 404)),
    ("GET", "/pipelines", None, (200, 200, 200, 200)),
    ("GET", "/health", None, (200, 200, 200, 200)),
    ("GET", "/openapi.json", None, (200, 200, 200, 200)),
]
CALLERS = {"owner": ALICE, "member": BOB, "viewer": CAROL, "outsider": DAVE}
CALLS = [(method, path, body) for method, path, body, _ in MATRIX]
CASES = [
    pytest.param(
        (method, path, body), caller, answers[place], id=f"{method} {path.partition('&')[0]} {caller}"
    )
    for method, path, body, answers in MATRIX
    for place, caller in enumerate(CALLERS)
]


@pytest.fixture
def ids(api):
    """What belongs to Alice."""
    link = api.ask_link().body["upload_id"]
    return {
        "link": link,
        "landed": api.land(link),
        "parts": api.begin().body["upload_id"],
        "run": api.invoke().body["run_id"],
    }


@pytest.mark.parametrize(("call", "caller", "status"), CASES)
def test_who_may_do_what(api, ids, call, caller, status):
    method, path, body = call
    answer = api.call(method, path.format(**ids), CALLERS[caller], body=body)
    assert answer.status == status, answer.text
    if caller != "owner":
        for own in ids.values():
            assert caller == "viewer" or own not in str(answer.body.get("uploads", ""))


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
@pytest.mark.parametrize(
    "context",
    [
        NOBODY,
        {"identity": {"userArn": None}},
        {"authorizer": {"claims": {}}},
        {"authorizer": {"sub": "alice"}},
    ],
    ids=["nothing", "unsigned", "no claims", "no token"],
)
def test_nobody_may_do_anything(api, method, path, body, context):
    answer = api.call(method, path.format(link="x", landed="x", parts="x", run="x"), context, body=body)
    assert (answer.status, answer.problem) == (403, "caller-unknown")


def test_every_call_is_in_the_matrix():
    asked = {
        (method, path.partition("?")[0].format(**dict.fromkeys(["link", "landed", "parts", "run"], "{id}")))
        for method, path, _ in CALLS
    }
    paths = get_document()["paths"].items()
    assert asked == {(method.upper(), path) for path, operations in paths for method in operations}


def test_what_cannot_be_seen_is_answered_like_what_is_not_there(api, ids):
    hidden = api.get(f"/uploads/{ids['link']}", DAVE).body
    unknown = api.get(f"/uploads/{'0' * 26}", DAVE).body
    assert hidden | {"detail": ""} == unknown | {"detail": ""}
    assert hidden["detail"].replace(ids["link"], "0" * 26) == unknown["detail"]


def test_who_has_left_the_group_keeps_the_view_and_uploads_no_more(api, ids):
    left = user("alice")
    assert api.get(f"/uploads/{ids['parts']}", left).status == 200
    for method, path in (("GET", "parts"), ("POST", "complete")):
        answer = api.call(method, f"/uploads/{ids['parts']}/{path}", left)
        assert (answer.status, answer.problem) == (404, "unknown-pipeline")
    assert api.call("DELETE", f"/uploads/{ids['parts']}", left).status == 204


def test_a_role_of_another_account_is_in_no_group(api, monkeypatch):
    from sparkdrop.core.catalog import Catalog

    catalog = Catalog.find_for
    seen = []
    monkeypatch.setattr(
        Catalog, "find_for", lambda self, caller, name: (seen.append(caller), catalog(self, caller, name))[1]
    )
    for account in (ACCOUNT, "999999999999"):
        api.ask_link(iam(f"arn:aws:sts::{account}:assumed-role/Loader/s"))
    assert [caller.groups for caller in seen] == [frozenset({"role/Loader"}), frozenset()]
