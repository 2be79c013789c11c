"""From the sources to rows: one schema for the batch, and every row with its file and whether it fits."""

from __future__ import annotations

import re
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812  the name every Spark program uses
from pyspark.sql.types import (
    DataType,
    DateType,
    DoubleType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from ingest_parts.manifest import FILE, LINE, REJECTED, SOURCE_COLUMNS, Manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ingest_parts.sources import Source


def column(name: str) -> Column:
    """A column by its literal name, dots and all."""
    return F.col("`" + name.replace("`", "``") + "`")


def readable_paths(sources: Sequence[Source]) -> list[str]:
    """The sources' paths as a reader takes them: characters that mean a pattern are escaped."""
    return [re.sub(r"([\[\]{}*?\\])", r"\\\1", source.path.toString()) for source in sources]


def read(
    spark: SparkSession, manifest: Manifest, schema: StructType | None, sources: Sequence[Source]
) -> DataFrame:
    """The reader of some files; damaged or missing ones are errors, whatever the cluster's settings say."""
    reader = spark.read.format(manifest.format).options(**manifest.options)
    reader = reader.options(ignoreCorruptFiles="false", ignoreMissingFiles="false", mode="PERMISSIVE")
    # Without pruning every column is parsed in every pass, so that both passes call the same rows bad.
    reader = reader.options(columnNameOfCorruptRecord=LINE, columnPruning="false")
    if schema is None:
        return reader.option("inferSchema", "true").load(readable_paths(sources))
    return reader.schema(schema).load(readable_paths(sources))


def grouped(sources: Sequence[Source], key: Callable[[Source], Any]) -> list[list[Source]]:
    """The sources in groups of equal keys: one reader a group, so few however many files there are."""
    groups: dict[Any, list[Source]] = {}
    for source in sources:
        groups.setdefault(key(source), []).append(source)
    return list(groups.values())


def wider(left: DataType, right: DataType) -> DataType:
    """The narrowest type that holds the values of both."""
    ladders: tuple[tuple[DataType, ...], ...] = (
        (IntegerType(), LongType(), DoubleType()),
        (DateType(), TimestampType()),
    )
    for ladder in ladders:
        if left in ladder and right in ladder:
            return ladder[max(ladder.index(left), ladder.index(right))]
    return left if left == right else StringType()


def infer_schema(spark: SparkSession, manifest: Manifest, sources: Sequence[Source]) -> StructType:
    """One schema for the whole batch: inferred for each way the header is written, then merged by name."""
    fields: dict[str, StructField] = {}
    for group in grouped(sources, lambda source: source.header):
        for item in read(spark, manifest, None, group).schema:
            name = item.name.casefold()
            if item.name != LINE:
                known = fields.get(name, item)
                fields[name] = StructField(known.name, wider(known.dataType, item.dataType))
    return StructType(list(fields.values()))


def scan(spark: SparkSession, manifest: Manifest, schema: StructType, sources: Sequence[Source]) -> DataFrame:
    """All rows of the sources with their file, the line that did not fit, and whether they are rejected."""
    by_name = {item.name.casefold(): item for item in schema}
    frames = []
    for group in grouped(sources, lambda source: source.columns):
        items = [by_name[name.casefold()] for name in group[0].columns] or list(schema)
        if manifest.format == "parquet":
            frame = read(spark, manifest, StructType(list(schema)), group)
            frame = frame.select(
                *map(column, schema.names), F.lit(None).cast("string").alias(LINE), "_metadata.file_path"
            )
        else:
            frame = read(spark, manifest, StructType([*items, StructField(LINE, StringType())]), group)
            frame = frame.select(*map(column, schema.names), LINE, "_metadata.file_path")
        frames.append(frame.withColumnRenamed("file_path", FILE))
    required = [column(item.name).isNull() for item in schema if not item.nullable]
    return reduce(DataFrame.unionByName, frames).withColumn(
        REJECTED, reduce(or_, required, F.col(LINE).isNotNull())
    )


def with_sources(
    spark: SparkSession, manifest: Manifest, frame: DataFrame, sources: Sequence[Source]
) -> DataFrame:
    """Add the source columns; a row whose file is none of ours would be a bug, and fails the job."""
    rows = [
        (uri, source.key, source.upload_id, manifest.batch_id)
        for source in sources
        for uri in {
            source.uri,
            re.sub("^file:/+", "file:/", source.uri),
        }  # Hadoop spells local paths in two ways
    ]
    lookup = spark.createDataFrame(rows, [FILE, *SOURCE_COLUMNS])
    joined = frame.join(F.broadcast(lookup), FILE, "left")
    unknown = F.raise_error(F.concat(F.lit("no upload of the batch is the file "), F.col(FILE)))
    return joined.withColumn("_upload_id", F.coalesce(F.col("_upload_id"), unknown.cast("string")))
