"""A pipeline that somebody invokes, by the code of the function itself."""

import pytest
from aws_lambda_powertools import Logger

from infra.stacks.invoke.handler.invoking import Invoker, parse_request
from infra.stacks.invoke.handler.places import Places
from sparkdrop.aws.catalog import publish_pipelines
from sparkdrop.aws.invocation_view import read_invocation
from sparkdrop.configs import load_configs
from tests.e2e.system import System, wait_for

pytestmark = pytest.mark.e2e
REQUEST = (
    '{"pipeline": "invoked", "input": "s3://%s/invoked/", "arguments": ["--day", "2013-01-01"],'
    ' "idempotency_key": "first-of-january"}'
)


@pytest.fixture
def invoker(system: System, monkeypatch: pytest.MonkeyPatch) -> Invoker:
    """The function's, on the local system's AWS."""
    for name, value in system.environment.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    pipelines = load_configs(system["CONFIG_DIR"]).pipelines.values()
    publish_pipelines(system.s3, system["ARTIFACTS_BUCKET"], pipelines)
    return Invoker(Places.from_environment(system.environment), Logger(service="test"))


def test_a_folder_is_processed_once_with_the_arguments_of_the_invocation(
    system: System, invoker: Invoker
) -> None:
    keys = ["invoked/a.csv", "invoked/b.csv"]
    versions = [system.drop(key, "a\n1\n") for key in keys]
    request = parse_request(REQUEST % system["UPLOADS_BUCKET"])

    record, is_new = invoker.invoke(request, "arn:aws:iam::111122223333:user/me")

    def look() -> dict[str, object] | None:
        view = read_invocation(system.ledger, record.invocation_id)
        return view if view and view["state"] in {"SUCCEEDED", "FAILED"} else None

    view = wait_for("end of the invocation", look)
    assert (is_new, view["state"], view["reason"]) == (True, "SUCCEEDED", None)
    assert view["files"] == {"succeeded": 2, "failed": 0, "quarantined": 0}
    (batch,) = view["batches"]
    uploads = system.wait_for_ends(zip(keys, versions, strict=True))
    assert [(upload["state"], upload["batch_id"]) for upload in uploads] == [
        ("SUCCEEDED", batch["batch_id"])
    ] * 2
    step = system.client("emr").describe_step(ClusterId=batch["job_flow_id"], StepId=batch["step_id"])["Step"]
    assert step["Config"]["Args"][-3:] == ["--strict", "--day", "2013-01-01"]
    again, is_new = invoker.invoke(request, "arn:aws:iam::111122223333:user/me")
    assert (again.invocation_id, is_new) == (record.invocation_id, False)
    assert not system.ledger.is_waiting("invoked"), "what landed is taken over, and nothing is asked twice"
