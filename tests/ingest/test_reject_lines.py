"""Rejects as JSON lines: what, where and why, as whole lines of UTF-8 whatever was in the file."""

import json
from typing import Any

import pytest
from ingest_parts.blocks import TEXT_LIMIT, Reject
from ingest_parts.committing import complete
from ingest_parts.faults import IngestError
from ingest_parts.reject_lines import RejectsWriter

from tests.ingest.uploads import open_uploads, seen


def test_each_reject_is_a_line(store: Any, root: str) -> None:
    rejects = [
        Reject("'x' is no INT", "1,x\n", line=7, row=3, column="n", value="x", type="INT"),
        Reject("it has 3 fields", 'a "quoted"\r\n\x00 \udcfc text'),
    ]
    with RejectsWriter(store, f"{root}/rejects/batch=1/", "00003") as writer:
        writer.write("in/a.csv", "up-1", rejects)
        writer.write("in/b.csv", "up-2", rejects[:1])
        (written,) = writer.finish()
    assert (written.rows, written.rows_by_upload) == (3, {"up-1": 2, "up-2": 1})
    assert not seen(store, root)
    complete(store, [written.pending])
    assert seen(store, root) == ["rejects/batch=1/part-00003.json"]
    lines = [json.loads(line) for line in store.read_bytes(written.pending.uri).decode().splitlines()]
    assert lines[0] == {
        "_source_key": "in/a.csv", "_upload_id": "up-1", "line": 7, "row": 3, "column": "n", "value": "x",
        "type": "INT", "reason": "'x' is no INT", "text": "1,x\n",
    }  # fmt: skip
    assert lines[1]["text"] == 'a "quoted"\r\n\x00 \\udcfc text'
    assert lines[1]["line"] is None
    assert [line["_upload_id"] for line in lines] == ["up-1", "up-1", "up-2"]


def test_no_rejects_are_no_file(store: Any, root: str) -> None:
    with RejectsWriter(store, f"{root}/rejects", "1") as writer:
        writer.write("a", "u", [])
        assert writer.finish() == []
    assert not open_uploads(store, root)


def test_a_text_is_cut_between_characters(store: Any, root: str) -> None:
    with RejectsWriter(store, f"{root}/rejects", "1") as writer:
        writer.write("a", "u", [Reject("r", "x" + "ü" * TEXT_LIMIT)] * 40)
        (written,) = writer.finish()
    complete(store, [written.pending])
    lines = [json.loads(line) for line in store.read_bytes(written.pending.uri).decode().splitlines()]
    assert [line["text"] for line in lines] == ["x" + "ü" * ((TEXT_LIMIT - 1) // 2)] * 40


def test_a_record_too_many_leaves_nothing(store: Any, root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = RejectsWriter(store, f"{root}/rejects", "1")
    writer.write("a", "u", [Reject("r", "t")])
    monkeypatch.setattr(json, "dumps", lambda *_, **__: '{"a":1}\n{"b":2}')
    writer.write("a", "u", [Reject("r", "t")])
    with pytest.raises(IngestError, match=r"2 rejects were to be written to .*, but its bytes hold 3\."):
        writer.finish()
    assert not open_uploads(store, root)
