"""Passes over the files of a batch, run here by something that is no Spark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from ingest_parts import passes
from ingest_parts.faults import IngestError
from ingest_parts.inspection import look_at
from ingest_parts.manifest import Manifest, parse_manifest
from ingest_parts.passes import Passes, Result
from ingest_parts.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path


class _Here:
    """What Passes asks of a SparkContext."""

    defaultParallelism = 2  # noqa: N815  Spark's name

    def __init__(self, items: Iterable[Any] = ()) -> None:
        self._items = list(items)

    def parallelize(self, items: Iterable[Any], _slices: int) -> _Here:
        return _Here(items)

    def map(self, function: Callable[[Any], Any]) -> _Here:
        return _Here(map(function, self._items))

    def collect(self) -> list[Any]:
        return self._items


def _manifest(folder: Path, files: dict[str, str]) -> Manifest:
    entries = []
    for key, text in files.items():
        (folder / key).write_text(text)
        uri = f"file://{folder / key}"
        entries.append({"upload_id": key, "bucket": "local", "key": key, "uri": uri, "bytes": len(text)})
    return parse_manifest(
        {
            "version": 2, "batch_id": "b", "pipeline": "p", "region": None, "files": entries,
            "input": {
                "format": "json", "schema": None, "columns": "exact", "charset": "utf-8", "nulls": [],
                "date_format": None, "timestamp_format": None, "time_zone": "UTC", "decimal": ".",
                "grouping": None, "leading_zeros": False, "row_tag": None,
                "csv": {
                    "separator": None, "quote": '"', "escape": None, "header": True, "skip_lines": 0,
                    "comment": None,
                },
            },
            "output": {
                "uri": f"file://{folder}/out", "format": "parquet", "partition_by": [], "file_bytes": 2**20,
            },
            "rejects": {"uri": f"file://{folder}/rejects", "max_share": 1.0, "max_rows": None},
            "report_uri": f"file://{folder}/report.json",
        }
    )  # fmt: skip


def _run(folder: Path, files: dict[str, str]) -> Result:
    manifest, store = _manifest(folder, files), open_store(None)
    here: Any = _Here()
    return Passes(here, store, manifest, None).run((), look_at(store, manifest, manifest.files))


def test_files_that_have_too_many_names_between_them_fail_the_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passes, "MAX_NAMES", 3)
    with pytest.raises(IngestError, match="name more than 3 columns in all") as failed:
        _run(tmp_path, {"a.json": '{"a":1,"b":1}', "b.json": '{"c":1,"d":1}'})
    assert failed.value.fault == "files"  # so that halves of the batch are tried


def test_without_a_schema_the_columns_of_json_are_those_of_all_files(tmp_path: Path) -> None:
    files = {"a.json": '{"id":1}', "b.json": '{"id":2}', "c.json": '{"id":3,"more":1}'}
    result = _run(tmp_path, files)
    assert [field.name for field in result.fields] == ["id", "more"]
    assert [source.reason for source in result.sources] == [None, None, None]
    assert {key: tally.rows for key, tally in result.tallies.items()} == dict.fromkeys(files, 1)
