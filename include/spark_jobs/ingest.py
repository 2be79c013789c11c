"""Ingest one batch of uploads: read the manifest's files, write one output, tell what became of every row.

``spark-submit ingest.py --manifest s3://…/manifest.json``. Needs nothing but PySpark 4; every file is reached
through Hadoop's FileSystem API, so ``s3://``, ``hdfs://`` and ``file://`` are the same here.

What holds whatever happens:

* A file is read in full or it is QUARANTINED alone, with the reason; the rest of the batch goes on.
* A row is in the output or in the rejects, never in both: ``rows_in = rows_out + rows_rejected``.
* Output and rejects are replaced as a whole, so a retry of the step adds nothing.

How it reads: one look at the head of every file (in threads), then one Spark pass from the sources to the
output. Only when that pass saw a row that does not fit, a second one writes the rejects. Rows per file are
counted in what was written: accumulators would count a task twice that ran twice.

Errors: ``Unreadable`` (one file, quarantines it) and ``IngestError`` (the job, exit code 1).
"""

from __future__ import annotations

import argparse
import codecs
import csv
import json
import os
import re
import sys
import time
import traceback
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, cast

from py4j.protocol import Py4JError, Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, Observation, SparkSession
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

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

JavaObject = Any  # what py4j hands out: an object of the JVM, known by its Java documentation only

HEAD_BYTES = 64 * 1024  # enough for a header and to tell text from rubbish; one ranged GET
THREADS = 32  # requests to the store that are under way at once while files are looked at
DEFAULT_FILE_BYTES = 128 * 1024 * 1024
# Shuffled rows are bigger than the same rows in Parquet: 3.9 times for flights and weather, 1.7 for prose,
# 1.2 for random text. With 2, a file ends between half and 1.7 times the size that is asked for.
SHUFFLE_TO_OUTPUT_RATIO = {"parquet": 2, "json": 1, "csv": 1}
COPY_LIMIT_BYTES = (
    5 * 1024**3
)  # one CopyObject: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
HIDDEN = re.compile(r"^[_.]|\._COPYING_$")  # names that Spark passes over in silence
LINE, FILE, REJECTED, SLICE = (f"_sparkdrop_{name}" for name in ("line", "file", "rejected", "slice"))
SOURCE_COLUMNS = ("_source_key", "_upload_id", "_batch_id")
RESERVED = {LINE, FILE, REJECTED, SLICE, "_metadata", *SOURCE_COLUMNS}
COMPRESSED = (".gz", ".bz2", ".zst", ".snappy", ".lz4", ".deflate")
FORMATS = ("csv", "json", "parquet")
# Options that would let Spark pass over files or data in silence, or change what this program relies on.
REFUSED_OPTIONS = {
    "columnnameofcorruptrecord", "columnpruning", "enforceschema", "ignorecorruptfiles", "ignoremissingfiles",
    "inferschema", "mode", "modifiedafter", "modifiedbefore", "pathglobfilter", "recursivefilelookup",
}  # fmt: skip
# What Spark says when a file's bytes are at fault, and not the way to them (a lost connection, a full disk).
CONTENT_FAULTS = (
    "COLUMN_DATA_TYPE_MISMATCH", "ParquetDecodingException", "is not a Parquet file", "TextParsingException",
    "MALFORMED_CSV_RECORD", "could not read page", "Could not read footer", "CharConversionException",
)  # fmt: skip


class IngestError(Exception):
    """The job cannot do its work; the message is one plain sentence and becomes the step's failure reason."""


class Unreadable(Exception):  # noqa: N818  it is a verdict on one file, not a failure of the program
    """One file cannot be read; the message is the plain reason that its uploader sees."""


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


@dataclass(frozen=True)
class Source:
    """One file of the batch: where its bytes are, and what is known of them.

    ``path`` is Hadoop's Path of the bytes to read (the object, or a staged copy), ``uri`` the same as Spark
    shows it in ``_metadata.file_path``, ``mark`` what changes when the object does, ``header`` the first line
    (of Parquet: the footer's schema). ``reason`` is set once the file is quarantined.
    """

    entry: dict[str, Any]
    path: JavaObject = None
    uri: str = ""
    bytes: int = 0
    mark: tuple[Any, ...] = ()
    status: JavaObject = field(default=None, compare=False)
    staged: bool = False
    header: str = ""
    columns: tuple[str, ...] = ()
    reason: str | None = None

    @property
    def upload_id(self) -> str:
        """The ledger's id of the upload."""
        return str(self.entry["upload_id"])

    @property
    def key(self) -> str:
        """The object's key, raw."""
        return str(self.entry["key"])


