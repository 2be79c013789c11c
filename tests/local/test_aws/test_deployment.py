"""Every property of the templates is held by the emulation, read back through the services' own APIs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from sparkdrop_local.aws.deployment import find_reason
from sparkdrop_local.aws.errors import EmulationError
from sparkdrop_local.aws.templates import StackTemplate, hash_sources, load_templates

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Emulation

BUCKETS = ("Uploads", "Curated", "Artifacts", "Logs")


@pytest.fixture(scope="session")
def resources(templates: list[StackTemplate]) -> dict[str, dict[str, Any]]:
    return {key: value for template in templates for key, value in template.body["Resources"].items()}


@pytest.fixture(scope="session")
def physical_ids(emulation: Emulation, templates: list[StackTemplate]) -> dict[str, str]:
    cloudformation = emulation.client("cloudformation")
    return {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for template in templates
        if emulation.announcement["stacks"][template.id] == "deployed"
        for resource in cloudformation.describe_stack_resources(StackName=template.name)["StackResources"]
    }


def find(resources: dict[str, dict[str, Any]], kind: str, part: str = "") -> tuple[str, dict[str, Any]]:
    """The one resource of this type whose logical id starts with ``part``: its id and its properties."""
    (found,) = [key for key, value in resources.items() if value["Type"] == kind and key.startswith(part)]
    return found, resources[found]["Properties"]


def read_encryption(s3: Any, bucket: str) -> Any:
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    defaults = [
        {"ServerSideEncryptionByDefault": rule["ApplyServerSideEncryptionByDefault"]} for rule in rules
    ]
    return {"ServerSideEncryptionConfiguration": defaults}


def read_cors(s3: Any, bucket: str) -> Any:
    keys = {"ExposeHeaders": "ExposedHeaders", "MaxAgeSeconds": "MaxAge"}
    rules = s3.get_bucket_cors(Bucket=bucket)["CORSRules"]
    return {"CorsRules": [{keys.get(key, key): rule[key] for key in rule} for rule in rules]}


def read_lifecycle(s3: Any, bucket: str) -> Any:
    rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    return {"Rules": [to_cloudformation_rule(rule) for rule in rules]}


def read_logging(s3: Any, bucket: str) -> Any:
    logging = s3.get_bucket_logging(Bucket=bucket)["LoggingEnabled"]
    return {"DestinationBucketName": logging["TargetBucket"], "LogFilePrefix": logging["TargetPrefix"]}


def read_notification(s3: Any, bucket: str) -> Any:
    answer = s3.get_bucket_notification_configuration(Bucket=bucket)
    return {"EventBridgeConfiguration": {"EventBridgeEnabled": "EventBridgeConfiguration" in answer}}


def read_tags(s3: Any, bucket: str) -> Any:
    tags = s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
    return sorted((tag for tag in tags if not tag["Key"].startswith("aws:")), key=lambda tag: str(tag["Key"]))


# What the emulation says of each property, in the words of CloudFormation.
READERS: dict[str, Callable[[Any, str], Any]] = {
    "BucketEncryption": read_encryption,
    "CorsConfiguration": read_cors,
    "LifecycleConfiguration": read_lifecycle,
    "LoggingConfiguration": read_logging,
    "NotificationConfiguration": read_notification,
    "OwnershipControls": lambda s3, bucket: s3.get_bucket_ownership_controls(Bucket=bucket)[
        "OwnershipControls"
    ],
    "PublicAccessBlockConfiguration": lambda s3, bucket: s3.get_public_access_block(Bucket=bucket)[
        "PublicAccessBlockConfiguration"
    ],
    "Tags": read_tags,
    "VersioningConfiguration": lambda s3, bucket: {
        "Status": s3.get_bucket_versioning(Bucket=bucket)["Status"]
    },
}


def to_cloudformation_rule(rule: dict[str, Any]) -> dict[str, Any]:
    expiration = rule.get("Expiration", {})
    held = {key: value for key, value in rule.items() if key not in {"ID", "Expiration", "Filter", "Prefix"}}
    held["Id"] = rule["ID"]
    if "Days" in expiration:
        held["ExpirationInDays"] = expiration["Days"]
    if expiration.get("ExpiredObjectDeleteMarker"):
        held["ExpiredObjectDeleteMarker"] = True
    return held


@pytest.mark.parametrize("part", BUCKETS)
def test_a_bucket_is_as_its_template_says(
    emulation: Emulation, resources: dict[str, Any], physical_ids: dict[str, str], part: str
) -> None:
    logical_id, properties = find(resources, "AWS::S3::Bucket", part)
    bucket, s3 = physical_ids[logical_id], emulation.client("s3")
    assert bucket == emulation.environment[f"SPARKDROP_{part.upper()}_BUCKET"]
    expected = json.loads(json.dumps(properties), object_hook=lambda value: resolve(value, physical_ids))
    assert {name: READERS[name](s3, bucket) for name in properties} == expected


def resolve(value: dict[str, Any], physical_ids: dict[str, str]) -> Any:
    return physical_ids[value["Ref"]] if set(value) == {"Ref"} else value


@pytest.mark.parametrize("part", BUCKETS)
def test_a_bucket_has_the_statements_of_its_policy(
    emulation: Emulation, resources: dict[str, Any], part: str
) -> None:
    _, properties = find(resources, "AWS::S3::BucketPolicy", part)
    bucket = emulation.environment[f"SPARKDROP_{part.upper()}_BUCKET"]
    held = json.loads(emulation.client("s3").get_bucket_policy(Bucket=bucket)["Policy"])
    assert len(held["Statement"]) == len(properties["PolicyDocument"]["Statement"])
    assert held["Statement"][0]["Resource"] == [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    assert "Fn::" not in json.dumps(held)


@pytest.mark.parametrize("part", ["ArrivalsQueue", "ArrivalsDeadLetters"])
def test_a_queue_is_as_its_template_says(
    emulation: Emulation, resources: dict[str, Any], physical_ids: dict[str, str], part: str
) -> None:
    logical_id, properties = find(resources, "AWS::SQS::Queue", part)
    sqs = emulation.client("sqs")
    url = sqs.get_queue_url(QueueName=physical_ids[logical_id].rsplit("/", 1)[-1])["QueueUrl"]
    held = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    plain = {name: value for name, value in properties.items() if name not in {"RedrivePolicy", "Tags"}}
    assert {name: held[name] for name in plain} == {name: str(plain[name]).lower() for name in plain}
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == to_map(properties["Tags"])
    if "RedrivePolicy" in properties:
        redrive = json.loads(held["RedrivePolicy"])
        assert redrive["maxReceiveCount"] == properties["RedrivePolicy"]["maxReceiveCount"]
        assert "ArrivalsDeadLetters" in redrive["deadLetterTargetArn"]
    _, policy = find(resources, "AWS::SQS::QueuePolicy", f"{part}Policy")
    assert len(json.loads(held["Policy"])["Statement"]) == len(policy["PolicyDocument"]["Statement"])


def test_the_rule_is_as_its_template_says(
    emulation: Emulation, resources: dict[str, Any], physical_ids: dict[str, str]
) -> None:
    logical_id, properties = find(resources, "AWS::Events::Rule")
    events, name = emulation.client("events"), physical_ids[logical_id].rsplit("/", 1)[-1]
    rule = events.describe_rule(Name=name)
    pattern = {**properties["EventPattern"], "detail": {"bucket": {"name": [emulation.uploads]}}}
    assert json.loads(rule["EventPattern"]) == pattern
    assert (rule["State"], rule["Description"]) == (properties["State"], properties["Description"])
    (target,) = events.list_targets_by_rule(Rule=name)["Targets"]
    assert target["Id"] == properties["Targets"][0]["Id"]
    assert target["Arn"].rsplit(":", 1)[-1] == emulation.queue.rsplit("/", 1)[-1]
    assert "ArrivalsDeadLetters" in target["DeadLetterConfig"]["Arn"]
    assert to_map(events.list_tags_for_resource(ResourceARN=rule["Arn"])["Tags"]) == to_map(
        properties["Tags"]
    )


def test_the_table_is_as_its_template_says(emulation: Emulation, resources: dict[str, Any]) -> None:
    _, properties = find(resources, "AWS::DynamoDB::Table")
    name, dynamodb = emulation.environment["SPARKDROP_LEDGER_TABLE"], emulation.client("dynamodb")
    table = dynamodb.describe_table(TableName=name)["Table"]
    for key in ("AttributeDefinitions", "KeySchema", "DeletionProtectionEnabled"):
        assert table[key] == properties[key]
    assert table["BillingModeSummary"]["BillingMode"] == properties["BillingMode"]
    indexes = [
        {key: index[key] for key in ("IndexName", "KeySchema", "Projection")}
        for index in table["GlobalSecondaryIndexes"]
    ]
    assert indexes == properties["GlobalSecondaryIndexes"]
    live = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    assert (live["AttributeName"], live["TimeToLiveStatus"]) == ("expires_at", "ENABLED")
    backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    tags = dynamodb.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"]
    assert to_map(tags) == to_map(properties["Tags"])


def to_map(tags: list[dict[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags if not tag["Key"].startswith("aws:")}


def test_the_roles_that_a_job_flow_names_are_there(emulation: Emulation) -> None:
    iam, environment = emulation.client("iam"), emulation.environment
    assert iam.get_role(RoleName=environment["SPARKDROP_EMR_SERVICE_ROLE"])["Role"]["Arn"]
    profile = iam.get_instance_profile(InstanceProfileName=environment["SPARKDROP_EMR_INSTANCE_PROFILE"])
    assert len(profile["InstanceProfile"]["Roles"]) == 1


def test_a_needed_stack_that_cannot_be_held_is_an_error_and_another_is_left_out_with_every_reason() -> None:
    body = {
        "Resources": {
            "Mail": {"Type": "AWS::SES::Template"},
            "Box": {"Type": "AWS::S3::Bucket", "Properties": {"Tags": [], "ReplicationConfiguration": {}}},
            "Api": {"Type": "AWS::ApiGateway::RestApi"},
            "Stage": {"Type": "AWS::ApiGateway::Stage"},
        }
    }
    said = find_reason(StackTemplate(name="later", body=body, id="LaterStack"), {})
    assert said is not None
    assert "Mail: AWS::SES::Template" in said
    assert "Box: AWS::S3::Bucket.ReplicationConfiguration" in said
    assert "AWS::ApiGateway (2): the process `api` of the local system answers" in said
    assert "Tags" not in said
    with pytest.raises(EmulationError, match=r"stack later: .*AWS::SES::Template"):
        find_reason(StackTemplate(name="later", body=body, id="EventsStack"), {})


def test_a_stack_is_left_out_with_what_it_depends_on() -> None:
    template = StackTemplate(name="second", body={}, id="SecondStack", dependencies=("FirstStack",))
    assert find_reason(template, {"FirstStack": "no power"}) == "needs FirstStack"
    assert find_reason(template, {"FirstStack": "deployed"}) is None


def test_templates_are_synthesized_once_per_content(templates: list[StackTemplate]) -> None:
    assert {"S3Stack", "EventsStack", "EMRRolesStack", "NetworkStack"} <= {one.id for one in templates}
    names = [template.name for template in templates]
    assert names.index("sparkdrop-dev-s3") < names.index("sparkdrop-dev-events")
    assert load_templates() == templates


@pytest.mark.parametrize(
    "source",
    [
        "infra/stacks/s3.py",
        "plugins/sparkdrop/core/batch.py",
        "plugins/sparkdrop/aws/ledger.py",
        "include/emr_configs/_defaults.yaml",
        "include/spark_jobs/requirements.txt",
        "plugins/sparkdrop/configs.py",
    ],
)
def test_what_a_template_is_made_of_is_in_its_hash(tmp_path: Path, source: str) -> None:
    file = tmp_path / source
    file.parent.mkdir(parents=True)
    file.write_text("one")
    before = hash_sources(tmp_path, "dev")
    assert hash_sources(tmp_path, "dev") == before
    assert hash_sources(tmp_path, "prod") != before
    file.write_text("two")
    assert hash_sources(tmp_path, "dev") != before


@pytest.mark.parametrize(
    "other", ["infra/node_modules/a.js", "infra/__pycache__/a.pyc", "plugins/sparkdrop/cli/main.py"]
)
def test_what_no_template_is_made_of_is_not_in_the_hash(tmp_path: Path, other: str) -> None:
    before = hash_sources(tmp_path, "dev")
    (tmp_path / other).parent.mkdir(parents=True)
    (tmp_path / other).write_text("one")
    assert hash_sources(tmp_path, "dev") == before


def test_a_stage_without_settings_is_the_synthesis_own_message(tmp_path: Path) -> None:
    with pytest.raises(EmulationError, match=r"moon\.yaml: no such settings file"):
        load_templates("moon", cache=tmp_path)
    assert list(tmp_path.iterdir()) == []
