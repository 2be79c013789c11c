"""Folders of rows: replaced as a whole, counted by what is there, in files of the size that is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812  the name every Spark program uses

from ingest_parts.manifest import SLICE, Manifest
from ingest_parts.reading import column
from ingest_parts.sources import COMPRESSED, Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql.types import StructType

# Shuffled rows are bigger than the same rows in Parquet: 3.9 times for flights and weather, 1.7 for prose,
# 1.2 for random text. With 2, a file ends between half and 1.7 times the size that is asked for.
SHUFFLE_TO_OUTPUT_RATIO = {"parquet": 2, "json": 1, "csv": 1}


def write(
    frame: DataFrame,
    uri: str,
    data_format: str,
    partition_by: Sequence[str] = (),
    slicer: Column | None = None,
) -> None:
    """Replace the folder by the frame's rows, through the committer that the cluster is set to.

    Rows go to the writers by partition value or by upload (and slice), and adaptive execution then joins or
    splits what each writer gets until it has the size that ``tune`` asked for.
    """
    keys = [column(name) for name in partition_by or ("_upload_id",)]
    if slicer is not None:
        frame, keys = frame.withColumn(SLICE, slicer), [*keys, column(SLICE)]
    writer = frame.hint("rebalance", *keys).drop(SLICE).write.mode("overwrite").format(data_format)
    writer = writer.option("partitionOverwriteMode", "static").option("header", "true")
    writer.partitionBy(*partition_by).save(uri)


def count_by_upload(spark: SparkSession, uri: str, data_format: str) -> dict[str, int]:
    """Rows of each upload in a written folder: what is there, and not what a task thought it wrote."""
    reader = spark.read.format(data_format)
    if data_format == "csv":
        frame = reader.option("header", "true").load(uri)
    else:
        frame = reader.schema("_upload_id STRING").load(uri)
    return {row[0]: row[1] for row in frame.groupBy("_upload_id").count().collect()}


def tune(spark: SparkSession, manifest: Manifest, sources: Sequence[Source]) -> int:
    """Set the session so that adaptive execution makes output files of the size that is asked for.

    Returns:
        Into how many slices the rows of one writer's key have to be cut. Adaptive execution joins what is
        small, but splits what is big only between the tasks that read it; one task reads a compressed file.
    """
    advisory = manifest.file_bytes * SHUFFLE_TO_OUTPUT_RATIO[manifest.output_format]
    sizes = [source.bytes * (5 if source.path.getName().endswith(COMPRESSED) else 1) for source in sources]
    packed = [source.bytes * 5 for source in sources if source.path.getName().endswith(COMPRESSED)]
    parts = min(4000, 8 + 4 * sum(sizes) // advisory)
    settings = {
        "spark.sql.adaptive.enabled": "true",
        "spark.sql.adaptive.coalescePartitions.enabled": "true",
        "spark.sql.adaptive.coalescePartitions.parallelismFirst": "false",
        "spark.sql.adaptive.coalescePartitions.minPartitionSize": str(1 + advisory // 4),
        "spark.sql.adaptive.advisoryPartitionSizeInBytes": str(advisory),
        "spark.sql.adaptive.coalescePartitions.initialPartitionNum": str(parts),
    }
    for name, value in settings.items():
        spark.conf.set(name, value)
    if manifest.partition_by:  # every slice is one more file in each partition: no more than needed
        return 1 + max(packed, default=0) // advisory
    return min(1000, 1 + 2 * sum(sizes) // advisory)


def slice_key(schema: StructType, slices: int) -> Column | None:
    """What cuts rows into slices by content: the same row goes the same way when its task runs again."""
    hashable = [column(item.name) for item in schema if "map<" not in item.dataType.simpleString()]
    return F.pmod(F.xxhash64(*hashable), F.lit(slices)) if slices > 1 and hashable else None
