"""A listing of versions tells of each of them, and copies none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
from moto import mock_aws
from moto.s3.models import FakeDeleteMarker, FakeKey

from sparkdrop_local.aws.moto_fixes import s3_versions

if TYPE_CHECKING:
    import pytest

BODIES = (b"first", b"second" * 1000)


def test_a_listing_of_versions_copies_no_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    copies = ((FakeKey, s3_versions.copy_without_bytes), (FakeDeleteMarker, s3_versions.copy_marker))
    for kind, copy in copies:
        monkeypatch.setattr(kind, "__deepcopy__", copy, raising=False)
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="drops")
        s3.put_bucket_versioning(Bucket="drops", VersioningConfiguration={"Status": "Enabled"})
        ids = [s3.put_object(Bucket="drops", Key="a.csv", Body=body)["VersionId"] for body in BODIES]
        marker = s3.delete_object(Bucket="drops", Key="a.csv")["VersionId"]
        before = len(FakeKey.instances_tracked), len(FakeDeleteMarker.instances_tracked)
        for _ in range(3):
            found = s3.list_object_versions(Bucket="drops", Prefix="a")
        assert (len(FakeKey.instances_tracked), len(FakeDeleteMarker.instances_tracked)) == before
        assert [(one["VersionId"], one["IsLatest"]) for one in found["Versions"]] == [
            (ids[1], False), (ids[0], False),
        ]  # fmt: skip
        assert [(one["VersionId"], one["IsLatest"]) for one in found["DeleteMarkers"]] == [(marker, True)]
        for version, body in zip(ids, BODIES, strict=True):
            assert s3.get_object(Bucket="drops", Key="a.csv", VersionId=version)["Body"].read() == body
