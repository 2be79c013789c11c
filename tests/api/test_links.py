"""Leave to upload one file with one PUT."""

import base64
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
import requests

from .conftest import ACCOUNT, ALICE, CAROL, DAVE, SHA256, iam, user

CONTENT = b"test"
BASE64 = base64.b64encode(bytes.fromhex(SHA256)).decode()


def test_a_link_holds_for_exactly_one_file(api):
    answer = api.ask_link(content_type="text/csv")
    assert answer.status == 200, answer.text
    link = answer.body
    assert (link["method"], link["state"], link["size"]) == ("PUT", "AWAITING_UPLOAD", 4)
    assert (link["pipeline"], link["filename"]) == ("flights", "day 1.csv")
    assert link["headers"] == {
        "Content-Type": "text/csv",
        "If-None-Match": "*",
        "x-amz-checksum-sha256": BASE64,
        "x-amz-expected-bucket-owner": ACCOUNT,
    }
    url = urlsplit(link["url"])
    assert url.path == f"/flights/{link['upload_id']}/day_1.csv"
    query = parse_qs(url.query)
    assert query["X-Amz-SignedHeaders"] == [
        "content-length;content-type;host;if-none-match;x-amz-checksum-sha256;x-amz-expected-bucket-owner"
    ]
    assert query["X-Amz-Expires"] == ["900"]
    assert query["X-Amz-Security-Token"], "the role signs, not the function"
    assert answer.headers["Cache-Control"] == "no-store"


def test_what_is_sent_to_a_link_lands_once(api):
    link = api.ask_link().body
    headers = {**link["headers"], "Content-Length": "4"}
    assert requests.put(link["url"], data=CONTENT, headers=headers, timeout=9).status_code == 200
    assert requests.put(link["url"], data=CONTENT, headers=headers, timeout=9).status_code == 412
    stored = boto3.client("s3").get_object(Bucket="sd-uploads", Key=f"flights/{link['upload_id']}/day_1.csv")
    assert stored["Body"].read() == CONTENT
    assert stored["ContentType"] == "application/octet-stream"


def test_an_upper_case_hash_is_the_same_hash(api):
    assert api.ask_link(sha256=SHA256.upper()).body["headers"]["x-amz-checksum-sha256"] == BASE64


@pytest.mark.parametrize(
    ("changes", "status", "kind", "pointer"),
    [
        ({"size": 5 * 2**30 + 1}, 422, "too-large", "/size"),
        ({"pipeline": "flights", "size": 0}, 422, "invalid-request", "/size"),
        ({"size": -1}, 422, "invalid-request", "/size"),
        ({"size": "many"}, 422, "invalid-request", "/size"),
        ({"sha256": "ab"}, 422, "invalid-request", "/sha256"),
        ({"sha256": "zz" * 32}, 422, "invalid-request", "/sha256"),
        ({"sha256": None}, 400, "missing-parameter", "/sha256"),
        ({"size": None}, 400, "missing-parameter", "/size"),
        ({"filename": ""}, 422, "invalid-request", "/filename"),
        ({"filename": "a" * 1025}, 422, "invalid-request", "/filename"),
        ({"filename": "day.parquet"}, 422, "refused", "/filename"),
        ({"filename": "..%2Fday.csv"}, 422, "refused", "/filename"),
        ({"filename": "day%0A.csv"}, 422, "refused", "/filename"),
        ({"content_type": "text"}, 422, "invalid-request", "/content_type"),
        ({"content_type": "text/csv%0D%0AX-Evil: 1"}, 422, "invalid-request", "/content_type"),
        ({"pipeline": "partner"}, 422, "refused", "/pipeline"),
        ({"pipeline": "listed"}, 422, "refused", "/pipeline"),
    ],
)
def test_what_no_link_is_made_for(api, changes, status, kind, pointer):
    answer = api.ask_link(**changes)
    assert (answer.status, answer.problem, answer.pointers) == (status, kind, [pointer])
    assert api.get("/uploads").body["uploads"] == []


