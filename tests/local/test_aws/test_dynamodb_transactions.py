"""Transactions of the emulated DynamoDB: all or nothing, at a price that does not grow with the table."""

import copy
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.dynamodb import models
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Table

from sparkdrop_local.aws.moto_fixes import dynamodb_transactions


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    # put back as they were: the fix is for a process of its own
    monkeypatch.setattr(models, "copy", copy)
    monkeypatch.setattr(DynamoDBBackend, "transact_write_items", DynamoDBBackend.transact_write_items)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    dynamodb_transactions.apply()
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        client.create_table(
            TableName="ledger",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
        )
        yield client


def _name(sk: str) -> dict[str, Any]:
    return {"pk": {"S": "p"}, "sk": {"S": sk}}


def _read_all(client: Any) -> dict[str, str | None]:
    items = client.query(
        TableName="ledger", KeyConditionExpression="pk = :p", ExpressionAttributeValues={":p": {"S": "p"}}
    )["Items"]
    return {item["sk"]["S"]: item.get("state", {}).get("S") for item in items}


def _build_actions(*, condition: str) -> list[dict[str, Any]]:
    table = {"TableName": "ledger"}
    update = {
        **table,
        "Key": _name("kept"),
        "UpdateExpression": "SET #state = :new",
        "ExpressionAttributeNames": {"#state": "state"},
        "ExpressionAttributeValues": {":new": {"S": "new"}},
    }
    return [
        {"Update": update},
        {"Delete": {**table, "Key": _name("gone")}},
        {"Put": {**table, "Item": {**_name("made"), "state": {"S": "new"}}}},
        {"Put": {**table, "Item": _name("last"), "ConditionExpression": condition}},
    ]


def test_a_transaction_happens_as_a_whole(client: Any) -> None:
    for sk in ("kept", "gone"):
        client.put_item(TableName="ledger", Item={**_name(sk), "state": {"S": "old"}})
    client.transact_write_items(TransactItems=_build_actions(condition="attribute_not_exists(pk)"))
    assert _read_all(client) == {"kept": "new", "made": "new", "last": None}


def test_a_refused_transaction_leaves_no_trace(client: Any) -> None:
    for sk in ("kept", "gone"):
        client.put_item(TableName="ledger", Item={**_name(sk), "state": {"S": "old"}})
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        client.transact_write_items(TransactItems=_build_actions(condition="attribute_exists(pk)"))
    assert _read_all(client) == {"kept": "old", "gone": "old"}


def test_a_key_named_twice_is_refused_and_leaves_no_trace(client: Any) -> None:
    put = {"Put": {"TableName": "ledger", "Item": _name("once")}}
    with pytest.raises(ClientError, match="multiple operations on one item"):
        client.transact_write_items(TransactItems=[put, put])
    assert _read_all(client) == {}


def test_a_missing_table_is_refused(client: Any) -> None:
    put = {"Put": {"TableName": "elsewhere", "Item": _name("once")}}
    with pytest.raises(ClientError):
        client.transact_write_items(TransactItems=[put])


def test_no_transaction_copies_the_table(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[Table] = []

    def keep(table: Table, _: object) -> Table:
        copied.append(table)
        return table

    monkeypatch.setattr(Table, "__deepcopy__", keep, raising=False)
    client.transact_write_items(TransactItems=[{"Put": {"TableName": "ledger", "Item": _name("one")}}])
    assert _read_all(client) == {"one": None}
    assert copied == []
