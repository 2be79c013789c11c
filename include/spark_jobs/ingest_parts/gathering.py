"""Many tasks times many partitions make many small files: a second stage makes well-sized ones of them.

The tasks then write below a hidden folder of the output, and the second stage replaces it. With
few tasks there are few files to a partition, and the first stage writes the output itself.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ingest_parts.committing import complete
from ingest_parts.merging import merge_group, plan_merges, target_uri
from ingest_parts.report import progress
from ingest_parts.store import open_store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark import SparkContext

    from ingest_parts.manifest import Manifest
    from ingest_parts.merging import Group
    from ingest_parts.store import Store
    from ingest_parts.writing import Written

MANY_TASKS = 8


def staged(manifest: Manifest, tasks: int) -> Manifest:
    """The manifest as tasks get it: with a hidden folder as their output, where a second stage follows."""
    if not is_staged(manifest, tasks):
        return manifest
    return replace(manifest, output=replace(manifest.output, uri=f"{manifest.output.uri}/_staging"))


def is_staged(manifest: Manifest, tasks: int) -> bool:
    """Whether a second stage follows."""
    return bool(manifest.output.partition_by) and tasks >= MANY_TASKS


def gather(spark: SparkContext, store: Store, manifest: Manifest, pieces: Sequence[Written]) -> list[Written]:
    """Make the output's files of the tasks' pieces; only these are visible yet, in their hidden folder."""
    complete(store, [piece.pending for piece in pieces])
    output = manifest.output
    groups = list(enumerate(plan_merges(pieces, output.file_bytes)))
    progress(f"joining {len(pieces)} pieces to {len(groups)} files")
    region = manifest.region

    def merge(item: tuple[int, Group]) -> Written:
        place, group = item
        uri = target_uri(output.uri, group, output.format, place)
        return merge_group(open_store(region), group, uri, data_format=output.format)

    return list(spark.parallelize(groups, max(1, len(groups))).map(merge).collect())
