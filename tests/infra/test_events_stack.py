"""What must not be lost between the uploads bucket and the queue, and from the ledger; who hears of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import LoadTemplate, Template

ALARM, TOPIC = "AWS::CloudWatch::Alarm", "AWS::SNS::Topic"
OF_THIS_ACCOUNT = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
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


def test_the_archive_keeps_what_the_rule_takes(load_template: LoadTemplate) -> None:
    for stage, days in (("dev", 30), ("prod", 90)):
        template = load_template("EventsStack", stage)
        archive = template.find("AWS::Events::Archive")
        assert (
            archive["Properties"]["EventPattern"] == template.properties("AWS::Events::Rule")["EventPattern"]
        )
        assert archive["Properties"]["RetentionDays"] == days
        assert archive["DeletionPolicy"] == "Retain"
        _, parts = archive["Properties"]["SourceArn"]["Fn::Join"]
        assert parts[-1] == ":event-bus/default"  # where S3's events come in: a rule sees its own bus only


@pytest.mark.parametrize(
    ("name", "metric", "above", "dimension"),
    [
        ("DeadLetters", "ApproximateNumberOfMessagesVisible", 0, "ArrivalsDeadLetters"),
        ("OldestMessage", "ApproximateAgeOfOldestMessage", 15 * 60, "ArrivalsQueue"),
        ("LostEvents", "InvocationsFailedToBeSentToDlq", 0, "ArrivalsRule"),
    ],
)
def test_an_alarm_watches_each_way_to_be_late_or_lost(
    events: Template, name: str, metric: str, above: int, dimension: str
) -> None:
    alarm = events.properties(ALARM, name)
    assert (alarm["MetricName"], alarm["Threshold"]) == (metric, above)
    assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
    (watched,) = alarm["Dimensions"]
    assert dimension in json.dumps(watched["Value"])


def test_throttled_writes_of_the_table_and_each_list_index_count(events: Template) -> None:
    alarm = events.properties(ALARM, "LedgerThrottles")
    total, *metrics = alarm["Metrics"]
    assert all(f"FILL({metric['Id']}, 0)" in total["Expression"] for metric in metrics)
    assert [entry["ReturnData"] for entry in alarm["Metrics"]] == [True, False, False, False]
    watched = {metric["MetricStat"]["Metric"]["MetricName"] for metric in metrics}
    indexes = {
        dimension["Value"]
        for metric in metrics
        for dimension in metric["MetricStat"]["Metric"]["Dimensions"]
        if dimension["Name"] == "GlobalSecondaryIndexName"
    }
    assert (watched, indexes) == ({"WriteThrottleEvents"}, {"by_pipeline", "by_state"})


def test_each_alarm_tells_the_topic_what_to_do_and_silence_is_no_alarm(events: Template) -> None:
    (topic,) = events.all(TOPIC)
    alarms = events.all(ALARM)
    assert len(alarms) == 4
    for alarm in (resource["Properties"] for resource in alarms.values()):
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": topic}]
        assert alarm["TreatMissingData"] == "notBreaching"
        assert 80 < len(alarm["AlarmDescription"]) <= 1024


@pytest.mark.parametrize("stage", ["dev", "full"])
def test_alarms_of_this_account_may_publish_over_tls(load_template: LoadTemplate, stage: str) -> None:
    template = load_template("EventsStack", stage)
    statements = template.properties("AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    (denial,) = [statement for statement in statements if statement["Effect"] == "Deny"]
    assert denial["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    (allowance,) = [statement for statement in statements if statement["Effect"] == "Allow"]
    assert allowance["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allowance["Action"] == "sns:Publish"
    assert allowance["Condition"] == OF_THIS_ACCOUNT


def test_alerts_lie_under_a_key_that_alarms_may_use_where_the_stage_asks_for_one(
    load_template: LoadTemplate,
) -> None:
    assert "KmsMasterKeyId" not in load_template("EventsStack").find(TOPIC).get("Properties", {})
    template = load_template("EventsStack", "full")
    (key,) = template.all("AWS::KMS::Key")
    assert template.properties(TOPIC)["KmsMasterKeyId"] == {"Fn::GetAtt": [key, "Arn"]}
    _, statement = template.properties("AWS::KMS::Key")["KeyPolicy"]["Statement"]
    assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert statement["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert statement["Condition"] == OF_THIS_ACCOUNT


def test_who_the_settings_name_is_subscribed(load_template: LoadTemplate) -> None:
    assert load_template("EventsStack").all("AWS::SNS::Subscription") == {}
    subscription = load_template("EventsStack", "full").properties("AWS::SNS::Subscription")
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "data@example.com")


def test_outputs_are_named_for_those_who_read_them(events: Template) -> None:
    # what other stacks take is CDK's to name
    named = {name for name in events.body["Outputs"] if not name.startswith("ExportsOutput")}
    assert named == {
        "AlertsTopicArn",
        "ArrivalsArchiveArn",
        "ArrivalsDeadLetterQueueUrl",
        "ArrivalsQueueUrl",
        "ArrivalsRuleArn",
        "LedgerTable",
    }


def _keys(schema: list[dict[str, str]]) -> tuple[str, str]:
    kinds = {key["KeyType"]: key["AttributeName"] for key in schema}
    return kinds["HASH"], kinds["RANGE"]