@dataclass
class Counts:
    """Rows of each upload, by upload id."""

    written: dict[str, int] = field(default_factory=dict)
    rejected: dict[str, int] = field(default_factory=dict)


# --- storage --------------------------------------------------------------------------------------


class Storage:
    """Files through Hadoop's FileSystem API, with the cluster's own connectors and credentials."""

    def __init__(self, spark: SparkSession) -> None:
        # PySpark has no public way to Hadoop's FileSystem; these two attributes are what everyone uses.
        self._jvm: JavaObject = cast("JavaObject", spark._jvm)  # noqa: SLF001
        self._conf: JavaObject = spark.sparkContext._jsc.hadoopConfiguration()  # noqa: SLF001
        self._path: JavaObject = self._jvm.org.apache.hadoop.fs.Path

    def path(self, uri: str) -> JavaObject:
        """Hadoop's Path of a raw (not URL-encoded) URI."""
        return self._path(uri)

    def source_path(self, entry: dict[str, Any]) -> JavaObject:
        """The Path of a manifest entry; ``uri``, where given, stands in for bucket and key."""
        if entry.get("uri"):
            return self._path(str(entry["uri"]))
        return self._path("s3", str(entry["bucket"]), f"/{entry['key']}")

    def system(self, path: JavaObject) -> JavaObject:
        """The FileSystem that serves the path."""
        return path.getFileSystem(self._conf)

    def status(self, path: JavaObject) -> JavaObject:
        """The file's status, or None where there is no such file (a folder is none)."""
        try:
            status = self.system(path).getFileStatus(path)
        except Py4JJavaError as error:
            if "FileNotFoundException" in str(error.java_exception.getClass().getName()):
                return None
            raise
        return None if status.isDirectory() else status

    def read_at(self, status: JavaObject, start: int, count: int) -> bytes:
        """Some bytes of a file, by one ranged request where the store knows such."""
        path = status.getPath()
        builder = self.system(path).openFile(path).withFileStatus(status)
        stream = builder.opt("fs.option.openfile.read.policy", "random").build().get()
        try:
            stream.seek(start)
            return bytes(stream.readNBytes(count))
        finally:
            stream.close()

    def parquet_schema(self, status: JavaObject) -> str:
        """The schema in a Parquet file's footer, as Parquet spells it.

        Raises:
            Unreadable: the footer cannot be read.
        """
        source = self._jvm.org.apache.parquet.hadoop.util.HadoopInputFile.fromStatus(status, self._conf)
        try:
            reader = self._jvm.org.apache.parquet.hadoop.ParquetFileReader.open(source)
        except Py4JJavaError as error:
            raise Unreadable(f"its Parquet footer cannot be read: {first_line(error)}") from error
        try:
            return str(reader.getFileMetaData().getSchema().toString())
        finally:
            reader.close()

    def decompress(self, path: JavaObject) -> str | None:
        """Read a compressed file to its end with the codec Spark would take; what is wrong with it, or None.

        None also for a file that no codec claims: then there is nothing to verify.
        """
        codec = self._jvm.org.apache.hadoop.io.compress.CompressionCodecFactory(self._conf).getCodec(path)
        if codec is None:
            return None
        stream = self.system(path).open(path)
        try:
            sink = self._jvm.java.io.OutputStream.nullOutputStream()
            self._jvm.org.apache.hadoop.io.IOUtils.copyBytes(codec.createInputStream(stream), sink, 65536)
        except Py4JJavaError as error:
            name = error.java_exception.getClass().getName()
            if name in {"java.io.EOFException", "java.util.zip.ZipException", "java.io.IOException"}:
                return str(error.java_exception.getMessage())
            raise
        finally:
            stream.close()
        return None

    def read_text(self, uri: str) -> str:
        """The file's content as UTF-8."""
        path = self._path(uri)
        stream = self.system(path).open(path)
        try:
            return bytes(stream.readAllBytes()).decode()
        finally:
            stream.close()

    def write_text(self, uri: str, text: str) -> None:
        """Write the file whole, in place of what was there."""
        path = self._path(uri)
        stream = self.system(path).create(path, True)  # noqa: FBT003  Java's own signature
        try:
            stream.write(text.encode())
        finally:
            stream.close()

    def delete(self, uri: str) -> None:
        """Remove the file or folder, if it is there."""
        path = self._path(uri)
        self.system(path).delete(path, True)  # noqa: FBT003  Java's own signature

    def stage(self, entry: dict[str, Any], source: JavaObject, target: JavaObject) -> None:
        """Copy the bytes that the upload named to where Spark can read them; S3 copies on its own side.

        Raises:
            Unreadable: the named version is gone, or too big for one copy.
        """
        system = self.system(source)
        if entry.get("uri"):
            util = self._jvm.org.apache.hadoop.fs.FileUtil
            util.copy(system, source, self.system(target), target, False, self._conf)  # noqa: FBT003  Java's
            return
        if "S3A" not in system.getClass().getName():
            raise IngestError(
                "Reading an older version of an object needs Hadoop's S3A connector (EMR 7.10 or later)."
            )
        if int(entry.get("bytes") or 0) > COPY_LIMIT_BYTES:
            raise Unreadable(
                "it was overwritten before its run, and is too big (over 5 GiB) to fetch the old version"
            )
        request = self._jvm.software.amazon.awssdk.services.s3.model.CopyObjectRequest.builder()
        request = request.sourceBucket(str(entry["bucket"])).sourceKey(str(entry["key"]))
        if entry.get("version_id"):
            request = request.sourceVersionId(str(entry["version_id"]))
        uri = target.toUri()
        request = request.destinationBucket(uri.getHost()).destinationKey(uri.getPath().lstrip("/")).build()
        try:
            system.getS3AInternals().getAmazonS3Client("copy of a named version").copyObject(request)
        except Py4JJavaError as error:
            if _status_code(error) in {400, 404, 405}:  # a malformed or unknown version, a delete marker
                raise Unreadable("it was deleted before its run") from error
            raise


