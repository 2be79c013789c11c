"""Rows of XML: the elements of one name, wherever they stand.

A row's columns are its child elements, and its attributes as `_name`, as Spark's XML reader names them. A
child that has parts of its own, or comes more than once, is carried as JSON; beside parts an element's own
text is `_VALUE`. An element without content is null. Names are local: a prefix of a namespace is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import pyarrow as pa
from lxml import etree

from ingest_parts.blocks import TEXT_LIMIT, Block, Column, Reject
from ingest_parts.charset_stream import charset_reason, open_utf8
from ingest_parts.columns import key_of
from ingest_parts.faults import Unreadable
from ingest_parts.xml_count import CountedText, declared_charset
from ingest_parts.xml_values import OWN_TEXT, to_json

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from ingest_parts.charset_stream import Readable
    from ingest_parts.xml_values import Value

Element = Any  # of lxml

BLOCK_ROWS = 8192
BLOCK_BYTES = 8 << 20  # of a block's text

_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"


def read_xml(
    stream: BinaryIO,
    *,
    row_tag: str,
    charset: str,
    nulls: Collection[str] = (),
    block_rows: int = BLOCK_ROWS,
) -> Iterator[Block]:
    """The file's rows; forward only.

    Args:
        stream: the file.
        row_tag: the name of the elements that are rows; one inside of another is a part of it. With a prefix,
            it is the name as it is written; without one, any prefix of theirs is left out.
        charset: of the text. utf-8 leaves it to the file's own declaration.
        nulls: texts of elements and attributes that stand for a missing value.
        block_rows: rows of a block at most.

    Raises:
        Unreadable: it is no well-formed XML, has entities of its own, is huge in a way that lxml refuses, or
            has other rows than start tags of that name.
    """
    text, stated = declared_charset(stream, charset)
    counted = CountedText(open_utf8(text, stated), row_tag)
    missing = frozenset(nulls)
    rows: list[_Row] = []
    size = total = 0
    for element in _elements(counted, row_tag, stated):
        row = _Row(element, missing)
        rows.append(row)
        size += row.size
        if len(rows) >= block_rows or size >= BLOCK_BYTES:
            yield _build_block(rows)
            total += len(rows)
            rows, size = [], 0
    if rows:
        yield _build_block(rows)
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
            is_row = isinstance(element.tag, str) and _name(element, with_prefix=":" in row_tag) == row_tag
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


def _name(element: Element, *, with_prefix: bool) -> str:
    local = str(etree.QName(element).localname)
    return f"{element.prefix}:{local}" if with_prefix and element.prefix else local


def _let_go(element: Element) -> None:
    element.clear(keep_tail=False)
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]


class _Row:
    """One row's values as JSON has them, and its place and text."""

    def __init__(self, element: Element, missing: frozenset[str]) -> None:
        self.line: int = element.sourceline
        raw = etree.tostring(element, encoding="unicode", with_tail=False)
        self.text = raw[:TEXT_LIMIT]
        self.size = len(raw)
        self.fault = _find_entity(element)
        self.values = _read_parts(element, missing)
        own = _own_text(element, missing)
        if own is not None:
            self.values.setdefault(OWN_TEXT, []).append(own)
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


def _read_parts(element: Element, missing: frozenset[str]) -> dict[str, list[Value]]:
    """The element's attributes and elements, by name."""
    parts: dict[str, list[Value]] = {}
    for name, value in element.attrib.items():
        if name != _NIL:
            shown = None if value in missing else value
            parts.setdefault(f"_{etree.QName(name).localname}", []).append(shown)
    for child in element.iterchildren(tag=etree.Element):
        parts.setdefault(etree.QName(child).localname, []).append(_read(child, missing))
    return parts


def _read(element: Element, missing: frozenset[str]) -> Value:
    """Text, or a dict of what the element has."""
    parts = _read_parts(element, missing)
    own = _own_text(element, missing)
    if not parts:
        return own
    if own is not None:
        parts.setdefault(OWN_TEXT, []).append(own)
    return {name: values[0] if len(values) == 1 else values for name, values in parts.items()}


def _own_text(element: Element, missing: frozenset[str]) -> str | None:
    """The element's text without that of its parts; None where there is nothing."""
    text = (element.text or "") + "".join(child.tail or "" for child in element)
    if len(element):
        text = text.strip()
    return None if text in missing else text or None


class _RowOrigins:
    def __init__(self, rows: list[_Row]) -> None:
        self._rows = rows

    def locate(self, rows: Sequence[int]) -> list[tuple[int | None, int | None, str]]:
        """Line and text of the rows."""
        return [(self._rows[row].line, None, self._rows[row].text) for row in rows]


def _build_block(rows: list[_Row]) -> Block:
    good = [row for row in rows if row.fault is None]
    names: dict[str, str] = {}
    for row in good:
        for name in row.values:
            names.setdefault(key_of(name), name)
    lowered = [{key_of(name): values for name, values in row.values.items()} for row in good]
    columns = {}
    for key, name in names.items():
        columns[name] = _build_column([row.get(key, [None]) for row in lowered])
    rejects = [
        Reject(reason=row.fault, text=row.text, line=row.line) for row in rows if row.fault is not None
    ]
    return Block(columns, len(good), len(rows), _RowOrigins(good), rejects)


def _build_column(cells: list[list[Value]]) -> Column:
    """One column, of which each row has an element, several or none."""
    values = [some[0] if len(some) == 1 else some for some in cells]
    plain = np.array([isinstance(value, str | None) for value in values], np.bool_)
    texts = [value if isinstance(value, str | None) else to_json(value) for value in values]
    return Column(pa.array(texts, pa.string()), quoted=plain, is_xml=True)
