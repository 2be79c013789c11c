"""How long a function of the API takes to start and to answer, without AWS's own time."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self
from unittest.mock import patch

import boto3
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber

from bench.figures import count_times, render_table, summarise
from bench.parse import read_imports
from sparkdrop.aws.catalog import publish_pipelines
from sparkdrop.aws.intake import record_arrivals
from sparkdrop.aws.ledger import Ledger
from sparkdrop.core.pipeline import Pipeline
from sparkdrop.core.uploads import Arrival
from sparkdrop_local.system import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.figures import Spread

    _Starts = dict[str, dict[str, tuple[Spread, Spread]]]
    """By how modules are found, and by step: milliseconds, and those of the processor."""

STARTS = 15
CALLS = 300
_WARM_UP = 20
_TOP = 10
_GOAL_IMPORT_MS, _GOAL_CALL_MS = 300, 3
_PROGRAM = Path(__file__).parent / "programs" / "api_start.py"
_FOLDERS = [str(REPOSITORY / "infra" / "stacks" / "invoke"), str(REPOSITORY / "plugins")]
_ACCOUNT = "123456789012"
_ENVIRONMENT = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "SPARKDROP_UPLOADS_BUCKET": "uploads",
    "SPARKDROP_ARTIFACTS_BUCKET": "artifacts",
    "SPARKDROP_LEDGER_TABLE": "ledger",
    "SPARKDROP_ARRIVALS_QUEUE_URL": "https://queue",
    "SPARKDROP_UPLOAD_ROLE_ARN": f"arn:aws:iam::{_ACCOUNT}:role/Uploads",
    "SPARKDROP_ACCOUNT_ID": _ACCOUNT,
    "SPARKDROP_DAILY_UPLOADS": "1000000",
}
_QUERY = {"pipeline": "flights", "filename": "1.csv", "size": "4", "sha256": "0f" * 32}
_CONTEXT: Any = SimpleNamespace(
    function_name="api",
    memory_limit_in_mb=512,
    invoked_function_arn="arn",
    aws_request_id="bench",
    tenant_id=None,
)


def measure() -> tuple[dict[str, Any], str]:
    """Measure starts in processes of their own, and calls on an AWS that answers in this process.

    Returns:
        The figures, and the same as tables.
    """
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_ENDPOINT_URL", "PYTHON"))
    }
    with patch.dict(os.environ, environment | _ENVIRONMENT, clear=True):
        starts, imports = _measure_starts()
        with mock_aws():
            calls = _measure_calls()
    figures = {"starts_ms": starts, "import_ms": imports, "calls_ms": calls}
    return figures, _render(starts, imports, calls)


# starts


def _measure_starts() -> tuple[_Starts, dict[str, float]]:
    with tempfile.TemporaryDirectory(prefix="sparkdrop-bench-") as compiled:
        kept = {"PYTHONPYCACHEPREFIX": compiled}
        for steps in ("bare", "import,clients"):
            _start(steps, kept)  # compiles what is imported, once
        found = {"compiled": _repeat_starts(kept)}
        timed = _run("import", kept, "-X", "importtime").stderr
    # a package without compiled modules, on a disk that none can be written to
    found["sources"] = _repeat_starts({"PYTHONPYCACHEPREFIX": os.devnull, "PYTHONDONTWRITEBYTECODE": "1"})
    return found, {name: round(1000 * seconds, 1) for name, seconds in read_imports(timed).items()}


def _repeat_starts(settings: dict[str, str]) -> dict[str, tuple[Spread, Spread]]:
    """Start again and again: of each step the milliseconds, and those of the processor."""
    taken: dict[str, list[list[float]]] = {"bare": [], "import": [], "clients": []}
    for _ in range(STARTS):  # in turns, so that what else the machine does meets both
        for steps in ("bare", "import,clients"):
            for step, both in _start(steps, settings).items():
                taken[step].append([1000 * seconds for seconds in both])
    return {
        step: (summarise(wall for wall, _ in found), summarise(cpu for _, cpu in found))
        for step, found in taken.items()
    }


def _start(steps: str, settings: dict[str, str]) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = json.loads(_run(steps, settings).stdout.splitlines()[-1])
    return taken


def _run(steps: str, settings: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *options, str(_PROGRAM), steps, *_FOLDERS]
    return subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, check=True)


# calls


class _Aws:
    """Counts the requests that the emulated AWS answers in a block, and how long it takes and works."""

    def __init__(self) -> None:
        self.requests = 0
        self.seconds = 0.0
        self.worked = 0.0
        self._answer = BotocoreStubber.__call__

    def __enter__(self) -> Self:
        def answer(stubber: BotocoreStubber, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - moto's
            began, worked = time.perf_counter(), time.thread_time()
            try:
                return self._answer(stubber, *args, **kwargs)
            finally:
                self.requests += 1
                self.seconds += time.perf_counter() - began
                self.worked += time.thread_time() - worked

        self._patch = patch.object(BotocoreStubber, "__call__", answer)
        self._patch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._patch.stop()


def _measure_calls() -> dict[str, dict[str, Any]]:
    # its log goes where nobody reads it, but it is written
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        from infra.stacks.invoke.handler.handler import handle

        upload_id = _prepare(handle)
        bare = APIGatewayRestResolver()
        bare.get("/uploads/<id>")(lambda id: {"upload_id": id})  # noqa: A006 - as the API names it
        answers: dict[str, Callable[[], dict[str, Any]]] = {
            "bare": lambda: bare.resolve(_build_event(f"/uploads/{upload_id}"), _CONTEXT),
            "GET /health": lambda: handle(_build_event("/health"), _CONTEXT),
            "GET /uploads/{id}": lambda: handle(_build_event(f"/uploads/{upload_id}"), _CONTEXT),
            "GET /upload-url": lambda: handle(_build_event("/upload-url", _QUERY), _CONTEXT),
        }
        return {name: _repeat_call(answer) for name, answer in answers.items()}


def _repeat_call(answer: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    own, worked, requests = [], [], 0
    for number in range(_WARM_UP + CALLS):
        with _Aws() as aws:
            began, cpu = time.perf_counter(), time.thread_time()
            status = answer()["statusCode"]
            taken, cpu = time.perf_counter() - began, time.thread_time() - cpu
        if status != 200:  # noqa: PLR2004 - HTTP's OK
            raise RuntimeError(f"the call was answered {status}")
        if number >= _WARM_UP:
            own.append(1000 * (taken - aws.seconds))
            worked.append(1000 * (cpu - aws.worked))
            requests = aws.requests
    return {"own": summarise(own), "worked": summarise(worked), "requests": requests}


def _prepare(handle: Callable[..., dict[str, Any]]) -> str:
    """Publish a pipeline and let one upload land; answers its link's id."""
    client, s3 = boto3.client("dynamodb"), boto3.client("s3")
    client.create_table(
        TableName="ledger",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    )
    for bucket in ("uploads", "artifacts"):
        s3.create_bucket(Bucket=bucket)
    settings = {"name": "flights", "arrival": {"keys": ["flights/*.csv"]}, "input": {"format": "csv"}}
    publish_pipelines(s3, "artifacts", [Pipeline.model_validate(settings)])
    link = json.loads(handle(_build_event("/upload-url", _QUERY), _CONTEXT)["body"])
    view = json.loads(handle(_build_event(f"/uploads/{link['upload_id']}"), _CONTEXT)["body"])
    arrival = Arrival("uploads", view["key"], "v1", "etag", 4, datetime.now(UTC))
    record_arrivals(Ledger("ledger", client=client), lambda *_: "flights", [arrival])
    return str(link["upload_id"])


