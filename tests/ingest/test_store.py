"""Objects and files: the very version, any key, long reads, and what breaks on the way."""

import io
from typing import Any

import numpy as np
import pytest
from ingest_parts.faults import IngestError, Unreadable
from ingest_parts.ranged import HEAD_BYTES, TRIES
from ingest_parts.store import Place, open_store

from tests.ingest.s3_server import make_bucket

KEYS = ["a//b", "_x", ".hidden/y", "[1]", "q?x=1#2", "100%20 %", "Größe 日本*", "a:b", "a+b c", "tail/"]
DATA = np.random.default_rng(7).bytes(3 * 1024**2 + 17)


def put(store: Any, bucket: str, key: str, data: bytes) -> Place:
    answer = store.s3.put_object(Bucket=bucket, Key=key, Body=data)
    return Place(bucket, key, answer.get("VersionId"), answer["ETag"].strip('"'))


def read(store: Any, place: Place) -> bytes:
    with store.open(place, store.stat(place)) as stream:
        return stream.read()


def gets(door: Any) -> list[str | None]:
    return [byte_range for method, _, byte_range in door.requests if method == "GET"]


def test_every_key_is_just_a_key(store: Any) -> None:
    bucket = make_bucket(store)
    places = [put(store, bucket, key, key.encode()) for key in KEYS]
    assert [read(store, place) for place in places] == [key.encode() for key in KEYS]
    assert [store.read_bytes(place.uri) for place in places] == [key.encode() for key in KEYS]
    assert {item.uri for item in store.list(f"s3://{bucket}/")} == {place.uri for place in places}


def test_the_version_that_landed_is_read(store: Any) -> None:
    bucket = make_bucket(store)
    first, second = put(store, bucket, "a", b"first"), put(store, bucket, "a", b"second")
    assert [read(store, place) for place in (first, second)] == [b"first", b"second"]
    assert store.stat(first).version_id == first.version_id
    assert store.stat(first).bytes == 5


def test_a_version_that_goes_away_is_gone(store: Any) -> None:
    bucket = make_bucket(store)
    place = put(store, bucket, "a", b"x")
    stat = store.stat(place)
    stream = store.open(place, stat)
    store.s3.delete_object(Bucket=bucket, Key="a", VersionId=place.version_id)
    assert store.stat(place) is None
    with stream, pytest.raises(Unreadable, match=r"^it was deleted before its run$"):
        stream.read()


def test_a_delete_marker_hides_no_version(store: Any) -> None:
    bucket = make_bucket(store)
    place = put(store, bucket, "a", b"x")
    store.s3.delete_object(Bucket=bucket, Key="a")
    assert store.stat(Place(bucket, "a")) is None
    assert read(store, place) == b"x"


def test_without_versions_an_overwritten_object_is_refused(store: Any) -> None:
    bucket = make_bucket(store, versioned=False)
    place = put(store, bucket, "a", b"first")
    stat = store.stat(place)
    put(store, bucket, "a", b"other")
    reason = "^it was overwritten before its run, and its bucket keeps no versions$"
    with pytest.raises(Unreadable, match=reason):
        store.stat(place)
    with store.open(place, stat) as stream, pytest.raises(Unreadable, match=reason):
        stream.read()


def test_without_versions_the_object_is_pinned_to_what_was_found(store: Any) -> None:
    bucket = make_bucket(store, versioned=False)
    put(store, bucket, "a", b"first")
    place = Place(bucket, "a")
    stat = store.stat(place)
    put(store, bucket, "a", b"other")
    with store.open(place, stat) as stream, pytest.raises(Unreadable, match="overwritten"):
        stream.read(1)


def test_a_read_from_end_to_end_is_two_requests(store: Any, door: Any) -> None:
    place = put(store, make_bucket(store), "a", DATA)
    stat = store.stat(place)
    door.requests.clear()
    with io.BufferedReader(store.open(place, stat), 8192) as stream:
        pieces = []
        while piece := stream.read(10_000):
            pieces.append(piece)
    assert b"".join(pieces) == DATA
    assert gets(door) == [f"bytes=0-{HEAD_BYTES - 1}", f"bytes={HEAD_BYTES}-{len(DATA) - 1}"]


def test_jumps_are_ranges_and_small_ones_are_none(store: Any, door: Any) -> None:
    place = put(store, make_bucket(store), "a", DATA)
    stat = store.stat(place)
    door.requests.clear()
    with store.open(place, stat) as stream:
        stream.seek(-8, io.SEEK_END)
        assert stream.read() == DATA[-8:]
        assert len(gets(door)) == 1
        stream.seek(100)
        assert stream.read(10) == DATA[100:110]
        stream.seek(5000)
        assert stream.read(10) == DATA[5000:5010]
        stream.seek(50)
        assert stream.read(0) == b""
        stream.seek(100)
        assert stream.read(7) == DATA[100:107]
        assert len(gets(door)) == 2
        stream.seek(len(DATA) + 5)
        assert stream.read(3) == b""


