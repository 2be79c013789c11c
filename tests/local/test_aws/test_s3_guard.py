"""Each misuse of a link, over HTTP, against the guard alone: what it lets through, and what it says."""

from __future__ import annotations

import base64
import hashlib
import http.client
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit
from xml.etree import ElementTree as ET

import boto3
import botocore.auth
import pytest
from botocore.config import Config

from sparkdrop_local.aws.s3_guard import S3Guard
from sparkdrop_local.aws.s3_guard.account import Bucket, Signatory
from sparkdrop_local.aws.s3_guard.cors import CorsRule
from sparkdrop_local.aws.server import start_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
OWNER = "123456789012"
BODY = b"year,month\n2013,1\n"
KEY = "flights/01KAAAAAAAAAAAAAAAAAAAAAAA/a b+c é~'(1).csv"
ALLOW = '{"Statement": {"Effect": "Allow", "Action": "s3:Put*", "Resource": "arn:aws:s3:::drops/flights/*"}}'
PAGE = "https://page.example"
RULES = (
    CorsRule(("GET",), ("*",)),
    CorsRule(("PUT",), (PAGE, "http://*.test"), ("content-*", "x-amz-*"), ("ETag",), "3000"),
)


@dataclass
class World:
    """The guard's account, its clock, and what came through to the app behind it."""

    now: datetime = NOW
    signatories: dict[str, Signatory] = field(
        default_factory=lambda: {
            "AKIAPERSON": Signatory("arn:aws:iam::1:root", "secret"),
            "ASIASESSION": Signatory(
                "arn:aws:sts::1:assumed-role/Upload/s", "session", "token", NOW + timedelta(hours=1), (ALLOW,)
            ),
        }
    )
    passed: list[tuple[str, str, bytes]] = field(default_factory=list)
    endpoint_url: str = ""

    def find_signatory(self, access_key_id: str) -> Signatory | None:
        return self.signatories.get(access_key_id)

    def find_bucket(self, name: str) -> Bucket | None:
        return {"drops": Bucket(OWNER, "us-east-1", RULES), "plain": Bucket(OWNER, "us-east-1")}.get(name)

    def answer(self, environ: Any, start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"].read()
        self.passed.append((environ["REQUEST_METHOD"], environ["PATH_INFO"], body))
        start_response("200 OK", [("Access-Control-Allow-Origin", "*"), ("ETag", '"tag"')])
        return [b""]

    def client(self, key_id: str = "ASIASESSION") -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            region_name="us-east-1",
            aws_access_key_id=key_id,
            aws_secret_access_key=self.signatories[key_id].secret_access_key,
            aws_session_token=self.signatories[key_id].session_token,
            config=Config(signature_version="s3v4"),
        )


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> dict[str, str]:
        return {element.tag: element.text or "" for element in ET.fromstring(self.body)}  # noqa: S314 - our own


@dataclass
class Link:
    """One PUT, as whoever holds the link would send it."""

    url: str
    headers: dict[str, str]
    body: Any = BODY
    method: str = "PUT"

    def send(self) -> Answer:
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=30)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        connection.request(self.method, target, self.body, self.headers)
        answer = connection.getresponse()
        found = Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        connection.close()
        return found

    def change_query(self, **changes: str | None) -> None:
        parts = urlsplit(self.url)
        query: dict[str, str | None] = {**dict(parse_qsl(parts.query)), **changes}
        kept = {name: value for name, value in query.items() if value is not None}
        self.url = urlunsplit(parts._replace(query=urlencode(kept, quote_via=quote)))


