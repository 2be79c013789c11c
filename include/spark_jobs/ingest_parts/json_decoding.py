"""Records of a frame, decoded in bulk; one that does not fit costs itself only."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from ingest_parts.charset_stream import byte_reason, is_valid_utf8
from ingest_parts.json_shape import NAMES_DECODER, RowShape
from ingest_parts.json_structure import BLANKS, are_whole, no_spans, object_spans

if TYPE_CHECKING:
    from collections.abc import Collection

    from ingest_parts.json_framing import Frame
    from ingest_parts.json_structure import Span, Spans

_PLAIN_DECODER = json.JSONDecoder()
_FAULTS = (msgspec.MsgspecError, UnicodeError, RecursionError)


def _objects(text: bytes) -> list[dict[str, msgspec.Raw]]:
    try:
        return NAMES_DECODER.decode_lines(text)
    except _FAULTS:
        return []


@dataclass
class Decoded:
    """The rows of a frame, where each stands in it, and what is none.

    ``records`` are as many as brackets and line ends tell apart; the decoder of values has no part in them.
    """

    rows: list[Any] = field(default_factory=list)
    spans: Spans = field(default_factory=no_spans)
    faults: list[tuple[Span, str]] = field(default_factory=list)
    records: int = 0

    def cut(self, most: int) -> list[Decoded]:
        """These in parts of so many rows; what is no row is in the first one, and so is a wrong count."""
        starts = range(most, len(self.rows), most)
        later = [
            Decoded(rows := self.rows[start : start + most], self.spans[start : start + most], [], len(rows))
            for start in starts
        ]
        records = self.records - sum(part.records for part in later)
        return [Decoded(self.rows[:most], self.spans[:most], self.faults, records), *later]


class FrameDecoder:
    """Decodes the frames of one file.

    Args:
        charset: of its text, for reasons.
        declared: see ``RowShape``.
    """

    def __init__(self, charset: str, declared: Collection[str] | None = None) -> None:
        self.shape = RowShape(declared)
        self._charset = charset

    def decode(self, frame: Frame) -> Decoded:
        """The rows of a frame, and what of it is none.

        Raises:
            Unreadable: its objects have too many different names.
        """
        if not len(frame.spans):
            return Decoded(faults=list(frame.junk), records=len(frame.junk))
        self._is_sound = is_valid_utf8(frame.data)
        decoded = Decoded()
        self.shape.suit(frame)
        try:
            self._decode(frame, decoded)
        except msgspec.ValidationError:
            self.shape.learn(self._objects_of(frame))
            self.shape.suit(frame)
            decoded = Decoded()
            self._decode(frame, decoded, may_learn=False)
        decoded.faults += frame.junk
        decoded.records += len(frame.junk)
        return decoded

    def _decode(self, frame: Frame, into: Decoded, *, may_learn: bool = True) -> None:
        """Halve what cannot be decoded in one go, until the records at fault are alone."""
        todo = [(0, len(frame.spans))]
        parts: list[Spans] = []
        while todo:
            low, high = todo.pop()
            rows = self._try_many(frame.text(low, high), may_learn=may_learn)
            spans = None if rows is None else _match(frame, low, high, len(rows))
            if rows is not None and spans is not None:
                into.rows += rows
                parts.append(spans)
                into.records += len(spans)
            elif high - low > 1:
                middle = (low + high) // 2
                todo += [(middle, high), (low, middle)]
            else:
                alone = self._parts(frame, _span(frame.spans[low]))
                into.records += len(alone)
                parts += [one for span in alone for one in self._decode_one(frame.data, span, into)]
        into.spans = np.concatenate([no_spans(), *parts])

    def _objects_of(self, frame: Frame) -> list[dict[str, msgspec.Raw]]:
        data = frame.data
        objects = _objects(frame.text(0, len(frame.spans)))
        if not objects:
            for span in map(_span, frame.spans):
                objects += _objects(data[span[0] : span[1]]) or [
                    found for start, end in self._parts(frame, span) for found in _objects(data[start:end])
                ]
        return objects

    def _try_many(self, text: bytes, *, may_learn: bool) -> list[Any] | None:
        if not self._is_sound and not is_valid_utf8(text):
            return None
        try:
            return self.shape.decode_many(text)
        except msgspec.ValidationError:
            if may_learn:
                raise
            return None
        except _FAULTS:
            return None

    def _parts(self, frame: Frame, span: Span) -> list[Span]:
        """A record at fault, parted into objects where that is what it is: several on a line."""
        start, end = span
        record = frame.data[start:end]
        if frame.layout == "lines":
            parts = list(map(_span, object_spans(record) + start))
            if len(parts) > 1 and parts[0][0] == start:
                return parts
        if frame.layout == "documents":
            cut = _end_of_document(record)
            if cut:
                rest = record[cut:].lstrip(BLANKS)
                return [(start, start + cut), (end - len(rest), end)]
        return [span]

    def _decode_one(self, data: bytes, span: Span, into: Decoded) -> list[Spans]:
        """Take a record up as a row, and give its place, or as a fault."""
        record = data[span[0] : span[1]]
        if not is_valid_utf8(record):
            into.faults.append((span, byte_reason(record, self._charset)))
            return []
        try:
            into.rows += self.shape.decode_one(record)
        except _FAULTS as error:
            into.faults.append((span, _say(_plain_error(record) or error)))
            return []
        return [np.array([span])]


def _match(frame: Frame, low: int, high: int, count: int) -> Spans | None:
    """The places of the decoded rows, or None where brackets tell apart other than as many records.

    Between two objects that stand in lines of their own there is no comma, so that neither can be a part of
    another one: where every record begins and ends with its brace, records and rows go one to one.
    """
    spans = frame.spans[low:high]
    if count == len(spans) and are_whole(frame.data, spans):
        return spans
    if frame.layout == "lines":
        offset, end = spans[0, 0], spans[-1, 1]
        spans = object_spans(frame.data[offset:end]) + offset
        return spans if len(spans) == count else None
    return None


def _span(span: np.ndarray) -> Span:
    start, end = span.tolist()
    return start, end


def _end_of_document(record: bytes) -> int:
    """Where a document ends that has text behind it on other lines, in bytes; 0 if it has none."""
    try:
        text = record.decode()
        end = _PLAIN_DECODER.raw_decode(text)[1]
    except (ValueError, RecursionError):
        return 0
    rest = text[end:]
    gap = rest[: len(rest) - len(rest.lstrip())]
    return len(text[:end].encode()) if "\n" in gap else 0


def _plain_error(record: bytes) -> BaseException | None:
    """What is wrong with the record in itself, whichever names are known."""
    try:
        NAMES_DECODER.decode(record)
    except _FAULTS as error:
        return error
    return None


def _say(error: BaseException) -> str:
    """A decoder's error as a reason."""
    if isinstance(error, RecursionError):
        return "is nested too deeply"
    message = str(error).removeprefix("JSON is malformed: ")
    if isinstance(error, msgspec.ValidationError):
        return f"is no JSON object: {message[:1].lower()}{message[1:]}"
    if message == "Input data was truncated":
        message = "it ends too early, or has half of a surrogate pair"
    return f"is no valid JSON: {message}"
