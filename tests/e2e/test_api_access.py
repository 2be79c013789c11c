"""Who sees what on the running system: one's own, one's group's, and nothing of anybody else's."""

from typing import Any

import pytest

from tests.e2e.api import ApiUser, create_user
from tests.e2e.system import System, wait_for

pytestmark = pytest.mark.e2e
CONTENT = b"name,age,city\nAda,36,London\n"


@pytest.fixture(scope="module")
def airline(system: System) -> ApiUser:
    """One whose group uploads to the pipeline `members`."""
    return create_user(system, "airline", "airlines")


@pytest.fixture(scope="module")
def auditor(system: System) -> ApiUser:
    """One whose group sees what others upload to the pipeline `members`."""
    return create_user(system, "auditor", "auditors")


def read_problem(user: ApiUser, path: str, **params: str) -> tuple[int, str]:
    answer = user.call("GET", path, params=params)
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


def list_ids(user: ApiUser, **params: str) -> set[str]:
    return {upload["upload_id"] for upload in user.read("/uploads", **params)["uploads"]}


def test_of_two_users_neither_sees_the_others_uploads(demo: ApiUser, airline: ApiUser) -> None:
    own, others = (user.upload("people", "own.csv", CONTENT) for user in (demo, airline))

    for user, seen, hidden in ((demo, own, others), (airline, others, own)):
        assert user.read(f"/uploads/{seen}")["owner"] == "me"
        assert read_problem(user, f"/uploads/{hidden}") == (404, "unknown-upload")
        assert user.call("DELETE", f"/uploads/{hidden}").status_code == 404
        for params in ({}, {"pipeline": "people"}):
            listed = list_ids(user, **params)
            assert seen in listed
            assert hidden not in listed


def test_a_group_uploads_another_looks_on_and_nobody_else_has_heard_of_the_pipeline(
    system: System, demo: ApiUser, airline: ApiUser, auditor: ApiUser
) -> None:
    upload_id = airline.upload("members", "one.csv", CONTENT)
    system.drop("members/direct.csv", CONTENT)

    def find_both() -> list[dict[str, Any]] | None:
        listed: list[dict[str, Any]] = auditor.read("/uploads", pipeline="members")["uploads"]
        return listed if len(listed) > 1 else None

    listed = {upload["filename"]: upload for upload in wait_for("list of both uploads", find_both)}
    assert set(listed) == {"one.csv", "direct.csv"}
    assert listed["one.csv"]["upload_id"] == upload_id
    assert listed["one.csv"]["owner"].startswith("cognito:")
    assert auditor.read(f"/uploads/{listed['direct.csv']['upload_id']}")["filename"] == "direct.csv"
    assert auditor.read(f"/uploads/{upload_id}")["filename"] == "one.csv"
    refused = auditor.ask_for_link("members", "two.csv", CONTENT)
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:sparkdrop:problem:forbidden")
    assert list_ids(airline, pipeline="members") == {upload_id}, "who uploads sees its own"
    assert read_problem(demo, f"/uploads/{upload_id}") == (404, "unknown-upload")
    assert read_problem(demo, "/uploads", pipeline="members") == (404, "unknown-pipeline")
    unknown = demo.ask_for_link("members", "two.csv", CONTENT)
    assert (unknown.status_code, unknown.json()["type"]) == (404, "urn:sparkdrop:problem:unknown-pipeline")
    # nor is it named as the nearest to a slip
    assert "members" not in demo.ask_for_link("member", "two.csv", CONTENT).text
    assert "members" in airline.ask_for_link("member", "two.csv", CONTENT).text


def test_each_user_is_told_of_the_pipelines_that_are_there_for_it(
    demo: ApiUser, airline: ApiUser, auditor: ApiUser
) -> None:
    told = {}
    for name, user in (("demo", demo), ("airline", airline), ("auditor", auditor)):
        pipelines = {pipeline["name"]: pipeline for pipeline in user.read("/pipelines")["pipelines"]}
        assert "flights" in pipelines
        members = pipelines.get("members")
        told[name] = members and (members["may_upload"], members["may_view"])
    assert told == {"demo": None, "airline": (True, False), "auditor": (False, True)}
