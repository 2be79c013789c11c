"""Uploads in parts, through the calls."""

import hashlib
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from infra.stacks.invoke.handler import clients, services
from sparkdrop.aws import links
from sparkdrop.core.errors import BusyError

from .conftest import ACCOUNT, ALICE

MIB = 2**20
PART = 8 * MIB
SIZE = 20 * MIB
CONTENT = [bytes([number]) * size for number, size in enumerate([PART, PART, 4 * MIB], 1)]
HASHES = [hashlib.sha256(part).hexdigest() for part in CONTENT]


def ask_parts(api, upload_id, *numbers):
    query = "&".join(f"part={number}:{HASHES[number - 1]}" for number in numbers)
    return api.get(f"/uploads/{upload_id}/parts?{query}")


def send_parts(api, upload_id, *numbers):
    for one in ask_parts(api, upload_id, *numbers).body["urls"]:
        content = CONTENT[one["part_number"] - 1]
        assert requests.put(one["url"], data=content, headers=one["headers"], timeout=9).status_code == 200


def complete(api, upload_id, **changes):
    return api.call("POST", f"/uploads/{upload_id}/complete", **changes)


def test_a_large_file_is_begun(api):
    answer = api.begin(size=100_001 * MIB // 10)
    assert answer.status == 201
    begun = answer.body
    assert (begun["part_size"], begun["part_count"], begun["state"]) == (PART, 1251, "AWAITING_UPLOAD")
    assert answer.headers["Location"] == f"/uploads/{begun['upload_id']}"
    assert api.get(f"/uploads/{begun['upload_id']}").body["size"] == 100_001 * MIB // 10


def test_parts_become_one_object(api):
    upload_id = api.begin(content_type="text/csv").body["upload_id"]
    send_parts(api, upload_id, 1, 3)
    half = ask_parts(api, upload_id).body
    assert [(part["part_number"], part["size"]) for part in half["parts"]] == [(1, PART), (3, 4 * MIB)]
    assert (half["part_size"], half["part_count"], half["size"]) == (PART, 3, SIZE)
    assert half["urls"] == []
    early = complete(api, upload_id)
    assert (early.status, early.problem, early.body["parts"]) == (409, "incomplete", [2])
    send_parts(api, upload_id, 2)
    answer = complete(api, upload_id, body={})
    assert (answer.status, answer.body["state"]) == (200, "PENDING")
    key = answer.body["key"]
    stored = clients.make_client("s3").get_object(Bucket="sd-uploads", Key=key)
    assert (stored["Body"].read(), stored["ContentType"]) == (b"".join(CONTENT), "text/csv")
    again = complete(api, upload_id)
    assert (again.status, again.body["upload_id"]) == (200, upload_id)
    api.land(upload_id)
    assert complete(api, upload_id).status == 200


def test_each_part_is_signed_as_it_has_to_be(api):
    upload_id = api.begin().body["upload_id"]
    (last,) = ask_parts(api, upload_id, 3).body["urls"]
    assert (last["part_number"], last["size"]) == (3, 4 * MIB)
    query = parse_qs(urlsplit(last["url"]).query)
    assert query["partNumber"] == ["3"]
    assert query["X-Amz-SignedHeaders"] == [
        "content-length;host;x-amz-checksum-sha256;x-amz-expected-bucket-owner"
    ]
    assert set(last["headers"]) == {"x-amz-checksum-sha256", "x-amz-expected-bucket-owner"}


def test_parts_are_asked_for_again_hours_later(api, clock):
    upload_id = api.begin().body["upload_id"]
    send_parts(api, upload_id, 1)
    clock.move(hours=5)
    services.get_services.cache_clear()
    send_parts(api, upload_id, 2, 3)
    assert complete(api, upload_id).status == 200


def test_after_its_time_nothing_is_added(api, clock):
    upload_id = api.begin().body["upload_id"]
    clock.move(hours=25)
    answer = ask_parts(api, upload_id, 1)
    assert (answer.status, answer.problem) == (410, "expired")
    assert api.get(f"/uploads/{upload_id}").body["state"] == "EXPIRED"
    assert complete(api, upload_id).problem == "incomplete"


def test_what_was_sent_in_time_is_completed_after_it(api, clock):
    upload_id = api.begin().body["upload_id"]
    send_parts(api, upload_id, 1, 2, 3)
    clock.move(hours=25)
    answer = complete(api, upload_id)
    assert (answer.status, answer.body["state"]) == (200, "PENDING")
    clock.move(minutes=61)
    assert api.get(f"/uploads/{upload_id}").body["state"] == "EXPIRED", "its event never came"
    assert complete(api, upload_id).status == 200


def test_a_stage_says_how_long_parts_may_be_added(api, clock, monkeypatch):
    monkeypatch.setenv("SPARKDROP_MULTIPART_SECONDS", "7200")
    begun = api.begin().body
    assert begun["expires_at"] == (clock() + timedelta(hours=2)).isoformat()
    clock.move(hours=2, seconds=1)
    assert ask_parts(api, begun["upload_id"], 1).problem == "expired"


def test_letting_go_lets_go_of_the_parts(api):
    upload_id = api.begin().body["upload_id"]
    send_parts(api, upload_id, 1)
    for _ in range(2):
        assert api.call("DELETE", f"/uploads/{upload_id}").status == 204
    assert "Uploads" not in clients.make_client("s3").list_multipart_uploads(Bucket="sd-uploads")
    for answer in (ask_parts(api, upload_id, 1), complete(api, upload_id)):
        assert (answer.status, answer.problem) == (409, "conflict")


def test_what_is_completed_is_not_let_go_of(api):
    upload_id = api.begin().body["upload_id"]
    send_parts(api, upload_id, 1, 2, 3)
    assert complete(api, upload_id).status == 200
    answer = api.call("DELETE", f"/uploads/{upload_id}")
    assert (answer.status, answer.problem) == (409, "conflict")


def test_what_the_day_has_no_room_for_leaves_nothing_in_the_bucket(api, monkeypatch):
    monkeypatch.setenv("SPARKDROP_DAILY_BYTES", str(SIZE + 1))
    assert api.ask_link().status == 200
    answer = api.begin()
    assert (answer.status, answer.problem) == (429, "quota-exceeded")
    answer = api.begin(size=SIZE + 2)
    assert (answer.status, answer.problem, answer.pointers) == (422, "too-large", ["/size"])
    assert "Uploads" not in clients.make_client("s3").list_multipart_uploads(Bucket="sd-uploads")


def test_who_asks_for_too_many_at_once_is_told_to_ask_again(api, monkeypatch):
    def meet(*_):
        raise BusyError("others write the same")

    monkeypatch.setattr(links, "transact_each", meet)
    for answer in (api.begin(), api.ask_link()):
        assert (answer.status, answer.problem, answer.headers["Retry-After"]) == (503, "busy", "1")
    assert "Uploads" not in clients.make_client("s3").list_multipart_uploads(Bucket="sd-uploads")


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ("{", 400, "malformed"),
        ("[]", 400, "malformed"),
        ('[{"pipeline": "flights", "filename": "a.csv", "size": 1}]', 400, "malformed"),
        ("", 400, "malformed"),
        ("[" * 100_000, 400, "malformed"),
        ({}, 422, "invalid-request"),
        ({"pipeline": "flights", "filename": "a.csv", "size": 0}, 422, "invalid-request"),
        ({"pipeline": "flights", "filename": "a.csv", "size": 1, "sise": 2}, 422, "invalid-request"),
        ({"pipeline": "flights", "filename": "a.csv", "size": 21 * 2**30}, 422, "too-large"),
        ({"pipeline": "flights", "filename": "a.txt", "size": 1}, 422, "refused"),
        ({"pipeline": "nowhere", "filename": "a.csv", "size": 1}, 404, "unknown-pipeline"),
    ],
)
def test_what_is_not_begun(api, body, status, kind):
    answer = api.call("POST", "/uploads", body=body)
    assert (answer.status, answer.problem) == (status, kind)