def _status_code(error: Py4JJavaError) -> int | None:
    """The HTTP status of an AWS SDK error, None for any other error."""
    if "awssdk" not in error.java_exception.getClass().getName():
        return None
    try:
        return int(error.java_exception.statusCode())
    except Py4JError:
        return None


# --- the manifest ---------------------------------------------------------------------------------


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


# --- one look at every file -----------------------------------------------------------------------


def option(options: dict[str, str], *names: str, default: str) -> str:
    """A reader option by any of its names; Spark does not look at their case."""
    lowered = {name.lower(): value for name, value in options.items()}
    return next((lowered[name.lower()] for name in names if name.lower() in lowered), default)


def decode_head(data: bytes, *, complete: bool, encoding: str) -> str:
    """The text at the start of a file.

    Args:
        data: the first bytes, decompressed.
        complete: whether this is the whole file; if not, a character may be cut at the end.
        encoding: the charset of the text.

    Raises:
        Unreadable: these bytes are no text.
    """
    wide = encoding.lower().replace("_", "-").startswith(("utf-16", "utf-32"))
    if b"\x00" in data and not wide:
        raise Unreadable("it is not a text file: it has zero bytes in its first block")
    try:
        text = codecs.getincrementaldecoder(encoding)("strict").decode(data, final=complete)
    except LookupError as error:
        raise IngestError(f"input.options names the unknown encoding {encoding!r}.") from error
    except UnicodeDecodeError as error:
        raise Unreadable(
            f"it is not a text file in {encoding}: byte {error.start} fits no character"
        ) from error
    return text.removeprefix("\ufeff")


def gunzip_head(data: bytes, *, complete: bool) -> bytes:
    """The decompressed start of a gzip file; all members when the whole file is here.

    Raises:
        Unreadable: it is not gzip, is damaged, or (where the whole file is here) ends too early.
    """
    result = bytearray()
    while data:
        member = zlib.decompressobj(wbits=31)
        try:
            result += member.decompress(data, HEAD_BYTES) if not complete else member.decompress(data)
        except zlib.error as error:
            raise Unreadable(f"it is named .gz, but is not sound gzip ({error})") from error
        if complete and not member.eof:
            raise Unreadable("the gzip file is truncated: it ends before its data do")
        data = member.unused_data if complete else b""
    return bytes(result)


