"""What the first bytes of a file tell: is it text, sound gzip, and which columns does its header name."""

from __future__ import annotations

import codecs
import csv
import zlib
from collections import Counter
from typing import TYPE_CHECKING

from ingest_parts.faults import IngestError, Unreadable
from ingest_parts.manifest import RESERVED, option

if TYPE_CHECKING:
    from collections.abc import Sequence

HEAD_BYTES = 64 * 1024  # enough for a header and to tell text from rubbish; one ranged GET


def decode_head(data: bytes, *, complete: bool, encoding: str) -> str:
    """The text at the start of a file.

    Args:
        data: the first bytes, decompressed.
        complete: whether this is the whole file; if not, a character may be cut at the end.
        encoding: the charset of the text.

    Raises:
        Unreadable: these bytes are no text.
    """
    wide = encoding.lower().replace("_", "-").startswith(("utf-16", "utf-32"))
    if b"\x00" in data and not wide:
        raise Unreadable("it is not a text file: it has zero bytes in its first block")
    try:
        text = codecs.getincrementaldecoder(encoding)("strict").decode(data, final=complete)
    except LookupError as error:
        raise IngestError(f"input.options names the unknown encoding {encoding!r}.") from error
    except UnicodeDecodeError as error:
        raise Unreadable(
            f"it is not a text file in {encoding}: byte {error.start} fits no character"
        ) from error
    return text.removeprefix("\ufeff")


def gunzip_head(data: bytes, *, complete: bool) -> bytes:
    """The decompressed start of a gzip file; all members when the whole file is here.

    Raises:
        Unreadable: it is not gzip, is damaged, or (where the whole file is here) ends too early.
    """
    result = bytearray()
    while data:
        member = zlib.decompressobj(wbits=31)
        try:
            result += member.decompress(data, HEAD_BYTES) if not complete else member.decompress(data)
        except zlib.error as error:
            raise Unreadable(f"it is named .gz, but is not sound gzip ({error})") from error
        if complete and not member.eof:
            raise Unreadable("the gzip file is truncated: it ends before its data do")
        data = member.unused_data if complete else b""
    return bytes(result)


def first_lines(text: str, options: dict[str, str]) -> list[str]:
    """The lines of a text that are neither blank nor comments."""
    separator, comment = option(options, "lineSep", default=""), option(options, "comment", default="")
    lines = text.split(separator) if separator else text.splitlines(keepends=True)
    return [line for line in lines if line.strip() and not (comment and line.startswith(comment))]


def parse_header(text: str, options: dict[str, str]) -> tuple[str, tuple[str, ...]]:
    """The raw first line of a CSV text, and its column names as Spark would call them.

    Raises:
        Unreadable: there is no such line, a name stands twice, or is one that this program adds.
    """
    lines = first_lines(text, options)
    if not lines:
        raise Unreadable("the file is empty")
    separator, quote = option(options, "sep", "delimiter", default=","), option(options, "quote", default='"')
    separator = separator.replace("\\t", "\t")
    if len(separator) > 1:
        cells = lines[0].rstrip("\r\n").split(separator)
    else:
        escape = option(options, "escape", default="\\")
        reader = csv.reader(
            lines, delimiter=separator, quotechar=quote or None,
            escapechar=escape if escape != quote else None,
            quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        )  # fmt: skip
        try:
            cells = next(reader)
        except csv.Error as error:
            raise Unreadable(f"its header cannot be read: {error}") from error
    columns = tuple(name.strip() or f"_c{place}" for place, name in enumerate(cells))
    double = [name for name, count in Counter(name.casefold() for name in columns).items() if count > 1]
    if double:
        raise Unreadable(f"its header names {double[0]!r} more than once")
    if RESERVED & set(columns):
        raise Unreadable(
            f"its header names {', '.join(sorted(RESERVED & set(columns)))}, which is added on reading"
        )
    return lines[0].rstrip("\r\n"), columns


def column_fault(found: Sequence[str], expected: Sequence[str], whose: str) -> str | None:
    """What is wrong with a file's columns, None where they are the expected ones in any order."""
    have, want = {name.casefold() for name in found}, {name.casefold() for name in expected}
    missing = [name for name in expected if name.casefold() not in have]
    extra = [name for name in found if name.casefold() not in want]
    if not missing and not extra:
        return None
    parts = [
        f"{what} {', '.join(names)}" for what, names in (("lacks", missing), ("has also", extra)) if names
    ]
    return f"wrong columns: {whose} are {', '.join(expected)}; the file {' and '.join(parts)}"
