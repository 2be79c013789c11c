"""Rows of XML: the elements of one name, wherever they stand.

A row's columns are its child elements, and its attributes as `_name`, as Spark's XML reader names them. A
child that has parts of its own, or comes more than once, is JSON text; beside parts an element's own text is
`_VALUE`. An element without content is null. Names are local: a prefix of a namespace is left out.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa
from lxml import etree

from ingest_parts.blocks import TEXT_LIMIT, Block, Column, Reject
from ingest_parts.charset_stream import charset_reason, open_utf8
from ingest_parts.columns import key_of
from ingest_parts.faults import Unreadable
from ingest_parts.xml_count import CountedText, declared_charset

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from ingest_parts.charset_stream import Readable

Element = Any  # of lxml
Value = Any  # text, a dict of values by name, a list of values, or None

BLOCK_ROWS = 8192
BLOCK_BYTES = 8 << 20  # of a block's text

_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
# What JSON has a word for; all other text of a nested element is a string.
_BARE = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?|true|false")


def read_xml(
    stream: BinaryIO,
    *,
    row_tag: str,
    charset: str,
    arrays: Collection[str] = (),
    block_rows: int = BLOCK_ROWS,
) -> Iterator[Block]:
    """The file's rows; forward only.

    Args:
        stream: the file.
        row_tag: the local name of the elements that are rows; one inside of another is a part of it.
        charset: of the text. utf-8 leaves it to the file's own declaration.
        arrays: columns, without case, that are JSON arrays even where no row has one twice: those that the
            schema declares as ARRAY. Without them a column is an array from the first block on that has one
            twice.
        block_rows: rows of a block at most.

    Raises:
        Unreadable: it is no well-formed XML, has entities of its own, is huge in a way that lxml refuses, or
            has other rows than start tags of that name.
    """
    text, stated = declared_charset(stream, charset)
    counted = CountedText(open_utf8(text, stated), row_tag)
    listed = {key_of(name) for name in arrays}
    rows: list[_Row] = []
    size = total = 0
    for element in _elements(counted, row_tag, stated):
        row = _Row(element)
        rows.append(row)
        size += row.size
        if len(rows) >= block_rows or size >= BLOCK_BYTES:
            yield _build_block(rows, listed)
            total += len(rows)
            rows, size = [], 0
    if rows:
        yield _build_block(rows, listed)
    total += len(rows)
    if total != counted.rows:
        raise Unreadable(f"it has {counted.rows} elements <{row_tag}>, but {total} were read")


def _elements(text: Readable, row_tag: str, charset: str) -> Iterator[Any]:
    """The outermost elements of that name; what was read is let go."""
    depth = 0
    try:
        events = etree.iterparse(
            text,
            events=("start", "end"),
            encoding="utf-8",
            no_network=True,
            resolve_entities=False,
            load_dtd=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        )
        for event, element in events:
            is_row = isinstance(element.tag, str) and etree.QName(element).localname == row_tag
            if event == "start":
                depth += is_row
                continue
            depth -= is_row
            if depth == 0:
                if is_row:
                    yield element
                _let_go(element)
    except etree.XMLSyntaxError as error:
        advice = f". It {charset_reason(charset)}" if "encoding" in str(error.msg) else ""
        raise Unreadable(f"it is no well-formed XML: {error.msg}{advice}") from error


def _let_go(element: Element) -> None:
    element.clear(keep_tail=False)
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]


class _Row:
    """One row's values as JSON has them, and its place and text."""

    def __init__(self, element: Element) -> None:
        self.line: int = element.sourceline
        raw = etree.tostring(element, encoding="unicode", with_tail=False)
        self.text = raw[:TEXT_LIMIT]
        self.size = len(raw)
        self.fault = _find_entity(element)
        self.values: dict[str, list[Any]] = {}
        for name, value in element.attrib.items():
            if name != _NIL:
                self.values.setdefault(f"_{etree.QName(name).localname}", []).append(value)
        for child in element.iterchildren(tag=etree.Element):
            self.values.setdefault(etree.QName(child).localname, []).append(_read(child))
        own = _own_text(element)
        if own is not None:
            self.values.setdefault("_VALUE", []).append(own)
        self._check_names()

    def _check_names(self) -> None:
        seen: dict[str, str] = {}
        for name in self.values:
            other = seen.setdefault(key_of(name), name)
            if other != name:
                self.fault = f"has the columns {other!r} and {name!r}, which differ in case only"


def _find_entity(element: Element) -> str | None:
    entity = next(element.iter(etree.Entity), None)
    return (
        None if entity is None else f"has the entity {entity.text}, which is not read: entities may be bombs"
    )


def _read(element: Element) -> Value:
    """Text, or a dict of what the element has."""
    parts: dict[str, list[Any]] = {}
    for name, value in element.attrib.items():
        if name != _NIL:
            parts.setdefault(f"_{etree.QName(name).localname}", []).append(value)
    for child in element.iterchildren(tag=etree.Element):
        parts.setdefault(etree.QName(child).localname, []).append(_read(child))
    own = _own_text(element)
    if not parts:
        return own
    if own is not None:
        parts["_VALUE"] = [own]
    return {name: values[0] if len(values) == 1 else values for name, values in parts.items()}


def _own_text(element: Element) -> str | None:
    """The element's text without that of its parts; None where there is nothing."""
    text = (element.text or "") + "".join(child.tail or "" for child in element)
    if len(element):
        text = text.strip()
    return text or None


def _json(value: Value) -> str:
    """Nested values as JSON; text that JSON has as a number or a word stays as it is written."""
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{_json(part)}" for name, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_json, value)) + "]"
    return value if _BARE.fullmatch(value) else json.dumps(value, ensure_ascii=False)


class _RowOrigins:
    def __init__(self, rows: list[_Row]) -> None:
        self._rows = rows

    def locate(self, rows: Sequence[int]) -> list[tuple[int | None, int | None, str]]:
        """Line and text of the rows."""
        return [(self._rows[row].line, None, self._rows[row].text) for row in rows]


def _build_block(rows: list[_Row], listed: set[str]) -> Block:
    good = [row for row in rows if row.fault is None]
    names: dict[str, str] = {}
    for row in good:
        for name, values in row.values.items():
            names.setdefault(key_of(name), name)
            if len(values) > 1:
                listed.add(key_of(name))
    lowered = [{key_of(name): values for name, values in row.values.items()} for row in good]
    columns = {}
    for key, name in names.items():
        cells = [_cell(row.get(key), is_array=key in listed) for row in lowered]
        columns[name] = Column(pa.array(cells, pa.string()))
    rejects = [
        Reject(reason=row.fault, text=row.text, line=row.line) for row in rows if row.fault is not None
    ]
    return Block(columns, len(good), len(rows), _RowOrigins(good), rejects)


def _cell(values: list[Any] | None, *, is_array: bool) -> str | None:
    if values is None:
        return None
    if is_array:
        return _json(values)
    return values[0] if isinstance(values[0], str | None) else _json(values[0])
