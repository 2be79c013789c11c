"""The Spark program over s3:// paths: versions, deletions, and keys as S3 allows them."""

import json
from types import ModuleType
from typing import Any

import pytest
from pyspark.sql import SparkSession

KEYS = [
    "in/a b+c%d.csv",
    "in/Größe 日本*.csv",
    "in//double.csv",
    "in/_hidden.csv",
    "in/a%2Bb?x=[1].csv",
    "in/a:b.csv",
]


def put(bucket: Any, key: str, text: str) -> dict[str, Any]:
    answer = bucket.Object(key).put(Body=text.encode())
    return {
        "upload_id": f"up-{key}-{answer['VersionId'][:6]}", "bucket": bucket.name, "key": key,
        "version_id": answer["VersionId"], "etag": answer["ETag"], "bytes": len(text),
    }  # fmt: skip


@pytest.fixture
def run(bucket: Any, ingest: ModuleType, spark: SparkSession) -> Any:
    def run_batch(files: list[dict[str, Any]]) -> dict[str, Any]:
        document = {
            "version": 1, "batch_id": "b", "pipeline": "trial", "files": files,
            "input": {"format": "csv", "schema": "id INT, name STRING", "options": {}},
            "output": {"uri": f"s3://{bucket.name}/out/batch=b", "format": "parquet", "partition_by": []},
            "rejects_uri": f"s3://{bucket.name}/rejects/batch=b",
            "report_uri": f"s3://{bucket.name}/batches/b/report.json",
        }  # fmt: skip
        bucket.Object("batches/b/manifest.json").put(Body=json.dumps(document).encode())
        assert ingest.main(["--manifest", f"s3://{bucket.name}/batches/b/manifest.json"], spark) == 0
        return json.loads(bucket.Object("batches/b/report.json").get()["Body"].read())

    return run_batch


def test_each_upload_gets_the_version_that_landed(bucket: Any, run: Any, spark: SparkSession) -> None:
    first = put(bucket, "in/a.csv", "id,name\n1,first\n")
    second = put(bucket, "in/a.csv", "id,name\n2,second\nx,bad\n")
    gone = put(bucket, "in/gone.csv", "id,name\n3,gone\n")
    bucket.Object("in/gone.csv").delete()
    erased = put(bucket, "in/erased.csv", "id,name\n4,x\n")
    put(bucket, "in/erased.csv", "id,name\n5,x\n")
    bucket.Object("in/erased.csv").Version(erased["version_id"]).delete()
    report = run([first, second, gone, erased])
    states = [(item["state"], item["rows_out"], item["rows_rejected"]) for item in report["files"]]
    assert states == [("SUCCEEDED", 1, 0), ("SUCCEEDED", 1, 1), ("QUARANTINED", 0, 0), ("QUARANTINED", 0, 0)]
    assert report["files"][2]["reason"] == report["files"][3]["reason"] == "it was deleted before its run"
    rows = spark.read.parquet(f"s3://{bucket.name}/out/batch=b").orderBy("id").collect()
    assert [(row.name, row._upload_id) for row in rows] == [
        ("first", first["upload_id"]), ("second", second["upload_id"]),
    ]  # fmt: skip
    assert not list(bucket.objects.filter(Prefix="batches/b/staging"))


def test_any_key_that_s3_takes(bucket: Any, run: Any, spark: SparkSession) -> None:
    report = run([put(bucket, key, f"id,name\n{number},x\n") for number, key in enumerate(KEYS)])
    assert [item["reason"] for item in report["files"]] == [None] * len(KEYS)
    rows = spark.read.parquet(f"s3://{bucket.name}/out/batch=b").orderBy("id").collect()
    assert [row._source_key for row in rows] == KEYS


def test_the_magic_committer_writes_and_a_retry_replaces(bucket: Any, run: Any) -> None:
    files = [put(bucket, "in/a.csv", "id,name\n1,x\n")]
    run(files)
    assert run(files)["rows_out"] == 1
    success = json.loads(bucket.Object("out/batch=b/_SUCCESS").get()["Body"].read())
    assert success["committer"] == "magic"
    assert len([item for item in bucket.objects.filter(Prefix="out/") if item.key.endswith(".parquet")]) == 1
