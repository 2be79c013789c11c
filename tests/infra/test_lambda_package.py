"""The function's package: what is in it, the same each time, and that it works with nothing else."""

from __future__ import annotations

import json
import platform
import shutil
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.moto_api._internal import moto_api_backend
from moto.server import ThreadedMotoServer

from infra.packaging import lambda_package
from infra.packaging.lambda_package import CACHE, Target, build_package, find_modules
from infra.tools.errors import ToolError
from sparkdrop.aws.catalog import publish_pipelines
from sparkdrop.aws.ledger import Ledger
from sparkdrop.core.catalog import CATALOG_KEY
from sparkdrop.core.events import parse_wake_up
from sparkdrop.core.pipeline import Pipeline

from ..aws.conftest import create_table  # noqa: TID252 - the tests are no installed package

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[2]
HANDLER = REPOSITORY / "infra" / "stacks" / "invoke" / "handler"
REQUIREMENTS = HANDLER.with_name("requirements.txt")
AARCH64 = 183
MEGABYTE = 10**6
# what Lambda's Python brings along: https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html
RUNTIME = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six.py", "urllib3")

# Reads events, answers them, and tells what it has imported; beside it there is only Lambda's runtime.
DRIVER = """
import json, sys
sys.path[:0] = sys.argv[1:3]
from types import SimpleNamespace
from handler import handler

context = SimpleNamespace(
    function_name="invoke", memory_limit_in_mb=512, invoked_function_arn="arn", aws_request_id="lambda-1",
    tenant_id=None,
)
answers = [handler.handle(event, context) for event in json.load(sys.stdin)]
print("\\n" + json.dumps({"answers": answers, "modules": sorted(sys.modules)}))
"""


@pytest.fixture(scope="module")
def package() -> Path:
    return build_package(HANDLER, REQUIREMENTS)


def list_files(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_two_builds_are_the_same_byte_by_byte(package: Path, tmp_path: Path) -> None:
    other = build_package(HANDLER, REQUIREMENTS, cache=tmp_path)
    assert other.name == package.name
    assert list_files(other) == list_files(package)
    assert [path.name for path in tmp_path.iterdir()] == [package.name], "nothing is left of the building"


def test_builds_at_the_same_time_do_not_meet(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        built = list(pool.map(lambda _: build_package(HANDLER, REQUIREMENTS, cache=tmp_path), range(2)))
    assert built[0] == built[1]
    assert list(tmp_path.iterdir()) == [built[0]]


@pytest.mark.usefixtures("package")
def test_a_package_that_was_built_is_not_built_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("uv was started")

    monkeypatch.setattr(lambda_package.subprocess, "run", refuse)
    assert build_package(HANDLER, REQUIREMENTS).is_dir()


def test_other_sources_are_another_package(package: Path, tmp_path: Path) -> None:
    changed = shutil.copytree(HANDLER, tmp_path / "handler", ignore=shutil.ignore_patterns("__pycache__"))
    with (changed / "places.py").open("a") as file:
        file.write("# changed\n")
    other = build_package(changed, REQUIREMENTS, cache=tmp_path / "cache")
    assert other.name != package.name
    assert (other / "handler" / "places.py").read_text().endswith("# changed\n")


def test_what_uv_cannot_install_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text(f"typing-extensions==4.16.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(ToolError, match=r"uv cannot install .*requirements\.txt") as caught:
        build_package(HANDLER, lock, cache=tmp_path / "cache")
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "cache").iterdir()) == []


def test_the_package_holds_what_the_handler_imports_and_no_more(package: Path) -> None:
    names = set(list_files(package))
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "annotated_types",
        "aws_lambda_powertools",
        "handler",
        "jmespath",
        "pydantic",
        "pydantic_core",
        "sparkdrop",
        "typing_extensions.py",
        "typing_inspection",
        "ulid",
    }
    ours = {name for name in names if name.startswith("sparkdrop/")}
    assert {"sparkdrop/aws/invocations.py", "sparkdrop/aws/upload_view.py", "sparkdrop/core/links.py"} <= ours
    assert not [name for name in ours if name.startswith(("sparkdrop/orchestration", "sparkdrop/cli"))]
    assert not {"sparkdrop/aws/storage.py", "sparkdrop/core/config.py", "sparkdrop/configs.py"} & ours
    assert not [name for name in names if "/tests/" in name or name.endswith((".pyc", "RECORD"))]


