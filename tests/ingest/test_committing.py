"""The commit that waits: nothing is seen before it, nothing is left without it, and twice is once."""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ingest_parts import committing
from ingest_parts.committing import Pending, abort, abort_leftovers, complete, start_upload
from ingest_parts.faults import IngestError

from tests.ingest.s3_server import make_bucket
from tests.ingest.uploads import open_uploads, seen

PROGRAMS = Path(committing.__file__).parents[1]


def write(store: Any, uri: str, *pieces: bytes) -> Pending:
    sink = start_upload(store, uri)
    for piece in pieces:
        assert sink.write(piece) == len(piece)
    assert sink.tell() == sum(map(len, pieces))
    return sink.finish()


def test_nothing_is_seen_before_it_is_complete(store: Any, root: str) -> None:
    store.write_bytes(f"{root}/out/a", b"old")
    pendings = [write(store, f"{root}/out/{name}", b"new ", name.encode()) for name in "ab"]
    assert seen(store, root) == ["out/a"]
    assert store.read_bytes(f"{root}/out/a") == b"old"
    complete(store, pickle.loads(pickle.dumps(pendings)))  # noqa: S301  as Spark sends it
    assert seen(store, root) == ["out/a", "out/b"]
    assert store.read_bytes(f"{root}/out/b") == b"new b"
    assert [one.bytes for one in pendings] == [5, 5]
    assert not open_uploads(store, root)


def test_completing_twice_is_once(store: Any, root: str) -> None:
    pending = write(store, f"{root}/a", b"data")
    complete(store, [pending])
    complete(store, [pending])
    assert store.read_bytes(f"{root}/a") == b"data"


def test_what_somebody_else_put_there_is_not_ours(store: Any, root: str) -> None:
    pending = write(store, f"{root}/a", b"data")
    abort(store, [pending])
    store.write_bytes(f"{root}/a", b"atad")
    with pytest.raises(IngestError, match="/a cannot be completed"):
        complete(store, [pending])
    assert store.read_bytes(f"{root}/a") == b"atad"


def test_a_file_that_is_aborted_leaves_nothing(store: Any, root: str) -> None:
    pending = write(store, f"{root}/a", b"data")
    abort(store, [pending])
    abort(store, [pending])
    sink = start_upload(store, f"{root}/b")
    sink.write(b"x" * (committing.PART_BYTES + 1))
    sink.abort()
    assert not seen(store, root)
    assert not open_uploads(store, root)


def test_an_empty_file_is_one(store: Any, root: str) -> None:
    complete(store, [write(store, f"{root}/a")])
    assert store.read_bytes(f"{root}/a") == b""


def test_only_the_folder_s_own_leftovers_are_ended(store: Any, root: str) -> None:
    ours = [write(store, f"{root}/out/batch=1/{name}", b"x") for name in ("a", "p=1/b")]
    others = [write(store, f"{root}/{name}", b"x") for name in ("out/batch=10/a", "out/a", "out/batch=1.csv")]
    assert abort_leftovers(store, f"{root}/out/batch=1") == 2
    assert len(open_uploads(store, root)) == 3
    complete(store, others)
    with pytest.raises(IngestError, match="cannot be completed"):
        complete(store, ours)
    assert abort_leftovers(store, f"{root}/out/batch=1/") == 0


@pytest.mark.parametrize("uri", ["s3://bucket", "s3://bucket/", "file:///"])
def test_leftovers_of_a_whole_bucket_are_nobody_s(store: Any, uri: str) -> None:
    with pytest.raises(IngestError):
        abort_leftovers(store, uri)


def test_parts_are_sent_as_they_fill(store: Any, door: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(committing, "PART_BYTES", 5 * 1024**2)
    root = f"s3://{make_bucket(store)}"
    data = bytes(range(256)) * 50_000
    sink = start_upload(store, f"{root}/a b/ü[1].csv")
    for start in range(0, len(data), 100_000):
        sink.write(data[start : start + 100_000])
        assert sink.buffered < 5 * 1024**2
    pending = sink.finish()
    assert [number for number, _, _ in pending.parts] == [1, 2, 3]
    complete(store, [pending])
    assert store.read_bytes(pending.uri) == data
    assert len([path for method, path, _ in door.requests if method == "PUT" and "partNumber" in path]) == 3


def test_ten_thousand_parts_hold_five_tebibytes() -> None:
    sizes = [committing.part_bytes(place) for place in range(10_000)]
    assert sizes[0] == 8 * 1024**2
    assert sum(sizes) > 5 * 1024**4
    assert max(sizes) <= 5 * 1024**3


def at_first(door: Any, wanted: Callable[[str, str], bool], fault: str) -> None:
    """The first request that fits meets the fault."""
    met: list[str] = []

    def decide(method: str, path: str) -> str | None:
        if met or not wanted(method, path):
            return None
        met.append(path)
        return fault

    door.fault = decide


def test_a_completion_whose_answer_is_lost_is_one(store: Any, door: Any) -> None:
    root = f"s3://{make_bucket(store)}"
    pending = write(store, f"{root}/a", b"data")
    at_first(door, lambda method, path: method == "POST" and "uploadId" in path, "hang-up")
    complete(store, [pending])
    assert store.read_bytes(f"{root}/a") == b"data"
    posts = [path for method, path, _ in door.requests if method == "POST" and "uploadId" in path]
    assert len(posts) > 1


def test_a_part_whose_answer_is_lost_is_sent_again(store: Any, door: Any) -> None:
    root = f"s3://{make_bucket(store)}"
    at_first(door, lambda method, path: method == "PUT" and "partNumber" in path, "hang-up")
    complete(store, [write(store, f"{root}/a", b"data")])
    assert store.read_bytes(f"{root}/a") == b"data"


def test_slow_down_is_tried_again(store: Any, door: Any) -> None:
    root = f"s3://{make_bucket(store)}"
    door.fault = lambda _method, _path: "503" if len(door.requests) % 2 else None
    complete(store, [write(store, f"{root}/a", b"data")])
    door.fault = lambda _method, _path: None
    assert store.read_bytes(f"{root}/a") == b"data"


def test_a_task_that_dies_between_its_parts_leaves_only_an_open_upload(store: Any, door: Any) -> None:
    root = f"s3://{make_bucket(store)}"
    program = (
        "import os, sys, ingest_parts.committing as c\n"
        "from ingest_parts.store import open_store\n"
        f"sink = c.start_upload(open_store('eu-central-1'), '{root}/out/batch=1/a')\n"
        "sink.write(bytes(c.PART_BYTES + 5))\n"
        "sink._sent[0].result()\n"
        "os.kill(os.getpid(), 9)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": str(PROGRAMS)}, check=False
    )
    assert ended.returncode == -9
    assert [path for method, path, _ in door.requests if method == "PUT" and "partNumber=1" in path]
    assert not seen(store, root)
    assert open_uploads(store, root) == ["out/batch=1/a"]
    complete(store, [write(store, f"{root}/out/batch=1/a", b"second try")])
    assert store.read_bytes(f"{root}/out/batch=1/a") == b"second try"
    assert abort_leftovers(store, f"{root}/out/batch=1") == 1
    assert not open_uploads(store, root)


def test_a_bucket_that_refuses_is_said_in_one_sentence(store: Any) -> None:
    with pytest.raises(
        IngestError, match=r"^S3 does not let us use s3://no-such-bucket-here/a: .*NoSuchBucket"
    ):
        write(store, "s3://no-such-bucket-here/a", b"x")
