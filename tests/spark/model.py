"""What a batch must become, in plain Python: the rules of ``docs/pipelines.md`` by ``decimal`` and ``re``.

The program is held against it row by row. It shares no code with the program, and none of its speed.
"""

import bz2
import codecs
import gzip
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

INTEGERS = {"TINYINT": 8, "SMALLINT": 16, "INT": 32, "BIGINT": 64}
DOUBLE_DIGITS = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)  # fmt: skip
COMPRESS: dict[str, Callable[[bytes], bytes]] = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress}


@dataclass(frozen=True)
class Rules:
    """How values are spelled."""

    decimal: str = "."
    grouping: str | None = None
    leading_zeros: bool = False
    time_zone: str = "UTC"


def cast(text: str, kind: str, rules: Rules) -> Any:
    """The value of a text in a declared type.

    Raises:
        ValueError: the type cannot hold it without changing it.
    """
    name, _, size = kind.rstrip(")").partition("(")
    if name == "STRING":
        return text
    if name == "VARCHAR":
        return _held(text, fits=len(text) <= int(size))
    text = text.strip(" \t")
    if name in INTEGERS:
        return cast_integer(text, INTEGERS[name], rules)
    readers: dict[str, Callable[[], Any]] = {
        "DOUBLE": lambda: cast_double(text, rules),
        "DECIMAL": lambda: cast_decimal(text, *map(int, size.split(",")), rules),
        "BOOLEAN": lambda: _held(text.lower() == "true", fits=text.lower() in ("true", "false")),
        "DATE": lambda: date.fromisoformat(_held(text, fits=bool(DAY.fullmatch(text)))),
        "TIMESTAMP": lambda: cast_moment(text, rules.time_zone),
        "TIMESTAMP_NTZ": lambda: cast_moment(text, None),
    }
    return readers[name]()


def _held(value: Any, *, fits: bool) -> Any:
    if not fits:
        raise ValueError(value)
    return value


def plain_number(text: str, rules: Rules) -> str:
    """A number's text with a point for its decimal mark and no grouping."""
    whole, mark, places = text.partition(rules.decimal)
    if rules.grouping and rules.grouping in whole:
        _held(
            whole,
            fits=bool(re.fullmatch(rf"-?\d{{1,3}}({re.escape(rules.grouping)}\d{{3}})+", whole, re.ASCII)),
        )
        whole = whole.replace(rules.grouping, "")
    return whole + ("." if mark else "") + _held(places, fits=not mark or "." not in places)


def cast_integer(text: str, bits: int, rules: Rules) -> int:
    plain = plain_number(text, rules)
    digits = r"\d+" if rules.leading_zeros else r"(0|[1-9]\d*)"
    number = int(_held(plain, fits=bool(re.fullmatch("-?" + digits, plain, re.ASCII))))
    return int(_held(number, fits=-(2 ** (bits - 1)) <= number < 2 ** (bits - 1)))


def cast_decimal(text: str, precision: int, scale: int, rules: Rules) -> Decimal:
    plain = plain_number(text, rules)
    _held(plain, fits=bool(re.fullmatch(r"-?(0|[1-9]\d*)(\.\d+)?", plain, re.ASCII)))
    whole, _, places = plain.lstrip("-").partition(".")
    fits = len(places.rstrip("0")) <= scale and len(whole.lstrip("0")) <= precision - scale
    sign = -1 if plain.startswith("-") else 1
    number = int(whole + places.rstrip("0").ljust(scale, "0")) if fits else 0
    return Decimal(_held(sign * number, fits=fits)).scaleb(-scale)


def cast_double(text: str, rules: Rules) -> float:
    if text in ("NaN", "Infinity", "-Infinity"):
        return float(text)
    plain = plain_number(text, rules)
    _held(plain, fits=bool(DOUBLE_DIGITS.fullmatch(plain)))
    number, exact = float(plain), Decimal(plain)
    digits = max(len(exact.as_tuple().digits), 1)
    return float(
        _held(number, fits=abs(number) != float("inf") and Decimal(f"{number:.{digits - 1}e}") == exact)
    )


