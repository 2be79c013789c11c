"""The whole program over S3: versions, deletions, and keys as S3 allows them."""

import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from ingest_parts import planning, store
from pyspark.sql import SparkSession

KEYS = [
    "in/a b+c%d.csv", "in/Größe 日本*.csv", "a//b", "//a.csv", "_x", "_x/.y/part.csv",
    ".x", "[1]", "?", "%20",
    "in/a%2Bb?x=[1]#2.csv", "in/a:b.csv", "in/./a.csv", "in/../a.csv", "tail/", "in/{a,b}.csv", "a\\b.csv",
]  # fmt: skip
OVERWRITTEN = "it was overwritten before its run, and its bucket keeps no versions"
DELETED = "it was deleted before its run"
Run = Callable[..., dict[str, Any]]


def put(bucket: Any, key: str, text: str) -> dict[str, Any]:
    """Put an object; its entry of the manifest, as the ledger has it."""
    answer = bucket.Object(key).put(Body=text.encode())
    return {
        "upload_id": f"up-{key}-{answer['ETag']}", "bucket": bucket.name, "key": key,
        "version_id": answer.get("VersionId"), "etag": answer["ETag"], "bytes": len(text),
    }  # fmt: skip


@pytest.fixture
def run(
    bucket: Any, endpoint_url: str, ingest: ModuleType, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> Run:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setattr(store, "_clients", {})

    def run_batch(files: list[dict[str, Any]], **output: Any) -> dict[str, Any]:
        document = {
            "version": 2, "batch_id": "b", "pipeline": "trial", "region": "eu-central-1", "files": files,
            "input": {"format": "csv", "schema": "id INT, name STRING"},
            "output": {"uri": f"s3://{bucket.name}/out/batch=b", "format": "parquet", **output},
            "rejects": {"uri": f"s3://{bucket.name}/rejects/batch=b"},
            "report_uri": f"s3://{bucket.name}/batches/b/report.json",
        }  # fmt: skip
        bucket.Object("batches/b/manifest.json").put(Body=json.dumps(document).encode())
        assert ingest.main(["--manifest", f"s3://{bucket.name}/batches/b/manifest.json"], spark) == 0
        report: dict[str, Any] = json.loads(bucket.Object("batches/b/report.json").get()["Body"].read())
        return report

    return run_batch


def rows_of(spark: SparkSession, bucket: Any) -> list[Any]:
    return spark.read.parquet(f"s3://{bucket.name}/out/batch=b").orderBy("id").collect()


def keys_in(bucket: Any, prefix: str) -> list[str]:
    return [item.key for item in bucket.objects.filter(Prefix=prefix)]


def outcomes(report: dict[str, Any]) -> list[tuple[str, int, int, str | None]]:
    return [
        (item["state"], item["rows_out"], item["rows_rejected"], item["reason"]) for item in report["files"]
    ]


def test_each_upload_gets_the_version_that_landed(bucket: Any, run: Run, spark: SparkSession) -> None:
    first = put(bucket, "in/a.csv", "id,name\n1,first\n")
    second = put(bucket, "in/a.csv", "id,name\n2,second\nx,bad\n")
    hidden = put(bucket, "in/hidden.csv", "id,name\n3,hidden\n")
    bucket.Object("in/hidden.csv").delete()
    erased = put(bucket, "in/erased.csv", "id,name\n4,x\n")
    put(bucket, "in/erased.csv", "id,name\n5,x\n")
    bucket.Object("in/erased.csv").Version(erased["version_id"]).delete()
    never = {**first, "upload_id": "never", "key": "in/never.csv"}
    report = run([first, second, hidden, erased, never])
    assert outcomes(report) == [
        ("SUCCEEDED", 1, 0, None), ("SUCCEEDED", 1, 1, None), ("SUCCEEDED", 1, 0, None),
        ("QUARANTINED", 0, 0, DELETED), ("QUARANTINED", 0, 0, DELETED),
    ]  # fmt: skip
    assert [(row.name, row._upload_id) for row in rows_of(spark, bucket)] == [
        ("first", first["upload_id"]), ("second", second["upload_id"]), ("hidden", hidden["upload_id"]),
    ]  # fmt: skip


def test_a_bucket_without_versions(plain_bucket: Any, bucket: Any, run: Run, spark: SparkSession) -> None:
    same = put(plain_bucket, "in/same.csv", "id,name\n1,same\n")
    changed = put(plain_bucket, "in/changed.csv", "id,name\n2,old\n")
    put(plain_bucket, "in/changed.csv", "id,name\n3,new\n")
    gone = put(plain_bucket, "in/gone.csv", "id,name\n4,gone\n")
    plain_bucket.Object("in/gone.csv").delete()
    assert same["version_id"] is None
    assert outcomes(run([same, changed, gone])) == [
        ("SUCCEEDED", 1, 0, None), ("QUARANTINED", 0, 0, OVERWRITTEN), ("QUARANTINED", 0, 0, DELETED),
    ]  # fmt: skip
    assert [row.name for row in rows_of(spark, bucket)] == ["same"]


def test_any_key_that_s3_takes(bucket: Any, run: Run, spark: SparkSession) -> None:
    report = run([put(bucket, key, f"id,name\n{number},x\n") for number, key in enumerate(KEYS)])
    assert [item["reason"] for item in report["files"]] == [None] * len(KEYS)
    assert [row._source_key for row in rows_of(spark, bucket)] == KEYS


def test_a_large_file_is_read_by_many_tasks(
    bucket: Any, run: Run, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "LEAST_BYTES", 4096)
    entry = put(bucket, "a.csv", "id,name\n" + "".join(f'{number},"a\nb"\n' for number in range(2000)))
    report = run([entry], partition_by=["name"])
    assert outcomes(report) == [("SUCCEEDED", 2000, 0, None)]
    assert [row.id for row in rows_of(spark, bucket)] == list(range(2000))
    assert not keys_in(bucket, "batches/b/staging")


def test_a_retry_replaces_what_is_there(bucket: Any, run: Run) -> None:
    files = [put(bucket, "in/a.csv", "id,name\n1,x\nx,y\n")]
    run(files)
    died = bucket.Object("out/batch=b/died.parquet").initiate_multipart_upload()
    bucket.Object("out/batch=b/old.parquet").put(Body=b"of another attempt")
    bucket.Object("out/batch=bb/other.parquet").put(Body=b"of another batch")
    assert run(files)["rows_out"] == 1
    first, last = keys_in(bucket, "out/batch=b/")
    assert (first, last.endswith(".parquet")) == ("out/batch=b/_SUCCESS", True)
    assert keys_in(bucket, "out/batch=bb/") == ["out/batch=bb/other.parquet"]
    assert len(keys_in(bucket, "rejects/batch=b/")) == 2
    assert died.id not in [upload.id for upload in bucket.multipart_uploads.all()]
    assert not list(bucket.multipart_uploads.all())
