"""Who signs, for how long, and that a signature holds for what it has to."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.config import Config
from botocore.stub import Stubber

from infra.stacks.invoke.handler import clients, services, upload_role
from infra.stacks.invoke.handler.signing import SigningStore, check_signed, decode_sha256, encode_sha256
from infra.stacks.invoke.handler.upload_role import UploadRole, make_upload_client
from sparkdrop.aws.links import Links
from sparkdrop.core.errors import BusyError

from .conftest import ROLE, SHA256

SIGNED = "https://s3/?X-Amz-SignedHeaders=content-length%3Bhost%3Bx-amz-checksum-sha256"


@pytest.fixture
def sessions(api, monkeypatch):
    """What STS was asked for."""
    asked = []
    sts = clients.make_client("sts")

    class Sts:
        @staticmethod
        def assume_role(**request):
            asked.append(request)
            answer = sts.assume_role(**request)
            # moto counts from the real time on
            answer["Credentials"]["Expiration"] = api.clock() + timedelta(seconds=request["DurationSeconds"])
            return answer

    monkeypatch.setattr(upload_role, "make_client", lambda name: {"sts": Sts}[name])
    return asked


def test_one_session_signs_many_links(api, sessions):
    keys = {read_query(api.ask_link())["X-Amz-Credential"][0] for _ in range(3)}
    assert len(keys) == 1
    assert sessions == [{"RoleArn": ROLE, "RoleSessionName": "sparkdrop-links", "DurationSeconds": 3600}]


@pytest.mark.parametrize(("minutes", "count"), [(43, 1), (45, 2), (120, 2)])
def test_a_session_that_would_not_outlast_a_link_is_renewed(api, sessions, clock, minutes, count):
    first = read_query(api.ask_link())
    clock.move(minutes=minutes)
    second = read_query(api.ask_link())
    assert len(sessions) == count
    assert (first["X-Amz-Credential"] == second["X-Amz-Credential"]) == (count == 1)
    assert (first["X-Amz-Security-Token"] == second["X-Amz-Security-Token"]) == (count == 1)
    assert second["X-Amz-Expires"] == ["900"]


def test_no_link_is_good_for_longer_than_its_session(api, sessions, monkeypatch, clock):
    monkeypatch.setenv("SPARKDROP_LINK_SECONDS", "86400")
    link = api.ask_link()
    assert read_query(link)["X-Amz-Expires"] == ["3600"]
    assert link.body["expires_at"] == (clock() + timedelta(hours=1)).isoformat()
    assert len(sessions) == 1


@pytest.mark.parametrize(
    ("headers", "holds"),
    [
        ({"Content-Length": "1", "x-amz-checksum-sha256": "a"}, True),
        ({"Content-Length": "1"}, False),
        ({"Content-Length": "1", "x-amz-checksum-sha256": "a", "If-None-Match": "*"}, False),
        ({}, False),
    ],
)
def test_a_signature_that_holds_for_less_or_more_is_never_handed_out(headers, holds):
    if holds:
        check_signed(SIGNED, headers)
        return
    with pytest.raises(AssertionError, match="signed are the headers"):
        check_signed(SIGNED, headers)


def test_a_signature_of_version_2_is_never_handed_out():
    with pytest.raises(AssertionError):
        check_signed("https://s3/?AWSAccessKeyId=A&Signature=b&Expires=1", {"Content-Length": "1"})


def test_what_is_signed_too_little_is_no_answer(api, monkeypatch):
    def make_client(session):
        return session.create_client("s3", config=Config(signature_version="s3"))

    monkeypatch.setattr(upload_role, "make_upload_client", make_client)
    answer = api.ask_link()
    assert (answer.status, answer.problem) == (500, "internal")
    assert api.get("/uploads").body["uploads"] == []


@pytest.mark.parametrize("region", ["us-west-2", "eu-central-1"])
def test_a_link_names_the_bucket_where_it_is(monkeypatch, region):
    """Not S3's global name, from which a browser is sent on, which CORS does not let pass."""
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    assert sign(monkeypatch, region) == ("https", f"sd-uploads.s3.{region}.amazonaws.com", "/a")


def test_an_endpoint_on_loopback_has_no_names_for_buckets(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:4566")
    assert sign(monkeypatch, "us-east-1") == ("http", "localhost:4566", "/sd-uploads/a")


def test_a_hash_is_written_as_s3_does():
    assert decode_sha256(encode_sha256(SHA256)) == SHA256


def test_a_role_signs_nothing_before_it_is_asked(api):
    role = UploadRole(ROLE, 900, clock=api.clock)
    assert role.get_client() is role.get_client()
    assert services.get_services().places.upload_role_arn == ROLE


def sign(monkeypatch, region):
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    session = clients.make_session()
    session.set_credentials("key", "secret", "token")
    client = make_upload_client(session)
    url = urlsplit(client.generate_presigned_url("put_object", Params={"Bucket": "sd-uploads", "Key": "a"}))
    return url.scheme, url.netloc, url.path


def read_query(answer):
    assert answer.status == 200, answer.text
    return parse_qs(urlsplit(answer.body["url"]).query)


@pytest.fixture
def multipart(api):
    return Links(api.ledger.table, api.clock).read(api.begin().body["upload_id"]).link


@pytest.fixture
def s3(multipart, monkeypatch):  # noqa: ARG001 - it is begun without prepared answers
    """S3 as the upload role sees it, with prepared answers: the emulated one completes in no time."""
    client = clients.make_client("s3")
    monkeypatch.setattr(UploadRole, "get_client", lambda _: client)
    with Stubber(client) as stubber:
        stubber.add_client_error("complete_multipart_upload", "ConditionalRequestConflict", "", 409)
        yield stubber


def complete_meanwhile(link):
    role = UploadRole(ROLE, 900, clock=lambda: link.created_at)
    SigningStore(role, account_id="123456789012", link_seconds=900).complete(link, [])


def test_what_another_request_has_completed_meanwhile_is_completed(s3, multipart):
    s3.add_client_error("list_parts", "NoSuchUpload", "", 404)
    complete_meanwhile(multipart)
    s3.assert_no_pending_responses()


def test_what_another_request_completes_right_now_is_busy(s3, multipart):
    s3.add_response("list_parts", {"Parts": []})
    with pytest.raises(BusyError):
        complete_meanwhile(multipart)
