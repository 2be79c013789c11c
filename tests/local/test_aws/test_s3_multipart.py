"""Uploads in parts against the emulated S3: checksums, order, sizes, and what is left when they are over."""

from __future__ import annotations

import base64
import hashlib
import os
import tracemalloc
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.s3.models import FakeKey, FakeMultipart, MultipartDict, S3Backend, s3_backends

from sparkdrop_local.aws.moto_fixes import s3_multipart

if TYPE_CHECKING:
    from conftest import Emulation

MIB = 1024 * 1024
SMALL = b"year,month\n2013,1\n"
FULL = os.urandom(5 * MIB)


def encode(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


@dataclass
class Upload:
    """An upload in parts whose checksums are SHA-256."""

    s3: Any
    bucket: str
    key: str
    options: dict[str, Any] = field(default_factory=lambda: {"ChecksumAlgorithm": "SHA256"})
    id: str = ""
    parts: list[dict[str, Any]] = field(default_factory=list)

    @property
    def place(self) -> dict[str, str]:
        return {"Bucket": self.bucket, "Key": self.key}

    @property
    def named(self) -> dict[str, str]:
        return {**self.place, "UploadId": self.id}

    def create(self) -> dict[str, Any]:
        created: dict[str, Any] = self.s3.create_multipart_upload(**self.place, **self.options)
        self.id = created["UploadId"]
        return created

    def put(self, number: int, body: bytes, **other: Any) -> dict[str, Any]:
        given = {"ChecksumSHA256": encode(body), **other}
        part: dict[str, Any] = self.s3.upload_part(**self.named, PartNumber=number, Body=body, **given)
        named = {"PartNumber": number, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]}
        self.parts = sorted([*self.parts, named], key=lambda one: one["PartNumber"])
        return part

    def complete(self, parts: list[dict[str, Any]] | None = None, **other: Any) -> dict[str, Any]:
        completed: dict[str, Any] = self.s3.complete_multipart_upload(
            **self.named, MultipartUpload={"Parts": self.parts if parts is None else parts}, **other
        )
        return completed


@pytest.fixture
def upload(emulation: Emulation, request: pytest.FixtureRequest) -> Upload:
    created = Upload(emulation.client("s3"), emulation.environment["SPARKDROP_ARTIFACTS_BUCKET"], "")
    created.key = f"parts/{request.node.name}"
    told = created.create()
    assert (told["ChecksumAlgorithm"], told["ChecksumType"]) == ("SHA256", "COMPOSITE")
    return created


