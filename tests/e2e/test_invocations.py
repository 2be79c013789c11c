"""A pipeline that somebody invokes through the API."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.e2e.api import ApiUser
from tests.e2e.system import System

pytestmark = pytest.mark.e2e
AT_ONCE = 20


def ask(demo: ApiUser, pipeline: str, key: str, *arguments: str) -> httpx.Response:
    body = {
        "pipeline": pipeline,
        "input": f"s3://{demo.system['UPLOADS_BUCKET']}/{pipeline}/",
        "arguments": arguments,
        "idempotency_key": key,
    }
    return demo.call("POST", "/invoke", json=body)


@pytest.fixture(scope="module")
def at_once(system: System, demo: ApiUser) -> list[httpx.Response]:
    """Answers to one request that came many times at once; it goes on while others are asked for."""
    system.drop("asked/one.csv", "x,y\n1,2\n")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        asked = [pool.submit(ask, demo, "asked", "all-at-once") for _ in range(AT_ONCE)]
        return [one.result() for one in asked]


@pytest.mark.usefixtures("at_once")
def test_a_folder_is_processed_with_the_arguments_of_the_invocation(system: System, demo: ApiUser) -> None:
    keys = ["invoked/a.csv", "invoked/b.csv"]
    versions = [system.drop(key, "a\n1\n") for key in keys]

    asked = ask(demo, "invoked", "first-of-january", "--day", "2013-01-01")

    assert asked.status_code == 202, asked.text
    run = demo.wait_for_end(asked.json()["url"])
    assert (run["state"], run["reason"]) == ("SUCCEEDED", None)
    assert run["files"] == {"succeeded": 2, "failed": 0, "quarantined": 0}
    (batch,) = run["batches"]
    uploads = system.wait_for_ends(zip(keys, versions, strict=True))
    assert [(upload["state"], upload["batch_id"]) for upload in uploads] == [
        ("SUCCEEDED", batch["batch_id"])
    ] * 2
    step = system.client("emr").describe_step(ClusterId=batch["job_flow_id"], StepId=batch["step_id"])["Step"]
    assert step["Config"]["Args"][-5:-1] == ["--strict", "--day", "2013-01-01", "--manifest"]
    again = ask(demo, "invoked", "first-of-january", "--day", "2013-01-01")
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (asked.json(), "true")
    assert not system.ledger.is_waiting("invoked"), "what landed is taken over, and nothing is asked twice"


def test_a_key_that_comes_twenty_times_at_once_is_one_run_with_one_batch(
    system: System, demo: ApiUser, at_once: list[httpx.Response]
) -> None:
    assert {answer.status_code for answer in at_once} == {202}, [answer.text for answer in at_once]
    assert len({answer.text for answer in at_once}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in at_once) == 1
    run = demo.wait_for_end(at_once[0].json()["url"])
    assert (run["state"], run["files"]["succeeded"]) == ("SUCCEEDED", 1), run
    assert len(run["batches"]) == 1
    assert [(row["x"], row["y"]) for row in system.read_rows("asked/")] == [(1, 2)]
