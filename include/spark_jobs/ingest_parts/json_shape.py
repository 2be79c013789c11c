"""The names that a file's objects have, and rows decoded with just these."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec

from ingest_parts.columns import MAX_NAMES, key_of
from ingest_parts.faults import Unreadable

if TYPE_CHECKING:
    from collections.abc import Collection

    from ingest_parts.json_framing import Frame

ABSENT = msgspec.Raw(b"")
NOTED_NAMES = 1_000  # names of one file beyond which those that no column is declared for are passed over

NAMES_DECODER = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ESCAPED = re.compile(r'["\\\x00-\x1f]')
_BETWEEN = re.compile(rb"\}[ \t\r]*\{")  # two objects on one line


class RowShape:
    """The names that a file's objects have been seen to have, and a decoder of rows with just these.

    A row is a struct of one attribute a name, which msgspec fills about twice as fast as a dict. It is a dict
    where a name would have to be escaped in JSON, where names are passed over, and where most cells of the
    structs would be empty: rows times names may be any number, the cells that are there may not.

    Args:
        declared: keys of the columns that alone are needed; None needs every name.
    """

    def __init__(self, declared: Collection[str] | None = None) -> None:
        self.names: list[str] = []
        self.are_dicts = False
        self._declared = declared
        self._known: set[str] = set()
        self._has_escapes = False
        self._structs: msgspec.json.Decoder[Any] | None = None

    def suit(self, frame: Frame) -> None:
        """Choose what the rows of a frame become."""
        passes_over = self._declared is not None and len(self.names) >= NOTED_NAMES
        self.are_dicts = passes_over or self._has_escapes or self._is_sparse(frame)

    def _is_sparse(self, frame: Frame) -> bool:
        """Whether the rows have more cells than the frame has bytes, so that most cells are empty."""
        width, size = len(self.names), len(frame.data)
        rows = len(frame.spans)
        if frame.layout == "lines" and width * frame.data.count(b"{") > size:
            rows += len(_BETWEEN.findall(frame.data))
        return width * rows > size

    def learn(self, objects: list[dict[str, msgspec.Raw]]) -> None:
        """Take up the names of these objects.

        Raises:
            Unreadable: they are too many for columns.
        """
        for name in dict.fromkeys(chain.from_iterable(objects)):
            if self._is_missing(name):
                self.names.append(name)
                self._known.add(name)
        if len(self.names) > MAX_NAMES:
            raise Unreadable(
                f"its objects have more than {MAX_NAMES:,} different names: they are maps, whose names are "
                "values. Declare the columns that are needed as input.schema, with columns: ignore_extra; or "
                "put each map into a field of its own, and declare that as MAP"
            )
        self._has_escapes = any(_ESCAPED.search(name) for name in self.names)
        self._structs = None

    def _is_missing(self, name: str) -> bool:
        """Whether a name has yet to be taken up."""
        if name in self._known:
            return False
        return self._declared is None or len(self.names) < NOTED_NAMES or key_of(name) in self._declared

    def decode_many(self, text: bytes) -> list[Any]:
        """The rows of objects with blanks between them.

        Raises:
            msgspec.ValidationError: one is no object, or has an unknown name.
        """
        return self._check(self._decoder().decode_lines(text))

    def decode_one(self, text: bytes) -> list[Any]:
        """The row of one object, in a list."""
        return self._check([self._decoder().decode(text)])

    def _decoder(self) -> msgspec.json.Decoder[Any]:
        if self.are_dicts:
            return NAMES_DECODER
        if self._structs is None:
            fields = [f"cell_{index}" for index in range(len(self.names))]
            row = msgspec.defstruct(
                "Row",
                [(name, msgspec.Raw, ABSENT) for name in fields],
                rename=dict(zip(fields, self.names, strict=True)),
                forbid_unknown_fields=True,
                gc=False,
            )
            self._structs = msgspec.json.Decoder(row)
        return self._structs

    def _check(self, rows: list[Any]) -> list[Any]:
        if self.are_dicts and any(map(self._is_missing, set(chain.from_iterable(rows)) - self._known)):
            raise msgspec.ValidationError("Object contains an unknown field")
        return rows