def test_every_library_is_for_lambdas_processor(package: Path) -> None:
    libraries = {name: body for name, body in list_files(package).items() if name.endswith(".so")}
    assert libraries
    for name, body in libraries.items():
        assert body[:4] == b"\x7fELF", name
        (machine,) = struct.unpack_from("<H", body, 18)
        assert machine == AARCH64, name
        assert "cpython-313-aarch64" in name


def test_the_package_is_small(package: Path, tmp_path: Path) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / "package"), "zip", package))
    assert archive.stat().st_size < 15 * MEGABYTE
    assert sum(map(len, list_files(package).values())) < 40 * MEGABYTE


def test_imports_are_followed_wherever_they_stand_but_for_types(tmp_path: Path) -> None:
    root = tmp_path / "root.py"
    root.write_text(
        "from typing import TYPE_CHECKING\n"
        "from sparkdrop.core.patterns import match\n"
        "if TYPE_CHECKING:\n    from sparkdrop.aws.ledger import Ledger\n"
        "def late():\n    from sparkdrop.core import program\n"
    )
    found = [path.relative_to(REPOSITORY / "plugins").as_posix() for path in find_modules([root])]
    assert found == [
        "sparkdrop/__init__.py",
        "sparkdrop/core/__init__.py",
        "sparkdrop/core/patterns.py",
        "sparkdrop/core/program.py",
        "sparkdrop/core/spark_dependencies.py",
    ]


# the same package for this machine, on its own in a process


@dataclass
class Aws:
    """What the function works with, as others see it."""

    url: str
    queue_url: str

    def client(self, service: str) -> Any:
        names = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
        return boto3.client(service, endpoint_url=self.url, region_name="us-east-1", **names)

    def read_queue(self) -> list[str | None]:
        """The pipelines that were woken since this was asked last."""
        sqs, bodies = self.client("sqs"), []
        while messages := sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in messages:
                bodies.append(parse_wake_up(message["Body"]))
                sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
        return bodies

    @property
    def ledger(self) -> Ledger:
        return Ledger("ledger", client=self.client("dynamodb"))


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    moto_api_backend.reset()
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    found = Aws(f"http://{host}:{port}", "")
    create_table(found.client("dynamodb"), "ledger")
    found.queue_url = found.client("sqs").create_queue(QueueName="arrivals")["QueueUrl"]
    found.client("s3").create_bucket(Bucket="sd-artifacts")
    pipelines = [
        Pipeline.model_validate({"name": name, "arrival": {"keys": [f"{name}/*.csv"]}})
        for name in ("flights", "weather")
    ]
    publish_pipelines(found.client("s3"), "sd-artifacts", pipelines)
    yield found
    server.stop()


