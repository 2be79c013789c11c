"""An upload's identity: the same for every telling of one object version, another for every other."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from ulid import ULID

from sparkdrop.core.uploads import Arrival, make_ulid, upload_identity

names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
START = datetime(2006, 3, 14, tzinfo=UTC)
times = st.integers(0, 7_000_000_000_000).map(lambda number: START + timedelta(milliseconds=number))
arrivals = st.builds(
    Arrival,
    bucket=names,
    key=names,
    version_id=st.none() | names,
    etag=names,
    bytes=st.integers(0, 2**50),
    arrived_at=times,
)


@given(arrivals)
def test_a_redelivery_makes_the_same_id(arrival):
    assert replace(arrival, bytes=0).upload_id == arrival.upload_id
    assert str(ULID.from_str(arrival.upload_id)) == arrival.upload_id


@given(arrivals, times)
def test_identity_depends_on_the_object_version_alone(arrival, at):
    later = replace(arrival, arrived_at=at)
    assert upload_identity(later.upload_id) == upload_identity(arrival.upload_id)
    assert ULID.from_str(later.upload_id).milliseconds == int(at.timestamp() * 1000)


@given(arrivals, arrivals)
def test_another_object_version_has_another_identity(one, other):
    same = (one.bucket, one.key, one.version) == (other.bucket, other.key, other.version)
    assert (upload_identity(one.upload_id) == upload_identity(other.upload_id)) is same


@given(arrivals, st.integers(1, 10**9))
def test_ids_sort_by_arrival(arrival, milliseconds):
    later = replace(
        arrival, key=arrival.key + "x", arrived_at=arrival.arrived_at + timedelta(milliseconds=milliseconds)
    )
    assert arrival.upload_id < later.upload_id


def test_an_overwrite_is_a_new_upload_with_versions_and_without():
    first = Arrival("b", "k", "v1", "e1", 1, datetime(2026, 1, 1, tzinfo=UTC))
    assert replace(first, version_id="v2").upload_id != first.upload_id
    bare = replace(first, version_id=None)
    assert replace(bare, etag="e2").upload_id != bare.upload_id
    assert replace(bare, version_id="null").upload_id == bare.upload_id  # versioning was off at the time


def test_names_that_run_together_are_told_apart():
    at = datetime(2026, 1, 1, tzinfo=UTC)
    assert Arrival("a", "bc", "v", None, 1, at).upload_id != Arrival("ab", "c", "v", None, 1, at).upload_id
    assert make_ulid(at, "x") != make_ulid(at, "y")
