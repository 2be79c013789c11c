"""A light check of Spark's schema DDL (``year INT, carrier STRING``), with no Spark at hand.

It knows the types of Spark 4.0 and finds what people get wrong: a misspelt type, a missing comma,
a column twice. Spark itself has the last word. Source: https://spark.apache.org/docs/4.0.2/sql-ref-datatypes.html
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

WHOLE_TYPES = ["BYTE", "TINYINT", "SHORT", "SMALLINT", "INT", "INTEGER", "LONG", "BIGINT"]
TIME_TYPES = ["DATE", "TIMESTAMP", "TIMESTAMP_LTZ", "TIMESTAMP_NTZ", "INTERVAL"]
OTHER_TYPES = [
    "BOOLEAN",
    "FLOAT",
    "REAL",
    "DOUBLE",
    "STRING",
    "BINARY",
    "DECIMAL",
    "DEC",
    "NUMERIC",
    "VOID",
    "VARIANT",
]
SIMPLE_TYPES = [*WHOLE_TYPES, *TIME_TYPES, *OTHER_TYPES]
SIZED_TYPES = ["CHAR", "CHARACTER", "VARCHAR"]
DECIMAL_TYPES = {"DECIMAL", "DEC", "NUMERIC"}
NESTED_TYPES = {"ARRAY": 1, "MAP": 2}  # and how many types each holds
TYPES = [*SIMPLE_TYPES, *SIZED_TYPES, *NESTED_TYPES, "STRUCT"]
MAX_PRECISION = 38

# What people bring along from SQL and from Python, where no spelling is near enough.
FOREIGN_TYPES = {
    "TEXT": "STRING",
    "STR": "STRING",
    "BOOL": "BOOLEAN",
    "DATETIME": "TIMESTAMP",
    "TIME": "TIMESTAMP",
    "NUMBER": "DECIMAL(38, 0)",
    "BYTES": "BINARY",
    "BLOB": "BINARY",
    "UUID": "STRING",
    "JSON": "STRING",
}

_COLUMN = re.compile(r"\s*(?:`((?:[^`]|``)+)`|([A-Za-z0-9_]+))(\s*:\s*|\s+|(?<=`))(.*)", re.DOTALL)
_TAIL = re.compile(
    r"(?:\s+NOT\s+NULL)?(?:\s+COMMENT\s+(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"))?\s*$",
    re.IGNORECASE | re.DOTALL,
)
_INTERVAL = re.compile(
    r"INTERVAL(?:\s+(?:YEAR|MONTH|DAY|HOUR|MINUTE|SECOND)(?:\s+TO\s+\w+)?)?$", re.IGNORECASE
)
_COLLATED = re.compile(r"STRING\s+COLLATE\s+\w+$", re.IGNORECASE)
_TYPE = re.compile(r"(\w+)\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?$")
_NESTED = re.compile(r"(\w+)\s*<(.*)>$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a schema: its name, and its type as it was written."""

    name: str
    type: str

    @property
    def is_nested(self) -> bool:
        """Whether the type holds others (ARRAY, MAP, STRUCT), which CSV has no place for."""
        return "<" in self.type

    @property
    def type_names(self) -> tuple[str, ...]:
        """Every type in it, those that it holds among them: in capitals, without what stands in brackets."""
        return tuple(_list_types(self.type))


def parse_ddl(text: str) -> tuple[Column, ...]:
    """Read a schema.

    Raises:
        ValueError: Everything that is wrong with it, joined by semicolons.
    """
    columns: list[Column] = []
    problems: list[str] = []
    for part in split_top(text):
        column, found = _parse_column(part, nested=False)
        problems += found
        if column is not None:
            columns.append(column)
    problems += _find_doubles(columns)
    if problems:
        raise ValueError("; ".join(problems))
    return tuple(columns)


def _find_doubles(columns: list[Column]) -> Iterator[str]:
    """What is there twice, as files' names are matched: without case and without blanks around them."""
    seen: set[str] = set()
    for column in columns:
        key = column.name.strip().casefold()
        if key in seen:
            yield f"column {column.name!r} is there twice (names are matched without case)"
        seen.add(key)