def first_lines(text: str, options: dict[str, str]) -> list[str]:
    """The lines of a text that are neither blank nor comments."""
    separator, comment = option(options, "lineSep", default=""), option(options, "comment", default="")
    lines = text.split(separator) if separator else text.splitlines(keepends=True)
    return [line for line in lines if line.strip() and not (comment and line.startswith(comment))]


def parse_header(text: str, options: dict[str, str]) -> tuple[str, tuple[str, ...]]:
    """The raw first line of a CSV text, and its column names as Spark would call them.

    Raises:
        Unreadable: there is no such line, a name stands twice, or is one that this program adds.
    """
    lines = first_lines(text, options)
    if not lines:
        raise Unreadable("the file is empty")
    separator, quote = option(options, "sep", "delimiter", default=","), option(options, "quote", default='"')
    separator = separator.replace("\\t", "\t")
    if len(separator) > 1:
        cells = lines[0].rstrip("\r\n").split(separator)
    else:
        escape = option(options, "escape", default="\\")
        reader = csv.reader(
            lines, delimiter=separator, quotechar=quote or None,
            escapechar=escape if escape != quote else None,
            quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        )  # fmt: skip
        try:
            cells = next(reader)
        except csv.Error as error:
            raise Unreadable(f"its header cannot be read: {error}") from error
    columns = tuple(name.strip() or f"_c{place}" for place, name in enumerate(cells))
    double = [name for name, count in Counter(name.casefold() for name in columns).items() if count > 1]
    if double:
        raise Unreadable(f"its header names {double[0]!r} more than once")
    if RESERVED & set(columns):
        raise Unreadable(
            f"its header names {', '.join(sorted(RESERVED & set(columns)))}, which is added on reading"
        )
    return lines[0].rstrip("\r\n"), columns


def column_fault(found: Sequence[str], expected: Sequence[str], whose: str) -> str | None:
    """What is wrong with a file's columns, None where they are the expected ones in any order."""
    have, want = {name.casefold() for name in found}, {name.casefold() for name in expected}
    missing = [name for name in expected if name.casefold() not in have]
    extra = [name for name in found if name.casefold() not in want]
    if not missing and not extra:
        return None
    parts = [
        f"{what} {', '.join(names)}" for what, names in (("lacks", missing), ("has also", extra)) if names
    ]
    return f"wrong columns: {whose} are {', '.join(expected)}; the file {' and '.join(parts)}"


def locate(storage: Storage, manifest: Manifest, entry: dict[str, Any], place: int) -> Source:
    """Find the bytes that the upload named, and make a copy where Spark cannot read them in place.

    That is so when the key was overwritten since (the named version is copied), when Spark would hide the
    file (names that begin with ``_`` or ``.``) and when Hadoop's Path cannot spell the key (``a//b``).

    Raises:
        Unreadable: the object, or the version that the upload named, is gone.
    """
    path = storage.source_path(entry)
    spelled = bool(entry.get("uri")) or path.toUri().getPath() == f"/{entry['key']}"
    if spelled:
        status = storage.status(path)
        if status is None:
            raise Unreadable("it was deleted before its run")
        current = is_named_version(entry, status)
        if not current and not entry.get("version_id"):
            raise Unreadable("it was overwritten before its run, and its bucket keeps no versions")
        if current and not HIDDEN.search(path.getName()):
            return source_at(entry, status)
    suffix = re.search(r"\.[A-Za-z0-9]+$", str(entry["key"]))
    target = storage.path(f"{staging_uri(manifest)}/{place:06d}{suffix.group().lower() if suffix else ''}")
    storage.stage(entry, path, target)
    return replace(source_at(entry, storage.status(target)), staged=True)


def is_named_version(entry: dict[str, Any], status: JavaObject) -> bool:
    """Whether the object at the key is still what the upload named; yes where the store cannot tell."""
    if "S3A" not in status.getClass().getName():
        return True
    found = (status.getVersionId(), (status.getETag() or "").strip('"'))
    named = (entry.get("version_id"), (entry.get("etag") or "").strip('"'))
    return all(not have or not want or have == want for have, want in zip(found, named, strict=True))


