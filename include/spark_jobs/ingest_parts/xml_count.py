"""How many rows an XML file has, by its tags alone: a count that the parser has no part in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ingest_parts.charset_stream import MARKS

if TYPE_CHECKING:
    from ingest_parts.charset_stream import Readable

_HEAD_BYTES = 1024
_DECLARED = re.compile(rb"""\s*<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_TAG_BYTES = 1 << 20  # a tag or comment that is still open after so many bytes is passed over in parts


class CountedText:
    """Hands text on and counts the outermost elements of one name in it; one without a prefix has any."""

    def __init__(self, text: Readable, row_tag: str) -> None:
        self._text = text
        self._carry = b""
        self._depth = 0
        self._closer = b""  # what ends the comment, the CDATA or the instruction that the text is in
        self.rows = 0
        name = (b"" if ":" in row_tag else rb"(?:[^\s<>/:!?]+:)?") + re.escape(row_tag.encode())
        self._tags = re.compile(
            rb"<!--|<!\[CDATA\[|<\?|<(?P<end>/?)" + name + rb"(?=[\s/>])(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>"
        )

    def read(self, size: int, /) -> bytes:
        """The next bytes."""
        data = self._text.read(size)
        self._count(self._carry + data, is_end=not data)
        return data

    def _count(self, data: bytes, *, is_end: bool) -> None:
        place = 0
        while True:
            if self._closer:
                found = data.find(self._closer, place)
                if found < 0:
                    place = max(place, len(data) - len(self._closer) + 1)
                    break
                place, self._closer = found + len(self._closer), b""
            match = self._tags.search(data, place)
            if match is None:
                # what may be the beginning of a tag is looked at again
                opened = data.rfind(b"<", place)
                place = opened if opened >= 0 and len(data) - opened < _TAG_BYTES else len(data)
                break
            place = match.end()
            self._take(match)
        self._carry = b"" if is_end else data[place:]

    def _take(self, match: re.Match[bytes]) -> None:
        tag = match.group()
        closer = {b"<!--": b"-->", b"<![CDATA[": b"]]>", b"<?": b"?>"}.get(tag)
        if closer is not None:
            self._closer = closer
        elif match["end"]:
            self._depth -= 1
        else:
            self.rows += self._depth == 0
            self._depth += not tag.endswith(b"/>")


class _Rest:
    """A stream whose beginning was read."""

    def __init__(self, head: bytes, stream: Readable) -> None:
        self._head = head
        self._stream = stream

    def read(self, size: int, /) -> bytes:
        if not self._head:
            return self._stream.read(size)
        data, self._head = self._head[:size], self._head[size:]
        return data


def declared_charset(stream: Readable, charset: str) -> tuple[Readable, str]:
    """The stream from its start, and its charset: the given one, or where that is UTF-8, the file's own word.

    https://www.w3.org/TR/xml/#charencoding: a byte-order mark goes before the declaration.
    """
    head = b""
    while len(head) < _HEAD_BYTES and (piece := stream.read(_HEAD_BYTES - len(head))):
        head += piece
    stated = charset
    if charset.lower().replace("_", "-") == "utf-8":
        marked = next((name for mark, name in MARKS if head.startswith(mark)), None)
        found = _DECLARED.match(head)
        stated = marked or (found[1].decode() if found else charset)
    return _Rest(head, stream), stated