@pytest.fixture(scope="module")
def host_package() -> Path:
    target = Target(f"{platform.machine()}-manylinux_2_28", f"3.{sys.version_info.minor}")
    return build_package(HANDLER, REQUIREMENTS, target=target, cache=CACHE)


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what Lambda brings, out of this environment."""
    folder = tmp_path_factory.mktemp("runtime")
    site = Path(boto3.__file__).parents[1]
    for name in RUNTIME:
        (folder / name).symlink_to(site / name)
    return folder


@dataclass
class Function:
    package: Path
    runtime: Path
    aws: Aws
    modules: tuple[str, ...] = ()
    log: str = ""

    def call(self, *events: dict[str, Any], **environment: str) -> list[dict[str, Any]]:
        """Let a new instance of the function answer events."""
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-B", "-c", DRIVER, str(self.package), str(self.runtime)],
            input=json.dumps(events),
            env={
                "AWS_ENDPOINT_URL": self.aws.url,
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": "testing",
                "AWS_SECRET_ACCESS_KEY": "testing",
                "SPARKDROP_UPLOADS_BUCKET": "sd-uploads",
                "SPARKDROP_ARTIFACTS_BUCKET": "sd-artifacts",
                "SPARKDROP_LEDGER_TABLE": "ledger",
                "SPARKDROP_ARRIVALS_QUEUE_URL": self.aws.queue_url,
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        self.log, _, last = done.stdout.rstrip().rpartition("\n")
        told = json.loads(last)
        self.modules = tuple(told["modules"])
        answers: list[dict[str, Any]] = told["answers"]
        return answers


@pytest.fixture
def function(host_package: Path, runtime: Path, aws: Aws) -> Function:
    aws.read_queue()
    return Function(host_package, runtime, aws)


IAM = {"identity": {"userArn": "arn:aws:iam::111122223333:user/me"}}


def make_event(
    body: Any, *, caller: dict[str, Any] | None = None, path: str = "/invoke", method: str = "POST"
) -> dict[str, Any]:
    """An event as a REST API's proxy integration sends it."""
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": {"content-type": "application/json"},
        "multiValueHeaders": {"content-type": ["application/json"]},
        "queryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "requestId": "request-1",
            "path": path,
            "httpMethod": method,
            **(IAM if caller is None else caller),
        },
        "body": body if isinstance(body, str) else json.dumps(body),
        "isBase64Encoded": False,
    }


def ask(key: str, **changes: Any) -> dict[str, Any]:
    request = {"pipeline": "flights", "input": "s3://sd-uploads/flights/1.csv", "idempotency_key": key}
    return {**request, **changes}


