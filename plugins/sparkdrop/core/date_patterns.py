"""A check of the patterns that dates and times are written in, such as ``dd.MM.yyyy HH:mm``.

The letters are Spark's, as far as a date or a time of day is made of them.
Source: https://spark.apache.org/docs/4.0.2/sql-ref-datetime-pattern.html
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

_FIELDS = {
    "yyyy": "year",
    "yy": "year",
    "M": "month",
    "MM": "month",
    "MMM": "month",
    "d": "day",
    "dd": "day",
    "H": "hour",
    "HH": "hour",
    "h": "hour",
    "hh": "hour",
    "a": "am or pm",
    "m": "minute",
    "mm": "minute",
    "s": "second",
    "ss": "second",
    **{"S" * digits: "fraction" for digits in range(1, 10)},
    "X": "zone",
    "XXX": "zone",
    "Z": "zone",
}
_ONE_OR_TWO_DIGITS = {"M", "d", "H", "h", "m", "s"}
_NO_DIGITS = {None, "am or pm", "zone"}
_DATE = ("year", "month", "day")
_TIME = ("hour", "minute", "second", "fraction", "am or pm", "zone")
_LETTERS = "yyyy, yy, M, MM, MMM, d, dd, H, HH, h, hh, a, m, mm, s, ss, S to SSSSSSSSS, X, XXX, Z"
_RESERVED = "[]{}#"


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a pattern: letters for a field, or (``field`` None) text that stands for itself."""

    text: str
    field: str | None = None


def parse_pattern(pattern: str) -> tuple[Part, ...]:
    """Take a pattern apart.

    Raises:
        ValueError: It holds letters that mean nothing, a quote without its end, or the same field twice.
    """
    parts: list[Part] = []
    at = 0
    while at < len(pattern):
        character = pattern[at]
        if character == "'":
            text, at = _read_quoted(pattern, at)
            parts.append(Part(text))
        elif character.isascii() and character.isalpha():
            end = at + len(pattern[at:]) - len(pattern[at:].lstrip(character))
            parts.append(_read_letters(pattern, pattern[at:end]))
            at = end
        else:
            if character in _RESERVED:
                message = f"found {character!r} in {pattern!r}; accepted: in quotes, as in '{character}'"
                raise ValueError(message)
            parts.append(Part(character))
            at += 1
    _check_parts(pattern, parts)
    return tuple(parts)


def _read_quoted(pattern: str, at: int) -> tuple[str, int]:
    """Read a text in single quotes; two of them inside are one, and so are two with nothing between."""
    end = at + 1
    while (end := pattern.find("'", end)) >= 0:
        if not pattern.startswith("''", end):
            return pattern[at + 1 : end].replace("''", "'") or "'", end + 1
        end += 2
    message = f"found {pattern!r}: a single quote has no end"
    raise ValueError(message)


def _read_letters(pattern: str, letters: str) -> Part:
    field = _FIELDS.get(letters)
    if field is None:
        message = f"found {letters!r} in {pattern!r}; accepted: {_LETTERS}; other letters in single quotes"
        raise ValueError(message)
    return Part(letters, field)


def _check_parts(pattern: str, parts: list[Part]) -> None:
    fields = [part.field for part in parts if part.field]
    twice = {field for field in fields if fields.count(field) > 1}
    if twice:
        message = f"found {pattern!r}, which names the {', '.join(sorted(twice))} twice"
        raise ValueError(message)
    for left, right in pairwise(parts):
        if left.text in _ONE_OR_TWO_DIGITS and left.field and _begins_with_digits(right):
            message = (
                f"found {left.text + right.text!r} in {pattern!r}: where does the {left.field} end? "
                f"accepted: {left.text * 2}, or a mark between the two"
            )
            raise ValueError(message)

    twelve = any(part.text in {"h", "hh"} and part.field for part in parts)
    if twelve != ("am or pm" in fields):
        message = f"found {pattern!r}; accepted: h or hh together with a, or H or HH without it"
        raise ValueError(message)


def _begins_with_digits(part: Part) -> bool:
    if part.field is None:
        return part.text[:1].isdigit()
    return part.field not in _NO_DIGITS and part.text != "MMM"


def check_date_pattern(pattern: str) -> str:
    """Check a pattern of dates: year, month and day, and nothing else.

    Raises:
        ValueError: It is none.
    """
    fields = [part.field for part in parse_pattern(pattern) if part.field]
    _check_fields(pattern, fields, "a date", _DATE, _TIME)
    return pattern


def check_timestamp_pattern(pattern: str) -> str:
    """Check a pattern of timestamps: a date, and a time at least to the minute.

    Raises:
        ValueError: It is none.
    """
    fields = [part.field for part in parse_pattern(pattern) if part.field]
    needed = (*_DATE, "hour", "minute", *(("second",) if "fraction" in fields else ()))
    _check_fields(pattern, fields, "a timestamp", needed, ())
    return pattern


def _check_fields(
    pattern: str, fields: list[str], what: str, needed: tuple[str, ...], refused: tuple[str, ...]
) -> None:
    missing = [field for field in needed if field not in fields]
    if missing:
        hint = " (M is a month, m a minute)" if {"month", "minute"} & {*missing} else ""
        message = f"found {pattern!r}, which has no {', '.join(missing)}; accepted: {what}, whole{hint}"
        raise ValueError(message)
    extra = [field for field in refused if field in fields]
    if extra:
        message = f"found {pattern!r}, which has {', '.join(extra)}; accepted: {what} alone"
        raise ValueError(message)