def refusal(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    told = error.value.response
    return told["Error"]["Code"], told["ResponseMetadata"]["HTTPStatusCode"]


def test_an_upload_is_its_parts_in_their_order_with_a_checksum_of_checksums(upload: Upload) -> None:
    upload.put(2, SMALL)
    upload.put(1, FULL)
    held = upload.s3.list_parts(**upload.named)
    assert (held["ChecksumAlgorithm"], held["ChecksumType"]) == ("SHA256", "COMPOSITE")
    assert [(part["PartNumber"], part["Size"], part["ChecksumSHA256"]) for part in held["Parts"]] == [
        (1, len(FULL), encode(FULL)),
        (2, len(SMALL), encode(SMALL)),
    ]
    done = upload.complete(IfNoneMatch="*", MpuObjectSize=len(FULL) + len(SMALL))
    digests = hashlib.sha256(FULL).digest() + hashlib.sha256(SMALL).digest()
    assert (done["ChecksumSHA256"], done["ChecksumType"]) == (f"{encode(digests)}-2", "COMPOSITE")
    head = upload.s3.head_object(**upload.place, ChecksumMode="ENABLED")
    assert (head["ChecksumSHA256"], head["ChecksumType"]) == (f"{encode(digests)}-2", "COMPOSITE")
    md5s = hashlib.md5(FULL).digest() + hashlib.md5(SMALL).digest()  # noqa: S324 - as S3's etag is
    assert head["ETag"] == done["ETag"] == f'"{hashlib.md5(md5s).hexdigest()}-2"'  # noqa: S324
    assert upload.s3.get_object(**upload.place)["Body"].read() == FULL + SMALL


def test_what_is_over_is_gone(upload: Upload) -> None:
    upload.put(1, SMALL)
    first = upload.complete()
    assert upload.complete()["ETag"] == first["ETag"]  # a second time changes nothing
    for call in (
        lambda: upload.put(2, SMALL),
        lambda: upload.s3.list_parts(**upload.named),
        lambda: upload.s3.abort_multipart_upload(**upload.named),
    ):
        with pytest.raises(ClientError) as refused:
            call()
        assert refusal(refused) == ("NoSuchUpload", 404)
    upload.create()
    upload.s3.abort_multipart_upload(**upload.named)
    for call in (upload.complete, lambda: upload.put(1, SMALL)):
        with pytest.raises(ClientError) as refused:
            call()
        assert refusal(refused) == ("NoSuchUpload", 404)
    listed = upload.s3.list_multipart_uploads(Bucket=upload.bucket)
    assert upload.id not in [one["UploadId"] for one in listed.get("Uploads", ())]


def test_an_upload_is_of_its_key_alone(upload: Upload) -> None:
    upload.put(1, SMALL)
    upload.key += "-other"
    for call in (
        lambda: upload.put(2, SMALL),
        upload.complete,
        lambda: upload.s3.list_parts(**upload.named),
        lambda: upload.s3.abort_multipart_upload(**upload.named),
    ):
        with pytest.raises(ClientError) as refused:
            call()
        assert refusal(refused) == ("NoSuchUpload", 404)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"ETag": '"00000000000000000000000000000000"'}, "InvalidPart"),
        ({"ChecksumSHA256": encode(b"other")}, "InvalidPart"),
        ({"ChecksumSHA256": None}, "InvalidRequest"),
        ({"PartNumber": 7}, "InvalidPart"),
    ],
)
def test_a_part_that_is_not_as_it_is_named_completes_nothing(
    upload: Upload, change: dict[str, Any], code: str
) -> None:
    upload.put(1, SMALL)
    named = {key: value for key, value in {**upload.parts[0], **change}.items() if value is not None}
    with pytest.raises(ClientError) as refused:
        upload.complete([named])
    assert refusal(refused) == (code, 400)
    assert upload.complete()["ETag"]  # and harms nothing


def test_the_whole_is_compared_too(upload: Upload) -> None:
    upload.put(1, SMALL)
    with pytest.raises(ClientError) as refused:
        upload.complete(MpuObjectSize=len(SMALL) + 1)
    assert refusal(refused) == ("InvalidRequest", 400)
    with pytest.raises(ClientError) as refused:
        upload.complete(ChecksumSHA256=encode(SMALL))
    assert refusal(refused) == ("BadDigest", 400)
    digests = hashlib.sha256(SMALL).digest()
    assert upload.complete(ChecksumSHA256=f"{encode(digests)}-1", MpuObjectSize=len(SMALL))["ETag"]


def test_parts_are_large_but_for_the_last_and_come_in_their_order(upload: Upload) -> None:
    upload.put(1, SMALL)
    upload.put(2, SMALL)
    for parts, code in (
        (upload.parts, "EntityTooSmall"),
        (upload.parts[::-1], "InvalidPartOrder"),
        ([], "MalformedXML"),
    ):
        with pytest.raises(ClientError) as refused:
            upload.complete(parts)
        assert refusal(refused) == (code, 400)


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1"])
def test_a_part_has_the_kind_of_checksum_that_the_upload_was_made_with(
    upload: Upload, algorithm: str
) -> None:
    with pytest.raises(ClientError) as refused:
        upload.s3.upload_part(**upload.named, PartNumber=1, Body=SMALL, ChecksumAlgorithm=algorithm)
    assert refusal(refused) == ("InvalidRequest", 400)
    assert f"expected checksum Type: sha256, actual checksum Type: {algorithm.lower()}" in str(refused.value)


def test_a_part_without_a_checksum_is_refused(emulation: Emulation, upload: Upload) -> None:
    upload.s3 = emulation.client("s3", request_checksum_calculation="when_required")
    with pytest.raises(ClientError) as refused:
        upload.s3.upload_part(**upload.named, PartNumber=1, Body=SMALL)
    assert "expected checksum Type: sha256, actual checksum Type: null" in str(refused.value)


