"""One file of the batch: where its bytes are, what is known of it, and the parts in which it is read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ingest_parts.store import Place, Stat

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa


@dataclass(frozen=True)
class Source:
    """One file of the batch.

    ``names`` are the columns that its head or footer tells (None where only rows do: JSON, XML), ``types``
    the types of a file that declares them. ``body`` and ``line`` are where its records begin in its text,
    which follows ``mark`` bytes of a byte order mark.
    ``row_groups`` are rows and bytes of each part of Parquet. ``content`` is all of a file that is so small
    that the look has read it. ``reason`` is set once it is quarantined.
    """

    entry: dict[str, Any]
    stat: Stat | None = None
    names: tuple[str, ...] | None = None
    types: tuple[pa.DataType, ...] = ()
    separator: str = ","
    mark: int = 0
    body: int = 0
    line: int = 1
    divisible: bool = False
    row_groups: tuple[tuple[int, int], ...] = ()
    content: bytes | None = None
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    reason: str | None = None

    @property
    def upload_id(self) -> str:
        """The ledger's id of the upload."""
        return str(self.entry["upload_id"])

    @property
    def key(self) -> str:
        """The object's key, raw."""
        return str(self.entry["key"])

    @property
    def place(self) -> Place:
        """Where its bytes are."""
        return Place.of(self.entry)

    @property
    def begin(self) -> int:
        """The byte of the file at which its records begin, where its text is its bytes."""
        return self.mark + self.body

    @property
    def bytes(self) -> int:
        """Its size; what the ledger says where nobody looked."""
        return self.stat.bytes if self.stat else int(self.entry.get("bytes") or 0)


@dataclass(frozen=True)
class Part:
    """What one task reads of a file: all of it, a range of its text, or some row groups.

    ``start`` is a byte of the file (0 stands for where its records begin), ``in_quotes`` whether it lies in a
    quoted value, ``stop`` the end of the bytes in which its records begin; None reads to the end. ``line`` is
    the number of the line at ``start``.
    """

    source: Source
    start: int = 0
    stop: int | None = None
    in_quotes: bool = False
    line: int = 1
    row_groups: tuple[int, ...] | None = None

    @property
    def is_division(self) -> bool:
        """Whether other parts have the rest of the text."""
        return self.start > 0 or self.stop is not None

    @property
    def bytes(self) -> int:
        """How much there is to read."""
        if self.row_groups is not None:
            return sum(self.source.row_groups[number][1] for number in self.row_groups)
        return (self.stop if self.stop is not None else self.source.bytes) - self.start


def without_doubles(sources: Sequence[Source]) -> list[Source]:
    """The sources, with a reason at each one that is there a second time."""
    seen: set[Place] = set()
    result = []
    for source in sources:
        double = source.place in seen and not source.reason
        result.append(replace(source, reason="the same object is in the batch twice") if double else source)
        seen.add(source.place)
    return result
