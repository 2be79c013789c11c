"""Each way to misuse a link of the API, over HTTP: S3 refuses it, and the link is as good as before."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.links.sending import Sending, read_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api_process import Api

CHECKSUM = "x-amz-checksum-sha256"
ELSEWHERE = "https://elsewhere.example"


def encode_checksum(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def other_size(sending: Sending) -> None:
    sending.body += b"2013,1,2\n"


def other_size_and_its_checksum(sending: Sending) -> None:
    other_size(sending)
    sending.headers[CHECKSUM] = encode_checksum(sending.body)


def other_content(sending: Sending) -> None:
    sending.body = sending.body[::-1]


def other_content_and_its_checksum(sending: Sending) -> None:
    other_content(sending)
    sending.headers[CHECKSUM] = encode_checksum(sending.body)


def no_checksum(sending: Sending) -> None:
    del sending.headers[CHECKSUM]


def other_type(sending: Sending) -> None:
    sending.headers["Content-Type"] = "text/html"


def over_what_is_there(sending: Sending) -> None:
    del sending.headers["If-None-Match"]


def other_owner(sending: Sending) -> None:
    sending.headers["x-amz-expected-bucket-owner"] = "210987654321"


def one_more_header(sending: Sending) -> None:
    sending.headers["x-amz-acl"] = "public-read"


def other_key(sending: Sending) -> None:
    sending.url = sending.url.replace("/day.csv?", "/night.csv?")


def other_folder(sending: Sending) -> None:
    sending.url = sending.url.replace("/flights/", "/weather/")


def longer_time(sending: Sending) -> None:
    sending.change_query(**{"X-Amz-Expires": "604800"})


def fewer_signed_headers(sending: Sending) -> None:
    sending.change_query(**{"X-Amz-SignedHeaders": "host"})


def other_session(sending: Sending) -> None:
    sending.change_query(**{"X-Amz-Security-Token": "another"})


def one_more_parameter(sending: Sending) -> None:
    sending.change_query(versionId="1")


def no_signature(sending: Sending) -> None:
    sending.url = sending.url.replace("X-Amz-Signature=", "X-Amz-Nothing=")


def reading(sending: Sending) -> None:
    sending.method, sending.body = "GET", b""


def deleting(sending: Sending) -> None:
    sending.method, sending.body = "DELETE", b""


MISUSES = {
    other_size: (403, "SignatureDoesNotMatch"),
    other_size_and_its_checksum: (403, "SignatureDoesNotMatch"),
    other_content: (400, "BadDigest"),
    other_content_and_its_checksum: (403, "SignatureDoesNotMatch"),
    no_checksum: (403, "SignatureDoesNotMatch"),
    other_type: (403, "SignatureDoesNotMatch"),
    over_what_is_there: (403, "SignatureDoesNotMatch"),
    other_owner: (403, "SignatureDoesNotMatch"),
    one_more_header: (403, "AccessDenied"),
    other_key: (403, "SignatureDoesNotMatch"),
    other_folder: (403, "SignatureDoesNotMatch"),
    longer_time: (403, "SignatureDoesNotMatch"),
    fewer_signed_headers: (403, "AccessDenied"),
    other_session: (400, "InvalidToken"),
    one_more_parameter: (403, "SignatureDoesNotMatch"),
    no_signature: (400, "AuthorizationQueryParametersError"),
    reading: (403, "SignatureDoesNotMatch"),
    deleting: (403, "SignatureDoesNotMatch"),
}


@pytest.mark.parametrize("misuse", MISUSES, ids=lambda misuse: misuse.__name__)
def test_a_link_is_for_one_request_alone(
    make_link: Callable[[], tuple[str, Sending]],
    read_upload: Callable[[str], dict[str, Any]],
    misuse: Callable[[Sending], None],
) -> None:
    upload_id, meant = make_link()
    changed = meant.copy()
    misuse(changed)
    assert read_error(changed.send()) == MISUSES[misuse]
    assert read_upload(upload_id)["state"] == "AWAITING_UPLOAD"
    assert meant.send().status_code == 200


def test_a_link_is_good_once(
    api: Api, make_link: Callable[[], tuple[str, Sending]], read_upload: Callable[[str], dict[str, Any]]
) -> None:
    upload_id, meant = make_link()
    assert meant.send().status_code == 200
    assert read_error(meant.send()) == (412, "PreconditionFailed")
    view = read_upload(upload_id)
    versions = api.aws("s3").list_object_versions(Bucket=view["bucket"], Prefix=view["key"])["Versions"]
    assert len(versions) == 1


def test_a_link_that_was_let_go_of_is_good_until_its_time_is_over(
    api: Api, token: str, make_link: Callable[[], tuple[str, Sending]]
) -> None:
    """S3 knows nothing of it; the documentation says so."""
    upload_id, meant = make_link()
    assert api.call("DELETE", f"/uploads/{upload_id}", token=token).status_code == 204
    assert meant.send().status_code == 200


def test_a_link_is_good_for_its_time(
    api: Api, make_link: Callable[[], tuple[str, Sending]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same request, signed by a session of the same role: at another time, and now."""
    _, meant = make_link()
    now = datetime.now(UTC).replace(tzinfo=None)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: now - timedelta(minutes=16))
    late = sign_again(api, meant).send()
    assert read_error(late) == (403, "AccessDenied")
    assert "Request has expired" in late.text
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: now)
    assert sign_again(api, meant).send().status_code == 200


def sign_again(api: Api, sending: Sending) -> Sending:
    stacks = api.aws("cloudformation").describe_stacks()["Stacks"]
    outputs = {one["OutputKey"]: one["OutputValue"] for stack in stacks for one in stack.get("Outputs", ())}
    session = api.aws("sts").assume_role(RoleArn=outputs["UploadRoleArn"], RoleSessionName="again")[
        "Credentials"
    ]
    names = session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"]
    parts = urlsplit(sending.url)
    unsigned = [(name, value) for name, value in parse_qsl(parts.query) if not name.startswith("X-Amz-")]
    request = AWSRequest(
        sending.method,
        urlunsplit(parts._replace(query=urlencode(unsigned, quote_via=quote))),
        headers={**sending.headers, "Content-Length": str(len(sending.body))},
    )
    signer = botocore.auth.S3SigV4QueryAuth(Credentials(*names), "s3", api.environment["AWS_REGION"], 900)
    signer.add_auth(request)
    return Sending(request.url, sending.headers, sending.body)


def test_a_page_from_elsewhere_cannot_use_a_link(
    api: Api, make_link: Callable[[], tuple[str, Sending]]
) -> None:
    _, meant = make_link()
    own = meant.send_preflight(api.origin)
    assert (own.status_code, own.headers["Access-Control-Allow-Origin"]) == (200, api.origin)
    foreign = meant.send_preflight(ELSEWHERE)
    assert read_error(foreign) == (403, "AccessForbidden")
    assert "Access-Control-Allow-Origin" not in foreign.headers
    # nor may it read an answer that it got without asking first
    meant.headers["Origin"] = ELSEWHERE
    assert "Access-Control-Allow-Origin" not in meant.send().headers
