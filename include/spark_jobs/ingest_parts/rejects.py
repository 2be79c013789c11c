"""The rows that do not fit: why each was rejected, and the folder they are written to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F  # noqa: N812  the name every Spark program uses
from pyspark.sql.types import StringType, StructField, StructType

from ingest_parts.manifest import LINE, REJECTED, Manifest
from ingest_parts.reading import column, scan, with_sources
from ingest_parts.writing import count_by_upload, write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingest_parts.sources import Source


def write_rejects(
    spark: SparkSession, manifest: Manifest, schema: StructType, sources: Sequence[Source]
) -> dict[str, int]:
    """Write the rows that do not fit as JSON lines (file, line, reason); count them by upload."""
    rows = with_sources(spark, manifest, scan(spark, manifest, schema, sources), sources).where(REJECTED)
    line = F.coalesce(F.col(LINE), F.to_json(F.struct(*map(column, schema.names)))).alias("line")
    rejects = rows.select("_source_key", "_upload_id", line, reasons(manifest, schema).alias("reason"))
    write(rejects, manifest.rejects_uri, "json")
    return count_by_upload(spark, manifest.rejects_uri, "json")


def reasons(manifest: Manifest, schema: StructType) -> Column:
    """Why a row was rejected: the line's shape, the first value that is not of its type, or a null."""
    text = StructType(
        [*(StructField(name, StringType()) for name in schema.names), StructField(LINE, StringType())]
    )
    options = {**manifest.options, "columnNameOfCorruptRecord": LINE, "mode": "PERMISSIVE"}
    nulls = [
        F.when(column(item.name).isNull(), F.lit(f"column {item.name} may not be null"))
        for item in schema
        if not item.nullable
    ]
    if manifest.format == "parquet":
        return F.coalesce(*nulls, F.lit("it does not fit the schema"))
    if manifest.format == "csv":
        shape = f"it does not have the {len(schema.names)} columns of the schema"
        cells = F.from_csv(F.col(LINE), text.toDDL(), options)
    else:
        shape = "the line is not a JSON object"
        cells = F.from_json(F.col(LINE), text, options)
    cell = {item.name: cells.getField(item.name) for item in schema}
    types = [
        F.when(
            column(item.name).isNull() & cell[item.name].isNotNull(),
            F.concat(
                F.lit(f"column {item.name}: '"), F.substring(cell[item.name], 1, 60),
                F.lit(f"' is not {item.dataType.simpleString().upper()}"),
            ),
        )
        for item in schema
    ]  # fmt: skip
    broken = F.when(F.col(LINE).isNotNull() & cells.getField(LINE).isNotNull(), F.lit(shape))
    return F.coalesce(broken, *types, *nulls, F.lit("it does not fit the schema"))