def test_a_body_that_is_no_text_is_malformed(api):
    answer = api.call("POST", "/uploads", body="/w==", isBase64Encoded=True)
    assert (answer.status, answer.problem) == (400, "malformed")


@pytest.mark.parametrize("part", ["0:" + "ab" * 32, "1", "1:ab", "x:" + "ab" * 32])
def test_a_part_that_is_no_part_is_pointed_at(api, part):
    upload_id = api.begin().body["upload_id"]
    answer = api.get(f"/uploads/{upload_id}/parts?part=1:{HASHES[0]}&part={part}")
    assert (answer.status, answer.problem, answer.pointers) == (422, "invalid-request", ["/part/1"])


def test_a_part_too_many_is_told_how_many_there_are(api):
    upload_id = api.begin().body["upload_id"]
    answer = api.get(f"/uploads/{upload_id}/parts?part=4:{HASHES[0]}")
    assert (answer.status, answer.problem) == (422, "refused")
    assert "the parts 1 to 3" in answer.body["detail"]


def test_a_hundred_parts_are_asked_for_at_once_and_no_more(api):
    upload_id = api.begin(size=2**30).body["upload_id"]
    parts = [f"part={number}:{HASHES[0]}" for number in range(1, 102)]
    assert len(api.get(f"/uploads/{upload_id}/parts?{'&'.join(parts[:100])}").body["urls"]) == 100
    answer = api.get(f"/uploads/{upload_id}/parts?{'&'.join(parts)}")
    assert (answer.status, answer.pointers) == (422, ["/part"])


def test_completing_says_nothing_else(api):
    upload_id = api.begin().body["upload_id"]
    answer = complete(api, upload_id, body={"parts": []})
    assert (answer.status, answer.problem, answer.pointers) == (422, "invalid-request", ["/parts"])


def test_the_owner_of_the_bucket_is_named(api):
    (one,) = ask_parts(api, api.begin(ALICE).body["upload_id"], 1).body["urls"]
    assert one["headers"]["x-amz-expected-bucket-owner"] == ACCOUNT
