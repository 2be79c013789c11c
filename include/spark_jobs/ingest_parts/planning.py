"""Which task reads what: large files are divided, small ones share a task, and all cores have work."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from ingest_parts.compression import ending_of
from ingest_parts.csv_split import Measure, divide, measure
from ingest_parts.sources import Part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark import SparkContext

    from ingest_parts.manifest import Manifest
    from ingest_parts.sources import Source

PART_BYTES = 128 * 1024 * 1024  # of a file that can be divided; one task reads several where they are smaller
OPEN_BYTES = 256 * 1024  # what opening a file costs, in bytes that could be read meanwhile
HELD_BYTES = 8 * 1024  # the same of a file whose content is there already
LEAST_BYTES = 4 * 1024 * 1024  # less than this is not worth a task of its own
RATIO = {".gz": 5, ".bz2": 7, ".xz": 7, ".zst": 5, ".zip": 5}  # of a text's size to its file's


def plan_parts(
    spark: SparkContext, manifest: Manifest, sources: Sequence[Source], part_bytes: int = PART_BYTES
) -> list[Part]:
    """The parts of all files, in the files' order."""
    size = _part_size(spark, sources, part_bytes)
    whole: dict[str, list[Part]] = {}
    ranges: list[tuple[Source, int, int]] = []
    for source in sources:
        if source.row_groups:
            whole[source.upload_id] = _parquet_parts(source, size)
        elif source.divisible and source.bytes > 1.5 * size:
            ranges += [(source, *bounds) for bounds in _bounds(source, size)]
        else:
            whole[source.upload_id] = [Part(source, line=source.line)]
    if ranges:
        whole |= _divide(spark, manifest, ranges)
    return [part for source in sources for part in whole[source.upload_id]]


def _part_size(spark: SparkContext, sources: Sequence[Source], part_bytes: int) -> int:
    """Parts so small that every core gets one, but not smaller than is worth a task."""
    total = sum(source.bytes for source in sources)
    return max(LEAST_BYTES, min(part_bytes, 1 + total // max(1, spark.defaultParallelism)))


def _bounds(source: Source, size: int) -> list[tuple[int, int]]:
    count = max(1, round(source.bytes / size))
    step = source.bytes // count
    edges = [source.begin, *(number * step for number in range(1, count)), source.bytes]
    return [(start, stop) for start, stop in pairwise(edges) if stop > start]


def _parquet_parts(source: Source, size: int) -> list[Part]:
    parts: list[Part] = []
    groups: list[int] = []
    held = 0
    for number, (_, held_bytes) in enumerate(source.row_groups):
        if groups and held + held_bytes > size:
            parts.append(Part(source, row_groups=tuple(groups)))
            groups, held = [], 0
        groups.append(number)
        held += held_bytes
    return [*parts, Part(source, row_groups=tuple(groups))]


def _divide(
    spark: SparkContext, manifest: Manifest, ranges: Sequence[tuple[Source, int, int]]
) -> dict[str, list[Part]]:
    """Count quotes and lines of every range, by as many tasks; then each part knows how it starts."""
    from ingest_parts.store import open_store

    region = manifest.region
    quote = manifest.input.dialect.quote if manifest.input.format == "csv" else None

    def count(item: tuple[Source, int, int]) -> Measure:
        return measure(open_store(region), *item, quote)

    found = spark.parallelize(list(ranges), len(ranges)).map(count).collect()
    grouped: dict[str, list[int]] = {}
    for number, (source, _, _) in enumerate(ranges):
        grouped.setdefault(source.upload_id, []).append(number)
    parts: dict[str, list[Part]] = {}
    for upload_id, numbers in grouped.items():
        source = ranges[numbers[0]][0]
        bounds = [ranges[number][1:] for number in numbers]
        parts[upload_id] = divide(source, source.begin, bounds, [found[number] for number in numbers])
    return parts


def plan_tasks(parts: Sequence[Part], cores: int, task_bytes: int = 2 * PART_BYTES) -> list[list[Part]]:
    """Group parts into tasks of about equal work, in order; one for each core where it is worth it."""
    weights = [_weigh(part) for part in parts]
    total = sum(weights)
    share = max(LEAST_BYTES, min(task_bytes, 1 + total // max(1, cores)))
    tasks: list[list[Part]] = []
    held = 0
    for part, weight in zip(parts, weights, strict=True):
        if tasks and held + weight / 2 <= share:
            tasks[-1].append(part)
            held += weight
        else:
            tasks.append([part])
            held = weight
    return tasks


def _weigh(part: Part) -> int:
    cost = OPEN_BYTES if part.source.content is None else HELD_BYTES
    return cost + part.bytes * RATIO.get(ending_of(part.source.key), 1)


def as_whole(source: Source) -> Source:
    """The same file, not to be divided any more."""
    return replace(source, divisible=False)
