"""What the local EMR keeps on disk: as it was put, in order, whatever happens to the process or the file."""

import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkdrop_local.emr.store import Store, StoreError

TEXT = st.text(max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
BODIES = st.dictionaries(TEXT, JSON, max_size=4)
PUTS = st.tuples(st.sampled_from(["cluster", "step"]), st.sampled_from("abcd"), st.none() | BODIES)
WRITER = Path(__file__).with_name("store_writer.py")


@pytest.fixture
def file(tmp_path):
    return tmp_path / "emr" / "state.sqlite"


@given(puts=st.lists(PUTS, max_size=30))
def test_records_come_back_as_they_were_put_in_the_order_of_the_first(puts):
    store = Store(None)
    expected: dict[str, dict] = {"cluster": {}, "step": {}}
    for kind, identifier, body in puts:
        if body is None:
            store.delete(kind, identifier)
            expected[kind].pop(identifier, None)
        else:
            store.put(kind, identifier, body)
            expected[kind][identifier] = body
    for kind, records in expected.items():
        assert list(store.load(kind)) == list(records.items())
    assert store.count() == {kind: len(records) for kind, records in expected.items() if records}
    store.close()


def test_a_reopened_file_has_what_was_put(file):
    for number in range(3):
        store = Store(file)
        store.put("cluster", f"j-{number}", {"number": number})
        store.close()
    store = Store(file)
    assert list(store.load("cluster")) == [(f"j-{number}", {"number": number}) for number in range(3)]
    store.close()


def test_a_killed_writer_loses_nothing_that_it_acknowledged(file):
    with subprocess.Popen([sys.executable, str(WRITER), str(file)], stdout=subprocess.PIPE) as writer:
        said = [writer.stdout.readline() for _ in range(2_000)]
        writer.kill()
        said += writer.stdout.readlines()
    acknowledged = {line.decode().strip() for line in said if line.endswith(b"\n")}
    store = Store(file)
    kept = dict(store.load("step"))
    assert acknowledged <= set(kept)
    assert all(body == {"id": identifier, "text": "x" * 500} for identifier, body in kept.items())
    store.close()


@pytest.mark.parametrize("content", [b"this is no database at all, but some text " * 50, b"\0" * 4096, None])
def test_a_damaged_file_is_put_aside_with_a_warning(file, content, caplog):
    store = Store(file)
    for number in range(2_000):
        store.put("cluster", f"j-{number}", {"text": "x" * 100})
    store.close()
    damaged = bytearray(file.read_bytes()) if content is None else bytearray(content)
    if content is None:  # pages in its middle
        damaged[8_192:40_960] = os.urandom(32_768)
    file.write_bytes(damaged)

    again = Store(file)

    assert list(again.load("cluster")) == []
    again.put("cluster", "j-new", {})
    again.close()
    assert file.with_name("state.sqlite.unreadable-1").read_bytes() == bytes(damaged)
    assert "starts anew" in caplog.text
    assert "state.sqlite.unreadable-1" in caplog.text
    reopened = Store(file)
    assert [identifier for identifier, _ in reopened.load("cluster")] == ["j-new"]
    reopened.close()


def test_another_versions_file_is_put_aside_each_time_under_a_new_name(file, caplog):
    for number in (1, 2):
        Store(file).close()
        with sqlite3.connect(file) as connection:
            connection.execute("PRAGMA user_version = 99")
        connection.close()
        Store(file).close()
        assert file.with_name(f"state.sqlite.unreadable-{number}").exists()
    assert "is of version 99" in caplog.text


def test_a_record_that_this_version_cannot_read_is_left_out(caplog):
    store = Store(None)
    store.put("cluster", "j-1", {"name": "a"})
    store.put("cluster", "j-2", {"title": "b"})
    assert list(store.read("cluster", lambda record: record["name"])) == [("j-1", "a")]
    assert "cluster j-2 is left out" in caplog.text
    store.close()


def test_a_folder_that_cannot_be_made_is_an_error_that_names_it(tmp_path):
    (tmp_path / "emr").write_text("a file where a folder should be")
    with pytest.raises(StoreError, match=r"emr/state\.sqlite.*make it writable or name another"):
        Store(tmp_path / "emr" / "state.sqlite")


def test_many_threads_put_at_once(file):
    store = Store(file)

    def put(thread):
        for number in range(50):
            store.put("step", f"s-{thread}-{number}", {"thread": thread})

    threads = [threading.Thread(target=put, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.count() == {"step": 400}
    store.close()


def test_what_is_put_after_the_end_is_dropped(file):
    store = Store(file)
    store.close()
    store.put("step", "s-1", {})
    store.close()
