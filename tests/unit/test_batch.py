"""Which of the waiting uploads a run takes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sparkdrop.core.batch import BatchLimits, InboxEntry, make_batch_id, plan_batch
from sparkdrop.core.uploads import Arrival, upload_identity

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = START + timedelta(hours=1)


def make_entry(number, seconds=0, size=10, attempt=1):
    arrival = Arrival("uploads", f"k/{number}", "v", "e", size, START + timedelta(seconds=seconds))
    return InboxEntry(arrival.upload_id, arrival, attempt)


entries = st.builds(
    lambda number, seconds, attempt: make_entry(number, seconds, number * 37 % 101, attempt),
    st.integers(0, 30),
    st.integers(0, 3_600),
    st.integers(1, 3),
)
waiting_lists = st.lists(entries, max_size=40)
limits = st.builds(
    BatchLimits,
    max_files=st.integers(1, 12),
    max_bytes=st.none() | st.integers(1, 400),
    max_wait=st.integers(0, 7_200).map(lambda seconds: timedelta(seconds=seconds)),
)


@given(waiting_lists, limits)
def test_a_batch_keeps_the_limits_unless_one_file_breaks_them(waiting, limit):
    taken = plan_batch(waiting, limit, NOW).entries
    assert len(taken) <= limit.max_files
    if limit.max_bytes is not None and len(taken) > 1:
        assert sum(entry.arrival.bytes for entry in taken) <= limit.max_bytes


@given(waiting_lists, limits)
def test_the_oldest_go_first_and_no_object_version_goes_twice(waiting, limit):
    taken = plan_batch(waiting, limit, NOW).entries
    identities = [upload_identity(entry.upload_id) for entry in taken]
    assert len(set(identities)) == len(identities)
    assert [entry.upload_id for entry in taken] == sorted(entry.upload_id for entry in taken)
    left = [entry for entry in waiting if upload_identity(entry.upload_id) not in identities]
    assert not taken or all(entry.upload_id >= taken[-1].upload_id for entry in left)


@given(waiting_lists, limits)
def test_something_is_taken_or_there_is_a_moment_to_wait_for(waiting, limit):
    plan = plan_batch(waiting, limit, NOW)
    if plan.wait_until is not None:
        assert not plan.entries
        oldest = min(waiting, key=lambda entry: entry.upload_id)
        assert NOW < plan.wait_until == oldest.arrival.arrived_at + limit.max_wait
        assert plan_batch(waiting, limit, plan.wait_until).entries
    else:
        assert bool(plan.entries) == bool(waiting)
        assert plan.more == (len(plan.entries) < len(waiting))


@given(waiting_lists, limits)
def test_repeated_batches_take_everything(waiting, limit):
    left = set(waiting)
    now = NOW + limit.max_wait
    while left:
        before = len(left)
        left -= set(plan_batch(sorted(left, key=lambda entry: entry.upload_id), limit, now).entries)
        assert len(left) < before


@given(waiting_lists, limits)
def test_the_order_of_what_waits_does_not_matter(waiting, limit):
    chosen = [(entry.upload_id, entry.attempt) for entry in plan_batch(waiting, limit, NOW).entries]
    backwards = plan_batch(waiting[::-1], limit, NOW).entries
    assert [(entry.upload_id, entry.attempt) for entry in backwards] == chosen


def test_a_full_batch_does_not_wait():
    patient = BatchLimits(max_files=2, max_bytes=None, max_wait=timedelta(hours=9))
    young = [make_entry(number, 3_590) for number in range(2)]
    assert plan_batch(young[:1], patient, NOW).wait_until == START + timedelta(seconds=3_590, hours=9)
    assert len(plan_batch(young, patient, NOW).entries) == 2
    by_bytes = replace(patient, max_files=99, max_bytes=20)
    assert len(plan_batch(young, by_bytes, NOW).entries) == 2


def test_without_a_wait_a_clock_that_is_behind_does_no_harm():
    assert plan_batch([make_entry(1, 7_200)], BatchLimits(5), NOW).entries


def test_one_file_over_the_limit_is_a_batch_of_its_own():
    big = [make_entry(1, 0, 1_000), make_entry(2, 1, 1)]
    plan = plan_batch(big, BatchLimits(10, 100), NOW)
    assert plan.entries == (big[0],)
    assert plan.more


def test_of_two_attempts_the_later_one_is_taken():
    plan = plan_batch([make_entry(1), make_entry(1, attempt=2)], BatchLimits(10), NOW)
    assert [entry.attempt for entry in plan.entries] == [2]
    assert plan.more


def test_a_batch_id_follows_from_its_run():
    made = make_batch_id("flights", "run", NOW)
    assert made == make_batch_id("flights", "run", NOW)
    others = [
        ("weather", "run", NOW),
        ("flights", "run2", NOW),
        ("flights", "run", NOW + timedelta(seconds=1)),
    ]
    assert len({made, *(make_batch_id(*other) for other in others)}) == 4
    assert make_batch_id("flights", "z", START) < make_batch_id("flights", "a", NOW)
