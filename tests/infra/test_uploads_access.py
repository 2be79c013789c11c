"""What a link may put, and what a PUT may say of its encryption: each call asked of a policy simulator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from infra.constructs.upload_role import LINK_KEYS
from sparkdrop.core.patterns import CROCKFORD, ULID_LENGTH, drop_upload_folder
from tests.infra.iam.simulator import Caller, Request, decide
from tests.infra.iam.templates import ACCOUNT, Stage, read_documents, read_role_policies

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

STACK = "S3Stack"
ULID = "01JD8Z3V5N6Q7R8S9TABCDEFGH"
LINKED = f"flights/{ULID}/jan.csv"
# What a caller is that may do anything: only the bucket's policy can refuse it then.
EVERYTHING = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}
OF_THE_ACCOUNT = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
    ],
}
SAID = "s3:x-amz-server-side-encryption"
KEY_SAID = "s3:x-amz-server-side-encryption-aws-kms-key-id"
TLS = {"aws:SecureTransport": "true", "s3:TlsVersion": "1.3"}

MAY = [
    ("s3:PutObject", "uploads", LINKED),
    ("s3:AbortMultipartUpload", "uploads", LINKED),
    ("s3:ListMultipartUploadParts", "uploads", LINKED),
]
MAY_NOT = [
    ("s3:PutObject", "uploads", "flights/jan.csv"),
    ("s3:PutObject", "uploads", f"{ULID}/jan.csv"),
    ("s3:PutObject", "uploads", f"flights/{ULID}"),
    ("s3:PutObject", "uploads", f"flights/{ULID[:-1]}/jan.csv"),
    ("s3:PutObject", "uploads", f"flights/7{ULID[1:]}/jan.csv"),
    ("s3:PutObject", "uploads", "_x/aaaaaaaaaaaa/bbbbbbbbbbbbb/y"),
    ("s3:PutObject", "curated", LINKED),
    ("s3:PutObject", "artifacts", LINKED),
    ("s3:PutObject", "logs", LINKED),
    ("s3:GetObject", "uploads", LINKED),
    ("s3:GetObjectVersion", "uploads", LINKED),
    ("s3:DeleteObject", "uploads", LINKED),
    ("s3:DeleteObjectVersion", "uploads", LINKED),
    ("s3:PutObjectAcl", "uploads", LINKED),
    ("s3:PutObjectTagging", "uploads", LINKED),
    ("s3:ListBucket", "uploads", ""),
    ("s3:ListBucketMultipartUploads", "uploads", ""),
    ("s3:PutBucketPolicy", "uploads", ""),
]


@pytest.fixture(scope="module", params=["dev", "full"])
def stage(request: pytest.FixtureRequest, assemblies: tuple[Path, Path]) -> Stage:
    return Stage.read(assemblies[0] / request.param)


@pytest.fixture(scope="module")
def keyed(assemblies: tuple[Path, Path]) -> Stage:
    return Stage.read(assemblies[0] / "full")


def test_links_are_made_for_the_folders_that_pipelines_look_through() -> None:
    assert len(ULID) == ULID_LENGTH
    assert set(ULID) <= set(CROCKFORD)
    assert drop_upload_folder(LINKED) == "flights/jan.csv"
    assert LINK_KEYS.count("?") == ULID_LENGTH - 1


def test_a_link_can_put_where_it_points_and_nothing_else(stage: Stage) -> None:
    requests = [Request(action, _locate(stage, bucket, key)) for action, bucket, key in (*MAY, *MAY_NOT)]
    answers = decide(_build_signer(stage), requests)
    assert dict(zip((*MAY, *MAY_NOT), answers, strict=True)) == {
        **dict.fromkeys(MAY, True),
        **dict.fromkeys(MAY_NOT, False),
    }


def test_what_the_roles_pattern_cannot_tell_a_sessions_policy_can(stage: Stage) -> None:
    """IAM's wildcards match slashes too: what is as long as a ULID passes, slash or not."""
    keys = [LINKED, "_x/0aaaaaaaaaaa/bbbbbbbbbbbbb/y", f"another/{ULID}/jan.csv"]
    requests = [Request("s3:PutObject", _locate(stage, "uploads", key)) for key in keys]
    assert decide(_build_signer(stage), requests) == [True, True, True]
    session = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:PutObject", "Resource": requests[0].resource}],
    }
    # a session may do what both its role and its own policy allow
    assert decide(Caller(_find_role(stage)[0], ACCOUNT, [session]), requests) == [True, False, False]