def cast_moment(text: str, time_zone: str | None) -> datetime:
    found = MOMENT.fullmatch(text)
    if found is None:
        raise ValueError(text)
    day, clock, fraction, zone = found.groups()
    fraction = fraction or ""
    _held(text, fits=not fraction[6:].strip("0"))
    moment = datetime.fromisoformat(f"{day}T{clock}.{fraction[:6].ljust(6, '0')}")
    if time_zone is None:
        return datetime.combine(*_held((moment.date(), moment.time()), fits=zone is None))
    if zone is None:
        return moment.replace(tzinfo=ZoneInfo(time_zone)).astimezone(UTC)
    hours, minutes = (0, 0) if zone == "Z" else (int(zone[1:3]), int(zone[3:].strip(":") or 0))
    offset = timedelta(hours=hours, minutes=minutes) * (-1 if zone.startswith("-") else 1)
    return moment.replace(tzinfo=timezone(offset)).astimezone(UTC)


INFERRED = ("BOOLEAN", "INT", "BIGINT", "DOUBLE", "DATE", "TIMESTAMP")


def infer(values: Iterable[str | None]) -> str:
    """The first type that gives back every value; STRING for none."""
    texts = [text for text in values if text is not None]
    return next((kind for kind in INFERRED if texts and all(is_a(text, kind) for text in texts)), "STRING")


def is_a(text: str, kind: str) -> bool:
    """Whether inference takes a text for a type: an exponent alone, ``1E5``, is a code."""
    if kind == "DOUBLE" and re.fullmatch(r"-?\d+[eE]\d+", text, re.ASCII):
        return False
    try:
        cast(text, kind, Rules())
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class Dialect:
    """How the text of a file is written."""

    separator: str = ","
    quote: str | None = '"'
    escape: str | None = None
    header: bool = True
    preamble: tuple[str, ...] = ()
    comment: str | None = None
    line_ends: tuple[str, ...] = ("\n",)
    charset: str = "utf-8"
    bom: bool = False
    compression: str = ""


@dataclass(frozen=True)
class Record:
    """A record of a file: fields with whether they are quoted if they need not be, or a text as it stands."""

    fields: tuple[tuple[str | None, bool], ...] = ()
    raw: str | None = None


@dataclass
class Text:
    """The text of a file in the making, and the line on which each record begins."""

    dialect: Dialect
    parts: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)

    def add_line(self, text: str) -> None:
        ends = self.dialect.line_ends
        self.parts.append(text + ends[len(self.parts) % len(ends)])

    def add_record(self, record: Record) -> None:
        written = "".join(self.parts)
        self.lines.append(1 + written.count("\n") + written.count("\r") - written.count("\r\n"))
        if record.raw is not None:
            self.add_line(record.raw)
        else:
            fields = (self.write(value, quoted=quoted) for value, quoted in record.fields)
            self.add_line(self.dialect.separator.join(fields))

    def write(self, value: str | None, *, quoted: bool) -> str:
        """A field; quoted where it must be."""
        dialect = self.dialect
        if value is None or not is_quoted(dialect, value, quoted=quoted):
            return value or ""
        quote = str(dialect.quote)
        if dialect.escape:
            value = value.replace(dialect.escape, dialect.escape * 2)
        return quote + value.replace(quote, (dialect.escape or quote) + quote) + quote


def is_quoted(dialect: Dialect, value: str, *, quoted: bool) -> bool:
    """Whether a field is written in quotes: where somebody wants it, and where it must be."""
    if dialect.quote is None:
        return False
    marks = [mark for mark in (dialect.separator, "\r", "\n", dialect.escape, dialect.comment) if mark]
    return quoted or value == "" or value[0] == dialect.quote or any(mark in value for mark in marks)


def write_file(dialect: Dialect, names: Sequence[str], records: Sequence[Record]) -> tuple[bytes, list[int]]:
    """The bytes of a file, and the line of each of its records."""
    text = Text(dialect)
    for line in dialect.preamble:
        text.add_line(line)
    if dialect.header:
        text.add_line(dialect.separator.join(names))
    for record in records:
        text.add_record(record)
    data = "".join(text.parts).encode(dialect.charset)
    marked = codecs.BOM_UTF8 + data if dialect.bom and dialect.charset == "utf-8" else data
    return COMPRESS[dialect.compression](marked), text.lines
