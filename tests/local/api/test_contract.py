"""The running API keeps to its own document, whatever it is asked: ten thousand cases, none a 5xx.

https://schemathesis.readthedocs.io
"""

from __future__ import annotations

from collections import Counter
from itertools import cycle
from typing import TYPE_CHECKING, Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.api_process import Api

CASES = 10_000
# some operations have few different cases: those that have many make up for them
EXAMPLES = 1_500
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
LIMITS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def document(api: Api, session: requests.Session) -> Any:
    answer = session.get(f"{api.origin}/api/openapi.json", timeout=30)
    answer.raise_for_status()
    return schemathesis.openapi.from_dict(answer.json())


@pytest.fixture(scope="module")
def session(api: Api) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {api.sign_in()['id_token']}"
        yield session


def make_ids(api: Api, session: requests.Session) -> list[str | None]:
    """Ids of a link, of an upload in parts and of a run, with one that is made up between any two."""
    bucket = api.environment["SPARKDROP_UPLOADS_BUCKET"]
    file = {"pipeline": "flights", "filename": "x.csv", "size": 10}
    run = {"pipeline": "flights", "input": f"s3://{bucket}/flights/x.csv", "idempotency_key": "contract"}
    answers = [
        session.get(f"{api.origin}/api/upload-url", params={**file, "sha256": "0" * 64}, timeout=30),
        session.post(f"{api.origin}/api/uploads", json=file, timeout=30),
        session.post(f"{api.origin}/api/invoke", json=run, timeout=30),
    ]
    for answer in answers:
        answer.raise_for_status()
    link, parts, invocation = (answer.json() for answer in answers)
    return [link["upload_id"], None, parts["upload_id"], None, invocation["run_id"]]


def test_every_answer_is_in_the_document(api: Api, session: requests.Session, document: Any) -> None:
    answered: Counter[str] = Counter()
    # what a case makes up is nobody's upload: every other one asks for one that is there
    ids = cycle([None, *make_ids(api, session)])

    def check(case: schemathesis.Case) -> None:
        if "id" in case.path_parameters and (known := next(ids)) is not None:
            case.path_parameters["id"] = known
        answer = case.call(base_url=f"{api.origin}/api", session=session, timeout=30)
        answered[f"{case.method} {case.path} {answer.status_code}"] += 1
        case.validate_response(answer, checks=CHECKS)

    # what chance need not come upon: a run that is new, and a call without its parameters
    run = {
        "pipeline": "flights",
        "input": f"s3://{api.environment['SPARKDROP_UPLOADS_BUCKET']}/flights/y.csv",
    }
    body = {**run, "idempotency_key": "contract-new"}
    check(document["/invoke"]["POST"].Case(body=body, media_type="application/json"))
    check(document["/upload-url"]["GET"].Case(query={}))
    for found in document.get_all_operations():
        LIMITS(given(case=found.ok().as_strategy())(check))()
    assert sum(answered.values()) >= CASES, answered
    statuses = {name.rpartition(" ")[2] for name in answered}
    assert {"200", "201", "202", "204", "400", "404", "409", "422"} <= statuses, answered
