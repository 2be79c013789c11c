"""Sizes and durations as people write them: ``10 GiB``, ``1h30m``, ``0s``.

A bare number is refused: nobody should have to guess its unit. What is formatted parses back to the same.
"""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

SIZE_UNITS = {
    "B": 1,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
}
DURATION_UNITS = {
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
    "ms": 1,
}  # milliseconds, largest first

SIZE_FORM = 'a size such as "128 MiB" or "10 GiB" (B, KiB, MiB, GiB, TiB, KB, MB, GB, TB)'
DURATION_FORM = 'a duration such as "15s", "5m" or "1h30m" (d, h, m, s, ms)'

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+)")
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?")
_SIZE_SCHEMA = r"^\s*\d+(\.\d+)?\s*(B|[KMGT]i?B)\s*$"
_DURATION_SCHEMA = r"^\s*(?=\d)(\d+d)?\s*(\d+h)?\s*(\d+m)?\s*(\d+s)?\s*(\d+ms)?\s*$"
_MAX_DURATION_MS = 3650 * DURATION_UNITS["d"]


def parse_size(text: str) -> int:
    """Read a size in bytes.

    Raises:
        ValueError: No unit, an unknown unit, or not a whole number of bytes.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None or found[2] not in SIZE_UNITS:
        message = f"found {text!r}; accepted: {SIZE_FORM}"
        raise ValueError(message)
    exact = Decimal(found[1]) * SIZE_UNITS[found[2]]
    if exact != exact.to_integral_value():
        message = f"found {text!r}, which is not a whole number of bytes; accepted: {SIZE_FORM}"
        raise ValueError(message)
    return int(exact)


def format_size(size_bytes: int) -> str:
    """Write a size in the largest binary unit that keeps it whole."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if size_bytes and size_bytes % SIZE_UNITS[unit] == 0:
            return f"{size_bytes // SIZE_UNITS[unit]} {unit}"
    return f"{size_bytes} B"


def parse_duration(text: str) -> timedelta:
    """Read a duration; its parts stand from the largest unit to the smallest, each at most once.

    Raises:
        ValueError: No unit, an unknown unit, parts out of order, or more than ten years.
    """
    squeezed = re.sub(r"(?<=[a-z])\s+(?=\d)", "", text.strip())
    found = _DURATION.fullmatch(squeezed)
    if not squeezed or found is None:
        message = f"found {text!r}; accepted: {DURATION_FORM}"
        raise ValueError(message)
    parts = zip(found.groups(default="0"), DURATION_UNITS.values(), strict=True)
    milliseconds = sum(int(count) * unit for count, unit in parts)
    if milliseconds > _MAX_DURATION_MS:
        message = f"found {text!r}, which is more than ten years; accepted: {DURATION_FORM}"
        raise ValueError(message)
    return timedelta(milliseconds=milliseconds)


def format_duration(duration: timedelta) -> str:
    """Write a duration (whole milliseconds) as ``1h30m``; nothing at all is ``0s``."""
    rest = round(duration / timedelta(milliseconds=1))
    written = ""
    for unit, milliseconds in DURATION_UNITS.items():
        count, rest = divmod(rest, milliseconds)
        written += f"{count}{unit}" if count else ""
    return written or "0s"


def _size_from_yaml(value: object) -> object:
    if isinstance(value, str):
        return parse_size(value)
    if isinstance(value, (int, float)):
        message = f"found {value!r}, which has no unit; accepted: {SIZE_FORM}"
        raise ValueError(message)  # noqa: TRY004 - pydantic collects ValueErrors, a TypeError would stop it
    return value


def _duration_from_yaml(value: object) -> object:
    if isinstance(value, str):
        return parse_duration(value)
    if isinstance(value, (int, float)):
        message = f"found {value!r}, which has no unit; accepted: {DURATION_FORM}"
        raise ValueError(message)  # noqa: TRY004 - pydantic collects ValueErrors, a TypeError would stop it
    return value


Size = Annotated[
    int,
    BeforeValidator(_size_from_yaml),
    PlainSerializer(format_size),
    WithJsonSchema({"type": "string", "pattern": _SIZE_SCHEMA, "examples": ["128 MiB", "10 GiB"]}),
]
"""A number of bytes, written with its unit."""

Duration = Annotated[
    timedelta,
    BeforeValidator(_duration_from_yaml),
    PlainSerializer(format_duration),
    WithJsonSchema({"type": "string", "pattern": _DURATION_SCHEMA, "examples": ["15s", "5m", "1h30m"]}),
]
"""A length of time, written with its units."""
