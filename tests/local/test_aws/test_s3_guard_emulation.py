"""Links against the emulation: signed by a session of the stack's own role, judged by what moto holds."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import boto3
import botocore.auth
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from conftest import Emulation

MIB = 1024 * 1024
BODY = b"year,month\n2013,1\n"
FOLDER = "flights/01KAAAAAAAAAAAAAAAAAAAAAAA"
PAGE = "http://127.0.0.1:8090"


def checksum(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


@dataclass
class Links:
    """Makes links as the API does, with the keys of a session."""

    emulation: Emulation
    session: dict[str, Any]

    def client(self, **changes: Any) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.emulation.environment["AWS_ENDPOINT_URL"],
            region_name="us-east-1",
            config=Config(signature_version="s3v4"),
            **{
                "aws_access_key_id": self.session["AccessKeyId"],
                "aws_secret_access_key": self.session["SecretAccessKey"],
                "aws_session_token": self.session["SessionToken"],
                **changes,
            },
        )

    def make(
        self, key: str, body: bytes = BODY, *, expires: int = 900, kind: str = "text/csv", **changes: Any
    ) -> tuple[str, dict[str, str]]:
        params = {
            "Bucket": self.emulation.uploads,
            "Key": key,
            "ContentLength": len(body),
            "ContentType": kind,
            "ChecksumSHA256": checksum(body),
            "IfNoneMatch": "*",
        }
        url = self.client(**changes).generate_presigned_url("put_object", Params=params, ExpiresIn=expires)
        headers = {"Content-Type": kind, "x-amz-checksum-sha256": checksum(body), "If-None-Match": "*"}
        return url, headers

    def make_part(self, named: dict[str, Any], number: int, body: bytes) -> tuple[str, dict[str, str]]:
        params = {
            **named,
            "PartNumber": number,
            "ContentLength": len(body),
            "ChecksumSHA256": checksum(body),
        }
        url = self.client().generate_presigned_url("upload_part", Params=params)
        return url, {"x-amz-checksum-sha256": checksum(body)}


@pytest.fixture(scope="module")
def links(emulation: Emulation) -> Iterator[Links]:
    stacks = emulation.client("cloudformation").describe_stacks()["Stacks"]
    outputs = [output for stack in stacks for output in stack.get("Outputs", ())]
    role = next(one["OutputValue"] for one in outputs if one["OutputKey"].startswith("UploadRoleArn"))
    sts = emulation.client("sts")
    session = sts.assume_role(RoleArn=role, RoleSessionName="links", DurationSeconds=900)
    yield Links(emulation, session["Credentials"])
    # others ask the queue what arrived by their own doing
    emulation.client("sqs").purge_queue(QueueUrl=emulation.queue)


def put(url: str, headers: dict[str, str], body: bytes = BODY) -> httpx.Response:
    return httpx.put(url, headers=headers, content=body, timeout=60)


def read_error(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, ET.fromstring(answer.content).findtext("Code") or ""  # noqa: S314 - our own


def test_a_link_puts_its_file_once(links: Links) -> None:
    key = f"{FOLDER}/once é.csv"
    url, headers = links.make(key)
    with urllib.request.urlopen(  # noqa: S310 - of this machine
        urllib.request.Request(url, BODY, headers, method="PUT"),  # noqa: S310
        timeout=60,
    ) as answer:
        assert answer.status == 200
    assert read_error(put(url, headers)) == (412, "PreconditionFailed")
    s3 = links.emulation.client("s3")
    head = s3.head_object(Bucket=links.emulation.uploads, Key=key, ChecksumMode="ENABLED")
    assert (head["ChecksumSHA256"], head["ContentType"]) == (checksum(BODY), "text/csv")
    read = links.emulation.client("s3", signature_version="s3v4").generate_presigned_url(
        "get_object", {"Bucket": links.emulation.uploads, "Key": key}
    )
    assert httpx.get(read).content == BODY


def test_a_link_does_no_more_than_the_stack_s_role_may(links: Links) -> None:
    for key in ("flights/direct.csv", "flights/short/a.csv"):
        assert read_error(put(*links.make(key))) == (403, "AccessDenied")
    read = links.client().generate_presigned_url(
        "get_object", {"Bucket": links.emulation.uploads, "Key": f"{FOLDER}/once é.csv"}
    )
    assert read_error(httpx.get(read)) == (403, "AccessDenied")


def test_keys_are_the_account_s(links: Links) -> None:
    key = f"{FOLDER}/keys.csv"
    for changes, expected in (
        ({"aws_access_key_id": "ASIANOBODY"}, (403, "InvalidAccessKeyId")),
        ({"aws_secret_access_key": "other"}, (403, "SignatureDoesNotMatch")),
        ({"aws_session_token": None}, (403, "InvalidAccessKeyId")),
        ({"aws_session_token": "other"}, (400, "InvalidToken")),
    ):
        assert read_error(put(*links.make(key, **changes))) == expected
    iam = links.emulation.client("iam")
    iam.create_user(UserName="person")
    made = iam.create_access_key(UserName="person")["AccessKey"]
    person = {
        "aws_access_key_id": made["AccessKeyId"],
        "aws_secret_access_key": made["SecretAccessKey"],
        "aws_session_token": None,
    }
    assert read_error(put(*links.make(key, **person))) == (403, "AccessDenied")
    allowed = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_user_policy(UserName="person", PolicyName="put", PolicyDocument=policy)
    assert put(*links.make(key, **person)).status_code == 200
    iam.update_access_key(UserName="person", AccessKeyId=made["AccessKeyId"], Status="Inactive")
    assert read_error(put(*links.make(f"{key}2", **person))) == (403, "InvalidAccessKeyId")


def test_a_session_s_own_policy_counts_too(links: Links) -> None:
    role = links.emulation.client("iam").list_roles()["Roles"]
    arn = next(one["Arn"] for one in role if "Upload" in one["RoleName"])
    denied = {"Effect": "Deny", "Action": "s3:PutObject", "Resource": "*/secret.csv"}
    allowed = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    session = links.emulation.client("sts").assume_role(
        RoleArn=arn, RoleSessionName="less", Policy=json.dumps({"Statement": [allowed, denied]})
    )
    less = Links(links.emulation, session["Credentials"])
    assert read_error(put(*less.make(f"{FOLDER}/secret.csv"))) == (403, "AccessDenied")
    assert put(*less.make(f"{FOLDER}/open.csv")).status_code == 200


def test_a_link_of_yesterday_has_expired(links: Links, monkeypatch: pytest.MonkeyPatch) -> None:
    now = botocore.auth.get_current_datetime

    def tell_yesterday() -> datetime:
        moment: datetime = now()
        return moment.replace(year=moment.year - 1, day=1)

    monkeypatch.setattr(botocore.auth, "get_current_datetime", tell_yesterday)
    url, headers = links.make(f"{FOLDER}/late.csv", expires=1)
    with pytest.raises(HTTPError) as refused:
        urllib.request.urlopen(  # noqa: S310 - of this machine
            urllib.request.Request(url, BODY, headers, method="PUT"),  # noqa: S310
            timeout=60,
        )
    told = refused.value.read()
    refused.value.close()
    assert refused.value.code == 403
    assert b"<Message>Request has expired</Message>" in told


def test_what_is_refused_is_not_there(links: Links) -> None:
    key = f"{FOLDER}/refused.csv"
    url, headers = links.make(key)
    assert read_error(put(url, headers, BODY[::-1])) == (400, "BadDigest")
    with pytest.raises(ClientError) as missing:
        links.emulation.client("s3").head_object(Bucket=links.emulation.uploads, Key=key)
    assert missing.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert put(url, headers).status_code == 200


def test_a_large_file_comes_in_parts_by_links(links: Links) -> None:
    s3 = links.emulation.client("s3")
    place = {"Bucket": links.emulation.uploads, "Key": f"{FOLDER}/large.csv"}
    upload = s3.create_multipart_upload(**place, ChecksumAlgorithm="SHA256")["UploadId"]
    named = {**place, "UploadId": upload}
    body = os.urandom(8 * MIB)
    url, headers = links.make_part(named, 1, body)
    assert read_error(put(url, headers, body[::-1])) == (400, "BadDigest")
    assert read_error(put(url.replace("partNumber=1", "partNumber=2"), headers, body)) == (
        403,
        "SignatureDoesNotMatch",
    )
    assert put(url, headers, body).status_code == 200
    assert put(*links.make_part(named, 2, BODY), BODY).status_code == 200
    held = links.client().list_parts(**named)["Parts"]
    parts = [
        {"PartNumber": one["PartNumber"], "ETag": one["ETag"], "ChecksumSHA256": one["ChecksumSHA256"]}
        for one in held
    ]
    links.client().complete_multipart_upload(
        **named, MultipartUpload={"Parts": parts}, IfNoneMatch="*", MpuObjectSize=len(body) + len(BODY)
    )
    assert s3.head_object(**place)["ContentLength"] == len(body) + len(BODY)
    assert read_error(put(*links.make_part(named, 3, BODY), BODY)) == (404, "NoSuchUpload")


@pytest.fixture
def rules(emulation: Emulation) -> Iterator[None]:
    s3 = emulation.client("s3")
    rule = {
        "AllowedOrigins": [PAGE],
        "AllowedMethods": ["PUT"],
        "AllowedHeaders": ["content-type", "if-none-match", "x-amz-checksum-sha256"],
        "ExposeHeaders": ["ETag"],
        "MaxAgeSeconds": 3000,
    }
    s3.put_bucket_cors(Bucket=emulation.uploads, CORSConfiguration={"CORSRules": [rule]})
    yield
    s3.delete_bucket_cors(Bucket=emulation.uploads)


@pytest.mark.usefixtures("rules")
def test_a_page_uploads_where_the_bucket_s_rules_let_it(links: Links) -> None:
    url, headers = links.make(f"{FOLDER}/page.csv")
    asked = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": ",".join(headers)}
    answer = httpx.options(url, headers={**asked, "Origin": PAGE})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, PAGE)
    foreign = httpx.options(url, headers={**asked, "Origin": "http://elsewhere.test"})
    assert read_error(foreign) == (403, "AccessForbidden")
    assert "access-control-allow-origin" not in foreign.headers
    there = put(url, {**headers, "Origin": PAGE})
    assert (there.status_code, there.headers["access-control-allow-origin"]) == (200, PAGE)
    again = put(url, {**headers, "Origin": PAGE})
    assert (again.status_code, again.headers["access-control-allow-origin"]) == (412, PAGE)
    assert (
        "access-control-allow-origin" not in put(url, {**headers, "Origin": "http://elsewhere.test"}).headers
    )


def test_a_bucket_without_rules_is_closed_to_pages(links: Links) -> None:
    url, headers = links.make(f"{FOLDER}/closed.csv")
    asked = {"Access-Control-Request-Method": "PUT", "Origin": PAGE}
    assert read_error(httpx.options(url, headers=asked)) == (403, "AccessForbidden")
    assert "access-control-allow-origin" not in put(url, {**headers, "Origin": PAGE}).headers


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
@pytest.mark.parametrize("body", [b"key=a&b=c", bytes(range(256))])
def test_a_file_is_what_it_is_whatever_its_type(links: Links, kind: str, body: bytes) -> None:
    key = f"{FOLDER}/{hashlib.sha256(kind.encode() + body).hexdigest()}"
    assert put(*links.make(key, body, kind=kind), body).status_code == 200
    s3, place = links.emulation.client("s3"), {"Bucket": links.emulation.uploads, "Key": key}
    held = s3.get_object(**place)
    assert (held["Body"].read(), held["ContentType"]) == (body, kind)
    upload = s3.create_multipart_upload(**place, ChecksumAlgorithm="SHA256")["UploadId"]
    url, headers = links.make_part({**place, "UploadId": upload}, 1, body)
    assert put(url, {**headers, "Content-Type": kind}, body).status_code == 200
    (part,) = s3.list_parts(**place, UploadId=upload)["Parts"]
    assert part["Size"] == len(body)


def test_a_body_without_a_length_is_refused(links: Links) -> None:
    url, headers = links.make(f"{FOLDER}/chunked.csv")
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    connection.request("PUT", f"{parts.path}?{parts.query}", iter([BODY]), headers, encode_chunked=True)
    answer = connection.getresponse()
    assert (answer.status, b"MissingContentLength" in answer.read()) == (411, True)
    connection.close()
