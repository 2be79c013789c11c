"""Draws batches of CSV for the model: dialects, types, values that fit, values and records that do not."""

from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from .model import Dialect, Record, Rules

PLAIN = "abcXYZ019 .-_#'\\/|;,\t\"é€"
TEXTS: dict[str, str] = {
    "utf-8": PLAIN + "ü東\u2028\U0001f600\r\n", "utf-16": PLAIN + "ü東\U0001f600\r\n",
    "windows-1252": PLAIN + "ü\r\n", "iso-8859-15": PLAIN + "ü\r\n",
}  # fmt: skip
HOSTILE = {
    "INT": ("x", "1.0", "2147483648", "+1", "1e3", "--1", "0x1", "1_0", "٣", "007", "-", "1 2"),
    "SMALLINT": ("32768", "-32769", "abc", "1.5"),
    "BIGINT": ("9223372036854775808", "1e18", "12L", "99999999999999999999"),
    "DECIMAL(9,2)": ("1.239", "12345678.1", "1e2", "abc", "1.2.3", "NaN", "0.001"),
    "DECIMAL(38,0)": ("0.5", "9" * 39, "-"),
    "DOUBLE": ("9007199254740993", "1e999", "12D", "0x1p3", "nan", "inf", "1.5f", "1..2"),
    "BOOLEAN": ("1", "yes", "t", "true false", "0"),
    "DATE": ("2024", "2024-01", "2024-02-30", "2024-1-5", "2024-01-05 junk", "20240105", "2024-W01-1"),
    "TIMESTAMP": ("08:30", "2024-01-05", "2024-01-05 25:00:00", "1704443400", "2024-01-05 08:30:00.1234567"),
    "TIMESTAMP_NTZ": ("2024-01-05 08:30:00Z", "08:30:00", "2024-01-05T08:30:00+01:00"),
    "VARCHAR(3)": ("abcd", "    "),
}  # fmt: skip
KINDS = (*HOSTILE, "STRING", "STRING")
DAYS = st.dates().map(lambda day: day.isoformat())
CLOCKS = st.sampled_from(("08:30:00", "23:59:59.999999", "00:00:00.1", "12:00:00.1234560"))
RECENT = st.sampled_from(("2024-01-05", "2024-07-05", "1970-01-01", "1999-12-31"))


def numbers(bits: int) -> st.SearchStrategy[str]:
    limit = 2 ** (bits - 1)
    return st.integers(-limit, limit - 1).map(str)


GOOD: dict[str, st.SearchStrategy[str]] = {
    "INT": numbers(32) | st.sampled_from((" 5 ", "-0", "0")),
    "SMALLINT": numbers(16),
    "BIGINT": numbers(64),
    "DECIMAL(9,2)": st.integers(-(10**9) + 1, 10**9 - 1).map(lambda n: f"{n / 100:.2f}") | st.just("1.5000"),
    "DECIMAL(38,0)": st.integers(-(10**38) + 1, 10**38 - 1).map(str) | st.just("7.0"),
    "DOUBLE": st.floats(allow_nan=False, allow_infinity=False).map(repr)
    | st.sampled_from(("0.25", "NaN", "1e3")),
    "BOOLEAN": st.sampled_from(("true", "FALSE", "True", " false")),
    "DATE": DAYS,
    "TIMESTAMP": st.builds(
        "{} {}{}".format, RECENT, CLOCKS, st.sampled_from(("", "Z", "+02:00", "-0530", "+01"))
    ),
    "TIMESTAMP_NTZ": st.builds("{}T{}".format, RECENT, CLOCKS),
    "VARCHAR(3)": st.text("abü東 ", min_size=1, max_size=3),
}


@dataclass(frozen=True)
class File:
    key: str
    dialect: Dialect
    names: tuple[str, ...]
    places: tuple[int, ...]
    records: tuple[Record, ...]


@dataclass(frozen=True)
class Batch:
    """A drawn batch: files of one dialect and one schema."""

    dialect: Dialect
    rules: Rules
    kinds: tuple[str, ...]
    nulls: tuple[str, ...]
    files: tuple[File, ...]
    output: dict[str, Any]