def _build_event(path: str, query: dict[str, str] | None = None) -> dict[str, Any]:
    return {
        "resource": path,
        "path": path,
        "httpMethod": "GET",
        "headers": {},
        "multiValueHeaders": {},
        "queryStringParameters": query,
        "multiValueQueryStringParameters": {name: [value] for name, value in (query or {}).items()},
        "requestContext": {
            "requestId": "bench",
            "stage": "prod",
            "path": f"/prod{path}",
            "authorizer": {"claims": {"sub": "bench"}},
        },
        "body": None,
        "isBase64Encoded": False,
    }


def _render(starts: _Starts, imports: dict[str, float], calls: dict[str, dict[str, Any]]) -> str:
    titles = {
        "bare": "Powertools alone",
        "import": "import of the handler",
        "clients": "first clients of AWS",
    }
    rows = [
        (f"{titles[step]}, {'compiled' if name == 'compiled' else 'from sources'}", *_spread(wall), cpu.p50)
        for name, found in starts.items()
        for step, (wall, cpu) in found.items()
    ]
    top = list(imports.items())[:_TOP]
    rest = sum(imports.values()) - sum(taken for _, taken in top)
    bare = calls["bare"]["worked"].p50
    answered = [
        (
            "a constant, from Powertools alone" if name == "bare" else name,
            *_spread(call["own"]),
            call["worked"].p50,
            count_times(bare, call["worked"].p50),
            call["requests"],
        )
        for name, call in calls.items()
    ]
    _, cold = starts["compiled"]["import"]
    slowest = max(call["worked"].p50 for name, call in calls.items() if name.startswith("GET /upload"))
    return "\n\n".join(
        [
            render_table(
                (f"start, ms, {STARTS} processes", "p50", "p90", "max", "of the processor, p50"), rows
            ),
            f"Goal: compiled import <= {_GOAL_IMPORT_MS} ms: {_judge(cold.p50, _GOAL_IMPORT_MS)}.",
            render_table(
                ("own time of the import, compiled (under -X importtime)", "ms"),
                [*top, ("everything else", rest), ("all", sum(imports.values()))],
            ),
            render_table(
                (
                    *(f"warm call, ms, {CALLS} calls", "p50", "p90", "max", "of the processor, p50"),
                    *("it / a constant", "requests to AWS"),
                ),
                answered,
            ),
            f"Goal: warm call <= {_GOAL_CALL_MS} ms without AWS: {_judge(slowest, _GOAL_CALL_MS)}.",
        ]
    )


def _spread(spread: Spread) -> tuple[float, float, float]:
    return spread.p50, spread.p90, spread.longest


def _judge(found: float, goal: float) -> str:
    return "reached" if found <= goal else "missed"
