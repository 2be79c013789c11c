"""One PySpark program, on a real Spark, through a step: S3A, the magic committer, logs, failure details."""

import io
import json
import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sparkdrop_local.emr import NO_DELAYS
from sparkdrop_local.spark import prepare
from sparkdrop_local.spark_jars import CACHE_VARIABLE

WRITE = b"""
import sys
from helper import PARTS
from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
rows = spark.range(100).selectExpr("id", f"id % {PARTS} AS part")
rows.write.partitionBy("part").parquet(sys.argv[1])
asked = [spark.conf.get(key) for key in ("spark.sql.shuffle.partitions", "spark.test.cluster")]
print(*asked, spark.sparkContext.master)
raise ValueError(f"wrote {spark.read.parquet(sys.argv[1]).count()} rows, and now fail")
"""


@pytest.fixture(scope="module")
def spark_emr(make_emr, repo_root, tmp_path_factory):
    cache = Path(os.environ.get(CACHE_VARIABLE) or repo_root / ".cache" / "spark-jars")
    emr = make_emr(
        scratch_dir=tmp_path_factory.mktemp("spark"),
        spark=prepare(cache, train=False),
        delays=NO_DELAYS,
        stop_grace_seconds=2,
    )
    yield emr
    emr.close()


def test_a_program_on_s3_writes_parquet_and_tells_why_it_failed(spark_emr):
    emr = spark_emr
    emr.s3.create_bucket(Bucket="curated")
    emr.s3.put_object(Bucket="code", Key="programs/write it.py", Body=WRITE)
    emr.s3.put_object(Bucket="code", Key="programs/helper.py", Body=b"PARTS = 2\n")
    defaults = {"spark.test.cluster": "from the cluster", "spark.executor.memory": "99g"}
    cluster = emr.run(
        Configurations=[{"Classification": "spark-defaults", "Properties": defaults}],
    )
    arguments = ["--deploy-mode", "cluster", "--py-files", "s3://code/programs/helper.py"]
    arguments += [
        "--conf",
        "spark.sql.shuffle.partitions=3",
        "s3://code/programs/write it.py",
        "s3://curated/out",
    ]
    (step,) = emr.add(cluster, emr.command("spark-submit", *arguments))
    status = emr.wait_step(cluster, step, "FAILED", "COMPLETED")
    assert status["State"] == "FAILED"
    assert status["FailureDetails"]["Message"] == "ValueError: wrote 100 rows, and now fail"
    assert emr.log(cluster, step, "stdout") == "3 from the cluster local[2]\n"
    assert "Traceback (most recent call last):" in emr.log(cluster, step, "stderr")

    success = json.loads(emr.s3.get_object(Bucket="curated", Key="out/_SUCCESS")["Body"].read())
    assert success["committer"] == "magic"
    listed = emr.s3.list_objects_v2(Bucket="curated", Prefix="out/part=1/")["Contents"]
    body = b"".join(emr.s3.get_object(Bucket="curated", Key=one["Key"])["Body"].read() for one in listed[:1])
    assert set(pq.read_table(io.BytesIO(body)).column("id").to_pylist()) <= set(range(1, 100, 2))
    keys = {key.removeprefix("/").removeprefix("curated/") for key in success["filenames"]}
    assert {one["Key"] for one in listed} <= keys
