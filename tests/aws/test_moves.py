"""What is moved to another key: before its claim, after it, while it waits for a retry, and twice."""

from dataclasses import replace
from datetime import timedelta
from unittest.mock import Mock

import pytest

from sparkdrop.core.batch import InboxEntry
from sparkdrop.core.uploads import UploadState

from .drops import Drops


@pytest.fixture
def drops(ledger, storage):
    return Drops(ledger, storage)


def test_a_file_that_is_moved_after_it_was_processed_is_not_processed_again(drops):
    first = drops.put("1.csv")
    drops.run()
    moved = drops.move("1.csv", "2.csv")
    assert drops.run() == []
    reason = f"moved from s3://sd-uploads/flights/1.csv: same content as upload {first.upload_id}"
    assert (drops.read(moved)["state"], drops.read(moved)["reason"]) == ("SUCCEEDED", reason)


def test_a_file_that_is_moved_before_its_claim_is_processed_once(drops):
    drops.put("1.csv")
    drops.move("1.csv", "2.csv")
    assert drops.run() == ["1.csv"], "the version that landed"
    assert drops.run() == []
    assert not drops.ledger.is_waiting("flights")


def test_a_file_whose_source_went_bad_is_processed_under_its_new_key(drops):
    drops.put("1.csv")
    drops.move("1.csv", "2.csv")
    drops.run(UploadState.QUARANTINED)
    assert drops.run() == ["2.csv"]


@pytest.fixture
def long_ago(drops, monkeypatch):
    """Names of keys that were deleted a day before they were."""
    keys = set()
    find = drops.storage.find_deletion

    def find_deletion(bucket, key):
        at = find(bucket, key)
        return at - timedelta(days=1) if at and key.removeprefix("flights/") in keys else at

    monkeypatch.setattr(drops.storage, "find_deletion", find_deletion)
    return keys


def test_a_file_of_a_content_that_was_deleted_before_it_landed_is_no_move(drops, long_ago):
    drops.put("1.csv")
    drops.run()
    drops.storage.client.delete_object(Bucket="sd-uploads", Key="flights/1.csv")
    long_ago.add("1.csv")
    drops.put("2.csv")
    assert drops.run() == ["2.csv"]


# where a content is by now


def test_a_file_that_is_moved_on_is_not_processed_again(drops, long_ago):
    first = drops.put("in.csv")
    drops.run()
    drops.move("in.csv", "work.csv")
    assert drops.run() == []
    long_ago.add("in.csv")
    moved = drops.move("work.csv", "done.csv")
    assert drops.run() == []
    reason = f"moved from s3://sd-uploads/flights/work.csv: same content as upload {first.upload_id}"
    assert drops.read(moved)["reason"] == reason


def test_a_touch_of_what_was_moved_is_not_processed(drops, long_ago):
    drops.put("in.csv")
    drops.run()
    drops.move("in.csv", "done.csv")
    drops.run()
    long_ago.add("in.csv")
    drops.put("done.csv")
    drops.put("done.csv")
    assert (drops.run(), drops.run()) == ([], [])
    drops.move("done.csv", "old.csv")
    assert drops.run() == []


def test_a_file_that_is_moved_twice_before_its_claim_is_processed_once(drops):
    drops.put("in.csv")
    drops.move("in.csv", "work.csv")
    drops.move("work.csv", "done.csv")
    assert drops.run() == ["in.csv"]
    assert (drops.run(), drops.run()) == ([], [])
    assert not drops.ledger.is_waiting("flights")


@pytest.mark.parametrize("moved", ["1.csv", "2.csv"])
def test_each_of_two_equal_files_can_be_moved(drops, moved):
    drops.put("1.csv")
    drops.put("2.csv")
    drops.run()
    drops.move(moved, "3.csv")
    assert drops.run() == []


def test_what_a_place_held_before_is_not_there_any_more(drops):
    drops.put("1.csv")
    drops.run()
    drops.put("1.csv", b"another")
    drops.run()
    drops.put("2.csv")
    drops.storage.client.delete_object(Bucket="sd-uploads", Key="flights/1.csv")
    assert drops.run() == ["2.csv"], "what was deleted is the other content"


def test_an_older_file_that_ends_late_is_not_the_newest_of_its_place(drops):
    drops.put("1.csv")
    late = drops.claim()
    drops.put("1.csv", b"another")
    drops.run()
    drops.end(late)
    drops.put("1.csv", b"another")
    assert drops.run() == []


def test_a_claim_that_dies_after_it_ended_a_touch_ends_it_again(drops, monkeypatch):
    first = drops.put("1.csv")
    drops.run()
    again = drops.put("1.csv")
    with monkeypatch.context() as patch:
        patch.setattr(drops.ledger, "close_batch", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            drops.claim()
    drops.runs -= 1
    assert drops.claim().head is None, "the same run"
    item = drops.read(again)
    assert (item["state"], item["same_as"]) == ("SUCCEEDED", first.upload_id)
    assert drops.ledger.read_open_batches() == []


# what is with a batch, or waits for its retry


def test_a_source_that_waits_for_its_retry_does_not_double_what_was_moved(drops, clock):
    first = drops.put("1.csv")
    drops.retry(drops.claim())
    moved = drops.move("1.csv", "2.csv")
    assert drops.run() == ["2.csv"]
    clock.move(minutes=6)
    assert drops.run() == []
    reason = f"moved to s3://sd-uploads/flights/2.csv: same content as upload {moved.upload_id}"
    assert (drops.read(first)["state"], drops.read(first)["reason"]) == ("SUCCEEDED", reason)


def test_a_retry_of_a_file_that_merely_has_an_equal_is_processed(drops, clock):
    drops.put("1.csv")
    drops.retry(drops.claim())
    drops.put("2.csv")
    assert drops.run() == ["2.csv"]
    clock.move(minutes=6)
    assert drops.run() == ["1.csv"]


def test_a_source_whose_event_is_late_does_not_double_what_was_moved(drops):
    first = drops.put("1.csv")
    drops.ledger.drop("flights", [first])
    drops.move("1.csv", "2.csv")
    assert drops.run() == ["2.csv"]
    drops.ledger.record("flights", [first])
    assert drops.run() == []


def test_of_a_move_within_one_second_one_is_processed(drops):
    """S3 tells times in seconds: it does not say which came first."""
    entries = [drops.put("1.csv"), drops.move("1.csv", "2.csv")]
    drops.ledger.drop("flights", entries)
    at = entries[0].arrival.arrived_at
    arrivals = [replace(entry.arrival, arrived_at=at) for entry in entries]
    drops.ledger.record("flights", [InboxEntry(arrival.upload_id, arrival) for arrival in arrivals])
    assert len(drops.run()) == 1
    assert drops.run() == []
    assert not drops.ledger.is_waiting("flights")


@pytest.mark.parametrize("end", [UploadState.SUCCEEDED, UploadState.QUARANTINED])
def test_a_copy_waits_while_another_batch_holds_the_older_one(drops, end):
    drops.put("1.csv")
    drops.put("touched.csv", b"another")
    held = drops.claim()
    drops.move("1.csv", "2.csv")
    drops.put("touched.csv", b"another")
    claim = drops.claim()
    assert (claim.head, claim.more) == (None, False), "nobody is woken before that batch is over"
    drops.end(held, end)
    assert sorted(drops.run()) == ([] if end is UploadState.SUCCEEDED else ["2.csv", "touched.csv"])
    assert not drops.ledger.is_waiting("flights")