def split_top(text: str) -> list[str]:
    """Split at the commas that stand outside of brackets and quotes."""
    parts, depth, start, quote = [], 0, 0, ""
    for index, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"`":
            quote = character
        elif character in "<(":
            depth += 1
        elif character in ">)":
            depth -= 1
        elif character == "," and depth == 0:
            parts.append(text[start:index])
            start = index + 1
    return [*parts, text[start:]]


def _parse_column(part: str, *, nested: bool) -> tuple[Column | None, list[str]]:
    written = part.strip()
    if not written:
        return None, ["an empty column: a comma too many, or nothing at all"]
    found = _COLUMN.match(part)
    if found is None or not found[4].strip():
        return None, [f"{written!r} is no column; accepted: a name and a type, as in 'year INT'"]
    name = found[1].replace("``", "`") if found[1] is not None else found[2]
    if ":" in found[3] and not nested:
        return None, [f"column {name!r}: a colon stands between name and type only inside STRUCT<…>"]
    type_text = _TAIL.sub("", found[4]).strip()
    return Column(name, type_text), [f"column {name!r}: {problem}" for problem in _type_problems(type_text)]


def _type_problems(text: str) -> list[str]:
    if _INTERVAL.match(text) or _COLLATED.match(text):
        return []
    if found := _NESTED.match(text):
        return _nested_problems(found[1].upper(), found[2])
    found = _TYPE.match(text)
    if found is None:
        first = next(iter(text.split(maxsplit=1)), "")
        known = first.upper() in TYPES
        advice = "is a comma missing after it?" if known else nearest_type(first)
        return [f"{text!r} is no Spark type; {advice}"]
    return _plain_problems(found[1].upper(), found[2], found[3], text)


def _nested_problems(name: str, inner: str) -> list[str]:
    parts = split_top(inner)
    if name == "STRUCT":
        return _struct_problems(parts) if inner.strip() else []
    if name not in NESTED_TYPES:
        return [f"{name!r} holds no other types; accepted before '<': ARRAY, MAP, STRUCT"]
    if len(parts) != NESTED_TYPES[name]:
        return [f"{name} takes {NESTED_TYPES[name]} type(s), found {len(parts)}"]
    return [problem for part in parts for problem in _type_problems(part.strip())]


def _struct_problems(parts: list[str]) -> list[str]:
    fields = [_parse_column(part, nested=True) for part in parts]
    problems = [problem for _, found in fields for problem in found]
    return [*problems, *_find_doubles([field for field, _ in fields if field is not None])]


def _list_types(text: str) -> Iterator[str]:
    found = _NESTED.match(text)
    if found is None:
        yield "INTERVAL" if _INTERVAL.match(text) else text.partition("(")[0].strip().upper()
        return
    name, parts = found[1].upper(), [part for part in split_top(found[2]) if part.strip()]
    yield name
    for part in parts:
        column = _parse_column(part, nested=True)[0] if name == "STRUCT" else None
        yield from _list_types(column.type if column else part.strip())


def _plain_problems(name: str, first: str | None, second: str | None, text: str) -> list[str]:
    if name in NESTED_TYPES or name == "STRUCT":
        return [f"{text!r} needs the types it holds, as in ARRAY<INT>, MAP<STRING, INT>, STRUCT<a: INT>"]
    if name in DECIMAL_TYPES:
        precision, scale = int(first or 10), int(second or 0)
        fits = 1 <= precision <= MAX_PRECISION and scale <= precision
        return [] if fits else [f"{text!r}: precision is 1 to {MAX_PRECISION}, scale at most the precision"]
    if name in SIZED_TYPES:
        return [] if first and not second else [f"{text!r} needs one length, as in VARCHAR(20)"]
    if name not in SIMPLE_TYPES:
        return [f"{text!r} is no Spark type; {nearest_type(name)}"]
    return [f"{text!r}: {name} takes nothing in brackets"] if first else []


def nearest_type(name: str) -> str:
    """Say which type was probably meant."""
    upper = name.upper()
    near = [FOREIGN_TYPES[upper]] if upper in FOREIGN_TYPES else difflib.get_close_matches(upper, TYPES, n=1)
    return f"did you mean {near[0]}?" if near else f"accepted: {', '.join(TYPES)}"