def test_parts_are_listed_by_their_numbers_a_page_at_a_time(upload: Upload) -> None:
    for number in (3, 8, 9, 12):
        upload.put(number, SMALL)
    pages = upload.s3.get_paginator("list_parts").paginate(**upload.named, PaginationConfig={"PageSize": 2})
    found = [[part["PartNumber"] for part in page["Parts"]] for page in pages]
    assert found == [[3, 8], [9, 12]]
    after = upload.s3.list_parts(**upload.named, PartNumberMarker=8)
    assert [part["PartNumber"] for part in after["Parts"]] == [9, 12]


def test_a_part_that_is_put_again_is_the_later_one(upload: Upload) -> None:
    upload.put(1, b"first")
    upload.parts = []
    upload.put(1, b"second")
    assert upload.complete()["ETag"]
    assert upload.s3.get_object(**upload.place)["Body"].read() == b"second"


def test_nothing_is_put_together_over_what_is_there(upload: Upload) -> None:
    upload.s3.put_object(**upload.place, Body=b"first")
    upload.put(1, SMALL)
    with pytest.raises(ClientError) as refused:
        upload.complete(IfNoneMatch="*")
    assert refusal(refused) == ("PreconditionFailed", 412)


def test_what_the_sdk_does_by_itself_works(emulation: Emulation, upload: Upload, tmp_path: Any) -> None:
    source = tmp_path / "large"
    source.write_bytes(FULL * 4)
    upload.s3.upload_file(str(source), upload.bucket, f"{upload.key}-file")
    place = {"Bucket": upload.bucket, "Key": f"{upload.key}-file"}
    head = upload.s3.head_object(**place, ChecksumMode="ENABLED")
    assert head["ContentLength"] == 4 * len(FULL)
    assert head["ChecksumCRC32"].endswith("-3")
    copied = upload.s3.upload_part_copy(**upload.named, PartNumber=1, CopySource=place)
    named = {"PartNumber": 1, "ETag": copied["CopyPartResult"]["ETag"]}
    assert upload.complete([{**named, "ChecksumSHA256": encode(FULL * 4)}])["ETag"]
    plain = Upload(
        emulation.client("s3", request_checksum_calculation="when_required"), upload.bucket, "plain", {}
    )
    plain.create()
    part = plain.s3.upload_part(**plain.named, PartNumber=1, Body=SMALL)
    assert plain.complete([{"PartNumber": 1, "ETag": part["ETag"]}])["ETag"]


def test_a_checksum_of_an_object_that_came_whole_is_kept(upload: Upload) -> None:
    upload.s3.put_object(**upload.place, Body=SMALL, ChecksumSHA256=encode(SMALL))
    head = upload.s3.head_object(**upload.place, ChecksumMode="ENABLED")
    assert (head["ChecksumSHA256"], head["ChecksumType"]) == (encode(SMALL), "FULL_OBJECT")


def test_a_large_upload_is_put_together_in_memory_once(monkeypatch: pytest.MonkeyPatch) -> None:
    # put back as they were: the fix is for a process of its own
    monkeypatch.setattr(FakeKey, "value", FakeKey.value)
    for owner, name in (
        (FakeMultipart, "complete"),
        (FakeMultipart, "list_parts"),
        (S3Backend, "is_truncated"),
    ):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    monkeypatch.setattr(MultipartDict, "__missing__", None, raising=False)
    s3_multipart.apply()
    with mock_aws():
        backend = s3_backends["123456789012"]["aws"]
        backend.create_bucket("held-once", "us-east-1")
        held = backend.create_multipart_upload("held-once", "k", {}, "STANDARD", {}, None, None, None)
        etags = {n: backend.upload_part("held-once", held.id, n, 8 * MIB * b"x").etag for n in (1, 2, 3)}
        parts = [s3_multipart.NamedPart(number, etag.strip('"'), {}) for number, etag in etags.items()]
        tracemalloc.start()
        backend.complete_multipart_upload("held-once", held.id, s3_multipart.Completion(parts, None, {}))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert 24 * MIB < peak < 36 * MIB
