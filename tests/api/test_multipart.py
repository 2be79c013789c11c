"""Uploads in parts: through the calls, and by the rules where the emulated S3 has none."""

import hashlib
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from infra.stacks.invoke.handler import clients, services
from infra.stacks.invoke.handler.multipart import Multiparts, WantedPart, measure_part
from infra.stacks.invoke.handler.upload_store import SignedRequest, StoredPart
from sparkdrop.aws.links import Links, Quota
from sparkdrop.core.errors import IncompleteError, LinkConflictError, LinkExpiredError, LinkRefusedError
from sparkdrop.core.links import Link, LinkKind, LinkState, make_link_id

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
    for answer in (ask_parts(api, upload_id, 1), complete(api, upload_id)):
        assert (answer.status, answer.problem) == (410, "expired")
    assert api.get(f"/uploads/{upload_id}").body["state"] == "EXPIRED"


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
    monkeypatch.setenv("SPARKDROP_DAILY_BYTES", "1000")
    answer = api.begin()
    assert (answer.status, answer.problem) == (429, "quota-exceeded")
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


# by the rules alone: what S3 does, and when it does not


class Bucket:
    """The uploads bucket as S3 keeps it, with hashes; `fails` once before or after it has completed."""

    def __init__(self):
        self.parts: list[StoredPart] | None = []
        self.completed = 0
        self.fails = ""

    def sign_put(self, link):
        return SignedRequest("https://put", {}, link.expires_at)

    def sign_part(self, link, number, size, sha256):
        return SignedRequest(f"https://part/{number}/{size}/{sha256}", {}, link.expires_at)

    def create_multipart(self, link):
        return f"multipart-{link.upload_id}"

    def list_parts(self, link):
        del link
        return self.parts

    def complete(self, link, parts):
        del link, parts
        fails, self.fails = self.fails, ""
        if fails == "before":
            raise TimeoutError
        self.completed += 1
        self.parts = None
        if fails == "after":
            raise TimeoutError

    def abort(self, link):
        del link
        self.parts = None


@pytest.fixture
def bucket():
    return Bucket()


@pytest.fixture
def links(api):
    return Links(api.ledger.table, api.clock)


@pytest.fixture
def multiparts(links, bucket, clock):
    return Multiparts(links, bucket, clock=clock)


@pytest.fixture
def link(links, clock):
    upload_id = make_link_id(clock())
    link = Link(
        upload_id=upload_id,
        caller="cognito:alice",
        pipeline="flights",
        filename="all.csv",
        bytes=SIZE,
        sha256=None,
        content_type="text/csv",
        bucket="sd-uploads",
        key=f"flights/{upload_id}/all.csv",
        kind=LinkKind.MULTIPART,
        multipart_id="multipart",
        part_bytes=PART,
        state=LinkState.OPEN,
        created_at=clock(),
        expires_at=clock() + timedelta(days=1),
    )
    links.open(link, Quota(9, 10**12))
    return link


@pytest.fixture
def read(links, link):
    """Reads the link as it stands."""
    return lambda: links.read(link.upload_id)


def fill(bucket, *sizes):
    bucket.parts = [StoredPart(number, size, f'"{number}"', "hash") for number, size in enumerate(sizes, 1)]


@pytest.mark.parametrize("when", ["before", "after"])
def test_whoever_hears_no_answer_completes_again(read, bucket, multiparts, when):
    fill(bucket, PART, PART, 4 * MIB)
    bucket.fails = when
    with pytest.raises(TimeoutError):
        multiparts.complete(read())
    for _ in range(2):
        multiparts.complete(read())
    assert bucket.completed == 1
    assert read().link.state is LinkState.COMPLETED


def test_what_is_being_completed_cannot_be_cancelled_by_another_request(read, bucket, multiparts):
    fill(bucket, PART, PART, 4 * MIB)
    seen = read()
    multiparts.complete(seen)
    with pytest.raises(LinkConflictError, match="COMPLETED"):
        multiparts.cancel(seen)
    assert bucket.completed == 1


def test_what_is_cancelled_meanwhile_is_not_completed(links, read, bucket, multiparts):
    fill(bucket, PART, PART, 4 * MIB)
    seen = read()
    links.cancel(seen.link.upload_id)
    with pytest.raises(LinkConflictError, match="CANCELLED"):
        multiparts.complete(seen)
    assert bucket.completed == 0


def test_parts_that_the_bucket_has_let_go_of_are_over(read, bucket, multiparts):
    bucket.parts = None
    for call in (multiparts.complete, multiparts.list_parts):
        with pytest.raises(LinkExpiredError, match="begin again"):
            call(read())


@pytest.mark.parametrize(
    ("sizes", "missing"),
    [((), (1, 2, 3)), ((PART, PART), (3,)), ((PART, PART - 1, 4 * MIB), (2,)), ((PART, PART, PART), (3,))],
)
def test_what_is_missing_is_named(read, bucket, multiparts, sizes, missing):
    fill(bucket, *sizes)
    with pytest.raises(IncompleteError) as error:
        multiparts.complete(read())
    assert error.value.parts == missing
    assert read().link.state is LinkState.OPEN


def test_of_many_that_are_missing_ten_are_named(read, bucket, multiparts):
    found = read()
    large = replace(found, link=replace(found.link, bytes=100 * PART))
    fill(bucket, PART)
    with pytest.raises(IncompleteError, match="and 89 more of 100") as error:
        multiparts.complete(large)
    assert error.value.parts == tuple(range(2, 12))


def test_a_part_is_as_large_as_its_place_says(link, read, multiparts):
    signed = multiparts.sign_parts(read(), [WantedPart(3, HASHES[2]), WantedPart(1, HASHES[0])])
    assert [(part.number, part.size) for part in signed] == [(3, 4 * MIB), (1, PART)]
    for number in (0, 4):
        with pytest.raises(LinkRefusedError, match="the parts 1 to 3"):
            measure_part(link, number)


def test_the_owner_of_the_bucket_is_named(api):
    (one,) = ask_parts(api, api.begin(ALICE).body["upload_id"], 1).body["urls"]
    assert one["headers"]["x-amz-expected-bucket-owner"] == ACCOUNT
