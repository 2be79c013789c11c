"""The columns that a batch is read to: the declared ones, or those that its files show."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

import pyarrow as pa

from ingest_parts.columns import (
    Difference,
    Field,
    all_columns,
    compare,
    inferred_field,
    key_of,
    usual_columns,
)
from ingest_parts.faults import CONTENT_FAULTS, Unreadable
from ingest_parts.fitting import by_key
from ingest_parts.inference import infer_column, join_types
from ingest_parts.rows import read_part
from ingest_parts.sources import Part, Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingest_parts.manifest import Manifest
    from ingest_parts.store import Store

_SAMPLED = 3  # files whose first rows make the first guess of types; every row is held to it later


def agree(
    store: Store, manifest: Manifest, declared: tuple[Field, ...] | None, sources: Sequence[Source]
) -> tuple[tuple[Field, ...], list[Source]]:
    """The fields of the output, and the sources with what they lack or have beside them.

    Files whose columns the pipeline does not take carry their reason.
    """
    choice = manifest.input.columns
    named = [source.names for source in sources if source.names is not None and not source.reason]
    if declared is not None:
        expected, whose = [field.name for field in declared], "the declared ones"
    else:
        usual = usual_columns(named) if named else ()
        expected = list(all_columns(named) if choice == "evolve" else usual)
        whose = "those of most files in the batch"
    judged = [_judge(source, expected, whose, manifest, declared=declared is not None) for source in sources]
    fields = list(declared or ())
    known = {field.key for field in fields}
    added: Sequence[str] = expected if declared is None else ()
    if declared is not None and choice == "evolve":
        added = all_columns(source.extra for source in judged if not source.reason)
    fields += [inferred_field(name, pa.null()) for name in added if key_of(name) not in known]
    return tuple(_guess(store, manifest, fields, [source for source in judged if not source.reason])), judged


def _judge(
    source: Source, expected: Sequence[str], whose: str, manifest: Manifest, *, declared: bool
) -> Source:
    if source.reason or source.names is None:
        return source
    if declared and not manifest.input.dialect.header and manifest.input.format == "csv":
        return replace(source, names=tuple(expected))  # its fields are the declared columns, in their order
    difference = compare(source.names, expected)
    source = replace(source, missing=difference.missing, extra=difference.extra)
    nothing = len(difference.missing) == len(expected) and expected
    if nothing or (manifest.input.columns == "exact" and difference != Difference()):
        return replace(source, reason=difference.describe(expected, whose))
    return source


def _guess(store: Store, manifest: Manifest, fields: list[Field], sources: Sequence[Source]) -> list[Field]:
    """Guess the types of columns that are not declared: by footers, or by the first rows of some files."""
    open_keys = {field.key for field in fields if field.target.inferred}
    types: dict[str, pa.DataType] = {}
    if not open_keys:
        return fields
    for source in sources:
        if source.types:
            for name, kind in zip(source.names or (), source.types, strict=True):
                types[key_of(name)] = join_types(types.get(key_of(name), pa.null()), kind, text=False)
    texts = [source for source in sources if not source.types and source.names is not None]
    for source in texts[:_SAMPLED]:
        for key, kind in _first_types(store, manifest, source, open_keys).items():
            types[key] = join_types(types.get(key, pa.null()), kind, text=True)
    return [
        inferred_field(field.name, types[field.key])
        if field.key in open_keys and field.key in types
        else field
        for field in fields
    ]


def _first_types(store: Store, manifest: Manifest, source: Source, keys: set[str]) -> dict[str, pa.DataType]:
    try:
        block = next(islice(read_part(store, manifest.input, Part(source, line=source.line)), 1), None)
        columns = by_key(block) if block is not None else {}
        return {key: infer_column(columns[key], manifest.input.rules) for key in keys & columns.keys()}
    except (Unreadable, *CONTENT_FAULTS):
        return {}  # the task that reads it says why
