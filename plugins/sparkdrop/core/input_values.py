"""The single values of ``input``: characters of a CSV's dialect, charsets, formats, time zones."""

from __future__ import annotations

import difflib
from functools import lru_cache
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from sparkdrop.core.charsets import find_codec
from sparkdrop.core.date_patterns import check_date_pattern, check_timestamp_pattern
from sparkdrop.core.document import describe
from sparkdrop.core.values import none_from_word

_WORDS = {"tab": "\t", "\\t": "\t"}
_MACHINE_ZONES = ("localtime", "posix/", "posixrules", "right/", "Factory")


def _read_words(value: object) -> object:
    return _WORDS.get(value, value) if isinstance(value, str) else value


def _check_mark(value: str) -> str:
    if len(value) != 1 or not value.isascii() or value.isalnum() or value in "\r\n\0":
        message = (
            f"found {value!r}; accepted: one ASCII character that is no letter, no digit and no line break"
        )
        raise ValueError(message)
    return value


def _check_visible(value: str) -> str:
    if value.isspace():
        message = f"found {value!r}; accepted: one ASCII character that can be seen"
        raise ValueError(message)
    return value


def _write_none(value: str | None) -> str:
    return "none" if value is None else value


_Mark = Annotated[str, BeforeValidator(_read_words), AfterValidator(_check_mark)]
Separator = Annotated[_Mark, WithJsonSchema({"type": "string"})]
"""Between two fields; ``tab`` and ``\\t`` are a tab."""

OptionalMark = Annotated[
    Annotated[_Mark, AfterValidator(_check_visible)] | None,
    BeforeValidator(none_from_word),
    PlainSerializer(_write_none),
    WithJsonSchema({"type": "string"}),
]
"""A character that can be seen, or ``none``."""


def _check_grouping(value: str | None) -> str | None:
    if value not in {None, ".", ",", " ", "'"}:
        message = f"""found {value!r}; accepted: none, ".", ",", " " (a blank) or "'" """.rstrip()
        raise ValueError(message)
    return value


Grouping = Annotated[
    str | None,
    BeforeValidator(none_from_word),
    AfterValidator(_check_grouping),
    PlainSerializer(_write_none),
    WithJsonSchema({"type": "string"}),
]
"""The mark between groups of digits, or ``none``."""


@lru_cache
def _check_time_zone(value: str) -> str:
    if not _is_time_zone(value):
        near = difflib.get_close_matches(value, available_timezones(), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        message = f"found {value!r}; accepted: a name of the IANA's list, as in 'UTC', 'Europe/Berlin'{hint}"
        raise ValueError(message)
    return value


def _is_time_zone(value: str) -> bool:
    """Whether every machine knows the zone."""
    try:
        ZoneInfo(value)
    except (KeyError, OSError, ValueError):  # unknown; a folder of zones; a path
        return False
    return not value.startswith(_MACHINE_ZONES)


def _check_null(value: object) -> object:
    if not isinstance(value, str):
        message = f'found {describe(value)}; accepted: text: write it in quotes, as in "NA"'
        raise ValueError(message)  # noqa: TRY004 - pydantic collects ValueErrors, a TypeError would stop it
    if not value.strip():
        raise ValueError('found an empty text; an empty field is missing anyway, and "" in quotes is a text')
    return value


Charset = Annotated[str, AfterValidator(find_codec)]
TimeZone = Annotated[str, AfterValidator(_check_time_zone)]
DatePattern = Annotated[str, AfterValidator(check_date_pattern)]
TimestampPattern = Annotated[str, AfterValidator(check_timestamp_pattern)]
NullText = Annotated[str, BeforeValidator(_check_null), Field(max_length=1000)]
RowTag = Annotated[str, Field(pattern=r"^[A-Za-z_][\w.\-]*(:[A-Za-z_][\w.\-]*)?$")]
