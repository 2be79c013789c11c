"""What one Spark task does: read its parts, convert every value, write the rows, and tell what it found."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

from ingest_parts.columns import RESERVED, Difference, Field, final_fields, key_of
from ingest_parts.faults import CONTENT_FAULTS, Unreadable, Unsplittable, describe_fault
from ingest_parts.fitting import by_key, fit
from ingest_parts.inference import infer_column, join_types
from ingest_parts.manifest import SOURCE_COLUMNS
from ingest_parts.reject_lines import RejectsWriter
from ingest_parts.rows import read_part
from ingest_parts.store import open_store
from ingest_parts.writing import TaskWriter
from ingest_parts.xml_values import with_text_leaves

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingest_parts.blocks import Block
    from ingest_parts.fitting import Fitted
    from ingest_parts.manifest import Manifest
    from ingest_parts.sources import Part, Source
    from ingest_parts.store import Store
    from ingest_parts.writing import Written

_REASONS = 3  # first reasons of rejects that are kept for each file


@dataclass(frozen=True)
class Plan:
    """What all tasks of a pass have in common. ``declared`` are the columns that may not be left or added."""

    manifest: Manifest
    fields: tuple[Field, ...]
    declared: tuple[str, ...] | None


@dataclass
class Tally:
    """What a task found in the parts of one file."""

    rows: int = 0
    rejected: int = 0
    reasons: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)


@dataclass
class Done:
    """What a task did. With ``types`` or ``names`` it wrote nothing: the fields are not what its rows need.

    ``types`` are joined types of columns whose values do not fit what was inferred, ``names`` columns that no
    field is for yet. ``unreadable`` and ``indivisible`` are by upload id.
    """

    tallies: dict[str, Tally] = field(default_factory=dict)
    written: list[Written] = field(default_factory=list)
    rejects: list[Written] = field(default_factory=list)
    types: dict[str, pa.DataType] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    indivisible: set[str] = field(default_factory=set)

    @property
    def wrote(self) -> bool:
        """Whether what it wrote can be kept."""
        return not (self.types or self.names or self.indivisible)


def run_task(plan: Plan, name: str, parts: Sequence[Part]) -> Done:
    """Read and write some parts; a file that is at fault is told of, and the rest is done without it."""
    store = open_store(plan.manifest.region)
    unreadable: dict[str, str] = {}
    while True:
        left = [part for part in parts if part.source.upload_id not in unreadable]
        attempt = _Attempt(plan, store, f"{name}-{len(unreadable)}")
        try:
            done = attempt.run(left)
        except _AtFault as fault:
            attempt.abort()
            unreadable[fault.upload_id] = fault.reason
            continue
        except BaseException:
            attempt.abort()
            raise
        done.unreadable = unreadable
        return done


class _AtFault(Exception):  # noqa: N818  a verdict, with whose it is
    def __init__(self, upload_id: str, reason: str) -> None:
        super().__init__(reason)
        self.upload_id, self.reason = upload_id, reason


class _Attempt:
    """One try to do a task, until the first file that is at fault."""

    def __init__(self, plan: Plan, store: Store, name: str) -> None:
        manifest = plan.manifest
        output = manifest.output
        self.plan, self.store, self.done = plan, store, Done()
        self.fields = plan.fields
        self.schema = output_schema(plan.fields)
        self.writer = TaskWriter(
            store, output.uri, data_format=output.format, partition_by=output.partition_by,
            file_bytes=output.file_bytes, task_name=name,
        )  # fmt: skip
        self.rejects = RejectsWriter(store, manifest.rejects_uri, name)

    def run(self, parts: Sequence[Part]) -> Done:
        for part in parts:
            source = part.source
            try:
                for block in read_part(self.store, self.plan.manifest.input, part, self.fields):
                    fitted = self._fit(source, block)
                    if self.done.wrote:
                        self._write(source, fitted)
            except Unsplittable:
                self.done.indivisible.add(source.upload_id)
            except Unreadable as verdict:
                if part.is_division and self.plan.manifest.input.format == "csv":
                    self.done.indivisible.add(source.upload_id)
                    continue
                raise _AtFault(source.upload_id, str(verdict)) from verdict
            except CONTENT_FAULTS as error:
                traceback.print_exc()
                raise _AtFault(source.upload_id, describe_fault(error)) from error
        if self.done.wrote:
            self.done.written, self.done.rejects = self.writer.finish(), self.rejects.finish()
        else:
            self.abort()
        return self.done

    def abort(self) -> None:
        self.writer.abort()
        self.rejects.abort()

    def _fit(self, source: Source, block: Block) -> Fitted:
        found = block.rows + len(block.rejects)
        if block.counted != found:
            raise Unreadable(
                f"the parser found {found} records where a count of the bytes finds {block.counted}: "
                "its rows cannot be trusted"
            )
        tally = self.done.tallies.setdefault(source.upload_id, Tally())
        if source.names is None:
            self._check_names(block, tally)
        given = self.plan.manifest.input
        fitted = fit(
            block, self.fields, given.rules, partition_by=self.plan.manifest.output.partition_by,
            ignore_extra=given.columns == "ignore_extra",
        )  # fmt: skip
        for key in fitted.misfits:
            self._infer_again(key, block)
        self._count(tally, fitted)
        return fitted

    def _check_names(self, block: Block, tally: Tally) -> None:
        """What a file's rows name that its head could not tell.

        Raises:
            Unreadable: a name that the output adds itself, or one that no column is declared for.
        """
        new = {key_of(name): name.strip() for name in block.columns if key_of(name) not in tally.names}
        tally.names |= new
        taken = [name for key, name in new.items() if key in RESERVED]
        if taken:
            raise Unreadable(f"its rows name {', '.join(taken)}, which is added on reading")
        known = {item.key for item in self.fields}
        extra = {key: name for key, name in new.items() if key not in known}
        choice = self.plan.manifest.input.columns
        if not extra or (self.plan.declared is not None and choice == "ignore_extra"):
            return
        if self.plan.declared is not None and choice == "exact":
            difference = Difference(extra=tuple(extra.values()))
            raise Unreadable(difference.describe(self.plan.declared, "the declared ones"))
        columns = by_key(block)
        for key, name in extra.items():
            self.done.names[key] = name
            found = infer_column(columns[key], self.plan.manifest.input.rules)
            self.done.types[key] = join_types(
                self.done.types.get(key, pa.null()),
                found,
                text=columns[key].is_text,
                xml=columns[key].is_xml,
            )

    def _infer_again(self, key: str, block: Block) -> None:
        column = by_key(block)[key]
        known = self.done.types.get(key) or next(item.target.arrow for item in self.fields if item.key == key)
        found = infer_column(column, self.plan.manifest.input.rules)
        joined = join_types(known, found, text=column.is_text, xml=column.is_xml)
        if joined == known and key not in self.done.types:
            joined = with_text_leaves(joined) if column.is_xml else pa.string()
        self.done.types[key] = joined

    @staticmethod
    def _count(tally: Tally, fitted: Fitted) -> None:
        tally.rows += fitted.rows
        tally.rejected += len(fitted.rejects)
        for reject in fitted.rejects[: _REASONS - len(tally.reasons)]:
            where = f"line {reject.line}: " if reject.line else f"row {reject.row}: " if reject.row else ""
            tally.reasons.append(where + reject.reason)

    def _write(self, source: Source, fitted: Fitted) -> None:
        if fitted.rejects:
            self.rejects.write(source.key, source.upload_id, fitted.rejects)
        if fitted.rows:
            self.writer.write(self._table(source, fitted))

    def _table(self, source: Source, fitted: Fitted) -> pa.Table:
        """The rows as they are written, with where they come from."""
        constants = (source.key, source.upload_id, self.plan.manifest.batch_id)
        kinds = self.schema.types[: len(fitted.arrays)]
        arrays = [
            array if array.type == kind else array.cast(kind)
            for array, kind in zip(fitted.arrays, kinds, strict=True)
        ]
        arrays += [pa.repeat(pa.scalar(value, pa.string()), fitted.rows) for value in constants]
        return pa.Table.from_arrays(arrays, schema=self.schema)


def output_schema(fields: Sequence[Field]) -> pa.Schema:
    """The Arrow schema of the output."""
    own = [pa.field(item.name, item.target.arrow, item.nullable) for item in final_fields(fields)]
    return pa.schema([*own, *(pa.field(name, pa.string()) for name in SOURCE_COLUMNS)])
