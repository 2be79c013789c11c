"""The manifest of a batch: what is to be read, how, and where the result goes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ingest_parts.dialect import Dialect, Rules, parse_dialect, parse_rules
from ingest_parts.faults import SettingsError, Unreadable, first_line

if TYPE_CHECKING:
    from ingest_parts.store import Store

VERSION = 2
DEFAULT_FILE_BYTES = 128 * 1024 * 1024
SOURCE_COLUMNS = ("_source_key", "_upload_id", "_batch_id")
INPUT_FORMATS = ("csv", "json", "parquet", "avro", "orc", "xml")
OUTPUT_FORMATS = ("parquet", "json", "csv")
COLUMN_CHOICES = ("exact", "evolve", "ignore_extra")


@dataclass(frozen=True)
class Input:
    """How the files are read."""

    format: str
    ddl: str | None
    columns: str
    charset: str
    dialect: Dialect
    rules: Rules
    row_tag: str | None


@dataclass(frozen=True)
class Output:
    """Where rows go."""

    uri: str
    format: str
    partition_by: tuple[str, ...]
    file_bytes: int


@dataclass(frozen=True)
class RejectLimits:
    """How much of a file may be rejected before all of it is quarantined; a share of 1 is no limit."""

    max_share: float = 1.0
    max_rows: int | None = None


@dataclass(frozen=True)
class Manifest:
    """What the batch is and where things go; see ``load_manifest``."""

    batch_id: str
    region: str | None
    files: tuple[dict[str, Any], ...]
    input: Input
    output: Output
    rejects_uri: str
    limits: RejectLimits
    report_uri: str


def load_manifest(store: Store, uri: str) -> Manifest:
    """Read and check the manifest.

    Raises:
        SettingsError: it cannot be read, is not JSON, or lacks a part; the message names which.
    """
    try:
        document = json.loads(store.read_bytes(uri))
    except (OSError, ValueError, Unreadable) as error:
        raise SettingsError(f"The manifest {uri} cannot be read: {first_line(error)}") from error
    try:
        return parse_manifest(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SettingsError(
            f"The manifest {uri} is not usable: {type(error).__name__} at {error}."
        ) from error


def parse_manifest(document: dict[str, Any]) -> Manifest:
    """Build the manifest from its JSON."""
    if document.get("version") != VERSION:
        raise SettingsError(
            f"The manifest has version {document.get('version')!r}; this program reads version {VERSION}."
        )
    given, output, rejects = document["input"], document["output"], document["rejects"]
    for part, value, known in (
        ("input.format", given["format"], INPUT_FORMATS),
        ("input.columns", given.get("columns", "exact"), COLUMN_CHOICES),
        ("output.format", output.get("format", "parquet"), OUTPUT_FORMATS),
    ):
        if value not in known:
            raise SettingsError(f"{part} is {value!r}; it can be {', '.join(known)}.")
    for entry in document["files"]:
        if not entry.get("uri"):
            str(entry["bucket"])
        str(entry["upload_id"]), str(entry["key"])
    return Manifest(
        batch_id=str(document["batch_id"]),
        region=document.get("region"),
        files=tuple(document["files"]),
        input=_parse_input(given),
        output=Output(
            uri=str(output["uri"]).rstrip("/"),
            format=output.get("format", "parquet"),
            partition_by=tuple(output.get("partition_by") or ()),
            file_bytes=int(output.get("file_bytes") or DEFAULT_FILE_BYTES),
        ),
        rejects_uri=str(rejects["uri"]).rstrip("/"),
        limits=RejectLimits(float(rejects.get("max_share", 1.0)), rejects.get("max_rows")),
        report_uri=str(document["report_uri"]),
    )


def _parse_input(given: dict[str, Any]) -> Input:
    return Input(
        format=given["format"],
        ddl=given.get("schema") or None,
        columns=given.get("columns", "exact"),
        charset=given.get("charset") or "utf-8",
        dialect=parse_dialect(given),
        rules=parse_rules(given),
        row_tag=given.get("row_tag"),
    )
