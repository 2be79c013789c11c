"""The trail: who called what, with what IAM needs to judge it."""

from __future__ import annotations

import io
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from sparkdrop_local.aws.names import CLOUDFORMATION_KEY_ID
from sparkdrop_local.aws.trail import FILE, TrailApp, read_call, read_trail

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import Emulation

KEY = "flights/a b+c%20d/é.csv"


@pytest.fixture(scope="module")
def system(
    tmp_path_factory: pytest.TempPathFactory, start_emulation: Callable[..., Any]
) -> Iterator[Emulation]:
    with start_emulation(tmp_path_factory.mktemp("trail"), "--trail", "--empty") as running:
        yield running


def last(system: Emulation) -> dict[str, Any]:
    return read_trail(system.home)[-1]


def test_calls_of_s3_are_named_with_what_they_touch(system: Emulation) -> None:
    s3 = system.client("s3")
    s3.create_bucket(Bucket="box")
    s3.put_bucket_versioning(Bucket="box", VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket="box", Key=KEY, Body=b"x" * 10_000)["VersionId"]
    place = {"Bucket": "box", "Key": KEY}
    upload = s3.create_multipart_upload(**place)["UploadId"]
    objects = [{"Key": KEY, "VersionId": version}, {"Key": "other"}]
    calls: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("PutObject", {**place, "Body": b""}, place),
        ("GetObject", {**place, "VersionId": version}, {**place, "VersionId": version}),
        ("HeadObject", place, place),
        (
            "UploadPart",
            {**place, "UploadId": upload, "PartNumber": 1, "Body": b"x"},
            {**place, "UploadId": upload, "PartNumber": "1"},
        ),
        ("ListParts", {**place, "UploadId": upload}, {**place, "UploadId": upload}),
        ("AbortMultipartUpload", {**place, "UploadId": upload}, {**place, "UploadId": upload}),
        (
            "CopyObject",
            {"Bucket": "box", "Key": "copy", "CopySource": place},
            {"Bucket": "box", "Key": "copy", "CopySource": f"box/{KEY}"},
        ),
        ("PutObjectTagging", {**place, "Tagging": {"TagSet": [{"Key": "a", "Value": "b"}]}}, place),
        ("DeleteObject", {**place, "VersionId": version}, {**place, "VersionId": version}),
        (
            "DeleteObjects",
            {"Bucket": "box", "Delete": {"Objects": objects}},
            {"Bucket": "box", "Delete": {"Objects": objects}},
        ),
        ("ListObjectsV2", {"Bucket": "box", "Prefix": "f/"}, {"Bucket": "box", "Prefix": "f/"}),
        ("ListObjectVersions", {"Bucket": "box"}, {"Bucket": "box"}),
        ("HeadBucket", {"Bucket": "box"}, {"Bucket": "box"}),
        ("GetBucketLocation", {"Bucket": "box"}, {"Bucket": "box"}),
        ("ListBuckets", {}, {}),
    ]
    for operation, arguments, parameters in calls:
        method = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in operation)
        getattr(s3, method.lstrip("_").replace("v2", "_v2").replace("__", "_"))(**arguments)
        call = last(system)
        assert (call["service"], call["operation"], call["parameters"]) == ("s3", operation, parameters)
    assert "xxxxx" not in (system.home / FILE).read_text()


def test_a_call_says_who_when_and_how_it_ended(system: Emulation) -> None:
    system.client("sts").get_caller_identity()
    call = last(system)
    assert (call["service"], call["operation"]) == ("sts", "GetCallerIdentity")
    assert call["access_key_id"] == system.environment["AWS_ACCESS_KEY_ID"]
    assert datetime.fromisoformat(call["at"]).utcoffset() is not None
    assert call["status"] == 200
    dynamodb = system.client("dynamodb")
    with pytest.raises(dynamodb.exceptions.ResourceNotFoundException):
        dynamodb.get_item(TableName="nowhere", Key={"pk": {"S": "a"}})
    call = last(system)
    assert (call["operation"], call["status"]) == ("GetItem", 400)
    assert call["parameters"] == {"TableName": "nowhere", "Key": {"pk": {"S": "a"}}}


def test_a_presigned_link_is_its_signers_call(system: Emulation) -> None:
    import urllib.request

    s3 = system.client("s3", signature_version="s3v4")
    s3.create_bucket(Bucket="links")
    url = s3.generate_presigned_url("put_object", Params={"Bucket": "links", "Key": KEY})
    urllib.request.urlopen(urllib.request.Request(url, data=b"x", method="PUT"), timeout=10).close()  # noqa: S310
    call = last(system)
    assert (call["operation"], call["parameters"]) == ("PutObject", {"Bucket": "links", "Key": KEY})
    assert call["access_key_id"] == system.environment["AWS_ACCESS_KEY_ID"]


def test_what_a_stack_is_made_of_is_cloudformations_call(system: Emulation) -> None:
    body = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
    system.client("cloudformation").create_stack(StackName="one", TemplateBody=body)
    made = [call for call in read_trail(system.home) if call["operation"] == "CreateTopic"]
    assert [call["access_key_id"] for call in made] == [CLOUDFORMATION_KEY_ID]


def test_emr_s_calls_are_on_record_as_others(system: Emulation) -> None:
    system.client("emr").list_clusters(ClusterStates=["WAITING"])
    call = last(system)
    assert (call["service"], call["operation"]) == ("elasticmapreduce", "ListClusters")
    assert call["parameters"] == {"ClusterStates": ["WAITING"]}


def build_environ(body: bytes, **headers: str) -> dict[str, Any]:
    credential = "AWS4-HMAC-SHA256 Credential=me/20260101/us-east-1/secretsmanager/aws4_request, Signature=0"
    return {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/",
        "HTTP_AUTHORIZATION": credential,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        **headers,
    }


def test_secrets_are_hidden_long_texts_cut_and_the_body_is_still_there() -> None:
    body = json.dumps({"Name": "n", "SecretString": "hush", "Text": "x" * 10_000}).encode()
    environ = build_environ(body, HTTP_X_AMZ_TARGET="secretsmanager.PutSecretValue")
    call = read_call(environ)
    assert call["parameters"]["SecretString"] == "***"
    assert len(call["parameters"]["Text"]) < 600
    assert (call["access_key_id"], call["operation"]) == ("me", "PutSecretValue")
    assert environ["wsgi.input"].read() == body


def test_a_body_that_is_no_json_is_a_call_without_parameters() -> None:
    assert read_call(build_environ(b"\xff{", HTTP_X_AMZ_TARGET="A.B"))["parameters"] == {}


def test_a_new_trail_takes_the_place_of_the_last(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("old\n")
    trail = TrailApp(lambda _, __: [], tmp_path / FILE)
    trail.close()
    assert read_trail(tmp_path) == []


def test_nothing_is_written_where_nobody_asked(emulation: Emulation) -> None:
    emulation.client("s3").list_buckets()
    assert not (emulation.home / FILE).exists()
