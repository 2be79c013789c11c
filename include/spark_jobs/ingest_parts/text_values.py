"""What one text means as a value of a type: the rules in full, for the texts that no fast test proves.

A judge answers with the value, with ``NULL`` where the text says that there is none, and with None where the
text is no value of the type.
"""

# ruff: noqa: PLR2004 - places and limits of digits in numbers and dates
from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from ingest_parts.date_formats import compile_format, parse_offset

if TYPE_CHECKING:
    from ingest_parts.casting import Target
    from ingest_parts.dialect import Rules

NULL = object()
Judge = Callable[[str], Any]

_PLAIN = re.compile(r"(-?)(\d*)(?:\.(\d*))?")
_FLOAT = re.compile(r"([+-]?)(\d+(?:\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_NOT_FINITE = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
_DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?\s?(Z|[+-]\d\d(?::?\d\d)?)?"
)


def judge_of(kind: pa.DataType, target: Target, rules: Rules, *, json: bool) -> Judge:
    """The judge of a type. In JSON an empty string is a string; elsewhere it is a missing value."""
    inner = _judge_of_kind(kind, target, rules)
    missing = frozenset() if json else frozenset(("", *rules.nulls))

    def judge(text: str) -> Any:  # noqa: ANN401  a value of the type
        trimmed = text.strip(" \t")
        return NULL if trimmed in missing else inner(trimmed)

    return judge


def _judge_of_kind(kind: pa.DataType, target: Target, rules: Rules) -> Judge:  # noqa: PLR0911  a table
    if pa.types.is_integer(kind):
        top = 2 ** (kind.bit_width - 1)
        return lambda text: _integer(text, rules, top)
    if pa.types.is_floating(kind):
        narrow = pa.types.is_float32(kind)
        return lambda text: _float(text, rules, narrow=narrow, inferred=target.inferred)
    if pa.types.is_decimal(kind):
        return lambda text: _decimal(text, rules, kind.precision, kind.scale)
    if pa.types.is_boolean(kind):
        return lambda text: {"true": True, "false": False}.get(text.lower())
    if pa.types.is_date(kind):
        return _date_judge(rules)
    if pa.types.is_timestamp(kind):
        return _timestamp_judge(rules, zoned=kind.tz is not None)
    if pa.types.is_binary(kind):
        return _binary
    return lambda _text: None  # of nothing but nulls: any text is too much


def _normal(text: str, rules: Rules) -> str | None:
    """A number with a point and no grouping, None where its marks do not stand where they should."""
    if rules.grouping and rules.grouping in text:
        whole, mark, places = text.partition(rules.decimal)
        groups = whole.lstrip("-").split(rules.grouping)
        if not (1 <= len(groups[0]) <= 3) or any(
            len(group) != 3 or not group.isdigit() for group in groups[1:]
        ):
            return None
        text = whole.replace(rules.grouping, "") + mark + places
    if rules.decimal != ".":
        if "." in text:
            return None
        text = text.replace(rules.decimal, ".")
    return text


def _parts(text: str, rules: Rules) -> tuple[str, str, str] | None:
    """Sign, whole digits and places of a plain number."""
    normal = _normal(text, rules)
    found = _PLAIN.fullmatch(normal) if normal is not None and normal.isascii() else None
    if found is None or not (found[2] or found[3]):
        return None
    whole = found[2] or "0"
    if len(whole) > 1 and whole[0] == "0":
        if not rules.leading_zeros:
            return None
        whole = whole.lstrip("0") or "0"
    return found[1], whole, found[3] or ""


def _integer(text: str, rules: Rules, top: int) -> int | None:
    parts = _parts(text, rules)
    if parts is None or "." in (_normal(text, rules) or "") or len(parts[1]) > 19:
        return None
    value = int(parts[0] + parts[1])
    return value if -top <= value < top else None


def _decimal(text: str, rules: Rules, precision: int, scale: int) -> Decimal | None:
    parts = _parts(text, rules)
    if parts is None:
        return None
    sign, whole, places = parts[0], parts[1].lstrip("0"), parts[2].rstrip("0")
    if len(places) > scale or len(whole) > precision - scale:
        return None
    return Decimal(f"{sign}{whole or '0'}{'.' if places else ''}{places}")


def _float(text: str, rules: Rules, *, narrow: bool, inferred: bool) -> float | None:
    """A float that gives the same number again, written as short as it can be or with as many digits."""
    if text in _NOT_FINITE and not inferred:
        return _NOT_FINITE[text]
    normal = _normal(text, rules)
    found = _FLOAT.fullmatch(normal) if normal is not None and normal.isascii() else None
    if found is None or (found[1] == "+" and inferred):
        return None
    digits, exponent = found[2], found[3] or ""
    if re.match(r"0\d", digits) and not rules.leading_zeros:
        return None
    bare = exponent and "." not in digits and exponent[1] not in "+-"
    if inferred and (bare or digits.endswith(".")):
        return None  # 12E4 and 1. are codes more often than numbers
    with np.errstate(over="ignore"):
        value = float(np.float32(normal)) if narrow else float(str(normal))
    if value in (float("inf"), float("-inf")):
        return None
    significant = len(digits.replace(".", "").lstrip("0").rstrip("0")) or 1
    exact = Decimal(found[1] + digits + exponent)
    shortest = str(np.float32(value)) if narrow else repr(value)  # ties are rounded in other ways
    return value if exact in (Decimal(shortest), Decimal(f"{value:.{significant - 1}e}")) else None


def _date_judge(rules: Rules) -> Judge:
    if rules.date_format is not None:
        parse = compile_format(rules.date_format)

        def formatted(text: str) -> date | None:
            moment = parse(text)
            return moment.date() if moment is not None else None

        return formatted

    def judge(text: str) -> date | None:
        found = _DAY.fullmatch(text) if text.isascii() else None
        try:
            return date(*map(int, found.groups())) if found else None
        except ValueError:
            return None

    return judge


def _timestamp_judge(rules: Rules, *, zoned: bool) -> Judge:
    zone = ZoneInfo(rules.time_zone)
    parse = compile_format(rules.timestamp_format) if rules.timestamp_format is not None else _iso_moment

    def judge(text: str) -> datetime | None:
        moment = parse(text)
        if moment is None:
            return None
        if not zoned:
            return moment if moment.tzinfo is None else None
        if moment.tzinfo is None:
            moment = _place(moment, zone)
        return _to_utc(moment) if moment is not None else None

    return judge


def _to_utc(moment: datetime) -> datetime | None:
    """The same instant in UTC; None where that is before the year 1 or after 9999."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return None


def _place(moment: datetime, zone: ZoneInfo) -> datetime | None:
    """A time of a zone; None where its clocks show it twice or never."""
    first, second = moment.replace(tzinfo=zone), moment.replace(tzinfo=zone, fold=1)
    return first if first.utcoffset() == second.utcoffset() else None


def _iso_moment(text: str) -> datetime | None:
    found = _TIME.fullmatch(text) if text.isascii() else None
    if found is None:
        return None
    year, month, day, hour, minute = (int(found[place]) for place in range(1, 6))
    fraction = (found[7] or "").ljust(6, "0")
    if fraction[6:].strip("0"):
        return None  # finer than a microsecond
    try:
        moment = datetime(year, month, day, hour, minute, int(found[6] or 0), int(fraction[:6]))  # noqa: DTZ001  the zone follows
        return moment.replace(tzinfo=parse_offset(found[8])) if found[8] else moment
    except ValueError:
        return None


def _binary(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
