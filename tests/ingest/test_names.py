"""Names are one column's wherever they are compared, by one rule: no value is lost between two of them."""

from __future__ import annotations

import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ingest_parts.columns import check_names
from ingest_parts.faults import Unreadable
from ingest_parts.json_rows import read_json
from ingest_parts.parquet_rows import parquet_footer
from ingest_parts.partitioning import find_columns
from ingest_parts.typed_casting import cast_typed
from ingest_parts.typed_merging import merge_types
from ingest_parts.xml_rows import read_xml

from tests.ingest.reading import all_rejects, json_rows
from tests.ingest.test_json_values import cast

PAIRS = [("straße", "strasse"), ("ΟΔΟΣ", "οδος"), ("ﬁle", "FILE"), ("id", " ID ")]
pairs = pytest.mark.parametrize(("one", "other"), PAIRS)


@pairs
def test_an_object_of_json_that_has_both_is_a_reject(one: str, other: str) -> None:
    lines = [{one: 1, other: 2}, {one: 3}, {other: 4}]
    blocks = list(read_json(io.BytesIO(_lines(lines)), charset="utf-8"))
    assert [list(row.values()) for row in json_rows(blocks)] == [[3], [4]]
    assert ["twice" in reject.reason for reject in all_rejects(blocks)] == [True]


@pairs
def test_a_nested_object_that_has_both_is_bad(one: str, other: str) -> None:
    kind = pa.struct([(one, pa.int64())])
    texts: list[str | None] = [json.dumps({one: 1, other: 2}), json.dumps({other: 3})]
    assert cast(texts, kind) == [..., {one: 3}]


@pairs
def test_a_file_with_both_as_columns_or_as_fields_is_refused(one: str, other: str) -> None:
    both = pa.struct([(one, pa.int32()), (other, pa.int32())])
    for schema in (pa.schema(list(both)), pa.schema([("s", both)]), pa.schema([("l", pa.list_(both))])):
        file = io.BytesIO()
        pq.write_table(schema.empty_table(), file)
        with pytest.raises(Unreadable, match="twice"):
            parquet_footer(file)
    with pytest.raises(Unreadable, match="more than once"):
        check_names([one, other], "its header")


@pairs
def test_structs_meet_in_one_field(one: str, other: str) -> None:
    first, second = pa.struct([(one, pa.int32())]), pa.struct([(other, pa.int64())])
    merged = merge_types(first, second)
    assert merged == pa.struct([(one, pa.int64())])
    values, bad = cast_typed(pa.array([{other: 5}], second), merged, merged=True)
    assert (values.to_pylist(), bad.tolist()) == ([{one: 5}], [False])


@pytest.mark.parametrize(("one", "other"), PAIRS[:-1])
def test_a_row_of_xml_that_has_both_is_a_reject(one: str, other: str) -> None:
    rows = [f"<{one}>1</{one}><{other}>2</{other}>", f"<{other}>3</{other}>"]
    text = f"<rows>{''.join(f'<row>{row}</row>' for row in rows)}</rows>".encode()
    (block,) = read_xml(io.BytesIO(text), row_tag="row", charset="utf-8")
    assert {name: column.values.to_pylist() for name, column in block.columns.items()} == {other: ["3"]}
    assert len(block.rejects) == 1


@pairs
def test_a_column_to_partition_by_is_found_by_the_other_name(one: str, other: str) -> None:
    assert find_columns(pa.schema([(one, pa.string()), ("x", pa.int32())]), [other]) == [one]


def _lines(rows: list[Any]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
