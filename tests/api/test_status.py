"""How uploads and runs stand, and what lists tell."""

from datetime import timedelta

import pytest

from sparkdrop.aws.claims import claim_batch
from sparkdrop.aws.items import BatchState
from sparkdrop.aws.records import UploadOutcome
from sparkdrop.core.links import make_link_id
from sparkdrop.core.uploads import UploadState

from ..aws.conftest import PLENTY, make_run  # noqa: TID252 - the tests are no installed package
from .conftest import ALICE, BOB, CAROL, user


def claim(api, name="one"):
    return claim_batch(api.ledger, make_run(name), PLENTY)


def end(api, claimed, state, *, log_excerpt=None, **facts):
    outcomes = [UploadOutcome(entry, state, facts, api.clock()) for entry in claimed.entries]
    api.ledger.settle(claimed.head, outcomes)
    how = BatchState.FAILED if log_excerpt else BatchState.SUCCEEDED
    api.ledger.close_batch(claimed.head.batch_id, how, log_excerpt=log_excerpt)


def test_an_upload_is_followed_from_its_link_to_its_end(api):
    upload_id = api.ask_link().body["upload_id"]
    seen = [api.get(f"/uploads/{upload_id}")]
    landed = api.land(upload_id)
    seen.append(api.get(f"/uploads/{upload_id}"))
    claimed = claim(api)
    seen.append(api.get(f"/uploads/{upload_id}"))
    end(api, claimed, UploadState.SUCCEEDED, rows_in=3, rows_out=2, rows_rejected=1)
    seen.append(api.get(f"/uploads/{upload_id}"))
    told = [(answer.body["state"], answer.headers.get("Retry-After")) for answer in seen]
    assert told == [("AWAITING_UPLOAD", "2"), ("PENDING", "1"), ("CLAIMED", "2"), ("SUCCEEDED", None)]
    last = seen[-1].body
    assert (last["upload_id"], last["owner"], last["filename"]) == (upload_id, "me", "day 1.csv")
    assert (last["rows_in"], last["rows_out"], last["rows_rejected"]) == (3, 2, 1)
    assert [move["state"] for move in last["history"]][:2] == ["AWAITING_UPLOAD", "PENDING"]
    assert last["cost"] is None
    assert api.get(f"/uploads/{landed}").body == last


def test_a_link_that_nobody_uses_expires(api, clock):
    upload_id = api.ask_link().body["upload_id"]
    clock.move(minutes=16)
    answer = api.get(f"/uploads/{upload_id}")
    assert (answer.body["state"], answer.headers.get("Retry-After")) == ("EXPIRED", None)


@pytest.mark.parametrize("known", ["{tag}", "W/{tag}", '"other", {tag}', "*"])
def test_what_a_caller_knows_is_not_sent_again(api, known):
    path = f"/uploads/{api.ask_link().body['upload_id']}"
    first = api.get(path)
    tag = first.headers["ETag"]
    again = api.get(path, headers={"If-None-Match": known.format(tag=tag)})
    assert (again.status, again.text) == (304, "")
    assert (again.headers["ETag"], again.headers["Retry-After"]) == (tag, "2")
    assert first.headers["Cache-Control"] == "private, no-cache"


def test_two_headers_of_what_a_caller_knows_are_one_too_many(api):
    path = f"/uploads/{api.ask_link().body['upload_id']}"
    answer = api.get(path, multiValueHeaders={"If-None-Match": ['"a"', '"b"']})
    assert (answer.status, answer.pointers) == (422, ["/if-none-match"])


def test_what_has_changed_is_sent(api):
    upload_id = api.ask_link().body["upload_id"]
    tag = api.get(f"/uploads/{upload_id}").headers["ETag"]
    api.land(upload_id)
    answer = api.get(f"/uploads/{upload_id}", headers={"if-none-match": tag})
    assert (answer.status, answer.body["state"]) == (200, "PENDING")
    assert answer.headers["ETag"] != tag


@pytest.mark.parametrize("upload_id", ["x", "0" * 26, "%2e%2e", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "a" * 300])
def test_an_upload_that_is_not_there(api, upload_id):
    answer = api.get(f"/uploads/{upload_id}")
    assert (answer.status, answer.problem) == (404, "unknown-upload")


def test_a_list_is_read_to_its_end(api):
    asked = []
    for number in range(5):
        api.clock.move(seconds=1)
        asked.append(api.ask_link(filename=f"{number}.csv").body["upload_id"])
    api.ask_link(BOB)
    pages, cursor = [], ""
    while cursor is not None:
        page = api.get(f"/uploads?limit=2{cursor and f'&cursor={cursor}'}").body
        pages.append([upload["upload_id"] for upload in page["uploads"]])
        cursor = page["cursor"]
    assert pages == [asked[:2:-1], asked[2:0:-1], asked[:1]]
    assert {upload["owner"] for upload in page["uploads"]} == {"me"}
    assert "history" not in page["uploads"][0]


