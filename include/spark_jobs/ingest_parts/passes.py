"""Passes over the files until every one of them has its verdict and every value its type.

A pass that goes well is the only one. A file that turns out to be at fault costs one more run of the tasks
that read it; a value that no guess of its column's type took costs one more pass.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa

from ingest_parts.columns import MAX_NAMES, Field, inferred_field, key_of
from ingest_parts.committing import abort
from ingest_parts.declared import check_partitions
from ingest_parts.faults import IngestError
from ingest_parts.gathering import is_staged, staged
from ingest_parts.inference import join_types
from ingest_parts.planning import as_whole, plan_parts, plan_tasks
from ingest_parts.report import progress
from ingest_parts.task import Done, Plan, Tally, run_task

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pyspark import SparkContext

    from ingest_parts.manifest import Manifest, RejectLimits
    from ingest_parts.sources import Part, Source
    from ingest_parts.store import Store
    from ingest_parts.writing import Written

_MOST_PASSES = 50  # each one widens a type or does without a file; more would be a fault of the program


@dataclass
class Result:
    """The end of all passes: files with their verdicts, what each one gave, and what is to be committed.

    ``staged`` says that what was written are pieces, of which the output has yet to be made.
    """

    sources: list[Source]
    fields: tuple[Field, ...]
    tallies: dict[str, Tally]
    written: list[Written]
    rejects: list[Written]
    staged: bool = False


class Passes:
    """Runs tasks until nothing is left to run again."""

    def __init__(
        self, spark: SparkContext, store: Store, manifest: Manifest, declared: tuple[Field, ...] | None
    ) -> None:
        self._spark, self._store, self._manifest = spark, store, manifest
        self._declared = tuple(field.name for field in declared) if declared is not None else None
        self._done: dict[int, Done] = {}
        self._tasks: dict[int, list[Part]] = {}
        self._count = self._planned = 0

    def run(self, fields: tuple[Field, ...], sources: list[Source]) -> Result:
        """Run passes to the end.

        Raises:
            IngestError: the columns cannot be partitioned as asked, rows name too many of them, or the passes
                come to no end.
        """
        for _ in range(_MOST_PASSES):
            readable = [source for source in sources if not source.reason]
            if not readable:
                self._forget(self._done)
                return Result(sources, fields, {}, [], [])
            if fields:
                check_partitions(self._manifest.output.partition_by, fields)
            if not self._tasks:
                self._plan(readable)
            self._run_missing(fields)
            most = max(MAX_NAMES, len(fields))
            fields, sources, again = self._judge(fields, sources)
            if len(fields) > most:
                raise IngestError(
                    f"The rows of the batch's files name more than {MAX_NAMES:,} columns in all: objects are "
                    "maps, whose names are values. Declare those that are needed as input.schema, with "
                    "columns: ignore_extra."
                )
            if not again:
                done = self._done.values()
                written = [item for one in done for item in one.written]
                rejects = [item for one in done for item in one.rejects]
                return Result(
                    sources,
                    fields,
                    self._tallies(),
                    written,
                    rejects,
                    is_staged(self._manifest, self._planned),
                )
        self._forget(self._done)
        raise IngestError(
            f"The types of the columns do not settle after {_MOST_PASSES} passes over the batch."
        )

    def _plan(self, readable: Sequence[Source]) -> None:
        parts = plan_parts(self._spark, self._manifest, readable)
        tasks = plan_tasks(parts, self._spark.defaultParallelism)
        self._tasks = {self._count + number: task for number, task in enumerate(tasks)}
        self._count += len(tasks)
        self._planned = len(tasks)

    def _run_missing(self, fields: tuple[Field, ...]) -> None:
        todo = [(number, parts) for number, parts in self._tasks.items() if number not in self._done]
        plan = Plan(staged(self._manifest, self._planned), fields, self._declared)
        files = {part.source.upload_id for _, parts in todo for part in parts}
        progress(f"reading {len(files)} files in {len(todo)} tasks")

        def run(item: tuple[int, list[Part]]) -> tuple[int, Done]:
            number, parts = item
            return number, run_task(plan, f"{number:05d}", parts)

        self._done |= dict(self._spark.parallelize(todo, max(1, len(todo))).map(run).collect())

    def _tallies(self) -> dict[str, Tally]:
        """What all tasks together found in each file."""
        found: dict[str, Tally] = defaultdict(Tally)
        for number in sorted(self._done):
            for upload_id, tally in self._done[number].tallies.items():
                whole = found[upload_id]
                whole.rows += tally.rows
                whole.rejected += tally.rejected
                whole.reasons = [*whole.reasons, *tally.reasons][:3]
                whole.names |= tally.names
        return found

    def _judge(
        self, fields: tuple[Field, ...], sources: list[Source]
    ) -> tuple[tuple[Field, ...], list[Source], bool]:
        """What a pass says of fields and files, and whether tasks have to run again for it."""
        done = self._done.values()
        widened = self._widen(fields, done)
        indivisible = {upload_id for one in done for upload_id in one.indivisible}
        reasons = {upload_id: reason for one in done for upload_id, reason in one.unreadable.items()}
        if widened == fields and not indivisible:
            tallies = self._tallies()
            expected = self._declared
            for source in sources:
                tally = tallies.get(source.upload_id)
                if tally and source.upload_id not in reasons and not source.reason:
                    fault = judge_tally(
                        tally, self._manifest.limits, expected if source.names is None else None
                    )
                    if fault:
                        reasons[source.upload_id] = fault
        sources = [
            replace(source, reason=source.reason or reasons.get(source.upload_id)) for source in sources
        ]
        sources = [as_whole(source) if source.upload_id in indivisible else source for source in sources]
        if widened != fields or indivisible:
            self._forget(self._done)
            self._tasks, self._done = {}, {}
            progress("reading again: values do not fit the types that the first rows show")
            return widened, sources, True
        return widened, self._with_extras(sources), self._rerun_without(reasons)

    def _rerun_without(self, reasons: dict[str, str]) -> bool:
        """Take files out of their tasks; those tasks run again, unless they did without the files already."""
        again = []
        for number, parts in self._tasks.items():
            left = [part for part in parts if part.source.upload_id not in reasons]
            gone = {part.source.upload_id for part in parts} & reasons.keys()
            self._tasks[number] = left
            if gone - self._done[number].unreadable.keys():
                again.append(number)
        self._forget({number: self._done.pop(number) for number in again})
        self._tasks = {
            number: parts for number, parts in self._tasks.items() if parts or number in self._done
        }
        return bool(again) and any(number not in self._done for number in self._tasks)

    def _with_extras(self, sources: list[Source]) -> list[Source]:
        """Note what files have beside the declared columns, where only their rows tell."""
        if self._declared is None:
            return sources
        declared = {key_of(name) for name in self._declared}
        tallies = self._tallies()

        def note(source: Source) -> Source:
            if source.names is not None or source.upload_id not in tallies or source.reason:
                return source
            names = tallies[source.upload_id].names
            return replace(source, extra=tuple(name for key, name in names.items() if key not in declared))

        return [note(source) for source in sources]

    def _widen(self, fields: tuple[Field, ...], done: Iterable[Done]) -> tuple[Field, ...]:
        given = self._manifest.input.format
        types: dict[str, pa.DataType] = {}
        names: dict[str, str] = {}
        for one in done:
            for key, kind in one.types.items():
                types[key] = (
                    join_types(types[key], kind, text=given in ("csv", "json", "xml"), xml=given == "xml")
                    if key in types
                    else kind
                )
            for key, name in one.names.items():
                names.setdefault(key, name)
        known = {field.key for field in fields}
        widened = [
            inferred_field(field.name, types[field.key]) if field.key in types else field for field in fields
        ]
        widened += [
            inferred_field(name, types.get(key, pa.null())) for key, name in names.items() if key not in known
        ]
        return tuple(widened)

    def _forget(self, done: dict[int, Done]) -> None:
        """Take back what tasks wrote that will not be committed."""
        pending = [item.pending for one in done.values() for item in (*one.written, *one.rejects)]
        abort(self._store, pending)


def judge_tally(tally: Tally, limits: RejectLimits, expected: Sequence[str] | None) -> str | None:
    """Why a file is quarantined for its rows; None where it is not.

    Args:
        tally: what was found in it.
        limits: how much may be rejected.
        expected: the declared columns, where only the rows tell which the file has.
    """
    total = tally.rows + tally.rejected
    if expected and tally.names and not tally.names.keys() & set(map(key_of, expected)):
        return f"wrong columns: the declared ones are {', '.join(expected)}; its rows have none of them"
    if not tally.rejected:
        return None
    first = "; ".join(tally.reasons)
    if not tally.rows:
        return f"none of its {total} rows fits: {first}"
    many = f"{tally.rejected} of its {total} rows do not fit"
    if limits.max_rows is not None and tally.rejected > limits.max_rows:
        return f"{many}, more than rejects.max_rows ({limits.max_rows}): {first}"
    share = Decimal(repr(limits.max_share))  # as it was written, which a float is not
    if tally.rejected > share * total:
        return f"{many}, more than rejects.max_share ({(share * 100).normalize():f}%): {first}"
    return None