def source_at(entry: dict[str, Any], status: JavaObject) -> Source:
    """The source whose bytes are at the status' path."""
    mark: tuple[Any, ...] = (status.getLen(), status.getModificationTime())
    if "S3A" in status.getClass().getName():
        mark = (*mark, status.getETag(), status.getVersionId())
    path = status.getPath()
    return Source(
        entry=entry, path=path, uri=path.toUri().toString(), bytes=status.getLen(), mark=mark, status=status
    )


def staging_uri(manifest: Manifest) -> str:
    """The folder of this batch's copies, beside its report."""
    return f"{manifest.report_uri.rpartition('/')[0]}/staging"


def inspect(storage: Storage, manifest: Manifest, schema: StructType | None, source: Source) -> Source:
    """Look at the head of one file and tell its columns.

    Raises:
        Unreadable: it cannot be this format at all, or its columns are not the declared ones.
    """
    if source.bytes == 0:
        raise Unreadable("the file is empty")
    if manifest.format == "parquet":
        return inspect_parquet(storage, source)
    text = read_head(storage, manifest, source)
    if text is None or manifest.format == "json" or not has_header(manifest):
        return source
    header, columns = parse_header(text, manifest.options)
    fault = schema and column_fault(columns, schema.names, "the declared ones")
    if fault:
        raise Unreadable(fault)
    return replace(source, header=header, columns=columns)


def has_header(manifest: Manifest) -> bool:
    """Whether the batch's CSV files begin with a line of names."""
    return manifest.format == "csv" and option(manifest.options, "header", default="true").lower() == "true"


def read_head(storage: Storage, manifest: Manifest, source: Source) -> str | None:
    """The text at the file's start; None where only Spark's codecs can tell.

    Raises:
        Unreadable: it is no text, or empty once it is decompressed.
    """
    data = storage.read_at(source.status, 0, HEAD_BYTES)
    complete = len(data) == source.bytes
    name = source.path.getName()
    if name.endswith(".gz"):
        data = gunzip_head(data, complete=complete)
    elif name.endswith(COMPRESSED):
        return None
    elif data.startswith(b"\x1f\x8b"):
        raise Unreadable("it is gzip, but its name does not end in .gz")
    if complete and not data.strip():
        raise Unreadable("the file is empty")
    encoding = option(manifest.options, "encoding", "charset", default="UTF-8")
    return decode_head(data, complete=complete, encoding=encoding)


def inspect_parquet(storage: Storage, source: Source) -> Source:
    """Check a Parquet file's marks at both ends, and note its schema as its footer spells it.

    Raises:
        Unreadable: it is not Parquet, or it is truncated.
    """
    if storage.read_at(source.status, 0, 4) != b"PAR1":
        raise Unreadable("it is not a Parquet file")
    if storage.read_at(source.status, max(0, source.bytes - 4), 4) != b"PAR1":
        raise Unreadable("the Parquet file is truncated: its footer is missing")
    return replace(source, header=storage.parquet_schema(source.status))


def look_at(
    storage: Storage,
    manifest: Manifest,
    schema: StructType | None,
    entries: Sequence[tuple[int, dict[str, Any]]],
) -> list[Source]:
    """Locate and inspect files, many at a time; a file that fails alone carries its reason."""

    def look(item: tuple[int, dict[str, Any]]) -> Source:
        place, entry = item
        try:
            return inspect(storage, manifest, schema, locate(storage, manifest, entry, place))
        except Unreadable as verdict:
            return Source(entry=entry, bytes=int(entry.get("bytes") or 0), reason=str(verdict))

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(look, entries))


def agree_on_columns(sources: list[Source], *, declared: bool) -> list[Source]:
    """Quarantine what is there twice and, with no declared schema, what has other columns than most files."""
    seen: set[str] = set()
    named = Counter(frozenset(map(str.casefold, source.columns)) for source in sources if source.columns)
    usual = named.most_common(1)[0][0] if named and not declared else None
    main = next((s.columns for s in sources if frozenset(map(str.casefold, s.columns)) == usual), ())
    result = []
    for source in sources:
        reason = source.reason
        if not reason and source.uri in seen:
            reason = "the same object is in the batch twice"
        if not reason and main and source.columns:
            reason = column_fault(source.columns, main, "those of most files in the batch")
        seen.add(source.uri)
        result.append(replace(source, reason=reason))
    return result


