"""The manifest of a batch: what is to be read, how, and where the result goes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql.types import StructType

from ingest_parts.faults import IngestError, first_line

if TYPE_CHECKING:
    from ingest_parts.hadoop import Storage

DEFAULT_FILE_BYTES = 128 * 1024 * 1024
LINE, FILE, REJECTED, SLICE = (f"_sparkdrop_{name}" for name in ("line", "file", "rejected", "slice"))
SOURCE_COLUMNS = ("_source_key", "_upload_id", "_batch_id")
RESERVED = {LINE, FILE, REJECTED, SLICE, "_metadata", *SOURCE_COLUMNS}
FORMATS = ("csv", "json", "parquet")
# Options that would let Spark pass over files or data in silence, or change what this program relies on.
REFUSED_OPTIONS = {
    "columnnameofcorruptrecord", "columnpruning", "enforceschema", "ignorecorruptfiles", "ignoremissingfiles",
    "inferschema", "mode", "modifiedafter", "modifiedbefore", "pathglobfilter", "recursivefilelookup",
}  # fmt: skip


@dataclass(frozen=True)
class Manifest:
    """What the batch is and where things go; see ``load_manifest``."""

    batch_id: str
    files: tuple[dict[str, Any], ...]
    format: str
    ddl: str | None
    options: dict[str, str]
    output_uri: str
    output_format: str
    partition_by: tuple[str, ...]
    file_bytes: int
    rejects_uri: str
    report_uri: str


def load_manifest(storage: Storage, uri: str) -> Manifest:
    """Read and check the manifest.

    Raises:
        IngestError: it cannot be read, is not JSON, or lacks a part; the message names which.
    """
    try:
        document = json.loads(storage.read_text(uri))
    except (Py4JError, ValueError) as error:
        raise IngestError(f"The manifest {uri} cannot be read: {first_line(error)}") from error
    try:
        return parse_manifest(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise IngestError(f"The manifest {uri} is not usable: {type(error).__name__} at {error}.") from error


def parse_manifest(document: dict[str, Any]) -> Manifest:
    """Build the manifest from its JSON."""
    if document.get("version") != 1:
        raise IngestError(
            f"The manifest has version {document.get('version')!r}; this program reads version 1."
        )
    given, output = document["input"], document["output"]
    options = {str(name): str(value) for name, value in (given.get("options") or {}).items()}
    refused = sorted(name for name in options if name.lower() in REFUSED_OPTIONS)
    if refused:
        raise IngestError(f"input.options may not set {', '.join(refused)}: this program sets them itself.")
    for part, value in (
        ("input.format", given["format"]),
        ("output.format", output.get("format", "parquet")),
    ):
        if value not in FORMATS:
            raise IngestError(f"{part} is {value!r}; it can be {', '.join(FORMATS)}.")
    for entry in document["files"]:
        if not entry.get("uri"):
            str(entry["bucket"])
        str(entry["upload_id"]), str(entry["key"])
    return Manifest(
        batch_id=str(document["batch_id"]),
        files=tuple(document["files"]),
        format=given["format"],
        ddl=given.get("schema") or None,
        options={"header": "true", **options} if given["format"] == "csv" else options,
        output_uri=str(output["uri"]).rstrip("/"),
        output_format=output.get("format", "parquet"),
        partition_by=tuple(output.get("partition_by") or ()),
        file_bytes=int(output.get("file_bytes") or DEFAULT_FILE_BYTES),
        rejects_uri=str(document["rejects_uri"]).rstrip("/"),
        report_uri=str(document["report_uri"]),
    )


def declared_schema(manifest: Manifest) -> StructType | None:
    """The schema that the pipeline declares, None where it is to be inferred.

    Raises:
        IngestError: it is not Spark DDL, or names a column that this program adds.
    """
    if manifest.ddl is None:
        return None
    try:
        schema = cast("StructType", StructType.fromDDL(manifest.ddl))
    except PySparkException as error:
        raise IngestError(f"input.schema is not Spark DDL: {first_line(error)}") from error
    taken = sorted(RESERVED & set(schema.names))
    if taken:
        raise IngestError(
            f"input.schema names {', '.join(taken)}, which this program adds itself; rename the column."
        )
    check_partitions(manifest, schema)
    return schema


def check_partitions(manifest: Manifest, schema: StructType) -> None:
    """Refuse partition columns that the rows do not have."""
    unknown = [name for name in manifest.partition_by if name not in {*schema.names, *SOURCE_COLUMNS}]
    if unknown:
        raise IngestError(
            f"output.partition_by names {', '.join(unknown)}, but the columns are {', '.join(schema.names)}."
        )


def option(options: dict[str, str], *names: str, default: str) -> str:
    """A reader option by any of its names; Spark does not look at their case."""
    lowered = {name.lower(): value for name, value in options.items()}
    return next((lowered[name.lower()] for name in names if name.lower() in lowered), default)


def has_header(manifest: Manifest) -> bool:
    """Whether the batch's CSV files begin with a line of names."""
    return manifest.format == "csv" and option(manifest.options, "header", default="true").lower() == "true"


def staging_uri(manifest: Manifest) -> str:
    """The folder of this batch's copies, beside its report."""
    return f"{manifest.report_uri.rpartition('/')[0]}/staging"
