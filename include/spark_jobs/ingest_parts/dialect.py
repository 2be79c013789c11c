"""How a batch's text is written: charset and CSV dialect, and how values are spelled in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ingest_parts.compression import ending_of


@dataclass(frozen=True)
class Dialect:
    """A CSV's dialect; ``separator`` None is a tab for ``.tsv``, else a comma; ``quote`` None is none."""

    separator: str | None = None
    quote: str | None = '"'
    escape: str | None = None
    header: bool = True
    skip_lines: int = 0
    comment: str | None = None

    def separator_of(self, key: str) -> str:
        """The separator of one file, by its key where the pipeline names none."""
        if self.separator is not None:
            return self.separator
        return "\t" if key.lower().removesuffix(ending_of(key)).endswith(".tsv") else ","


@dataclass(frozen=True)
class Rules:
    """How values are spelled as text.

    ``nulls`` are texts that stand for a missing value, beside the empty one. ``decimal`` and ``grouping`` are
    the marks in numbers. The formats are Spark's letters, None for ISO 8601. ``time_zone`` is that of times
    which name none.
    """

    nulls: tuple[str, ...] = ()
    decimal: str = "."
    grouping: str | None = None
    leading_zeros: bool = False
    date_format: str | None = None
    timestamp_format: str | None = None
    time_zone: str = "UTC"


def parse_dialect(given: dict[str, Any]) -> Dialect:
    """The dialect of a manifest's ``input``."""
    return Dialect(**(given.get("csv") or {}))


def parse_rules(given: dict[str, Any]) -> Rules:
    """The rules of a manifest's ``input``."""
    return Rules(
        nulls=tuple(given.get("nulls") or ()),
        decimal=given.get("decimal") or ".",
        grouping=given.get("grouping"),
        leading_zeros=bool(given.get("leading_zeros")),
        date_format=given.get("date_format"),
        timestamp_format=given.get("timestamp_format"),
        time_zone=given.get("time_zone") or "UTC",
    )
