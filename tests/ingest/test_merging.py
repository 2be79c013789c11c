"""Small pieces become files of the right size, and none of their rows is lost on the way."""

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ingest_parts.committing import Pending, complete
from ingest_parts.faults import IngestError
from ingest_parts.merging import merge_group, plan_merges, target_uri
from ingest_parts.store import open_store
from ingest_parts.writing import TaskWriter, Written

from tests.ingest.read_back import comparable, read_rows
from tests.ingest.uploads import open_uploads, seen

FORMATS = ("parquet", "csv", "json")
LOCAL = open_store(None)


def build_rows(task: int, rows: int = 120) -> pa.Table:
    return pa.table({
        "id": [task * rows + number for number in range(rows)],
        'te"x\nt': [f'"{number}"\n,' * 3 if number % 5 else None for number in range(rows)],
        "g": [number % 3 or None for number in range(rows)],
        "_source_key": ["k"] * rows, "_upload_id": [f"u{number % 2}" for number in range(rows)],
        "_batch_id": ["b"] * rows,
    })  # fmt: skip


def write_pieces(
    store: Any, root: str, data_format: str, tasks: int, by: tuple[str, ...] = ("g",)
) -> list[Written]:
    written: list[Written] = []
    for task in range(tasks):
        with TaskWriter(
            store, f"{root}/staging", data_format=data_format, partition_by=by, file_bytes=10**8,
            task_name=f"{task:05d}",
        ) as writer:  # fmt: skip
            writer.write(build_rows(task))
            written += writer.finish()
    complete(store, [one.pending for one in written])
    return written


def merge_all(store: Any, root: str, data_format: str, pieces: list[Written], size: int) -> list[Written]:
    groups = plan_merges(pieces, size)
    return [
        merge_group(
            store, group, target_uri(f"{root}/out", group, data_format, place), data_format=data_format
        )
        for place, group in enumerate(groups)
    ]


@pytest.mark.parametrize("data_format", FORMATS)
def test_pieces_become_files_of_the_right_size(tmp_path: Path, data_format: str) -> None:
    root = f"file://{tmp_path}"
    pieces = write_pieces(LOCAL, root, data_format, 12)
    total = sum(piece.pending.bytes for piece in pieces)
    size = total // 6
    merged = merge_all(LOCAL, root, data_format, pieces, size)
    assert seen(LOCAL, f"{root}/out") == []
    complete(LOCAL, [one.pending for one in merged])
    assert len(merged) == 6
    if data_format != "parquet":  # of these, few groups of rows take less than many
        assert all(0.5 * size < one.pending.bytes < 1.7 * size for one in merged)
    table = pa.concat_tables([build_rows(task) for task in range(12)])
    found = read_rows(tmp_path / "out", data_format, table.schema)
    expected = [{name: comparable(value) for name, value in row.items()} for row in table.to_pylist()]
    assert sorted(map(repr, found)) == sorted(map(repr, expected))
    uploads: Counter[str] = Counter()
    for one in merged:
        uploads.update(one.rows_by_upload)
    assert uploads == {"u0": 720, "u1": 720}
    if data_format == "parquet":
        assert all(pq.read_metadata(path).num_row_groups == 1 for path in tmp_path.glob("out/*/*.parquet"))


@pytest.mark.parametrize("data_format", FORMATS)
def test_it_is_the_same_on_s3(store: Any, root: str, data_format: str) -> None:
    pieces = write_pieces(store, root, data_format, 2)
    merged = merge_all(store, root, data_format, pieces, 10**8)
    assert [one.partition for one in merged] == ["g=1", "g=2", "g=__HIVE_DEFAULT_PARTITION__"]
    assert seen(store, f"{root}/out") == []
    complete(store, [one.pending for one in merged])
    assert len(seen(store, f"{root}/out")) == 3
    assert [one.rows for one in merged] == [80, 80, 80]
    assert not open_uploads(store, root)


@pytest.mark.parametrize("data_format", FORMATS)
def test_one_piece_alone_is_copied(tmp_path: Path, data_format: str) -> None:
    root = f"file://{tmp_path}"
    pieces = write_pieces(LOCAL, root, data_format, 1)
    merged = merge_all(LOCAL, root, data_format, pieces, 10**8)
    complete(LOCAL, [one.pending for one in merged])
    assert [LOCAL.read_bytes(one.pending.uri) for one in merged] == [
        LOCAL.read_bytes(one.pending.uri) for one in sorted(pieces, key=lambda one: one.pending.uri)
    ]


@pytest.mark.parametrize("data_format", FORMATS)
def test_a_folder_by_upload_has_no_such_column_in_its_files(tmp_path: Path, data_format: str) -> None:
    pieces = write_pieces(LOCAL, f"file://{tmp_path}", data_format, 3, ("_upload_id",))
    merged = merge_all(LOCAL, f"file://{tmp_path}", data_format, pieces, 10**8)
    assert [(one.partition, one.rows_by_upload) for one in merged] == [
        ("_upload_id=u0", {"u0": 180}), ("_upload_id=u1", {"u1": 180}),
    ]  # fmt: skip


@pytest.mark.parametrize("data_format", FORMATS)
def test_a_piece_that_changed_is_an_error(store: Any, root: str, data_format: str) -> None:
    pieces = write_pieces(store, root, data_format, 2)
    lost = pieces[0].pending.uri
    store.write_bytes(lost, store.read_bytes(lost)[:-1])
    with pytest.raises(IngestError, match="is not there as it was written"):
        merge_all(store, root, data_format, pieces, 10**8)
    assert not [name for name in open_uploads(store, root) if pieces[0].partition in name]


@pytest.mark.parametrize("data_format", ["csv", "json"])
def test_a_record_too_many_is_found(tmp_path: Path, data_format: str) -> None:
    pieces = write_pieces(LOCAL, f"file://{tmp_path}", data_format, 2)
    lost = pieces[0].pending.uri
    data = LOCAL.read_bytes(lost)
    place = data.index(b'"k"' if data_format == "json" else b",k,")
    LOCAL.write_bytes(lost, data[:place] + b"\n" + data[place + 1 :])
    with pytest.raises(IngestError, match="rows were to be merged"):
        merge_all(LOCAL, f"file://{tmp_path}", data_format, pieces, 10**8)


def piece(name: str, size: int, partition: str = "") -> Written:
    return Written(Pending(f"file:///x/{partition}/{name}", "", (), size, ""), 1, {}, partition)


def test_a_plan_has_every_piece_once_whatever_their_order() -> None:
    pieces = [piece(f"{number:03d}", 37 + number, f"g={number % 2}") for number in range(100)]
    plan = plan_merges(pieces, 1000)
    assert plan == plan_merges(pieces[::-1], 1000)
    assert sorted(one.pending.uri for group in plan for one in group.pieces) == sorted(
        one.pending.uri for one in pieces
    )
    sizes = [sum(one.pending.bytes for one in group.pieces) for group in plan]
    assert all(500 < size < 1700 for size in sizes)
    assert all({one.partition for one in group.pieces} == {group.partition} for group in plan)