def test_a_list_is_narrowed(api, clock):
    first = api.ask_link(pipeline="weather").body["upload_id"]
    clock.move(minutes=1)
    second = api.ask_link().body["upload_id"]
    api.land(second)

    def ask(query):
        return [upload["upload_id"] for upload in api.get(f"/uploads?{query}").body["uploads"]]

    assert ask("pipeline=weather") == [first]
    assert ask("state=AWAITING_UPLOAD") == [first]
    assert ask("state=PENDING&pipeline=flights") == [second]
    since = (clock() - timedelta(seconds=30)).isoformat().replace("+00:00", "Z")
    assert ask(f"since={since}") == [second]
    assert ask("since=0001-01-01T00:00:00Z") == [second, first]
    assert ask("since=9999-01-01T00:00:00Z") == []


def test_viewers_see_all_that_came_and_whose_it_is(api):
    api.land(api.ask_link(filename="1.csv").body["upload_id"])
    api.clock.move(seconds=1)
    api.drop("flights/dropped.csv")
    seen = api.get("/uploads?pipeline=flights", CAROL).body["uploads"]
    assert [(upload["filename"], upload["owner"]) for upload in seen] == [
        ("dropped.csv", None),
        ("1.csv", "cognito:alice"),
    ]
    assert api.get("/uploads", CAROL).body["uploads"] == []
    assert api.get("/uploads?pipeline=flights", BOB).body["uploads"] == []


def test_who_views_all_finds_its_own_of_which_nothing_came(api, clock):
    both = user("erin", "loaders", "auditors")
    waiting, cancelled = (api.ask_link(both, filename=name).body["upload_id"] for name in ("1.csv", "2.csv"))
    assert api.call("DELETE", f"/uploads/{cancelled}", both).status == 204
    api.ask_link(filename="3.csv")

    def ask(state):
        return [
            one["upload_id"]
            for one in api.get(f"/uploads?pipeline=flights&state={state}", both).body["uploads"]
        ]

    assert (ask("AWAITING_UPLOAD"), ask("CANCELLED")) == ([waiting], [cancelled])
    clock.move(minutes=16)
    assert ask("EXPIRED") == [waiting]


def test_a_cursor_is_good_for_its_own_list_alone(api):
    for name in ("1.csv", "2.csv"):
        api.ask_link(filename=name)
    cursor = api.get("/uploads?limit=1").body["cursor"]
    assert api.get(f"/uploads?limit=1&cursor={cursor}").status == 200
    for query in (f"pipeline=flights&cursor={cursor}", f"cursor={cursor}x", "cursor=AAAA", "cursor=%C3%A4"):
        answer = api.get(f"/uploads?{query}")
        assert (answer.status, answer.problem, answer.pointers) == (422, "invalid-request", ["/cursor"])


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "/limit"),
        ("limit=101", "/limit"),
        ("limit=1&limit=2", "/limit"),
        ("state=DONE", "/state"),
        ("since=yesterday", "/since"),
        ("since=2026-03-01T12:00:00", "/since"),
        ("since=1772366400", "/since"),
        ("cursor=", "/cursor"),
    ],
)
def test_a_list_that_cannot_be_asked_for(api, query, pointer):
    answer = api.get(f"/uploads?{query}")
    assert (answer.status, answer.problem, answer.pointers) == (422, "invalid-request", [pointer])


def test_a_run_is_followed(api):
    accepted = api.invoke()
    assert accepted.status == 202
    again = api.invoke()
    assert (again.body, again.headers["Idempotent-Replayed"]) == (accepted.body, "true")
    answer = api.get(accepted.body["url"])
    assert (answer.status, answer.body["state"], answer.headers["Retry-After"]) == (200, "PENDING", "1")
    assert answer.body["caller"] == "cognito:alice"
    assert api.get(accepted.body["url"], headers={"If-None-Match": answer.headers["ETag"]}).status == 304


@pytest.mark.parametrize("run_id", ["x", "0f" * 16, "..", "A" * 32])
def test_a_run_that_is_not_there(api, run_id):
    answer = api.get(f"/runs/{run_id}")
    assert (answer.status, answer.problem) == (404, "unknown-run")


def test_a_run_is_not_asked_for_twice_in_two_ways(api):
    api.invoke()
    answer = api.invoke(arguments=["--other"])
    assert (answer.status, answer.problem) == (409, "conflict")
    answer = api.invoke(input="s3://secrets/1.csv")
    assert (answer.status, answer.problem, answer.pointers) == (422, "refused", ["/input"])