def checksum(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def make_link(
    world: World, operation: str = "put_object", *, key_id: str = "ASIASESSION", **other: Any
) -> Link:
    given = {
        "Bucket": "drops",
        "Key": KEY,
        "ContentLength": len(BODY),
        "ContentType": "text/csv",
        "ChecksumSHA256": checksum(BODY),
        "IfNoneMatch": "*",
        "ExpectedBucketOwner": OWNER,
    }
    if operation == "upload_part":
        del given["ContentType"], given["IfNoneMatch"]
    url = world.client(key_id).generate_presigned_url(operation, Params={**given, **other}, ExpiresIn=900)
    headers = {
        "Content-Type": "text/csv",
        "x-amz-checksum-sha256": checksum(BODY),
        "If-None-Match": "*",
        "x-amz-expected-bucket-owner": str({**given, **other}["ExpectedBucketOwner"]),
    }
    signed = dict(parse_qsl(urlsplit(url).query))["X-Amz-SignedHeaders"].split(";")
    assert {"content-length", "host", "x-amz-checksum-sha256"} <= set(signed)
    return Link(url, {name: value for name, value in headers.items() if name.lower() in signed})


@pytest.fixture(scope="module")
def endpoint() -> Iterator[tuple[str, list[World]]]:
    """One server; each test puts its own world behind it."""
    held: list[World] = []

    def serve(environ: Any, start_response: Any) -> Any:
        world = held[-1]
        return S3Guard(world.answer, world, lambda: world.now)(environ, start_response)

    server = start_server(serve)
    yield server.endpoint_url, held
    server.stop()


@pytest.fixture
def world(endpoint: tuple[str, list[World]], monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: NOW)
    made = World(endpoint_url=endpoint[0])
    endpoint[1].append(made)
    return made


def test_a_link_that_is_used_as_it_was_meant_goes_through(world: World) -> None:
    link = make_link(world)
    assert link.send().status == 200
    (passed,) = world.passed
    assert (passed[0], passed[2]) == ("PUT", BODY)


def test_how_a_client_encodes_a_path_is_its_own_affair(world: World) -> None:
    link = make_link(world)
    parts = urlsplit(link.url)
    spelled = unquote(parts.path).replace(" ", "%20").replace("é", "%c3%a9").replace("~", "%7E")
    assert spelled != parts.path
    link.url = urlunsplit(parts._replace(path=spelled))
    assert link.send().status == 200


def test_a_link_of_a_key_that_is_no_session_s_needs_no_token(world: World) -> None:
    assert make_link(world, key_id="AKIAPERSON").send().status == 200
    read = world.client("AKIAPERSON").generate_presigned_url("get_object", {"Bucket": "drops", "Key": KEY})
    assert Link(read, {}, None, "GET").send().status == 200


def other_size(link: Link) -> None:
    link.body = BODY + b"2013,2\n"


def other_size_with_its_checksum(link: Link) -> None:
    link.body = BODY + b"2013,2\n"
    link.headers["x-amz-checksum-sha256"] = checksum(link.body)


def other_body(link: Link) -> None:
    link.body = BODY[::-1]


def other_body_with_its_checksum(link: Link) -> None:
    link.body = BODY[::-1]
    link.headers["x-amz-checksum-sha256"] = checksum(link.body)


def other_type(link: Link) -> None:
    link.headers["Content-Type"] = "text/html"


def other_key(link: Link) -> None:
    link.url = link.url.replace("flights/01K", "flights/01X")


def other_bucket(link: Link) -> None:
    link.url = link.url.replace("/drops/", "/plain/")


def another_owner(link: Link) -> None:
    link.headers["x-amz-expected-bucket-owner"] = "210987654321"


def reading(link: Link) -> None:
    link.method = "GET"


def deleting(link: Link) -> None:
    link.method = "DELETE"


def overwriting(link: Link) -> None:
    del link.headers["If-None-Match"]


def without_a_checksum(link: Link) -> None:
    del link.headers["x-amz-checksum-sha256"]


def more_metadata(link: Link) -> None:
    link.headers["x-amz-meta-owner"] = "me"


def another_acl(link: Link) -> None:
    link.headers["x-amz-acl"] = "public-read"


def in_chunks(link: Link) -> None:
    link.body = iter([BODY])


def two_signatures(link: Link) -> None:
    link.headers["Authorization"] = (
        "AWS4-HMAC-SHA256 Credential=AKIAPERSON/20260301/us-east-1/s3/aws4_request"
    )


def one_more_parameter(link: Link) -> None:
    link.url += "&versionId=1"


def another_host(link: Link) -> None:
    link.headers["Host"] = "localhost"


@pytest.mark.parametrize(
    ("misuse", "status", "code"),
    [
        (other_size, 403, "SignatureDoesNotMatch"),
        (other_size_with_its_checksum, 403, "SignatureDoesNotMatch"),
        (other_body, 400, "BadDigest"),
        (other_body_with_its_checksum, 403, "SignatureDoesNotMatch"),
        (other_type, 403, "SignatureDoesNotMatch"),
        (other_key, 403, "SignatureDoesNotMatch"),
        (other_bucket, 403, "SignatureDoesNotMatch"),
        (another_owner, 403, "SignatureDoesNotMatch"),
        (deleting, 403, "SignatureDoesNotMatch"),
        (reading, 403, "SignatureDoesNotMatch"),
        (overwriting, 403, "SignatureDoesNotMatch"),
        (without_a_checksum, 403, "SignatureDoesNotMatch"),
        (one_more_parameter, 403, "SignatureDoesNotMatch"),
        (another_host, 403, "SignatureDoesNotMatch"),
        (more_metadata, 403, "AccessDenied"),
        (another_acl, 403, "AccessDenied"),
        (in_chunks, 411, "MissingContentLength"),
        (two_signatures, 400, "InvalidArgument"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_link_is_for_one_request(
    world: World, misuse: Callable[[Link], None], status: int, code: str
) -> None:
    link = make_link(world)
    misuse(link)
    answer = link.send()
    assert (answer.status, answer.error["Code"]) == (status, code)
    assert answer.headers["x-amz-request-id"] == answer.error["RequestId"]
    assert world.passed == []


def test_what_was_not_signed_is_named(world: World) -> None:
    link = make_link(world)
    more_metadata(link)
    another_acl(link)
    told = link.send().error
    assert told["Message"] == "There were headers present in the request which were not signed"
    assert told["HeadersNotSigned"] == "x-amz-acl, x-amz-meta-owner"


def test_the_host_is_always_signed(world: World) -> None:
    link = make_link(world)
    signed = dict(parse_qsl(urlsplit(link.url).query))["X-Amz-SignedHeaders"]
    link.change_query(**{"X-Amz-SignedHeaders": signed.replace("host;", "")})
    assert link.send().error["HeadersNotSigned"] == "host"


@pytest.mark.parametrize(
    ("name", "value", "status", "code"),
    [
        ("X-Amz-Signature", "0" * 64, 403, "SignatureDoesNotMatch"),
        ("X-Amz-Signature", "é", 403, "SignatureDoesNotMatch"),
        ("X-Amz-Expires", "901", 403, "SignatureDoesNotMatch"),
        ("X-Amz-Expires", "604801", 400, "AuthorizationQueryParametersError"),
        ("X-Amz-Expires", "-1", 400, "AuthorizationQueryParametersError"),
        ("X-Amz-Expires", "soon", 400, "AuthorizationQueryParametersError"),
        ("X-Amz-Date", "20260301T120001Z", 403, "SignatureDoesNotMatch"),
        ("X-Amz-Date", "20260302T120000Z", 400, "AuthorizationQueryParametersError"),
        ("X-Amz-Date", "yesterday", 400, "AuthorizationQueryParametersError"),
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA1", 400, "AuthorizationQueryParametersError"),
        ("X-Amz-Credential", "AKIANOBODY/20260301/us-east-1/s3/aws4_request", 403, "InvalidAccessKeyId"),
        ("X-Amz-Credential", "ASIASESSION/20260301/eu-west-1/s3/aws4_request", 400, "AuthorizationQuery"),
        ("X-Amz-Credential", "ASIASESSION/20260301/us-east-1/sqs/aws4_request", 400, "AuthorizationQuery"),
        ("X-Amz-Credential", "ASIASESSION/20260301/us-east-1/s3/aws5_request", 400, "AuthorizationQuery"),
        ("X-Amz-Credential", "ASIASESSION/20260228/us-east-1/s3/aws4_request", 400, "AuthorizationQuery"),
        ("X-Amz-Credential", "ASIASESSION", 400, "AuthorizationQueryParametersError"),
        ("X-Amz-SignedHeaders", "content-length;host", 403, "AccessDenied"),
        ("X-Amz-Security-Token", "other", 400, "InvalidToken"),
        ("X-Amz-Security-Token", None, 403, "InvalidAccessKeyId"),
        *(
            (f"X-Amz-{name}", None, 400, "AuthorizationQueryParametersError")
            for name in ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
        ),
    ],
)
def test_a_query_is_as_it_was_signed(
    world: World, name: str, value: str | None, status: int, code: str
) -> None:
    link = make_link(world)
    link.change_query(**{name: value})
    answer = link.send()
    assert answer.status == status
    assert answer.error["Code"].startswith(code)
    assert world.passed == []


def test_a_link_has_its_time(world: World) -> None:
    link = make_link(world)
    world.now = NOW + timedelta(seconds=900)
    assert link.send().status == 200
    world.now += timedelta(seconds=1)
    told = link.send()
    assert (told.status, told.error["Code"]) == (403, "AccessDenied")
    assert told.error["Message"] == "Request has expired"
    assert told.error["Expires"] == "2026-03-01T12:15:00Z"
    assert told.error["ServerTime"] == "2026-03-01T12:15:01Z"
    world.now = NOW - timedelta(minutes=16)
    assert link.send().error["Message"] == "Request is not valid yet"
    world.now = NOW - timedelta(minutes=14)
    assert link.send().status == 200


def test_a_link_ends_with_the_session_that_signed_it(world: World) -> None:
    link = make_link(world)
    world.now = NOW + timedelta(minutes=10)
    session = world.signatories["ASIASESSION"]
    world.signatories["ASIASESSION"] = Signatory(
        session.arn, "session", "token", NOW + timedelta(minutes=9), session.policies
    )
    told = link.send()
    assert (told.status, told.error["Code"]) == (400, "ExpiredToken")


def test_a_link_does_no_more_than_its_role_may(world: World) -> None:
    told = make_link(world, Key="elsewhere/a.csv").send()
    assert (told.status, told.error["Code"]) == (403, "AccessDenied")
    assert "s3:PutObject" in told.error["Message"]
    read = world.client().generate_presigned_url("get_object", {"Bucket": "drops", "Key": KEY})
    assert Link(read, {}, None, "GET").send().status == 403
    assert make_link(world, key_id="AKIAPERSON", Key="elsewhere/a.csv").send().status == 200


def test_a_bucket_is_of_the_expected_owner(world: World) -> None:
    told = make_link(world, ExpectedBucketOwner="210987654321").send()
    assert (told.status, told.error["Code"]) == (403, "AccessDenied")


def test_a_signature_of_the_second_version_is_refused(world: World) -> None:
    signed = "AWSAccessKeyId=AKIAPERSON&Signature=x&Expires=1900000000"
    told = Link(f"{world.endpoint_url}/drops/flights/a.csv?{signed}", {}).send()
    assert (told.status, told.error["Code"]) == (400, "InvalidRequest")
    assert "AWS4-HMAC-SHA256" in told.error["Message"]


def change_part(link: Link) -> None:
    link.change_query(partNumber="8")


def change_upload(link: Link) -> None:
    link.change_query(uploadId="v")


@pytest.mark.parametrize(
    ("misuse", "status", "code"),
    [
        (change_part, 403, "SignatureDoesNotMatch"),
        (change_upload, 403, "SignatureDoesNotMatch"),
        (other_body, 400, "BadDigest"),
        (other_body_with_its_checksum, 403, "SignatureDoesNotMatch"),
        (other_size, 403, "SignatureDoesNotMatch"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_link_of_a_part_is_for_that_part(
    world: World, misuse: Callable[[Link], None], status: int, code: str
) -> None:
    link = make_link(world, "upload_part", UploadId="u", PartNumber=7)
    assert link.send().status == 200
    misuse(link)
    answer = link.send()
    assert (answer.status, answer.error["Code"]) == (status, code)
    assert len(world.passed) == 1


# of b"123456789", as each algorithm's own definition gives it
CHECKS = {
    "CRC32": zlib.crc32(b"123456789").to_bytes(4, "big"),
    "CRC32C": bytes.fromhex("e3069283"),
    "CRC64NVME": bytes.fromhex("ae8b14860a799888"),
    "SHA1": hashlib.sha1(b"123456789", usedforsecurity=False).digest(),
}


@pytest.mark.parametrize("algorithm", CHECKS)
def test_every_kind_of_checksum_is_compared(world: World, algorithm: str) -> None:
    value = base64.b64encode(CHECKS[algorithm]).decode()
    params = {"Bucket": "drops", "Key": KEY, f"Checksum{algorithm}": value}
    url = world.client().generate_presigned_url("put_object", params)
    link = Link(url, {f"x-amz-checksum-{algorithm.lower()}": value}, b"123456789")
    assert link.send().status == 200
    link.body = b"123456780"
    told = link.send().error
    assert told["Message"] == f"The {algorithm} you specified did not match the calculated checksum."


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"x-amz-checksum-sha256": "%%%"}, "InvalidRequest"),
        ({"x-amz-checksum-sha256": checksum(BODY)[:8]}, "InvalidRequest"),
        ({"x-amz-checksum-sha256": checksum(BODY), "x-amz-checksum-crc32": "AAAAAA=="}, "InvalidRequest"),
        ({"content-md5": "AAAAAAAAAAAAAAAAAAAAAA=="}, "BadDigest"),
        ({"content-md5": "AAAA"}, "InvalidDigest"),
        ({"x-amz-content-sha256": "0" * 64}, "XAmzContentSHA256Mismatch"),
        ({"x-amz-content-sha256": "STREAMING"}, "InvalidRequest"),
    ],
)
def test_a_checksum_is_one_and_right(world: World, headers: dict[str, str], code: str) -> None:
    client = world.client()

    def add(request: Any, **_: Any) -> None:
        for name, value in headers.items():
            request.headers[name] = value

    client.meta.events.register("before-sign.s3.PutObject", add)
    link = Link(client.generate_presigned_url("put_object", {"Bucket": "drops", "Key": KEY}), headers)
    told = link.send()
    assert (told.status, told.error["Code"]) == (400, code)


def test_a_body_s_hash_goes_into_the_signature(world: World) -> None:
    url = world.client().generate_presigned_url("put_object", {"Bucket": "drops", "Key": KEY})
    assert Link(url, {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}).send().status == 200
    link = Link(url, {"x-amz-content-sha256": hashlib.sha256(BODY).hexdigest()})
    assert link.send().error["Code"] == "SignatureDoesNotMatch"


def test_what_is_not_signed_in_its_query_goes_through(world: World) -> None:
    client = world.client("AKIAPERSON")
    client.put_object(Bucket="drops", Key="any", Body=BODY)
    client.list_objects_v2(Bucket="drops", Prefix="X-Amz-Signature=")
    assert Link(f"{world.endpoint_url}/drops/any", {}).send().headers["access-control-allow-origin"] == "*"
    assert [method for method, _, _ in world.passed] == ["PUT", "GET", "PUT"]


def test_the_answer_to_head_has_no_body(world: World) -> None:
    link = make_link(world)
    link.method = "HEAD"
    answer = link.send()
    assert (answer.status, answer.headers["content-length"]) == (403, "0")


def ask(world: World, path: str = "/drops/k", **changes: str | None) -> Answer:
    headers: dict[str, str | None] = {
        "Origin": PAGE,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "content-type, x-amz-checksum-sha256",
        **{name.replace("_", "-"): value for name, value in changes.items()},
    }
    kept = {name: value for name, value in headers.items() if value is not None}
    return Link(f"{world.endpoint_url}{path}", kept, None, "OPTIONS").send()


def test_a_preflight_is_answered_by_the_first_rule_for_it(world: World) -> None:
    answer = ask(world)
    assert (answer.status, answer.body) == (200, b"")
    told = {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}
    assert told == {
        "access-control-allow-origin": PAGE,
        "access-control-allow-methods": "PUT",
        "access-control-allow-headers": "content-type, x-amz-checksum-sha256",
        "access-control-expose-headers": "ETag",
        "access-control-max-age": "3000",
        "access-control-allow-credentials": "true",
    }
    assert ask(world, Origin="http://a.test").headers["access-control-allow-origin"] == "http://a.test"
    anybody = ask(world, Access_Control_Request_Method="GET", Access_Control_Request_Headers=None)
    assert anybody.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in anybody.headers
    assert world.passed == []


@pytest.mark.parametrize(
    ("path", "changes"),
    [
        ("/drops/k", {"Origin": "https://elsewhere.example"}),
        ("/drops/k", {"Origin": f"{PAGE}.elsewhere"}),
        ("/drops/k", {"Access_Control_Request_Method": "DELETE"}),
        ("/drops/k", {"Access_Control_Request_Headers": "content-type, authorization"}),
        ("/plain/k", {}),
    ],
)
def test_a_preflight_without_a_rule_is_refused(
    world: World, path: str, changes: dict[str, str | None]
) -> None:
    answer = ask(world, path, **changes)
    assert (answer.status, answer.error["Code"]) == (403, "AccessForbidden")
    assert answer.error["Message"].startswith("CORSResponse: ")
    assert answer.error["ResourceType"] == "OBJECT"
    assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("method", [None, "PATCH"])
def test_a_preflight_says_what_it_is_for(world: World, method: str | None) -> None:
    answer = ask(world, Access_Control_Request_Method=method)
    assert (answer.status, answer.error["Code"]) == (400, "BadRequest")


def test_a_page_reads_what_its_rule_lets_it(world: World) -> None:
    link = make_link(world)
    link.headers["Origin"] = PAGE
    assert link.send().headers["access-control-allow-origin"] == PAGE
    other_body(link)
    refused = link.send()
    assert (refused.status, refused.headers["access-control-allow-origin"]) == (400, PAGE)
    foreign = make_link(world)
    foreign.headers["Origin"] = "https://elsewhere.example"
    answer = foreign.send()
    assert answer.status == 200
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_other_services_are_left_alone(world: World) -> None:
    for path, headers in (
        ("/", {"X-Amz-Target": "AWSCognitoIdentityProviderService.InitiateAuth"}),
        ("/us-east-1_pool/.well-known/jwks.json", {}),
        ("/", {"Authorization": "AWS4-HMAC-SHA256 Credential=k/20260301/us-east-1/sqs/aws4_request, x"}),
    ):
        answer = Link(f"{world.endpoint_url}{path}", {"Origin": PAGE, **headers}, b"", "POST").send()
        assert answer.headers["access-control-allow-origin"] == "*"
    assert len(world.passed) == 3
