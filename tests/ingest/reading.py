"""What tests do with the blocks of a reader."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ingest_parts.blocks import Block, Reject

Row = dict[str, Any]


def json_rows(blocks: Iterable[Block]) -> list[Row]:
    """Rows of JSON as Python has them, without what is null."""
    rows = []
    for block in blocks:
        assert block.counted == block.rows + len(block.rejects)
        cells: list[Row] = [{} for _ in range(block.rows)]
        for name, column in block.columns.items():
            assert column.quoted is not None
            assert column.is_text
            column.values.validate(full=True)
            for row, text, quoted in zip(cells, column.values.to_pylist(), column.quoted, strict=True):
                if text is not None:
                    row[name] = text if quoted else json.loads(text)
        rows += cells
    return rows


def plain_rows(blocks: Iterable[Block]) -> list[Row]:
    """Rows as Python has them."""
    rows = []
    for block in blocks:
        assert block.counted == block.rows + len(block.rejects)
        columns = {name: column.values.to_pylist() for name, column in block.columns.items()}
        rows += [{name: cells[row] for name, cells in columns.items()} for row in range(block.rows)]
    return rows


def all_rejects(blocks: Iterable[Block]) -> list[Reject]:
    return [reject for block in blocks for reject in block.rejects]
