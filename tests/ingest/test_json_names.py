"""Objects with many different names: all that are there come back, and too many of them are refused."""

from __future__ import annotations

import io
import json
import random
import time
from typing import TYPE_CHECKING, Any

import pytest
from ingest_parts import json_rows as reader
from ingest_parts.columns import MAX_NAMES
from ingest_parts.faults import Unreadable
from ingest_parts.json_rows import read_json
from ingest_parts.json_shape import NOTED_NAMES

from tests.ingest.reading import Row, all_rejects, json_rows

if TYPE_CHECKING:
    from ingest_parts.blocks import Block


def _read(text: str, **rules: Any) -> list[Block]:
    return list(read_json(io.BytesIO(text.encode()), charset="utf-8", **rules))


def _lines(rows: list[Row]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def _sparse_rows(count: int, names: int, seed: int = 1) -> list[Row]:
    """Each with three of many names, of which one is said in two ways."""
    dice = random.Random(seed)  # noqa: S311  it picks names
    rows = []
    for number in range(count):
        row: Row = {f"c:{name}": f"v\n:{number}" for name in dice.sample(range(names), 3)}
        row["ID" if dice.random() < 0.5 else "id"] = number
        rows.append(row)
    return rows


def _lowered(rows: list[Row]) -> list[Row]:
    return [{name.lower(): value for name, value in row.items()} for row in rows]


@pytest.mark.parametrize("layout", ["lines", "several", "array"])
def test_rows_with_few_of_many_names_come_back_equal(layout: str) -> None:
    rows = _sparse_rows(3000, 500)
    parts = [json.dumps(row) for row in rows]
    text = {"lines": "\n".join(parts), "several": " ".join(parts) + "\n", "array": json.dumps(rows)}[layout]
    blocks = _read(text, block_bytes=50_000)
    assert _lowered(json_rows(blocks)) == _lowered(rows)
    assert not all_rejects(blocks)


def test_a_row_that_names_one_of_many_columns_twice_is_a_reject() -> None:
    rows = _sparse_rows(2000, 400)
    doubles = ['{"c:1":1,"c:1":2}', '{"id":1,"ID":2}', '{"c:1":1,"c\\u003a1":2}', '{"new":1,"new":2}']
    blocks = _read(_lines(rows[:1000]) + "\n".join(doubles) + "\n5\n" + _lines(rows[1000:]))
    assert _lowered(json_rows(blocks)) == _lowered(rows)
    assert [reject.line for reject in all_rejects(blocks)] == [1001, 1002, 1003, 1004, 1005]


def test_a_block_has_so_many_cells_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_CELLS", 10_000)
    rows = _sparse_rows(1000, 200)
    blocks = _read("x\n" + _lines(rows), width=400)
    assert max(block.rows for block in blocks) == 10_000 // 400
    assert _lowered(json_rows(blocks)) == _lowered(rows)
    located = [place for block in blocks for place in block.origins.locate(range(block.rows))]
    assert [line for line, _, _ in located] == list(range(2, 1002))
    assert [reject.line for reject in all_rejects(blocks)] == [1]


def test_objects_that_are_maps_are_refused_and_the_reason_says_what_helps() -> None:
    text = "".join(f'{{"user_{number}":0}}\n' for number in range(MAX_NAMES + 1))
    started = time.monotonic()
    with pytest.raises(Unreadable, match=r"more than 10,000 different names.*columns: ignore_extra.*MAP"):
        _read(text)
    assert time.monotonic() - started < 5  # rows times names would take minutes, and all memory


def test_as_many_names_as_may_be_are_read() -> None:
    text = "".join(f'{{"user_{number}":0}}\n' for number in range(4000))
    blocks = _read(text)
    assert sum(len(row) for row in json_rows(blocks)) == 4000


def test_names_that_nobody_needs_are_passed_over_however_many_they_are() -> None:
    count = 3 * MAX_NAMES
    names = ["id", "ID"]
    lines = [f'{{"user_{number}":{{"a":1}},"{names[number % 2]}":{number}}}' for number in range(count)]
    lines[-2] = '{"id":1,"user_1":1,"user_1":2}'
    lines[-1] = f'{{"late":1,"other":2,"\\u0069d ":{count - 1}}}'
    blocks = _read("\n".join(lines), declared={"id"}, block_bytes=100_000)
    found = [row for row in _lowered(json_rows(blocks)) if row]
    assert [row.get("id", row.get("id ")) for row in found] == [*range(count - 2), count - 1]
    assert len(set().union(*found)) <= NOTED_NAMES + 2
    assert [reject.line for reject in all_rejects(blocks)] == [count - 1]
