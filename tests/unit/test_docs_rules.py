"""docs/pipelines.md lists what is read: endings, charsets, letters of dates."""

import re

from sparkdrop.core.charsets import CODECS, find_codec
from sparkdrop.core.date_patterns import parse_pattern
from sparkdrop.core.endings import COMPRESSIONS, NAMES

from .test_docs import REFERENCE, SPAN


def read_rules(title: str) -> str:
    """A subsection of what comes out of what was dropped."""
    (found,) = re.findall(rf"^### {title}\n(.*?)^##", REFERENCE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return str(found)


def test_the_reference_lists_every_ending_and_compression() -> None:
    rules = read_rules("Formats")
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \|", rules, re.MULTILINE)
    assert {kind: tuple(SPAN.findall(cell)) for kind, cell in rows} == NAMES
    (told,) = re.findall(r"are also read as (.*?) with one file in it", rules)
    assert tuple(SPAN.findall(told)) == COMPRESSIONS


def test_the_reference_lists_every_charset() -> None:
    rules = read_rules("Charsets")
    told = {find_codec(name) for name in SPAN.findall(rules) if name[-1].isalnum()}
    for first, last in re.findall(r"`([\w-]+?)` to\s`([\w-]+?)`", rules):
        stem, start = re.fullmatch(r"(.*?)(\d+)", first).groups()  # type: ignore[union-attr]
        numbers = range(int(start), int(last.rpartition("-")[2]) + 1)
        told |= {find_codec(f"{stem}{number}") for number in numbers if number != 12}
    assert told == set(CODECS)


def test_the_reference_lists_letters_that_are_read() -> None:
    told = re.findall(r"letters: (.*?) for a zone", read_rules("Dates and times"), re.DOTALL)[0]
    for span in SPAN.findall(told):
        if span not in {"Jan", "AM", "a", "h", "hh"}:
            assert parse_pattern(span)[0].field, span
