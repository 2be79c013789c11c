"""What must not be lost from the buckets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import LoadTemplate, Template

BUCKETS = ("Uploads", "Curated", "Artifacts", "Logs")


@pytest.fixture(scope="module")
def buckets(load_template: LoadTemplate) -> Template:
    return load_template("S3Stack")


def test_the_four_buckets_are_outputs_without_exports_of_their_own(buckets: Template) -> None:
    outputs = buckets.body["Outputs"]
    for name in BUCKETS:
        assert "Export" not in outputs[f"{name}Bucket"]
    assert len(buckets.all("AWS::S3::Bucket")) == len(BUCKETS)


@pytest.mark.parametrize("name", BUCKETS)
def test_every_bucket_is_encrypted_closed_and_kept(buckets: Template, name: str) -> None:
    bucket = buckets.find("AWS::S3::Bucket", name)
    assert (bucket["DeletionPolicy"], bucket["UpdateReplacePolicy"]) == ("Retain", "Retain")
    properties = bucket["Properties"]
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert properties["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    rule = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    lifecycle = properties["LifecycleConfiguration"]["Rules"]
    assert any(rule.get("AbortIncompleteMultipartUpload") for rule in lifecycle)


@pytest.mark.parametrize("name", BUCKETS)
def test_every_bucket_refuses_what_does_not_come_over_tls(buckets: Template, name: str) -> None:
    policy = buckets.properties("AWS::S3::BucketPolicy", name)["PolicyDocument"]
    denials = [statement for statement in policy["Statement"] if statement["Effect"] == "Deny"]
    conditions = [statement["Condition"] for statement in denials]
    assert {"Bool": {"aws:SecureTransport": "false"}} in conditions
    assert {"NumericLessThan": {"s3:TlsVersion": 1.2}} in conditions
    assert all(statement["Action"] == "s3:*" and len(statement["Resource"]) == 2 for statement in denials)


def test_uploads_keeps_versions_and_sends_every_event_without_a_custom_resource(buckets: Template) -> None:
    uploads = buckets.properties("AWS::S3::Bucket", "Uploads")
    assert uploads["VersioningConfiguration"] == {"Status": "Enabled"}
    assert uploads["NotificationConfiguration"] == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    assert {resource["Type"] for resource in buckets.body["Resources"].values()} == {
        "AWS::S3::Bucket",
        "AWS::S3::BucketPolicy",
    }


def test_uploads_forgets_old_versions_only(buckets: Template) -> None:
    rules = buckets.properties("AWS::S3::Bucket", "Uploads")["LifecycleConfiguration"]["Rules"]
    assert {"NoncurrentDays": 30} in [rule.get("NoncurrentVersionExpiration") for rule in rules]
    assert not any("ExpirationInDays" in rule for rule in rules)


def test_pages_of_the_settings_origins_may_put_and_nothing_else(buckets: Template) -> None:
    (rule,) = buckets.properties("AWS::S3::Bucket", "Uploads")["CorsConfiguration"]["CorsRules"]
    assert rule["AllowedMethods"] == ["PUT"]
    assert rule["AllowedOrigins"] == ["http://localhost:8080", "http://127.0.0.1:8080"]
    assert "*" not in rule["AllowedHeaders"]
    assert "ETag" in rule["ExposedHeaders"]


@pytest.mark.parametrize("name", ["Uploads", "Curated", "Artifacts"])
def test_accesses_are_logged_apart(buckets: Template, name: str) -> None:
    logging = buckets.properties("AWS::S3::Bucket", name)["LoggingConfiguration"]
    assert "Logs" in logging["DestinationBucketName"]["Ref"]
    assert logging["LogFilePrefix"] == f"s3-access/{name.lower()}/"


def test_logs_end(buckets: Template) -> None:
    rules = buckets.properties("AWS::S3::Bucket", "Logs")["LifecycleConfiguration"]["Rules"]
    assert [rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule] == [90]


def test_every_resource_says_whose_it_is(buckets: Template) -> None:
    for bucket in buckets.all("AWS::S3::Bucket").values():
        tags = {tag["Key"]: tag["Value"] for tag in bucket["Properties"]["Tags"]}
        assert tags == {"stage": "dev", "owner": "data-platform", "cost-centre": "sparkdrop"}
