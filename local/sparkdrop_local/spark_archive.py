"""Spark's class-data archive: the classes that every run loads, in the form that the JVM maps at once.

A JVM that starts Spark reads and verifies some 15,000 classes. An archive of them (AppCDS,
https://docs.oracle.com/en/java/javase/17/vm/class-data-sharing.html) halves the time to the first job. It is
trained once by a run that does what an ingest does, against a throw-away S3, and only ever fits the JDK and
the jars that it was trained with: the JVM ignores one that does not fit.
"""

import hashlib
import logging
import os
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

from sparkdrop_local.spark import (
    SparkRuntime,
    build_spark_arguments,
    build_spark_environment,
)
from sparkdrop_local.spark_conf import build_spark_conf, write_spark_conf

_LOGGER = logging.getLogger(__name__)
_TRAINING_SECONDS = 180
_BUCKET = "training"
_PROGRAM = f"""
from pyspark.sql import SparkSession, functions as F

spark = SparkSession.builder.getOrCreate()
rows = spark.range(200).selectExpr("id", "id % 3 AS part", "CAST(id AS STRING) AS text")
rows.write.mode("overwrite").option("header", "true").csv("s3://{_BUCKET}/csv")
rows.write.mode("overwrite").json("s3://{_BUCKET}/json")
spark.read.option("inferSchema", "true").option("header", "true").csv("s3://{_BUCKET}/csv").count()
spark.read.json("s3://{_BUCKET}/json").count()
reader = spark.read.schema("id INT, part INT, text STRING, _bad STRING").option("header", "true")
reader = reader.option("columnNameOfCorruptRecord", "_bad")
typed = reader.csv("s3://{_BUCKET}/csv").withColumn("_key", F.input_file_name()).cache()
typed.filter("_bad is not null").count()
typed.repartition(2).write.mode("overwrite").partitionBy("part").parquet("s3://{_BUCKET}/parquet")
print(spark.read.parquet("s3://{_BUCKET}/parquet").groupBy("_key", "part").agg(F.count("*")).collect()[:1])
spark.stop()
"""


def archive_of(runtime: SparkRuntime, cache: Path) -> Path:
    """Name the archive that fits a runtime: another JDK, Spark or set of jars gets another name."""
    jars = sorted(
        jar.name for folder in (runtime.home / "jars", runtime.jars_dir) for jar in folder.glob("*.jar")
    )
    parts = [str(runtime.jdk.home), runtime.jdk.version, runtime.class_path, *runtime.java_flags, *jars]
    return cache / f"classes-{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:16]}.jsa"


def train_archive(runtime: SparkRuntime, cache: Path) -> SparkRuntime:
    """Run the training program once and give the runtime with its archive.

    An archive only saves time, so a training that fails is logged, and the runtime comes back as it was.
    """
    from moto.server import ThreadedMotoServer  # moto takes a second to import, and only training needs it

    target = archive_of(runtime, cache)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # moto's server tells of each request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        with tempfile.TemporaryDirectory(prefix="train-", dir=cache) as name:
            output = _train(runtime, Path(name), f"http://{host}:{port}")
            draft = Path(name) / "classes.jsa"
            if not draft.exists():
                _LOGGER.warning("Spark's class-data archive could not be trained: %s", output[-500:])
                return runtime
            draft.rename(target)
    finally:
        server.stop()
    return replace(runtime, archive=target)


def _train(runtime: SparkRuntime, scratch: Path, endpoint_url: str) -> str:
    """Run the program in a JVM that archives what it loaded, as ``classes.jsa`` in the folder."""
    import boto3  # as moto: only training needs it

    credentials = {
        "AWS_ACCESS_KEY_ID": "training",
        "AWS_SECRET_ACCESS_KEY": "training",
        "AWS_REGION": "us-east-1",
    }
    boto3.client(
        "s3",
        endpoint_url=endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="training",
        aws_secret_access_key="training",  # noqa: S106 - the key of a server that lives for this run
    ).create_bucket(Bucket=_BUCKET)
    program = scratch / "train.py"
    program.write_text(_PROGRAM, encoding="utf-8")
    conf_dir = scratch / "conf"
    conf = build_spark_conf(runtime, endpoint_url=endpoint_url, region="us-east-1", scratch_dir=scratch)
    write_spark_conf(conf_dir, conf)
    command = build_spark_arguments(
        runtime, [str(program)], java_options=[f"-XX:ArchiveClassesAtExit={scratch / 'classes.jsa'}"]
    )
    environment = {**os.environ, **credentials, **build_spark_environment(runtime, conf_dir=conf_dir)}
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            cwd=scratch,
            env=environment,
            timeout=_TRAINING_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"it did not end within {_TRAINING_SECONDS} s"
    return done.stdout
