"""What must not be lost between the uploads bucket and the queue, and from the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import LoadTemplate, Template

QUEUES = ("ArrivalsQueue", "ArrivalsDeadLetters")


@pytest.fixture(scope="module")
def events(load_template: LoadTemplate) -> Template:
    return load_template("EventsStack")


def test_the_rule_takes_every_creation_in_the_uploads_bucket(events: Template) -> None:
    pattern = events.properties("AWS::Events::Rule")["EventPattern"]
    assert set(pattern) == {"source", "detail-type", "detail"}
    assert (pattern["source"], pattern["detail-type"]) == (["aws.s3"], ["Object Created"])
    assert set(pattern["detail"]) == {
        "bucket"
    }  # no reason, no key: a pattern that asks for more loses uploads
    (bucket,) = pattern["detail"]["bucket"]["name"]
    assert "Uploads" in bucket["Fn::ImportValue"]


def test_the_rule_sends_to_the_queue_and_failures_to_the_dead_letters(events: Template) -> None:
    rule = events.properties("AWS::Events::Rule")
    (target,) = rule["Targets"]
    assert rule["State"] == "ENABLED"
    assert target["Arn"]["Fn::GetAtt"][0].startswith("ArrivalsQueue")
    assert target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0].startswith("ArrivalsDeadLetters")
    assert not {"Input", "InputPath", "InputTransformer"} & set(target)


def test_a_message_is_tried_five_times_then_kept_apart_for_two_weeks(events: Template) -> None:
    queue = events.properties("AWS::SQS::Queue", "ArrivalsQueue")
    assert queue["RedrivePolicy"]["maxReceiveCount"] == 5
    target = queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
    assert events.body["Resources"][target]["Properties"]["MessageRetentionPeriod"] == 14 * 86_400
    assert (queue["VisibilityTimeout"], queue["ReceiveMessageWaitTimeSeconds"]) == (60, 20)


@pytest.mark.parametrize("name", QUEUES)
def test_the_queues_are_encrypted_tls_only_and_filled_by_the_rule_only(events: Template, name: str) -> None:
    assert events.properties("AWS::SQS::Queue", name)["SqsManagedSseEnabled"] is True
    statements = events.properties("AWS::SQS::QueuePolicy", name)["PolicyDocument"]["Statement"]
    denial = next(statement for statement in statements if statement["Effect"] == "Deny")
    assert denial["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    (allowance,) = [statement for statement in statements if statement["Effect"] == "Allow"]
    assert allowance["Principal"] == {"Service": "events.amazonaws.com"}
    source = allowance["Condition"]["ArnEquals"]["aws:SourceArn"]["Fn::GetAtt"][0]
    assert events.body["Resources"][source]["Type"] == "AWS::Events::Rule"


def test_the_ledger_is_on_demand_restorable_and_kept(events: Template) -> None:
    table = events.find("AWS::DynamoDB::Table")
    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("Retain", "Retain")
    properties = table["Properties"]
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert properties["DeletionProtectionEnabled"] is True


def test_the_ledger_has_the_keys_and_lists_that_the_code_reads(events: Template) -> None:
    table = events.properties("AWS::DynamoDB::Table")
    assert _keys(table["KeySchema"]) == ("pk", "sk")
    indexes = {index["IndexName"]: index for index in table["GlobalSecondaryIndexes"]}
    assert {name: _keys(index["KeySchema"]) for name, index in indexes.items()} == {
        "by_pipeline": ("pipeline", "upload_id"),
        "by_state": ("state", "upload_id"),
    }
    assert all(index["Projection"] == {"ProjectionType": "ALL"} for index in indexes.values())
    assert {definition["AttributeType"] for definition in table["AttributeDefinitions"]} == {"S"}


def test_outputs_are_named_for_those_who_read_them(events: Template) -> None:
    assert set(events.body["Outputs"]) == {"ArrivalsQueueUrl", "ArrivalsDeadLetterQueueUrl", "LedgerTable"}
    assert not any("Export" in output for output in events.body["Outputs"].values())


def _keys(schema: list[dict[str, str]]) -> tuple[str, str]:
    kinds = {key["KeyType"]: key["AttributeName"] for key in schema}
    return kinds["HASH"], kinds["RANGE"]
