"""Ingest one batch of uploads: read the manifest's files, write one output, tell what became of every row.

``spark-submit --py-files ingest_parts.zip ingest.py --manifest s3://…/manifest.json``. Needs nothing but
PySpark 4; every file is reached through Hadoop's FileSystem API, so ``s3://``, ``hdfs://`` and ``file://``
are the same here. This file holds the order of the stages; ``ingest_parts`` says where each of them is.

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
import json
import os
import sys
import time
import traceback
from typing import TYPE_CHECKING, Any

from ingest_parts.faults import IngestError, first_line
from ingest_parts.hadoop import Storage
from ingest_parts.inspection import agree_on_columns, look_at
from ingest_parts.loading import load
from ingest_parts.manifest import Manifest, declared_schema, load_manifest, staging_uri
from ingest_parts.report import Counts, build_report, progress
from ingest_parts.sources import changed_since
from ingest_parts.verdicts import quarantine_failed
from py4j.protocol import Py4JError, Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

if TYPE_CHECKING:
    from collections.abc import Sequence


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
