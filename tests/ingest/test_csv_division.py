"""A file that is read in parts gives what it gives as a whole, wherever the parts begin."""

import csv
import io
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingest_parts import csv_split
from ingest_parts.csv_split import divide, measure
from ingest_parts.dialect import Dialect, Rules
from ingest_parts.manifest import Input
from ingest_parts.rows import read_part
from ingest_parts.sources import Part, Source
from ingest_parts.store import open_store

GIVEN = Input("csv", None, "exact", "utf-8", Dialect(), Rules(), None)


def read_all(store: Any, parts: list[Part]) -> tuple[list[tuple[Any, ...]], list[tuple[int, str]]]:
    """All rows of some parts, and where each stands."""
    rows: list[tuple[Any, ...]] = []
    places: list[tuple[int, str]] = []
    for part in parts:
        for block in read_part(store, GIVEN, part):
            rows += zip(*(column.values.to_pylist() for column in block.columns.values()), strict=True)
            places += [(line, text) for line, _, text in block.origins.locate(range(block.rows))]
    return rows, places


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("division") / "a.csv"


@given(
    st.lists(st.tuples(*[st.text('ab,"\r\n é', max_size=5)] * 2), min_size=1, max_size=12),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.lists(st.integers(1, 400), max_size=6),
    st.sampled_from([1, 3, 4096]),
)
def test_any_division_gives_every_row_once(
    path: Path, rows: list[tuple[str, str]], line_end: str, cuts: list[int], chunk: int
) -> None:
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator=line_end, quoting=csv.QUOTE_ALL).writerows(rows)
    data = written.getvalue().encode()
    path.write_bytes(data)
    store = open_store(None)
    source = Source({"upload_id": "u", "key": "a.csv", "uri": f"file://{path}"}, names=("a", "b"))
    source = Source(source.entry, store.stat(source.place), ("a", "b"))
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    bounds = list(pairwise(edges))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_split, "_CHUNK", chunk)
        measures = [measure(store, source, *bound, '"') for bound in bounds]
        parts = divide(source, 0, bounds, measures)
        found, places = read_all(store, parts)
    assert found == rows
    assert places == read_all(store, [Part(source)])[1]


def test_a_part_that_begins_in_a_quoted_line_end_counts_it_once(path: Path) -> None:
    data = b'1,"a\r\nb"\r\n2,c\r\n'
    path.write_bytes(data)
    store = open_store(None)
    source = Source({"upload_id": "u", "key": "a.csv", "uri": f"file://{path}"}, names=("a", "b"))
    source = Source(source.entry, store.stat(source.place), ("a", "b"))
    cut = data.index(b"\n")
    bounds = [(0, cut), (cut, len(data))]
    parts = divide(source, 0, bounds, [measure(store, source, *bound, '"') for bound in bounds])
    assert read_all(store, parts)[1] == [(1, '1,"a\r\nb"'), (3, "2,c")]