def test_a_large_file_is_told_where_to_go(api):
    assert "POST /uploads" in api.ask_link(size=5 * 2**30 + 1).body["detail"]


def test_a_name_that_no_pattern_takes_is_told_which_do(api):
    assert "flights/*.csv, flights/*.csv.gz" in api.ask_link(filename="day.txt").body["detail"]


def test_a_pipeline_that_is_not_there_is_told_by_its_neighbours(api):
    answer = api.ask_link(pipeline="wether")
    assert (answer.status, answer.problem) == (404, "unknown-pipeline")
    assert "nearest: weather" in answer.body["detail"]


def test_a_pipeline_that_a_caller_must_not_know_is_not_named(api):
    answer = api.ask_link(DAVE, pipeline="flihgts")
    assert (answer.status, answer.problem) == (404, "unknown-pipeline")
    assert "flights" not in answer.body["detail"]
    unknown = api.ask_link(DAVE, pipeline="flights").body["detail"]
    assert unknown == answer.body["detail"].replace("flihgts", "flights")


def test_who_may_look_only_is_told_who_may_upload(api):
    answer = api.ask_link(CAROL)
    assert (answer.status, answer.problem) == (403, "forbidden")
    assert "loaders" in answer.body["detail"]


def test_a_day_has_an_end(api, monkeypatch):
    monkeypatch.setenv("SPARKDROP_DAILY_UPLOADS", "1")
    assert api.ask_link().status == 200
    answer = api.ask_link()
    assert (answer.status, answer.problem) == (429, "quota-exceeded")
    assert 1 <= int(answer.headers["Retry-After"]) <= 86_401
    assert api.ask_link(user("eve", "loaders")).status == 200


@pytest.mark.parametrize(
    "arn",
    [
        f"arn:aws:sts::{ACCOUNT}:assumed-role/Loader/session-7",
        f"arn:aws:iam::{ACCOUNT}:user/team/loader",
    ],
)
def test_an_iam_identity_owns_what_it_has_asked_for(api, arn):
    link = api.ask_link(iam(arn), pipeline="weather").body
    again = iam(arn.replace("session-7", "session-8"))
    assert api.get(f"/uploads/{link['upload_id']}", again).body["owner"] == "me"


def test_without_a_catalog_no_pipeline_is_known(api):
    boto3.client("s3").delete_object(Bucket="sd-artifacts", Key="pipelines.json")
    answer = api.ask_link()
    assert (answer.status, answer.problem) == (503, "not-published")


def test_an_outage_tells_nothing_of_what_is_inside(api, monkeypatch):
    monkeypatch.setenv("SPARKDROP_LEDGER_TABLE", "nowhere")
    answer = api.ask_link()
    assert (answer.status, answer.problem) == (500, "internal")
    assert "nowhere" not in answer.text


def test_a_link_that_is_let_go_of_is_cancelled(api):
    upload_id = api.ask_link().body["upload_id"]
    for _ in range(2):
        answer = api.call("DELETE", f"/uploads/{upload_id}", ALICE)
        assert (answer.status, answer.text) == (204, "")
    assert api.get(f"/uploads/{upload_id}").body["state"] == "CANCELLED"


def test_what_has_landed_is_not_let_go_of(api):
    upload_id = api.ask_link().body["upload_id"]
    api.land(upload_id)
    answer = api.call("DELETE", f"/uploads/{upload_id}")
    assert (answer.status, answer.problem) == (409, "conflict")


def test_one_request_has_no_parts(api):
    upload_id = api.ask_link().body["upload_id"]
    for method, path in (("GET", "parts"), ("POST", "complete")):
        answer = api.call(method, f"/uploads/{upload_id}/{path}")
        assert (answer.status, answer.problem) == (409, "conflict")