def test_a_link_uses_the_key_through_s3_and_only_to_put(keyed: Stage) -> None:
    via = {"kms:ViaService": f"s3.{keyed.region}.amazonaws.com"}
    requests = [
        Request("kms:GenerateDataKey", _find_key(keyed), via),
        Request("kms:Decrypt", _find_key(keyed), via),
        Request("kms:Decrypt", _find_key(keyed)),
        Request("kms:Encrypt", _find_key(keyed), via),
        Request("kms:CreateGrant", _find_key(keyed), via),
    ]
    signer = _build_signer(keyed, trust=OF_THE_ACCOUNT)
    assert decide(signer, requests) == [True, True, False, False, False]


@pytest.mark.parametrize(
    ("account", "policies", "is_trusted"),
    [(ACCOUNT, [EVERYTHING], True), (ACCOUNT, [], False), ("999999999999", [EVERYTHING], False)],
)
def test_only_who_this_account_lets_takes_the_role(
    stage: Stage, account: str, policies: list[dict[str, Any]], *, is_trusted: bool
) -> None:
    arn, logical_id = _find_role(stage)
    (trust,) = [
        document.body
        for document in read_documents(stage)
        if (document.stack, document.logical_id, document.kind) == (STACK, logical_id, "trust")
    ]
    caller = Caller(f"arn:aws:iam::{account}:role/api", ACCOUNT, policies, trust)
    assert decide(caller, [Request("sts:AssumeRole", arn)]) == [is_trusted]


def test_a_session_is_as_short_as_iam_allows(stage: Stage) -> None:
    _, logical_id = _find_role(stage)
    role = stage.templates[STACK]["Resources"][logical_id]["Properties"]
    # https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
    assert role["MaxSessionDuration"] == 3600


@pytest.mark.parametrize("bucket", ["uploads", "curated", "artifacts"])
def test_a_put_gets_the_buckets_key_and_no_other(keyed: Stage, bucket: str) -> None:
    key = _find_key(keyed)
    other = key.replace(key.rpartition("/")[2], "another")
    puts: list[tuple[Mapping[str, str], bool]] = [
        ({}, True),
        ({SAID: "aws:kms", KEY_SAID: key}, True),
        ({SAID: "aws:kms", KEY_SAID: other}, False),
        ({SAID: "aws:kms:dsse", KEY_SAID: other}, False),
        ({SAID: "aws:kms"}, False),
        ({SAID: "AES256"}, False),
    ]
    requests = [Request("s3:PutObject", _locate(keyed, bucket, "a.csv"), {**TLS, **said}) for said, _ in puts]
    answers = decide(_build_writer(keyed, bucket), requests)
    assert answers == [expected for _, expected in puts]


@pytest.mark.parametrize("bucket", ["uploads", "curated", "artifacts", "logs"])
def test_no_bucket_speaks_without_tls(stage: Stage, bucket: str) -> None:
    said = [TLS, {**TLS, "aws:SecureTransport": "false"}, {**TLS, "s3:TlsVersion": "1.1"}]
    requests = [Request("s3:GetObject", _locate(stage, bucket, "a.csv"), context) for context in said]
    assert decide(_build_writer(stage, bucket), requests) == [True, False, False]


def _locate(stage: Stage, bucket: str, key: str) -> str:
    arn = "arn:aws:s3:::" + stage.read_output(f"{bucket.title()}Bucket")
    return f"{arn}/{key}" if key else arn


def _find_key(stage: Stage) -> str:
    (key,) = [
        stage.resolve(stack, {"Fn::GetAtt": [logical_id, "Arn"]})
        for stack, logical_id, _ in stage.find_resources("AWS::KMS::Key")
        if stack == STACK
    ]
    return str(key)


def _find_role(stage: Stage) -> tuple[str, str]:
    stack, value = stage.find_output("UploadRoleArn")
    assert stack == STACK
    return str(stage.resolve(stack, value)), value["Fn::GetAtt"][0]


def _build_signer(stage: Stage, trust: dict[str, Any] | None = None) -> Caller:
    arn, logical_id = _find_role(stage)
    return Caller(arn, ACCOUNT, read_role_policies(stage, STACK, logical_id), trust)


def _build_writer(stage: Stage, bucket: str) -> Caller:
    """Someone who may do anything, as far as the bucket lets them."""
    (policy,) = [
        document.body
        for document in read_documents(stage)
        if document.stack == STACK
        and document.kind == "resource"
        and document.logical_id.startswith(f"{bucket.title()}Bucket")
    ]
    return Caller(f"arn:aws:iam::{ACCOUNT}:role/writer", ACCOUNT, [EVERYTHING], policy)
