"""How fast uploads get on record, and how fast a run claims a thousand of them."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self
from unittest.mock import patch

import boto3
from moto import mock_aws
from moto.dynamodb.responses import DynamoHandler

from bench.figures import render_table
from sparkdrop.aws.claims import claim_batch
from sparkdrop.aws.intake import record_arrivals
from sparkdrop.aws.ledger import Ledger
from sparkdrop.aws.records import RunKey
from sparkdrop.core.batch import BatchLimits, make_batch_id
from sparkdrop.core.events import parse_arrival
from sparkdrop.core.pipeline import Pipeline
from sparkdrop.core.routing import Router
from sparkdrop_local.aws.moto_fixes import dynamodb_transactions

if TYPE_CHECKING:
    from collections.abc import Callable

EVENTS = 5_000
CLAIMED = 1_000
_PIPELINES = 20
_BATCH = 1_000
_BUCKET = "uploads"
_START = datetime(2026, 1, 1, tzinfo=UTC)
_ENVIRONMENT = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
}


def measure() -> tuple[dict[str, Any], str]:
    """Measure on a DynamoDB that answers in this process, so that no network and no server counts.

    Returns:
        The figures, and the same as a table.
    """
    environment = {name: value for name, value in os.environ.items() if name != "AWS_ENDPOINT_URL"}
    with patch.dict(os.environ, environment | _ENVIRONMENT, clear=True), mock_aws():
        dynamodb_transactions.apply()
        return _measure()


def _measure() -> tuple[dict[str, Any], str]:
    client = boto3.client("dynamodb")
    client.create_table(
        TableName="ledger",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    )
    ledger = Ledger("ledger", client=client)
    pipelines = [_build_pipeline(f"p{number}") for number in range(_PIPELINES)]
    pipelines.append(_build_pipeline("claimed"))
    route = Router(pipelines, _BUCKET).route
    bodies = [_build_event(f"p{number % _PIPELINES}/{number}.csv", number) for number in range(EVENTS)]

    arrivals, parsing = _time(lambda: [parse_arrival(body) for body in bodies])
    _, routing = _time(lambda: [route(arrival.bucket, arrival.key) for arrival in arrivals])
    # as the triggerer does: what was drained from the queue together is recorded together
    batches = [arrivals[start : start + _BATCH] for start in range(0, EVENTS, _BATCH)]
    with _Emulation() as recorder:
        _, recording = _time(lambda: [record_arrivals(ledger, route, batch) for batch in batches])

    waiting = [parse_arrival(_build_event(f"claimed/{number}.csv", number)) for number in range(CLAIMED)]
    record_arrivals(ledger, route, waiting)
    run = RunKey(make_batch_id("claimed", "bench", _START), "claimed", "claimed", "bench")
    with _Emulation() as emulation:
        claim, claiming = _time(lambda: claim_batch(ledger, run, BatchLimits(max_files=CLAIMED)))
    if len(claim.entries) != CLAIMED:
        raise RuntimeError(f"{len(claim.entries)} uploads were claimed, not {CLAIMED}")
    figures = {
        "parse_per_second": round(EVENTS / parsing),
        "route_per_second": round(EVENTS / routing),
        "record_per_second": round(EVENTS / recording),
        "intake_per_second": round(EVENTS / (parsing + recording)),
        "intake_without_emulation_per_second": round(EVENTS / (parsing + recording - recorder.seconds)),
        "claim_seconds": round(claiming, 3),
        "claim_without_emulation_seconds": round(claiming - emulation.seconds, 3),
        "claim_requests": emulation.requests,
    }
    return figures, _render(figures)


class _Emulation:
    """Counts the requests that the emulated DynamoDB answers in a block, and the seconds that it takes."""

    def __init__(self) -> None:
        self.requests = 0
        self.seconds = 0.0
        self._answer = DynamoHandler.call_action

    def __enter__(self) -> Self:
        def answer(handler: DynamoHandler) -> Any:  # noqa: ANN401 - moto's response
            began = time.perf_counter()
            try:
                return self._answer(handler)
            finally:
                self.requests += 1
                self.seconds += time.perf_counter() - began

        self._patch = patch.object(DynamoHandler, "call_action", answer)
        self._patch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._patch.stop()


def _time(work: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    done = work()
    return done, time.perf_counter() - began


def _build_pipeline(name: str) -> Pipeline:
    settings = {"name": name, "arrival": {"keys": [f"{name}/*"]}, "input": {"format": "csv"}}
    return Pipeline.model_validate(settings)


def _build_event(key: str, number: int) -> str:
    moment = (_START + timedelta(milliseconds=number)).isoformat()
    created = {"key": key, "size": 10, "etag": "0" * 32, "version-id": f"v{number}"}
    detail = {"bucket": {"name": _BUCKET}, "object": created, "reason": "PutObject"}
    return json.dumps({"source": "aws.s3", "detail-type": "Object Created", "time": moment, "detail": detail})


def _render(figures: dict[str, Any]) -> str:
    return render_table(
        ("one process, DynamoDB emulated in it", "figure"),
        [
            ("events parsed a second", f"{figures['parse_per_second']:,}"),
            (f"events routed a second ({_PIPELINES + 1} pipelines)", f"{figures['route_per_second']:,}"),
            ("events routed and recorded a second", f"{figures['record_per_second']:,}"),
            ("the whole intake, events a second", f"{figures['intake_per_second']:,}"),
            ("  without the emulation's part", f"{figures['intake_without_emulation_per_second']:,}"),
            (f"claim of {CLAIMED:,} uploads, seconds", figures["claim_seconds"]),
            ("  without the emulation's part", figures["claim_without_emulation_seconds"]),
            ("  requests to DynamoDB", figures["claim_requests"]),
        ],
    )
