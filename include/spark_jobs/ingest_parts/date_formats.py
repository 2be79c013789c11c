"""Dates and times in a declared format: Spark's letters, read strictly.

Letters as in https://spark.apache.org/docs/4.0.2/sql-ref-datetime-pattern.html, those with one meaning for
every reader: y M d H h m s S a X Z and quoted text. Nothing may stand before, behind or between.
"""

# ruff: noqa: PLR2004 - limits of clocks and calendars
from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_ITEM = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|([^A-Za-z'])")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_PATTERNS = {
    "yyyy": r"(?P<year>\d{4})", "y": r"(?P<year>\d{4})", "yy": r"(?P<short_year>\d\d)",
    "MM": r"(?P<month>\d\d)", "M": r"(?P<month>\d{1,2})", "MMM": r"(?P<month_name>[A-Za-z]{3})",
    "dd": r"(?P<day>\d\d)", "d": r"(?P<day>\d{1,2})",
    "HH": r"(?P<hour>\d\d)", "H": r"(?P<hour>\d{1,2})", "hh": r"(?P<half>\d\d)", "h": r"(?P<half>\d{1,2})",
    "mm": r"(?P<minute>\d\d)", "m": r"(?P<minute>\d{1,2})",
    "ss": r"(?P<second>\d\d)", "s": r"(?P<second>\d{1,2})",
    "a": r"(?P<noon>[AaPp][Mm])",
}  # fmt: skip
_ZONES = {
    "X": r"(?P<zone>Z|[+-]\d\d(?::?\d\d)?)",
    "x": r"(?P<zone>[+-]\d\d(?::?\d\d)?)",
    "Z": r"(?P<zone>[+-]\d{4})",
}


@cache
def compile_format(pattern: str) -> Callable[[str], datetime | None]:
    """A parser of texts in this format; it answers None for all that is not exactly so.

    Raises:
        ValueError: a letter that is not supported.
    """
    parts = []
    for found in _ITEM.finditer(pattern):
        quoted, letter, mark = found.groups()
        if letter:
            parts.append(_letters(found[0]))
        else:
            parts.append(re.escape(mark if mark else (quoted.replace("''", "'") or "'")))
    expression = re.compile("".join(parts), re.ASCII)

    def parse(text: str) -> datetime | None:
        match = expression.fullmatch(text)
        try:
            return (
                _build({key: value for key, value in match.groupdict().items() if value}) if match else None
            )
        except ValueError:
            return None

    return parse


def _letters(run: str) -> str:
    if run in _PATTERNS:
        return _PATTERNS[run]
    if run[0] in _ZONES:
        return _ZONES[run[0]]
    if set(run) == {"S"} and len(run) <= 9:
        return rf"(?P<fraction>\d{{{len(run)}}})"
    raise ValueError(f"{run!r} is no letter of a date format")


def _build(parts: dict[str, str]) -> datetime:
    year = int(parts["year"]) if "year" in parts else 2000 + int(parts["short_year"])
    month = 1 + _MONTHS.index(parts["month_name"].lower()) if "month_name" in parts else int(parts["month"])
    hour = int(parts.get("hour", "0"))
    if "half" in parts:
        if not 1 <= int(parts["half"]) <= 12:
            raise ValueError(parts["half"])
        hour = int(parts["half"]) % 12 + (12 if parts.get("noon", "am").lower() == "pm" else 0)
    fraction = parts.get("fraction", "").ljust(6, "0")
    if fraction[6:].strip("0"):
        raise ValueError(fraction)
    moment = datetime(  # noqa: DTZ001  the zone follows
        year,
        month,
        int(parts["day"]),
        hour,
        int(parts.get("minute", "0")),
        int(parts.get("second", "0")),
        int(fraction[:6]),
    )
    return moment.replace(tzinfo=parse_offset(parts["zone"])) if "zone" in parts else moment


def parse_offset(text: str) -> timezone:
    """The zone that ``Z`` or ``+01:30`` names.

    Raises:
        ValueError: there is no such offset.
    """
    if text == "Z":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if minutes > 59 or hours > 18:
        raise ValueError(text)
    size = timedelta(hours=hours, minutes=minutes)
    return timezone(-size if text[0] == "-" else size)