# --- from the sources to the output ---------------------------------------------------------------


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


def write_rejects(
    spark: SparkSession, manifest: Manifest, schema: StructType, sources: Sequence[Source]
) -> dict[str, int]:
    """Write the rows that do not fit as JSON lines (file, line, reason); count them by upload."""
    rows = with_sources(spark, manifest, scan(spark, manifest, schema, sources), sources).where(REJECTED)
    line = F.coalesce(F.col(LINE), F.to_json(F.struct(*map(column, schema.names)))).alias("line")
    rejects = rows.select("_source_key", "_upload_id", line, reasons(manifest, schema).alias("reason"))
    write(rejects, manifest.rejects_uri, "json")
    return count_by_upload(spark, manifest.rejects_uri, "json")


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


# --- when a file fails in the middle --------------------------------------------------------------


def quarantine_failed(storage: Storage, sources: list[Source], error: Exception) -> list[Source]:
    """Find the files that made a pass fail and set their reasons; raises the error when none is at fault.

    A truncated gzip shows only at its end. To verify each one first would make the driver alone read every
    compressed byte, for a fault that is rare. So the pass itself is the check (its codec throws at a cut
    stream, and nothing is committed); only after such a failure all compressed files of the batch are
    verified, by the same codec: one more pass, however many are broken.
    """
    trace = f"{error}\n{getattr(error, '_stackTrace', '')}"
    named = {
        s.upload_id
        for s in sources
        if not s.reason and re.search(f"file {re.escape(s.uri)}(?![^\\s.,])", trace)
    }

    def judge(source: Source) -> Source:
        if source.reason:
            return source
        if storage.status(source.path) is None:
            return replace(source, reason="it was deleted before its run")
        fault = storage.decompress(source.path)
        if fault:
            return replace(source, reason=f"the compressed file is truncated or damaged ({fault})")
        if source.upload_id in named and any(sign in trace for sign in CONTENT_FAULTS):
            return replace(source, reason=f"Spark cannot read it: {root_cause(trace)}")
        return source

    with ThreadPoolExecutor(THREADS) as pool:
        judged = list(pool.map(judge, sources))
    if judged == sources:
        raise error
    return judged


def root_cause(trace: str) -> str:
    """The last cause in a Java stack trace, as one line."""
    causes = [
        line.removeprefix("Caused by: ") for line in trace.splitlines() if line.startswith("Caused by: ")
    ]
    return (causes or trace.splitlines())[-1].strip()[:300]


def changed_since(storage: Storage, sources: Sequence[Source]) -> set[str]:
    """Uploads whose object was overwritten or deleted while it was read; copies of ours do not change."""

    def changed(source: Source) -> bool:
        if source.reason or source.staged:
            return False
        status = storage.status(source.path)
        return status is None or source_at(source.entry, status).mark != source.mark

    with ThreadPoolExecutor(THREADS) as pool:
        return {
            source.upload_id for source, hit in zip(sources, pool.map(changed, sources), strict=True) if hit
        }


# --- the job --------------------------------------------------------------------------------------


def ingest(spark: SparkSession, storage: Storage, manifest: Manifest) -> dict[str, Any]:
    """Run the batch to its end; returns the report."""
    started = time.monotonic()
    declared = declared_schema(manifest)
    progress(f"looking at {len(manifest.files)} files")
    sources = look_at(storage, manifest, declared, list(enumerate(manifest.files)))
    counts = Counts()
    while True:
        sources = agree_on_columns(sources, declared=declared is not None)
        readable = [source for source in sources if not source.reason]
        if not readable:
            storage.delete(manifest.output_uri)
            storage.delete(manifest.rejects_uri)
            break
        try:
            counts = load(spark, storage, manifest, declared, readable)
        except (PySparkException, Py4JJavaError) as error:
            sources = quarantine_failed(storage, sources, error)
            progress("a file failed on reading; going on without it")
            continue
        changed = changed_since(storage, sources)
        if not changed:
            break
        progress(f"{len(changed)} files changed while they were read; reading again")
        again = [(place, s.entry) for place, s in enumerate(sources) if s.upload_id in changed]
        fresh = {source.upload_id: source for source in look_at(storage, manifest, declared, again)}
        sources = [fresh.get(source.upload_id, source) for source in sources]
    storage.delete(staging_uri(manifest))
    return build_report(manifest, sources, counts, time.monotonic() - started)


