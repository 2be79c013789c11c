"""Rows of JSON: one object a line, several on a line, documents over lines, or arrays of objects.

Which of these a file is, it tells itself. What stands behind an object is never passed over: the record is
rejected with its text. A cell is the text of a JSON string, or the raw text of a number, a word, an object or
an array; null and a name that is not there are null.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from ingest_parts.blocks import MAX_CELLS, TEXT_LIMIT, Block, Reject
from ingest_parts.charset_stream import is_valid_utf8, open_utf8
from ingest_parts.json_columns import build_columns
from ingest_parts.json_decoding import FrameDecoder
from ingest_parts.json_framing import HEAD_BYTES, detect_layout, frame_pieces
from ingest_parts.line_stretch import LineStretch

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from ingest_parts.charset_stream import Readable
    from ingest_parts.json_decoding import Decoded
    from ingest_parts.json_framing import Frame
    from ingest_parts.json_shape import RowShape
    from ingest_parts.json_structure import Span, Spans
    from ingest_parts.json_typed import TypedFrames

BLOCK_BYTES = 2 << 20  # larger ones are slower: their cells fall out of the processor's cache
RECORD_BYTES = 128 << 20  # a larger record is refused: it would have to fit in memory several times


def is_json_lines(head: bytes) -> bool:
    """Whether a file whose text begins so has its records in lines, so that it may be cut at line ends."""
    return b"\n" in head.lstrip() and detect_layout(head) == "lines"


def read_json(
    stream: BinaryIO,
    *,
    charset: str,
    start: int = 0,
    end: int | None = None,
    first_line: int = 1,
    typed: TypedFrames | None = None,
    width: int = 0,
    declared: Collection[str] | None = None,
    block_bytes: int = BLOCK_BYTES,
    record_bytes: int = RECORD_BYTES,
) -> Iterator[Block]:
    """The file's rows in blocks.

    Args:
        stream: the file; it is sought in only where ``start`` is not 0.
        charset: of its text; a byte-order mark is passed over.
        start: with ``end``, only for records in lines: the records that begin in [start, end).
        end: see ``start``; None is the end of the file.
        first_line: the number of the first line that is read.
        typed: reads frames whose records all fit; without it every column is text.
        width: how many columns the rows are for.
        declared: keys of the columns that alone are needed: where objects have many others, these are passed
            over. None needs every name.
        block_bytes: bytes of the file that make one block.
        record_bytes: the largest record that is taken.

    Raises:
        Unreadable: the charset is unknown or another one, a record is too large, an array's brackets do not
            match, or objects have too many different names.
    """
    is_stretch = start > 0 or end is not None
    source = LineStretch(stream, start, end) if is_stretch else stream
    text = open_utf8(source, charset, is_start=start == 0)
    head = _fill(text, max(block_bytes, HEAD_BYTES))
    layout = "lines" if is_stretch else detect_layout(head)
    frames = frame_pieces(_pieces(text, head, block_bytes), layout, first_line=first_line, limit=record_bytes)
    decoder = FrameDecoder(charset, declared)
    for frame in frames:
        columns = typed.read(frame, decoder.shape.names) if typed and is_valid_utf8(frame.data) else None
        if columns is not None:
            yield Block(columns, len(frame.spans), len(frame.spans), TextOrigins(frame, frame.spans))
            continue
        with _no_collection():
            decoded = decoder.decode(frame)
            parts = decoded.cut(max(1, MAX_CELLS // max(1, width, len(decoder.shape.names))))
            del decoded
        while parts:
            with _no_collection():
                block = _build_block(frame, parts.pop(0), decoder.shape)
            yield block


class TextOrigins:
    """Where the rows of a frame stand in the file."""

    def __init__(self, frame: Frame, spans: Spans) -> None:
        self._frame = frame
        self._spans = spans

    def locate(self, rows: Sequence[int]) -> list[tuple[int | None, int | None, str]]:
        """Line, None and the record's text."""
        lines = self._frame.lines()
        return [
            (lines.at(span[0]), None, record_text(self._frame.data, span))
            for span in self._spans[list(rows)].tolist()
        ]


def record_text(data: bytes, span: Span) -> str:
    """A record as it stands in the file, as far as it is kept."""
    return data[span[0] : min(span[1], span[0] + 4 * TEXT_LIMIT)].decode(errors="replace")[:TEXT_LIMIT]


def _build_block(frame: Frame, decoded: Decoded, shape: RowShape) -> Block:
    columns = build_columns(decoded, shape, frame.data)
    lines = frame.lines()
    rejects = [
        Reject(reason=reason, text=record_text(frame.data, span), line=lines.at(span[0]))
        for span, reason in sorted(decoded.faults)
    ]
    return Block(
        columns=columns,
        rows=len(decoded.rows),
        counted=decoded.records,
        origins=TextOrigins(frame, decoded.spans),
        rejects=rejects,
    )


@contextmanager
def _no_collection() -> Iterator[None]:
    """Hold the collector of cycles back: it would search half a million cells at once for cycles."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _fill(text: Readable, size: int) -> bytes:
    parts, missing = [], size
    while missing > 0 and (piece := text.read(missing)):
        parts.append(piece)
        missing -= len(piece)
    return b"".join(parts)


def _pieces(text: Readable, head: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(head), size):
        yield head[start : start + size]
    while piece := _fill(text, size):
        yield piece