def test_pipelines_are_told_with_what_a_caller_may_do(api):
    told = api.get("/pipelines", CAROL).body
    may = {one["name"]: (one["may_upload"], one["may_view"]) for one in told["pipelines"]}
    assert may == {
        "flights": (False, True),
        "listed": (False, False),
        "partner": (False, False),
        "weather": (True, False),
    }
    flights = told["pipelines"][0]
    assert (flights["patterns"], flights["max_bytes"]) == (["flights/*.csv", "flights/*.csv.gz"], 20 * 2**30)
    assert told["limits"] == {
        "single_put_bytes": 5 * 2**30,
        "daily_uploads": 50,
        "daily_bytes": 10 * 2**40,
        "link_seconds": 900,
    }


def test_health_asks_nothing_of_aws(api, monkeypatch):
    monkeypatch.delenv("SPARKDROP_LEDGER_TABLE")
    assert api.get("/health").body == {"status": "ok", "version": "1.0.0"}


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/nowhere"), ("PUT", "/uploads"), ("DELETE", "/health")]
)
def test_calls_that_there_are_not(api, method, path):
    answer = api.call(method, path)
    assert (answer.status, answer.problem) == (404, "no-such-route")


def test_an_id_that_is_new_is_nobodys(api, clock):
    answer = api.get(f"/uploads/{make_link_id(clock())}", ALICE)
    assert (answer.status, answer.problem) == (404, "unknown-upload")


FAILURE = {
    "reason": "flights/ID/bob.csv is broken",
    "log": "s3://logs/1",
    "log_excerpt": "at flights/ID/bob.csv",
}
HIDDEN = {"log": None, "log_excerpt": None}


def tell_failure(view):
    return {name: view[name] for name in FAILURE}


def fail_together(api, *callers, state=UploadState.FAILED):
    """Let uploads of these callers fail in one batch; answers their ids."""
    ids = [api.ask_link(caller).body["upload_id"] for caller in callers]
    for upload_id, caller in zip(ids, callers, strict=True):
        api.land(upload_id, caller=caller)
    end(api, claim(api), state, **FAILURE)
    return ids


def test_why_a_batch_failed_is_not_told_to_one_of_its_several_owners(api):
    alices, _ = fail_together(api, ALICE, BOB)
    hidden = HIDDEN | {
        "reason": "its batch (files in it: 2) failed; whoever may view the pipeline flights can see why"
    }
    assert tell_failure(api.get(f"/uploads/{alices}").body) == hidden
    assert [tell_failure(view) for view in api.get("/uploads").body["uploads"]] == [hidden]
    assert tell_failure(api.get(f"/uploads/{alices}", CAROL).body) == FAILURE
    viewed = api.get("/uploads?pipeline=flights", CAROL).body["uploads"]
    assert [tell_failure(view) for view in viewed] == [FAILURE, FAILURE]


def test_a_file_that_nobody_asked_a_link_for_is_not_the_callers(api):
    upload_id = api.ask_link().body["upload_id"]
    api.land(upload_id)
    api.drop("flights/dropped.csv")
    end(api, claim(api), UploadState.FAILED, **FAILURE)
    assert tell_failure(api.get(f"/uploads/{upload_id}").body) | {"reason": ""} == HIDDEN | {"reason": ""}


def test_why_a_batch_failed_is_told_to_its_only_owner(api):
    upload_id, _ = fail_together(api, ALICE, ALICE)
    assert tell_failure(api.get(f"/uploads/{upload_id}").body) == FAILURE
    assert [tell_failure(view) for view in api.get("/uploads").body["uploads"]] == [FAILURE, FAILURE]


@pytest.mark.parametrize(("callers", "told"), [((ALICE, BOB), False), ((ALICE, ALICE), True)])
def test_while_another_attempt_is_to_come_the_same_holds(api, callers, told):
    upload_id, _ = fail_together(api, *callers, state=UploadState.PENDING)
    view = api.get(f"/uploads/{upload_id}").body
    assert (view["state"], view["reason"] == FAILURE["reason"]) == ("PENDING", told)
    assert "bob" not in str(view) or told


def test_what_is_wrong_with_a_file_alone_is_told_to_its_owner(api):
    upload_id = api.ask_link().body["upload_id"]
    api.land(upload_id)
    api.drop("flights/dropped.csv")
    end(api, claim(api), UploadState.QUARANTINED, reason="no header")
    assert api.get(f"/uploads/{upload_id}").body["reason"] == "no header"