def build_report(
    manifest: Manifest, sources: Sequence[Source], counts: Counts, seconds: float
) -> dict[str, Any]:
    """The report: the batch's totals and every file's own."""
    files: list[dict[str, Any]] = []
    for source in sources:
        written = 0 if source.reason else counts.written.get(source.upload_id, 0)
        rejected = 0 if source.reason else counts.rejected.get(source.upload_id, 0)
        files.append(
            {
                "upload_id": source.upload_id, "key": source.key,
                "state": "QUARANTINED" if source.reason else "SUCCEEDED",
                "rows_in": written + rejected, "rows_out": written, "rows_rejected": rejected,
                "reason": source.reason,
            }
        )  # fmt: skip
    totals = {name: sum(item[name] for item in files) for name in ("rows_in", "rows_out", "rows_rejected")}
    read_bytes = sum(source.bytes for source in sources if not source.reason)
    return {
        "version": 1, "batch_id": manifest.batch_id, "output": manifest.output_uri, **totals,
        "bytes_in": read_bytes, "seconds": round(seconds, 3), "files": files,
    }  # fmt: skip


def progress(text: str) -> None:
    """One line of progress on the step's stdout."""
    print(f"ingest: {text}", flush=True)


def first_line(error: BaseException) -> str:
    """An error's message without its stack."""
    text = error.java_exception.toString() if isinstance(error, Py4JJavaError) else str(error)
    return next((line.strip() for line in str(text).splitlines() if line.strip()), type(error).__name__)


def run(spark: SparkSession, manifest_uri: str) -> dict[str, Any]:
    """Ingest the batch that the manifest describes; its report is the last thing that is written."""
    session = spark.newSession()  # the settings of this batch stay out of the caller's session
    storage = Storage(session)
    manifest = load_manifest(storage, manifest_uri)
    report = ingest(session, storage, manifest)
    storage.write_text(manifest.report_uri, json.dumps(report, ensure_ascii=False, indent=1))
    quarantined = sum(item["state"] == "QUARANTINED" for item in report["files"])
    progress(
        f"{report['rows_in']} rows in, {report['rows_out']} out, {report['rows_rejected']} rejected, "
        f"{quarantined} of {len(report['files'])} files quarantined, {report['seconds']} s"
    )
    return report


def main(arguments: Sequence[str] | None = None, spark: SparkSession | None = None) -> int:
    """The program: 0 when every file has its verdict, 1 (and one sentence on stderr) when the job failed."""
    parser = argparse.ArgumentParser(prog="ingest.py", description="Ingest one batch of uploads with Spark.")
    parser.add_argument("--manifest", required=True, help="URI of the batch's manifest.json")
    manifest_uri = parser.parse_args(arguments).manifest
    session = spark or SparkSession.builder.appName(f"sparkdrop {manifest_uri}").getOrCreate()
    try:
        run(session, manifest_uri)
    except IngestError as error:
        sentence = str(error)
    except (PySparkException, Py4JError) as error:
        traceback.print_exc()
        sentence = f"Spark could not finish the batch of {manifest_uri}: {first_line(error)}"
    else:
        return 0
    fail(session, sentence, stop=spark is None)
    return 1


def fail(session: SparkSession, sentence: str, *, stop: bool) -> None:
    """Make the sentence the last line on stderr, where EMR and people look for the reason.

    Under spark-submit Python's own stderr ends up in the driver's stdout, so the JVM has to say it.
    """
    jvm: Any = session._jvm  # noqa: SLF001  as in Storage
    if stop:
        session.sparkContext.setLogLevel("OFF")  # nothing of Spark's own end may follow the sentence
        session.stop()
    print(sentence, file=sys.stderr, flush=True)
    if "PYSPARK_GATEWAY_PORT" in os.environ:
        jvm.java.lang.System.err.println(sentence)


if __name__ == "__main__":
    sys.exit(main())