@st.composite
def dialects(draw: st.DrawFn) -> Dialect:
    quote = draw(st.sampled_from(('"', '"', '"', "'", None)))
    return Dialect(
        separator=draw(st.sampled_from((",", ",", ";", "\t", "|"))),
        quote=quote,
        escape=draw(st.sampled_from((None, None, "\\"))) if quote else None,
        header=draw(st.sampled_from((True, True, False))),
        preamble=draw(st.sampled_from(((), (), ("made by hand", 'a "b', "")))),
        comment=draw(st.sampled_from((None, None, "#"))) if quote else None,
        charset=draw(st.sampled_from(("utf-8", "utf-8", *TEXTS))),
    )


@st.composite
def texts(draw: st.DrawFn, dialect: Dialect) -> str:
    alphabet = set(TEXTS[dialect.charset])
    if dialect.charset == "iso-8859-15":
        alphabet -= {"“"}
    if dialect.quote is None:
        alphabet -= {dialect.separator, "\r", "\n"}
        return draw(st.text(sorted(alphabet), min_size=1, max_size=8))
    return draw(st.text(sorted(alphabet), max_size=8))


@st.composite
def fields(draw: st.DrawFn, dialect: Dialect, rules: Rules, kind: str) -> tuple[str | None, bool]:
    """A field and whether it is quoted; one in eight does not fit its type."""
    chance = draw(st.integers(0, 15))
    if chance == 0:
        return None, False
    if kind == "STRING":
        text = draw(texts(dialect))
    elif chance <= 2:
        text = draw(st.sampled_from(HOSTILE[kind]))
    else:
        text = draw(GOOD[kind])
        if kind in ("DOUBLE", "DECIMAL(9,2)"):
            text = text.replace(".", rules.decimal)
    if dialect.quote is None and dialect.separator in text:
        return None, False
    try:
        text.encode(dialect.charset)
    except UnicodeEncodeError:
        return None, False
    return text, draw(st.booleans())


@st.composite
def records(draw: st.DrawFn, dialect: Dialect, rules: Rules, kinds: tuple[str, ...]) -> Record:
    """A record; one in twelve is ragged, one in twenty has text behind a quote."""
    chance = draw(st.integers(0, 59))
    width = len(kinds) + (chance == 1) - (chance == 2 and len(kinds) > 1) + 3 * (chance == 3)
    if chance == 0 and dialect.quote:
        rest = (dialect.separator + "1") * (len(kinds) - 1)
        return Record(raw=f"{dialect.quote}a{dialect.quote}b{rest}")
    drawn = [draw(fields(dialect, rules, (kinds * 4)[place])) for place in range(width)]
    blank = (None, "", " ", "\t")
    if all(value in blank for value, _ in drawn) and len(drawn) == 1:
        drawn[0] = ("7", False)  # a line of nothing is no record
    return Record(tuple(drawn))


@st.composite
def files(draw: st.DrawFn, number: int, dialect: Dialect, rules: Rules, kinds: tuple[str, ...]) -> File:
    order = tuple(range(len(kinds)))
    if dialect.header:
        order = tuple(draw(st.permutations(order)))
    wrote = replace(
        dialect,
        line_ends=draw(st.sampled_from((("\n",), ("\r\n",), ("\r",), ("\n", "\r\n")))),
        bom=draw(st.booleans()),
        compression=draw(st.sampled_from(("", "", ".gz", ".bz2"))),
    )
    spelled = draw(st.sampled_from(("c{}", "C{}", " c{} ")))
    names = tuple(spelled.format(place) for place in order)
    rows = draw(
        st.lists(records(wrote, rules, tuple(kinds[place] for place in order)), min_size=1, max_size=8)
    )
    return File(f"{number}/a.csv{wrote.compression}", wrote, names, order, tuple(rows))


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    dialect = draw(dialects())
    comma = dialect.separator != "," and draw(st.booleans())
    zone = draw(st.sampled_from(("UTC", "Europe/Berlin")))
    rules = Rules(",", ".", time_zone=zone) if comma else Rules(time_zone=zone)
    kinds = tuple(draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=5)))
    count = draw(st.integers(1, 4))
    drawn = tuple(draw(files(number, dialect, rules, kinds)) for number in range(count))
    parts = [f"c{place}" for place, kind in enumerate(kinds) if kind in ("INT", "DATE", "BOOLEAN")]
    partition = draw(st.sampled_from(([], parts[:1]))) if len(kinds) > 1 else []
    output = {
        "format": draw(st.sampled_from(("parquet", "parquet", "csv", "json"))),
        "partition_by": partition,
    }
    return Batch(dialect, rules, kinds, draw(st.sampled_from(((), ("NA", "abc")))), drawn, output)