def read_body(answer: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(answer["body"])
    return body


def test_a_request_is_recorded_and_wakes_its_pipeline(function: Function, aws: Aws) -> None:
    (answer,) = function.call(make_event(ask("first", arguments=["--day", "1"])))
    assert (answer["statusCode"], answer["multiValueHeaders"]["Content-Type"]) == (202, ["application/json"])
    body = read_body(answer)
    run_id = body["run_id"]
    assert body == {"run_id": run_id, "state": "PENDING", "pipeline": "flights", "url": f"/runs/{run_id}"}
    record = aws.ledger.invocations.read(run_id)
    assert record is not None
    assert record.request.model_dump(mode="json") == ask("first", arguments=["--day", "1"])
    assert record.caller == "arn:aws:iam::111122223333:user/me"
    assert aws.ledger.invocations.is_waiting("flights")
    assert aws.read_queue() == ["flights"]
    (line,) = [line for line in map(json.loads, function.log.splitlines()) if "run_id" in line]
    assert (line["run_id"], line["caller"], line["function_request_id"]) == (
        run_id,
        record.caller,
        "lambda-1",
    )


def test_the_same_request_again_gets_the_same_answer(function: Function, aws: Aws) -> None:
    first, second, other = function.call(
        make_event(ask("twice")),
        make_event(ask("twice")),
        make_event(ask("twice"), caller={"authorizer": {"claims": {"sub": "someone"}}}),
    )
    assert (second["statusCode"], second["body"]) == (202, first["body"])
    assert second["multiValueHeaders"]["Idempotent-Replayed"] == ["true"]
    assert "Idempotent-Replayed" not in first["multiValueHeaders"]
    assert read_body(other)["run_id"] != read_body(first)["run_id"]
    record = aws.ledger.invocations.read(read_body(other)["run_id"])
    assert record is not None
    assert record.caller == "cognito:someone"
    assert aws.read_queue() == ["flights"] * 3, "the first call may have died before it woke anyone"


def test_every_mistake_is_a_problem_document(function: Function, aws: Aws) -> None:
    function.call(make_event(ask("used")))
    aws.read_queue()
    cases: list[tuple[dict[str, Any], int, str]] = [
        (make_event("{"), 400, "malformed"),
        (make_event("[]"), 400, "malformed"),
        (make_event(""), 400, "malformed"),
        (make_event("[" * 100_000), 400, "malformed"),
        ({**make_event(""), "body": "/w==", "isBase64Encoded": True}, 400, "malformed"),
        (make_event(ask("x"), caller={"identity": {"userArn": None}}), 403, "caller-unknown"),
        (make_event(ask("x", pipeline="flihgts")), 404, "unknown-pipeline"),
        (make_event(ask("x"), path="/nowhere"), 404, "no-such-route"),
        (make_event(ask("used", arguments=["other"])), 409, "conflict"),
        (make_event(ask("x", pipline="flights")), 422, "invalid-request"),
        (make_event({}), 422, "invalid-request"),
        (make_event('{"pipeline": "\\ud800"}'), 422, "invalid-request"),
        (make_event(ask("x", input="flights/1.csv")), 422, "invalid-request"),
        (make_event(ask("x", input="s3://secrets/1.csv")), 422, "refused"),
        (make_event(ask("x", input="s3://sd-uploads/weather/1.csv")), 422, "refused"),
        (make_event(ask("x", arguments=["a" * 10_241])), 422, "refused"),
    ]
    answers = function.call(*(event for event, _, _ in cases))
    for answer, (event, status, name) in zip(answers, cases, strict=True):
        problem = read_body(answer)
        assert (answer["statusCode"], problem["type"]) == (status, f"urn:sparkdrop:problem:{name}"), event
        assert answer["multiValueHeaders"]["Content-Type"] == ["application/problem+json"]
        assert (problem["status"], problem["request_id"]) == (status, "request-1")
        assert problem["title"]
        assert problem["detail"]
    assert "nearest: flights" in read_body(answers[6])["detail"]
    pointers = [error["pointer"] for error in read_body(answers[10])["errors"]]
    assert pointers == ["/pipeline", "/input", "/idempotency_key"]
    assert read_body(answers[12])["errors"] == [
        {
            "pointer": "/input",
            "detail": "write s3://bucket/key, or s3://bucket/folder/ for all that is under it",
        }
    ]
    assert aws.read_queue() == []


def test_a_wake_up_that_cannot_be_sent_loses_nothing(function: Function, aws: Aws) -> None:
    (answer,) = function.call(
        make_event(ask("asleep")), SPARKDROP_ARRIVALS_QUEUE_URL=f"{aws.url}/123456789012/nowhere"
    )
    assert answer["statusCode"] == 202
    assert aws.ledger.invocations.read(read_body(answer)["run_id"]) is not None
    assert "the next sweep wakes the pipeline" in function.log


def test_an_outage_tells_the_caller_to_try_again_and_nothing_of_what_is_inside(function: Function) -> None:
    (answer,) = function.call(make_event(ask("lost")), SPARKDROP_LEDGER_TABLE="nowhere")
    problem = read_body(answer)
    assert (answer["statusCode"], problem["type"]) == (500, "urn:sparkdrop:problem:internal")
    assert "nowhere" not in answer["body"]
    assert "ResourceNotFoundException" in function.log


def test_without_a_catalog_no_pipeline_is_known(function: Function, aws: Aws) -> None:
    aws.client("s3").create_bucket(Bucket="sd-empty")
    (answer,) = function.call(make_event(ask("early")), SPARKDROP_ARTIFACTS_BUCKET="sd-empty")
    assert (answer["statusCode"], read_body(answer)["type"]) == (503, "urn:sparkdrop:problem:not-published")
    assert CATALOG_KEY in function.log


def test_a_start_imports_nothing_heavy(function: Function) -> None:
    function.call()
    heavy = {"yaml", "croniter", "aiobotocore", "airflow", "pandas", "jinja2"}
    # what speaks to AWS is a call's to load, once it needs it; what writes the OpenAPI document likewise
    later = {"boto3", "botocore.session", "sparkdrop.aws.ledger", "handler.openapi"}
    assert not (heavy | later) & set(function.modules)
    assert "handler.routes_uploads" in function.modules
    assert "sparkdrop.core.emr_request" not in function.modules
