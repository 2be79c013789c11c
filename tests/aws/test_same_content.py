"""A content that is in the output already: written again, touched, or moved to another key."""

from dataclasses import replace
from datetime import timedelta
from unittest.mock import Mock

import pytest

from sparkdrop.aws import same_content
from sparkdrop.aws.claims import claim_batch
from sparkdrop.aws.content_notes import note_contents
from sparkdrop.aws.intake import select_again
from sparkdrop.aws.items import BatchState
from sparkdrop.aws.records import UploadOutcome
from sparkdrop.aws.same_content import ContentCheck
from sparkdrop.core.batch import BatchLimits, InboxEntry
from sparkdrop.core.uploads import UploadState

from .conftest import PLENTY, make_run


class Drops:
    """A pipeline whose runs are over as soon as they are asked for."""

    def __init__(self, ledger, storage):
        self.ledger, self.storage = ledger, storage
        self.runs = 0

    def put(self, key, body=b"a\n1\n"):
        self.storage.client.put_object(Bucket="sd-uploads", Key=f"flights/{key}", Body=body)
        return self.land(key)

    def land(self, key):
        arrival = self.storage.read_arrival("sd-uploads", f"flights/{key}")
        # S3 tells times in seconds, and here all happens in one: each comes after the one before
        arrival = replace(arrival, arrived_at=arrival.arrived_at + timedelta(milliseconds=self.runs))
        entry = InboxEntry(arrival.upload_id, arrival)
        self.runs += 1
        self.ledger.record("flights", [entry])
        return entry

    def move(self, source, target):
        client = self.storage.client
        place = {"Bucket": "sd-uploads", "Key": f"flights/{source}"}
        client.copy_object(Bucket="sd-uploads", Key=f"flights/{target}", CopySource=place)
        client.delete_object(**place)
        return self.land(target)

    def claim(self, limits=PLENTY, **choice):
        self.runs += 1
        check = ContentCheck(self.ledger, self.storage, "flights")
        return claim_batch(self.ledger, make_run(f"run{self.runs}"), limits, contents=check, **choice)

    def end(self, claim, state=UploadState.SUCCEEDED, retry_at=None):
        """End all of a claim; the answer is the keys."""
        if claim.head is None:
            return []
        facts = {"output": f"s3://sd-curated/{claim.head.batch_id}", "rows_in": 1}
        ends = [UploadOutcome(entry, state, facts, retry_at) for entry in claim.entries]
        note_contents(self.ledger, "flights", ends)
        self.ledger.settle(claim.head, ends)
        self.ledger.close_batch(claim.head.batch_id, BatchState.SUCCEEDED)
        return [entry.arrival.key.removeprefix("flights/") for entry in claim.entries]

    def run(self, state=UploadState.SUCCEEDED, **choice):
        """Claim, and end all that was claimed so; the answer is the keys."""
        return self.end(self.claim(**choice), state)

    def retry(self, claim):
        """End all of a claim so that it is due again in five minutes."""
        self.end(claim, UploadState.PENDING, self.ledger.now() + timedelta(minutes=5))

    def read(self, entry):
        (item,) = self.ledger.read_uploads([entry.upload_id])
        return item


@pytest.fixture
def drops(ledger, storage):
    return Drops(ledger, storage)


def test_a_touch_is_on_record_and_is_not_processed(drops):
    first = drops.put("1.csv")
    assert drops.run() == ["1.csv"]
    again = drops.put("1.csv")
    assert drops.run() == []
    item = drops.read(again)
    assert item["state"] == "SUCCEEDED"
    assert item["reason"] == f"same content as upload {first.upload_id}"
    assert item["output"] == drops.read(first)["output"]
    assert "rows_in" not in item
    assert drops.ledger.read_open_batches() == []


def test_only_the_newest_content_of_a_key_counts(drops):
    drops.put("1.csv")
    drops.run()
    drops.put("1.csv", b"another")
    assert drops.run() == ["1.csv"]
    drops.put("1.csv")
    assert drops.run() == ["1.csv"], "the first content is back"


@pytest.mark.parametrize("end", [UploadState.FAILED, UploadState.QUARANTINED])
def test_what_did_not_succeed_is_tried_again_when_it_lands_again(drops, end):
    drops.put("1.csv")
    drops.run(end)
    drops.put("1.csv")
    assert drops.run() == ["1.csv"]


