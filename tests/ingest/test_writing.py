"""What a task writes reads back equal, has the size that is asked for, and is counted in its bytes."""

import hashlib
import json
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ingest_parts import encoding_files, writing
from ingest_parts.committing import complete
from ingest_parts.faults import IngestError
from ingest_parts.store import open_store
from ingest_parts.writing import TaskWriter, Written

from tests.ingest.read_back import comparable, read_rows
from tests.ingest.tables import tables
from tests.ingest.uploads import open_uploads, seen

FORMATS = ("parquet", "csv", "json")
LOCAL = open_store(None)


def write(
    uri: str,
    pieces: list[pa.Table],
    data_format: str = "parquet",
    by: Any = (),
    *,
    size: int = 10**8,
    store: Any = LOCAL,
) -> list[Written]:
    with TaskWriter(
        store, uri, data_format=data_format, partition_by=by, file_bytes=size, task_name="00001"
    ) as writer:
        for piece in pieces:
            writer.write(piece)
        return writer.finish()


def build_rows(columns: dict[str, Any], uploads: list[str] | None = None) -> pa.Table:
    rows = len(next(iter(columns.values())))
    return pa.table(
        {
            **columns,
            "_source_key": ["k"] * rows,
            "_upload_id": uploads or ["u"] * rows,
            "_batch_id": ["b"] * rows,
        }
    )


