"""Outages on order: whom they meet, whom they spare, and that they end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from sparkdrop_local.aws.outages import ROUTE, OutageApp
from sparkdrop_local.aws.server import RunningServer, start_server

if TYPE_CHECKING:
    from collections.abc import Iterator


def answer_all(_: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Length", "2"), ("Content-Type", "application/json")])
    return [b"{}"]


@pytest.fixture
def server() -> Iterator[RunningServer]:
    running = start_server(OutageApp(answer_all))
    yield running
    running.stop()


def order(server: RunningServer, **wanted: Any) -> httpx.Response:
    return httpx.post(server.endpoint_url + ROUTE, json=wanted, trust_env=False)


def list_tables(server: RunningServer, key: str = "somebody") -> Any:
    client = boto3.client(
        "dynamodb",
        endpoint_url=server.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key="secret",
        config=Config(retries={"total_max_attempts": 1}),
    )
    return client.list_tables()


def test_an_outage_cuts_its_service_and_spares_who_looks_on(server: RunningServer) -> None:
    assert order(server, service="dynamodb", seconds=60, spared=["onlooker"]).status_code == 201

    with pytest.raises(ConnectionClosedError):
        list_tables(server)

    list_tables(server, "onlooker")
    (told,) = httpx.get(server.endpoint_url + ROUTE, trust_env=False).json()["outages"]
    assert (told["service"], told["struck"]) == ("dynamodb", 1)


def test_an_outage_may_answer_503_and_leaves_other_services_alone(server: RunningServer) -> None:
    order(server, service="dynamodb", seconds=60, cut=False)
    order(server, service="sqs", seconds=60)

    with pytest.raises(ClientError) as refused:
        list_tables(server)

    assert refused.value.response["Error"]["Code"] == "ServiceUnavailable"
    assert httpx.get(server.endpoint_url, trust_env=False).status_code == 200, "unsigned requests go through"


def test_outages_end_when_they_are_told_to(server: RunningServer) -> None:
    order(server, service="dynamodb", seconds=60)

    assert httpx.delete(server.endpoint_url + ROUTE, trust_env=False).json() == {"outages": []}

    list_tables(server)


@pytest.mark.parametrize(
    ("wanted", "named"),
    [
        ({"service": "s3"}, "seconds"),
        ({"service": "", "seconds": 1}, "service"),
        ({"service": "s3", "seconds": 0}, "seconds"),
        ({"service": "s3", "seconds": 1, "cutt": True}, "cutt"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(
    server: RunningServer, wanted: dict[str, Any], named: str
) -> None:
    refused = order(server, **wanted)

    assert refused.status_code == 400
    assert named in json.loads(refused.text)["error"]


def test_a_page_of_another_site_cannot_order(server: RunningServer) -> None:
    headers = {"Origin": "https://example.com"}
    url = server.endpoint_url + ROUTE

    assert httpx.delete(url, headers=headers, trust_env=False).status_code == 403
    assert httpx.get(url, headers={"Host": "example.com"}, trust_env=False).status_code == 403
