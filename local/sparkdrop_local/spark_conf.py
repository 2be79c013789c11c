"""Spark's settings on one machine: S3 by S3A at the emulation's endpoint, and everything small.

The committer's settings: https://hadoop.apache.org/docs/r3.4.1/hadoop-aws/tools/hadoop-aws/committers.html
"""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from sparkdrop_local.spark import SparkRuntime

_CREDENTIALS = "software.amazon.awssdk.auth.credentials.EnvironmentVariableCredentialsProvider"
_CLOUD = "org.apache.spark.internal.io.cloud"


def build_spark_conf(
    runtime: SparkRuntime, *, endpoint_url: str, region: str, scratch_dir: Path
) -> dict[str, str]:
    """Build the defaults of a run: S3 by S3A at the endpoint, the magic committer, loopback only, small."""
    s3a = {
        "endpoint": endpoint_url,
        "endpoint.region": region,
        "path.style.access": "true",
        "connection.ssl.enabled": str(urlsplit(endpoint_url).scheme == "https").lower(),
        "aws.credentials.provider": _CREDENTIALS,
        "committer.name": "magic",
        "committer.magic.enabled": "true",
        "buffer.dir": str(scratch_dir / "s3a"),
    }
    return {
        "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
        "spark.hadoop.fs.AbstractFileSystem.s3.impl": "org.apache.hadoop.fs.s3a.S3A",
        "spark.hadoop.mapreduce.outputcommitter.factory.scheme.s3": (
            "org.apache.hadoop.fs.s3a.commit.S3ACommitterFactory"
        ),
        **{f"spark.hadoop.fs.s3a.{key}": value for key, value in s3a.items()},
        "spark.sql.sources.commitProtocolClass": f"{_CLOUD}.PathOutputCommitProtocol",
        "spark.sql.parquet.output.committer.class": f"{_CLOUD}.BindingParquetOutputCommitter",
        "spark.sql.shuffle.partitions": str(runtime.shuffle_partitions),
        "spark.sql.warehouse.dir": (scratch_dir / "warehouse").as_uri(),
        "spark.local.dir": str(scratch_dir / "blocks"),
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": str(runtime.ui).lower(),
        "spark.ui.showConsoleProgress": "false",
    }


def write_spark_conf(conf_dir: Path, conf: Mapping[str, str]) -> None:
    """Write ``spark-defaults.conf`` as Spark reads it: one key and value a line, backslashes doubled."""
    conf_dir.mkdir(parents=True, exist_ok=True)
    lines = [f"{key} {value.replace(chr(92), chr(92) * 2)}\n" for key, value in conf.items()]
    (conf_dir / "spark-defaults.conf").write_text("".join(lines), encoding="utf-8")


def build_event_log_conf(folder: Path) -> dict[str, str]:
    """Build the settings by which a run leaves its events where a history server finds them."""
    folder.mkdir(parents=True, exist_ok=True)
    return {"spark.eventLog.enabled": "true", "spark.eventLog.dir": folder.as_uri()}
