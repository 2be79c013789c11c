"""What must not be lost from the buckets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import LoadTemplate, Template

BUCKETS = ("Uploads", "Curated", "Artifacts", "Logs")
KEYED = BUCKETS[:3]


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
    assert _encryption(buckets, name) == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
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
        "AWS::IAM::Role",
    }


def test_one_key_of_ones_own_where_the_settings_ask_for_it(load_template: LoadTemplate) -> None:
    template = load_template("S3Stack", "prod")
    ((key_id, key),) = template.all("AWS::KMS::Key").items()
    assert key["Properties"]["EnableKeyRotation"] is True
    assert (key["DeletionPolicy"], key["UpdateReplacePolicy"]) == ("Retain", "Retain")
    (statement,) = key["Properties"]["KeyPolicy"]["Statement"]
    # this account, whose own policies then decide
    assert statement["Principal"]["AWS"]["Fn::Join"][1][-2:] == [{"Ref": "AWS::AccountId"}, ":root"]
    for name in KEYED:
        assert _encryption(template, name) == {
            "BucketKeyEnabled": True,
            "ServerSideEncryptionByDefault": {
                "SSEAlgorithm": "aws:kms",
                "KMSMasterKeyID": {"Fn::GetAtt": [key_id, "Arn"]},
            },
        }


def test_the_bucket_of_access_logs_keeps_the_keys_of_s3(load_template: LoadTemplate) -> None:
    # S3 delivers none into a bucket with a key of KMS:
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
    for stage in ("prod", "full"):
        rule = _encryption(load_template("S3Stack", stage), "Logs")
        assert rule == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}


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
    for kind in ("AWS::S3::Bucket", "AWS::IAM::Role"):
        for resource in buckets.all(kind).values():
            tags = {tag["Key"]: tag["Value"] for tag in resource["Properties"]["Tags"]}
            assert tags == {"stage": "dev", "owner": "data-platform", "cost-centre": "sparkdrop"}


def _encryption(template: Template, name: str) -> dict[str, Any]:
    found = template.properties("AWS::S3::Bucket", name)["BucketEncryption"]
    (rule,) = found["ServerSideEncryptionConfiguration"]
    return dict(rule)
