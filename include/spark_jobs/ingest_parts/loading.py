"""The pass: rows from the sources to the output and the rejects, and the proof that none was lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Observation, SparkSession
from pyspark.sql import functions as F  # noqa: N812  the name every Spark program uses

from ingest_parts.faults import IngestError
from ingest_parts.manifest import REJECTED, SOURCE_COLUMNS, Manifest, check_partitions
from ingest_parts.reading import column, infer_schema, scan, with_sources
from ingest_parts.rejects import write_rejects
from ingest_parts.report import Counts, progress
from ingest_parts.writing import count_by_upload, slice_key, tune, write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql.types import StructType

    from ingest_parts.hadoop import Storage
    from ingest_parts.sources import Source


def load(
    spark: SparkSession,
    storage: Storage,
    manifest: Manifest,
    declared: StructType | None,
    sources: Sequence[Source],
) -> Counts:
    """Write the output and the rejects of these sources, and count both.

    Raises:
        IngestError: the columns cannot be partitioned as asked, or rows were lost between source and output.
    """
    schema = declared or infer_schema(spark, manifest, sources)
    check_partitions(manifest, schema)
    slices = tune(spark, manifest, sources)
    seen = Observation("scan")
    scanned = scan(spark, manifest, schema, sources).observe(
        seen, F.count(F.lit(1)).alias("rows"), F.bool_or(REJECTED).alias("rejected")
    )
    rows = with_sources(spark, manifest, scanned, sources)
    progress(f"writing {manifest.output_uri} from {len(sources)} files")
    good = rows.where(~F.col(REJECTED)).select(*map(column, schema.names), *SOURCE_COLUMNS)
    write(good, manifest.output_uri, manifest.output_format, manifest.partition_by, slice_key(schema, slices))
    counts = Counts(written=count_by_upload(spark, manifest.output_uri, manifest.output_format))
    if seen.get["rejected"]:
        progress(f"writing rejected rows to {manifest.rejects_uri}")
        counts.rejected = write_rejects(spark, manifest, schema, sources)
    else:
        storage.delete(manifest.rejects_uri)
    check_total(spark, manifest, schema, sources, counts, seen=seen.get["rows"])
    return counts


def check_total(
    spark: SparkSession,
    manifest: Manifest,
    schema: StructType,
    sources: Sequence[Source],
    counts: Counts,
    *,
    seen: int,
) -> None:
    """Compare what was read with what was written.

    ``seen`` comes free with the pass, but a task that ran twice counts twice in it; so a difference is no
    proof, and only then the sources are counted again.

    Raises:
        IngestError: rows were lost or doubled.
    """
    kept = sum(counts.written.values()) + sum(counts.rejected.values())
    if seen != kept:
        seen = scan(spark, manifest, schema, sources).count()
    if seen != kept:
        raise IngestError(f"{seen} rows were read, but {kept} were written; the output is not to be trusted.")
