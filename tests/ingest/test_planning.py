"""Small files are looked at once, and shared out among all cores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from ingest_parts.inspection import SMALL_BYTES, look_at
from ingest_parts.manifest import parse_manifest
from ingest_parts.planning import plan_tasks
from ingest_parts.rows import read_part
from ingest_parts.sources import Part, Source
from ingest_parts.store import open_store

if TYPE_CHECKING:
    from pathlib import Path

    from ingest_parts.manifest import Manifest


def manifest_of(folder: Path, *names: str) -> Manifest:
    """A manifest of CSV files in a folder."""
    files = [{"upload_id": name, "key": name, "uri": (folder / name).as_uri()} for name in names]
    return parse_manifest({
        "version": 2, "batch_id": "b", "files": files, "input": {"format": "csv"},
        "output": {"uri": "file:///out"}, "rejects": {"uri": "file:///rejects"}, "report_uri": "file:///report",
    })  # fmt: skip


def parts_of(count: int, content: bytes | None) -> list[Part]:
    """Whole files of 1 KiB."""
    entry = {"bytes": 1024, "key": "a.csv"}
    return [Part(Source({**entry, "upload_id": str(number)}, content=content)) for number in range(count)]


def test_many_files_that_are_to_be_opened_are_work_for_every_core() -> None:
    parts = parts_of(1000, None)
    tasks = plan_tasks(parts, 4)
    assert [part for task in tasks for part in task] == parts
    assert [len(task) for task in tasks] == pytest.approx([250] * 4, abs=1)


def test_small_files_that_are_there_already_share_a_task() -> None:
    assert len(plan_tasks(parts_of(300, b"id"), 4)) == 1
    assert len(plan_tasks(parts_of(1000, b"id"), 4)) == 3


def test_a_small_file_is_asked_for_once(tmp_path: Path) -> None:
    (tmp_path / "small.csv").write_text("id\n1\n2\n")
    (tmp_path / "large.csv").write_text("id\n" + "1\n" * SMALL_BYTES)
    manifest = manifest_of(tmp_path, "small.csv", "large.csv")
    store = open_store(None)
    small, large = look_at(store, manifest, manifest.files)
    for name in ("small.csv", "large.csv"):
        (tmp_path / name).unlink()
    blocks = list(read_part(store, manifest.input, Part(small, line=small.line)))
    assert [block.columns["id"].values.to_pylist() for block in blocks] == [["1", "2"]]
    assert large.content is None
