"""The API's calls by their own code, from the sign-in to the object in the bucket."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from tests.local.api.running import Api

CONTENT = b"year,month,day\n2013,1,1\n"
MEBIBYTE = 1024 * 1024


@pytest.fixture(scope="module")
def token(api: Api) -> str:
    token: str = api.sign_in()["id_token"]
    return token


def ask_for_link(api: Api, token: str, content: bytes, filename: str = "Bürotag, 1.csv") -> dict[str, Any]:
    asked = {
        "pipeline": "flights",
        "filename": filename,
        "size": str(len(content)),
        "sha256": hashlib.sha256(content).hexdigest(),
        "content_type": "text/csv",
    }
    answer = api.call("GET", "/upload-url", token=token, params=asked)
    assert answer.status_code == 200, answer.text
    link: dict[str, Any] = answer.json()
    return link


def send(address: str, headers: dict[str, str], content: bytes) -> httpx.Response:
    with httpx.Client(trust_env=False, timeout=30) as client:
        return client.put(address, headers=headers, content=content)


def test_a_file_goes_up_by_its_link_and_is_told_by_its_id(api: Api, token: str) -> None:
    link = ask_for_link(api, token, CONTENT)
    assert link["url"].startswith(api.environment["AWS_ENDPOINT_URL"])
    put = send(link["url"], link["headers"], CONTENT)
    assert put.status_code == 200, put.text
    told = api.call("GET", f"/uploads/{link['upload_id']}", token=token)
    assert told.status_code == 200, told.text
    upload = told.json()
    assert (upload["upload_id"], upload["filename"]) == (link["upload_id"], "Bürotag, 1.csv")
    assert (upload["size"], upload["owner"]) == (len(CONTENT), "me")
    stored = api.aws("s3").get_object(Bucket=upload["bucket"], Key=upload["key"])
    assert stored["Body"].read() == CONTENT
    assert f"/{link['upload_id']}/" in upload["key"]
    known = {"If-None-Match": told.headers["ETag"]}
    assert api.call("GET", f"/uploads/{link['upload_id']}", token=token, headers=known).status_code == 304
    listed = api.call("GET", "/uploads", token=token, params={"limit": "5"}).json()["uploads"]
    assert link["upload_id"] in [one["upload_id"] for one in listed]


def test_a_large_file_goes_up_in_parts(api: Api, token: str) -> None:
    content = bytes(8 * MEBIBYTE) + CONTENT
    asked = {"pipeline": "flights", "filename": "year.csv", "size": len(content)}
    answer = api.call("POST", "/uploads", token=token, json=asked)
    assert answer.status_code == 201, answer.text
    upload = answer.json()
    assert (upload["part_size"], upload["part_count"]) == (8 * MEBIBYTE, 2)
    parts = [content[: upload["part_size"]], content[upload["part_size"] :]]
    sums = [f"{number}:{hashlib.sha256(part).hexdigest()}" for number, part in enumerate(parts, start=1)]
    path = f"/uploads/{upload['upload_id']}"
    told = api.call("GET", f"{path}/parts", token=token, params={"part": sums})
    assert told.status_code == 200, told.text
    early = api.call("POST", f"{path}/complete", token=token)
    assert early.status_code == 409, early.text
    for one, part in zip(told.json()["urls"], parts, strict=True):
        put = send(one["url"], one["headers"], part)
        assert put.status_code == 200, put.text
    received = api.call("GET", f"{path}/parts", token=token).json()["parts"]
    assert [part["part_number"] for part in received] == [1, 2]
    done = api.call("POST", f"{path}/complete", token=token)
    assert done.status_code == 200, done.text
    assert api.call("DELETE", path, token=token).status_code == 409


def test_an_upload_is_cancelled_by_its_owner(api: Api, token: str) -> None:
    asked = {"pipeline": "flights", "filename": "year.csv", "size": 9 * MEBIBYTE}
    path = f"/uploads/{api.call('POST', '/uploads', token=token, json=asked).json()['upload_id']}"
    assert [api.call("DELETE", path, token=token).status_code for _ in range(2)] == [204, 204]
    assert api.call("GET", path, token=token).json()["state"] == "CANCELLED"


def test_a_run_is_told_to_who_asked_for_it(api: Api, token: str) -> None:
    bucket = api.environment["SPARKDROP_UPLOADS_BUCKET"]
    body = {"pipeline": "flights", "input": f"s3://{bucket}/flights/a.csv", "idempotency_key": "of-calls"}
    asked = api.call("POST", "/invoke", token=token, json=body)
    assert asked.status_code == 202, asked.text
    told = api.call("GET", asked.json()["url"], token=token)
    assert (told.status_code, told.json()["state"]) == (200, "PENDING")
    assert api.call("GET", "/runs/01ARZ3NDEKTSV4RRFFQ69G5FAV", token=token).status_code == 404


def test_the_api_tells_of_itself(api: Api, token: str) -> None:
    assert api.call("GET", "/health", token=token).json()["status"] == "ok"
    document = api.call("GET", "/openapi.json", token=token)
    assert document.json()["openapi"].startswith("3.1")
    pipelines = api.call("GET", "/pipelines", token=token).json()["pipelines"]
    assert "flights" in {pipeline["name"] for pipeline in pipelines}
    for path in ("/health", "/openapi.json", "/pipelines", "/uploads", "/upload-url"):
        assert api.call("GET", path).status_code == 401


def test_a_page_of_this_origin_may_read_the_functions_answers(api: Api, token: str) -> None:
    def ask(origin: str) -> str | None:
        answer = api.call("GET", "/pipelines", token=token, headers={"Origin": origin})
        return answer.headers.get("Access-Control-Allow-Origin")

    assert ask(api.origin) == api.origin
    assert ask("http://localhost:8080") == "http://localhost:8080"
    assert ask("https://evil.example") is None
