"""Ingest one batch of uploads: read the manifest's files, write one output, tell what became of every row.

``spark-submit --py-files ingest_parts.zip ingest.py --manifest s3://…/manifest.json``. Spark schedules: the
driver looks at every file and plans tasks, and each task reads its parts of files, converts every value and
writes the rows itself, with Arrow. This file holds the order of the stages; ``ingest_parts`` says where each
of them is.

What holds whatever happens:

* A file is read in full, in the version that was uploaded, or it is QUARANTINED alone, with the reason; the
  rest of the batch goes on.
* A row is in the output or in the rejects, never in both: ``rows_in = rows_out + rows_rejected``. Rows are
  counted by something that is not the parser which read them, and again in what was written.
* A value is in the output only where its type gives it back unchanged.
* Output and rejects show up as a whole, by completed multipart uploads, and a retry replaces them.
* Whatever this program waits for has an end.

Errors: ``Unreadable`` (one file, quarantines it) and ``IngestError`` (the job, exit code 1). A job that fails
leaves ``failure.json`` beside its manifest: the reason, and what is to blame.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import traceback
from typing import TYPE_CHECKING, Any

from ingest_parts.agreement import agree
from ingest_parts.columns import ddl_of
from ingest_parts.committing import abort_leftovers, complete
from ingest_parts.declared import parse_schema
from ingest_parts.faults import IngestError, fault_of, first_line
from ingest_parts.gathering import gather
from ingest_parts.inspection import look_at
from ingest_parts.manifest import Manifest, load_manifest
from ingest_parts.passes import Passes, Result
from ingest_parts.report import build_report, progress
from ingest_parts.sources import without_doubles
from ingest_parts.store import Store, open_store
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark import SparkContext


def main(arguments: Sequence[str] | None = None, spark: SparkSession | None = None) -> int:
    """The program: 0 when every file has its verdict, 1 (and one sentence on stderr) when the job failed."""
    parser = argparse.ArgumentParser(prog="ingest.py", description="Ingest one batch of uploads with Spark.")
    parser.add_argument("--manifest", required=True, help="URI of the batch's manifest.json")
    manifest_uri = parser.parse_args(arguments).manifest
    session = spark or SparkSession.builder.appName(f"sparkdrop {manifest_uri}").getOrCreate()
    fault: str | None
    try:
        run(session, manifest_uri)
    except IngestError as error:
        sentence, fault = str(error), error.fault
    except Exception as error:  # noqa: BLE001  whatever it is, the batch's end tells of it
        traceback.print_exc()
        sentence, fault = _describe(error, manifest_uri), fault_of(error)
    else:
        return 0
    note_failure(open_store(None), manifest_uri, sentence, fault)
    fail(session, sentence, stop=spark is None)
    return 1


def run(spark: SparkSession, manifest_uri: str) -> dict[str, Any]:
    """Ingest the batch that the manifest describes; its report is the last thing that is written."""
    manifest = load_manifest(open_store(None), manifest_uri)
    store = open_store(manifest.region)
    report = ingest(spark, store, manifest)
    store.write_bytes(manifest.report_uri, json.dumps(report, ensure_ascii=False, indent=1).encode())
    quarantined = sum(item["state"] == "QUARANTINED" for item in report["files"])
    progress(
        f"{report['rows_in']} rows in, {report['rows_out']} out, {report['rows_rejected']} rejected, "
        f"{quarantined} of {len(report['files'])} files quarantined, {report['seconds']} s"
    )
    return report


def ingest(spark: SparkSession, store: Store, manifest: Manifest) -> dict[str, Any]:
    """Run the batch to its end; returns the report."""
    started = time.monotonic()
    declared = parse_schema(manifest.input.ddl) if manifest.input.ddl is not None else None
    for uri in (manifest.output.uri, manifest.rejects_uri):
        abort_leftovers(store, uri)
    progress(f"looking at {len(manifest.files)} files")
    sources = without_doubles(look_at(store, manifest, manifest.files))
    fields, sources = agree(store, manifest, declared, sources)
    result = Passes(spark.sparkContext, store, manifest, declared).run(fields, sources)
    progress(f"{len(result.written)} files of {ddl_of(result.fields)}")
    commit(spark.sparkContext, store, manifest, result)
    return build_report(manifest, result.sources, result.tallies, result.fields, time.monotonic() - started)


def commit(spark: SparkContext, store: Store, manifest: Manifest, result: Result) -> None:
    """Replace output and rejects by what the tasks wrote.

    Raises:
        IngestError: what was written is not what was read.
    """
    good = [tally for upload_id, tally in result.tallies.items() if upload_id in _succeeded(result)]
    for what, read, written in (
        ("rows", sum(tally.rows for tally in good), result.written),
        ("rejects", sum(tally.rejected for tally in good), result.rejects),
    ):
        kept = sum(item.rows for item in written)
        if read != kept:
            raise IngestError(
                f"{read} {what} were read, but {kept} were written; the output is not to be trusted."
            )
    files = gather(spark, store, manifest, result.written) if result.staged else result.written
    for uri, written in ((manifest.output.uri, files), (manifest.rejects_uri, result.rejects)):
        store.delete_prefix(uri + "/")
        complete(store, [item.pending for item in written])
        if written:
            store.write_bytes(f"{uri}/_SUCCESS", b"")


def _succeeded(result: Result) -> set[str]:
    return {source.upload_id for source in result.sources if not source.reason}


def _describe(error: Exception, manifest_uri: str) -> str:
    if isinstance(error, (PySparkException, Py4JError)):
        return f"Spark could not finish the batch of {manifest_uri}: {first_line(error)}"
    return f"The program breaks at the batch of {manifest_uri}: {type(error).__name__}: {first_line(error)}"


def note_failure(store: Store, manifest_uri: str, sentence: str, fault: str | None) -> None:
    """Leave the reason, and what is to blame, for whoever settles the batch; without it they read the log.

    Beside the manifest, and so beside the report: a manifest that cannot be read names no place.
    """
    failure = {"version": 1, "reason": sentence, "fault": fault}
    uri = f"{manifest_uri.rpartition('/')[0]}/failure.json"
    try:
        store.write_bytes(uri, json.dumps(failure, ensure_ascii=False).encode())
    except (IngestError, OSError) as error:
        progress(f"the failure is not noted: {error}")


def fail(session: SparkSession, sentence: str, *, stop: bool) -> None:
    """Make the sentence the last line on stderr, where EMR and people look for the reason.

    Under spark-submit Python's own stderr ends up in the driver's stdout, so the JVM has to say it.
    """
    jvm: Any = session._jvm  # noqa: SLF001  PySpark has no public way to the JVM's streams
    if stop:
        session.sparkContext.setLogLevel("OFF")  # nothing of Spark's own end may follow the sentence
        session.stop()
    print(sentence, file=sys.stderr, flush=True)
    if "PYSPARK_GATEWAY_PORT" in os.environ:
        jvm.java.lang.System.err.println(sentence)


if __name__ == "__main__":
    sys.exit(main())