def test_random_access_reads_what_is_there(store: Any) -> None:
    place = put(store, make_bucket(store), "a", DATA)
    dice = np.random.default_rng(3)
    with store.open(place, store.stat(place)) as stream:
        for _ in range(60):
            start, size = int(dice.integers(len(DATA))), int(dice.choice([1, 100, 70_000, 600_000]))
            stream.seek(start)
            assert stream.read(size) == DATA[start : start + size]


def test_a_body_that_is_cut_goes_on_where_it_broke(store: Any, door: Any) -> None:
    place = put(store, make_bucket(store), "a", DATA)
    stat = store.stat(place)
    door.requests.clear()
    door.fault = lambda method, _path: "cut" if method == "GET" and len(door.requests) < 4 else None
    with store.open(place, stat) as stream:
        assert stream.read() == DATA
    starts = [int(str(byte_range).split("=")[1].split("-")[0]) for byte_range in gets(door)]
    assert len(starts) == 4
    assert starts == sorted(set(starts))


def test_a_body_that_never_comes_ends(store: Any, door: Any) -> None:
    place = put(store, make_bucket(store), "a", b"x")
    stat = store.stat(place)
    door.requests.clear()
    door.fault = lambda method, _path: "cut" if method == "GET" else None
    with (
        store.open(place, stat) as stream,
        pytest.raises(IngestError, match=r"breaks off at byte 0 of s3://"),
    ):
        stream.read()
    assert len(gets(door)) == TRIES


def test_slow_down_is_tried_again(store: Any, door: Any) -> None:
    place = put(store, make_bucket(store), "a", b"x" * 10)
    door.requests.clear()
    door.fault = lambda _method, _path: "503" if len(door.requests) % 2 else None
    assert read(store, place) == b"x" * 10
    assert len(door.requests) == 4


def test_write_list_and_delete(store: Any, root: str) -> None:
    for name in ("out/batch=1/a", "out/batch=1/x/_b", "out/batch=10/c"):
        store.write_bytes(f"{root}/{name}", name.encode())
        store.write_bytes(f"{root}/{name}", name.encode() * 2)
    assert store.read_bytes(f"{root}/out/batch=1/a") == b"out/batch=1/a" * 2
    found = store.list(f"{root}/out/batch=1")
    assert [(item.uri.removeprefix(f"{root}/"), item.bytes) for item in found] == [
        ("out/batch=1/a", 26), ("out/batch=1/x/_b", 32), ("out/batch=10/c", 28),
    ]  # fmt: skip
    assert store.delete_prefix(f"{root}/out/batch=1") == 2
    assert [item.uri for item in store.list(f"{root}/out")] == [f"{root}/out/batch=10/c"]
    assert store.delete_prefix(f"{root}/out/batch=1/") == 0
    with pytest.raises(IngestError, match="is not there"):
        store.read_bytes(f"{root}/out/batch=1/a")


def test_more_than_one_batch_of_deletions(store: Any, door: Any) -> None:
    bucket = make_bucket(store)
    for number in range(1003):
        store.s3.put_object(Bucket=bucket, Key=f"x/{number}")
    door.requests.clear()
    assert store.delete_prefix(f"s3://{bucket}/x") == 1003
    assert [method for method, _, _ in door.requests].count("POST") == 2
    assert not store.list(f"s3://{bucket}/x/")


def test_what_cannot_be_deleted_is_an_error(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = make_bucket(store)
    store.write_bytes(f"s3://{bucket}/x/a", b"")
    answer = {"Errors": [{"Key": "x/a", "Code": "AccessDenied", "Message": "Access Denied"}]}
    monkeypatch.setattr(store.s3, "delete_objects", lambda **_: answer)
    with pytest.raises(IngestError, match=r"x/a cannot be deleted: Access Denied"):
        store.delete_prefix(f"s3://{bucket}/x")


@pytest.mark.parametrize("uri", ["s3://bucket", "s3://bucket/", "file:///"])
def test_nobody_deletes_a_whole_bucket(store: Any, uri: str) -> None:
    with pytest.raises(IngestError):
        store.delete_prefix(uri)


@pytest.mark.parametrize("uri", ["http://x/y", "s3:///key", "/folder/x", "file://host/x"])
def test_other_places_are_refused(uri: str) -> None:
    with pytest.raises(IngestError, match="is no place that can be read"):
        open_store(None).read_bytes(uri)


def test_a_place_of_the_manifest(tmp_path: Any) -> None:
    path = tmp_path / "a%20[1].csv"
    path.write_bytes(b"data")
    place = Place.of({"bucket": "local", "key": "k", "uri": f"file://{path}"})
    store = open_store(None)
    stat = store.stat(place)
    assert stat is not None
    assert stat.bytes == 4
    assert read(store, place) == b"data"
    assert store.stat(Place.of({"uri": f"file://{path}x"})) is None
    entry = {"bucket": "b", "key": "a//b", "version_id": None, "etag": '"e"', "bytes": 1}
    assert Place.of(entry) == Place("b", "a//b", None, "e")
    assert Place.of(entry).uri == "s3://b/a//b"