def unordered(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(map(repr, rows))


@settings(max_examples=150)
@given(
    drawn=tables(),
    data_format=st.sampled_from(FORMATS),
    size=st.sampled_from([1, 200, 10**8]),
    cut=st.integers(1, 12),
)
def test_any_table_reads_back_equal(drawn: Any, data_format: str, size: int, cut: int) -> None:
    table, by = drawn
    with TemporaryDirectory() as folder:
        pieces = [table.slice(start, cut) for start in range(0, table.num_rows, cut)]
        written = write(
            f"file://{folder}/out", pieces, data_format, [name.swapcase() for name in by], size=size
        )
        assert not [path for path in Path(folder).rglob("*") if path.is_file() and path.name[0] != "."]
        complete(LOCAL, [one.pending for one in written])
        found = read_rows(Path(folder) / "out", data_format, table.schema)
    expected = [{name: comparable(value) for name, value in row.items()} for row in table.to_pylist()]
    assert unordered(found) == unordered(expected)
    uploads: Counter[str] = Counter()
    for one in written:
        uploads.update(one.rows_by_upload)
        assert one.rows == sum(one.rows_by_upload.values())
    assert uploads == Counter(table["_upload_id"].to_pylist())


def test_rows_of_a_folder_keep_their_order(tmp_path: Path) -> None:
    table = build_rows({"id": list(range(1000)), "g": [number % 3 for number in range(1000)]})
    written = write(f"file://{tmp_path}/out", [table.slice(0, 400), table.slice(400)], "json", ["g"])
    complete(LOCAL, [one.pending for one in written])
    for number in range(3):
        (path,) = (tmp_path / "out" / f"g={number}").iterdir()
        assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == list(
            range(number, 1000, 3)
        )


@pytest.mark.parametrize("by", [[], ["g"]])
@pytest.mark.parametrize("data_format", FORMATS)
def test_files_have_the_size_that_is_asked_for(tmp_path: Path, data_format: str, by: list[str]) -> None:
    names = [
        hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()[:16] for number in range(120_000)
    ]
    table = build_rows(
        {"id": list(range(120_000)), "name": names, "g": [number // 50_000 for number in range(120_000)]}
    )
    pieces = [table.slice(start, 7_000) for start in range(0, 120_000, 7_000)]
    written = write(f"file://{tmp_path}/out", pieces, data_format, by, size=400_000)
    sizes = [one.pending.bytes for one in written]
    assert sum(one.rows for one in written) == 120_000
    assert len(sizes) > 3
    assert max(sizes) < 1.7 * 400_000
    assert min(sizes) > 0.5 * 400_000


def test_parquet_is_as_spark_reads_it(tmp_path: Path) -> None:
    table = build_rows(
        {"t": pa.array([1, 2], pa.timestamp("us", "UTC")), "n": pa.array([1, 2], pa.timestamp("us"))}
    )
    (written,) = write(f"file://{tmp_path}/out", [table])
    complete(LOCAL, [written.pending])
    (path,) = (tmp_path / "out").iterdir()
    assert path.name == "part-00001-00000.snappy.parquet"
    footer = pq.read_metadata(path)
    assert footer.format_version == "2.6"
    chunk = footer.row_group(0).column(0)
    assert (chunk.compression, chunk.statistics.min.microsecond) == ("SNAPPY", 1)
    kinds = [json.loads(footer.schema.column(place).logical_type.to_json()) for place in range(2)]
    assert [(kind["timeUnit"], kind["isAdjustedToUTC"]) for kind in kinds] == [
        ("microseconds", True), ("microseconds", False),
    ]  # fmt: skip


def test_many_partitions_keep_to_the_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "HELD_BYTES", 50_000)
    monkeypatch.setattr(writing, "OPEN_FILES", 5)
    table = build_rows({"id": list(range(20_000)), "g": [number % 40 for number in range(20_000)]})
    held: list[tuple[int, int]] = []
    with TaskWriter(
        LOCAL,
        f"file://{tmp_path}/out",
        data_format="csv",
        partition_by=["g"],
        file_bytes=10**8,
        task_name="t",
    ) as writer:
        for start in range(0, 20_000, 500):
            writer.write(table.slice(start, 500))
            parts = writer._parts.values()
            held.append((sum(part.held for part in parts), sum(part.file is not None for part in parts)))
        written = writer.finish()
    assert max(size for size, _ in held) <= 50_000
    assert max(opened for _, opened in held) == 5
    assert sum(one.rows for one in written) == 20_000
    assert len({one.pending.uri for one in written}) == len(written)


@pytest.mark.parametrize("data_format", FORMATS)
def test_no_rows_are_no_files(tmp_path: Path, data_format: str) -> None:
    assert write(f"file://{tmp_path}/out", [], data_format) == []
    assert write(f"file://{tmp_path}/out", [build_rows({"id": [1]}).slice(1)], data_format) == []
    assert not list(tmp_path.iterdir())


def write_then_fail(store: Any, root: str) -> None:
    with TaskWriter(
        store, f"{root}/out", data_format="json", partition_by=[], file_bytes=5_000, task_name="t"
    ) as writer:
        for _ in range(3):
            writer.write(build_rows({"id": list(range(100))}))
            writer._parts[""].flush(all_rows=True)
        assert open_uploads(store, root)
        writer.write(build_rows({"id": ["x"]}))


def test_what_goes_wrong_leaves_nothing(store: Any, root: str) -> None:
    with pytest.raises(IngestError, match=r"differ in their columns: id int64 and id string"):
        write_then_fail(store, root)
    assert not seen(store, root)
    assert not open_uploads(store, root)


def test_on_s3_it_is_the_same(store: Any, root: str) -> None:
    table = build_rows({"id": list(range(100)), "g": ["a/b", None] * 50})
    written = write(f"{root}/out/batch=1", [table], "csv", ["G"], store=store)
    assert store.list(f"{root}/") == []
    complete(store, [one.pending for one in written])
    assert sorted((one.partition, one.rows) for one in written) == [
        ("g=__HIVE_DEFAULT_PARTITION__", 50), ("g=a%2Fb", 50),
    ]  # fmt: skip
    for one in written:
        text = store.read_bytes(one.pending.uri).decode()
        assert text.startswith("id,_source_key,_upload_id,_batch_id\n")
        assert text.count("\n") == 51


def test_a_parquet_file_that_lost_a_row_group_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = pq.ParquetWriter.write_table

    def lose_rows(self: Any, table: Any, **options: Any) -> None:
        original(self, table.slice(1), **options)

    monkeypatch.setattr(pq.ParquetWriter, "write_table", lose_rows)
    with pytest.raises(
        IngestError, match=r"^10 rows were to be written to file://.*, but its bytes hold 9\.$"
    ):
        write(f"file://{tmp_path}/out", [build_rows({"id": list(range(10))})])
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_parquet_file_of_another_upload_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = pq.ParquetWriter.write_table

    def change(self: Any, table: Any, **options: Any) -> None:
        place = table.schema.get_field_index("_upload_id")
        original(self, table.set_column(place, "_upload_id", pa.array(["v"] * table.num_rows)), **options)

    monkeypatch.setattr(pq.ParquetWriter, "write_table", change)
    with pytest.raises(IngestError, match="rows were to be written"):
        write(f"file://{tmp_path}/out", [build_rows({"id": list(range(10))})])


@pytest.mark.parametrize(("data_format", "name"), [("csv", "csv_values"), ("json", "json_values")])
def test_text_with_a_line_end_of_its_own_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data_format: str, name: str
) -> None:
    monkeypatch.setattr(encoding_files, name, lambda values: pa.array(["a\nb"] * len(values), pa.string()))
    with pytest.raises(IngestError, match="rows were to be written"):
        write(f"file://{tmp_path}/out", [build_rows({"id": [1, 2]})], data_format)


def test_csv_of_one_column_is_refused(tmp_path: Path) -> None:
    table = build_rows({"id": [1, None]})
    with pytest.raises(IngestError, match="cannot tell a null from a blank line"):
        write(f"file://{tmp_path}/out", [table], "csv", ["_source_key", "_upload_id", "_batch_id"])


def test_dictionaries_and_views_are_plain_text(tmp_path: Path) -> None:
    table = build_rows({"id": [1, 2, 3]}).set_column(
        1, "_source_key", pa.array(["k", "l", "k"]).dictionary_encode()
    )
    table = table.append_column("v", pa.array(["x", None, ""], pa.large_string()))
    for data_format in ("csv", "json"):
        (written,) = write(f"file://{tmp_path}/{data_format}", [table], data_format)
        complete(LOCAL, [written.pending])
        text = LOCAL.read_bytes(written.pending.uri).decode().splitlines()
        assert text[-1] == ('3,k,u,b,""' if data_format == "csv" else
            '{"id":3,"_source_key":"k","_upload_id":"u","_batch_id":"b","v":""}')  # fmt: skip