def test_two_versions_of_one_content_that_wait_together_are_processed_once(drops):
    drops.put("1.csv")
    drops.put("1.csv")
    claim = drops.claim()
    assert (len(claim.entries), claim.more) == (1, True)
    drops.end(claim)
    assert drops.run() == []
    assert not drops.ledger.is_waiting("flights")


def test_one_content_under_two_keys_is_two_files(drops):
    drops.put("1.csv")
    drops.put("2.csv")
    assert sorted(drops.run()) == ["1.csv", "2.csv"]
    drops.put("3.csv")
    assert drops.run() == ["3.csv"]


def test_what_a_person_chose_is_processed_again(drops):
    entry = drops.put("1.csv")
    drops.run()
    again = InboxEntry(entry.upload_id, entry.arrival, 2)
    assert drops.run(choose=lambda: [again]) == ["1.csv"]
    other = drops.put("1.csv")
    assert drops.run(choose=lambda: [other]) == ["1.csv"]


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


# how often S3 is asked


@pytest.fixture
def looks(drops, monkeypatch):
    """The keys that S3 is asked after."""
    asked = []
    find = drops.storage.find_deletion
    monkeypatch.setattr(
        drops.storage, "find_deletion", lambda bucket, key: [asked.append(key), find(bucket, key)][1]
    )
    return asked


def test_what_is_too_much_to_look_at_is_left_to_the_next_claims(drops, looks, monkeypatch):
    monkeypatch.setattr(same_content, "_LOOKS", 6)
    names = [f"{number}.csv" for number in range(7)]
    for name in names:
        drops.put(name, name.encode())
    for name in names:
        drops.move(name, f"moved/{name}")
    assert sorted(drops.run()) == names
    claims = 0
    while drops.ledger.is_waiting("flights"):
        looks.clear()
        assert drops.run() == []
        assert 0 < len(looks) <= 6
        claims += 1
    assert claims < 7


def test_files_of_their_own_are_not_held_up_by_what_is_too_much_to_look_at(drops, monkeypatch):
    monkeypatch.setattr(same_content, "_LOOKS", 1)
    for number in range(4):
        drops.put(f"{number}.csv")
    drops.put("other.csv", b"another")
    assert sorted(drops.run()) == ["0.csv", "1.csv", "other.csv"]
    assert (drops.run(), drops.run()) == (["2.csv"], ["3.csv"])


def test_each_of_many_equal_files_is_looked_at_once(drops, looks):
    for number in range(20):
        drops.put(f"{number}.csv")
    assert len(drops.run()) == 20
    assert sorted(looks) == sorted(f"flights/{number}.csv" for number in range(20))
    looks.clear()
    for number in range(20, 40):
        drops.put(f"{number}.csv")
    assert len(drops.run()) == 20
    assert sorted(looks) == sorted(f"flights/{number}.csv" for number in range(40))


def test_files_that_nothing_equals_are_not_looked_at(drops, looks):
    for number in range(5):
        drops.put(f"{number}.csv", str(number).encode())
    drops.put("0.csv", b"0")
    drops.run()
    drops.put("1.csv", b"1")
    drops.run()
    assert looks == []


# what a person chose


def test_a_replay_of_a_touch_that_fails_is_tried_again(drops, clock):
    drops.put("1.csv")
    drops.run()
    again = drops.put("1.csv")
    assert drops.run() == []
    chosen = select_again(drops.ledger, [again.arrival]).entries
    drops.retry(drops.claim(choose=lambda: chosen))
    clock.move(minutes=6)
    assert drops.run() == ["1.csv"]
    drops.put("1.csv")
    assert drops.run() == []


def test_what_a_person_chose_and_did_not_fit_is_processed_by_the_next_run(drops):
    for _ in range(2):
        touches = [drops.put(f"{number}.csv", str(number).encode()) for number in range(3)]
        drops.run()
    chosen = select_again(drops.ledger, [entry.arrival for entry in touches]).entries
    assert drops.end(drops.claim(BatchLimits(1), choose=lambda: chosen)) == ["0.csv"]
    assert sorted(drops.run()) == ["1.csv", "2.csv"]
