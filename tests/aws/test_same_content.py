"""A content that is in the output already: written again, touched, or moved to another key."""

from dataclasses import replace
from datetime import timedelta

import pytest

from sparkdrop.aws.claims import claim_batch
from sparkdrop.aws.items import BatchState
from sparkdrop.aws.records import UploadOutcome
from sparkdrop.aws.same_content import ContentCheck, note_contents
from sparkdrop.core.batch import InboxEntry
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

    def claim(self, **choice):
        self.runs += 1
        check = ContentCheck(self.ledger, self.storage, "flights")
        return claim_batch(self.ledger, make_run(f"run{self.runs}"), PLENTY, contents=check, **choice)

    def run(self, state=UploadState.SUCCEEDED, **choice):
        """Claim, and end all that was claimed so; the answer is the keys."""
        claim = self.claim(**choice)
        if claim.head is None:
            return []
        output = f"s3://sd-curated/{claim.head.batch_id}"
        ends = [UploadOutcome(entry, state, {"output": output, "rows_in": 1}) for entry in claim.entries]
        self.ledger.settle(claim.head, ends)
        if state is UploadState.SUCCEEDED:
            note_contents(self.ledger, "flights", claim.entries)
        self.ledger.close_batch(claim.head.batch_id, BatchState.SUCCEEDED)
        return [entry.arrival.key.removeprefix("flights/") for entry in claim.entries]

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
    drops.ledger.settle(claim.head, [UploadOutcome(claim.entries[0], UploadState.SUCCEEDED, {})])
    note_contents(drops.ledger, "flights", claim.entries)
    drops.ledger.close_batch(claim.head.batch_id, BatchState.SUCCEEDED)
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


def test_a_file_of_a_content_that_was_deleted_before_it_landed_is_no_move(drops, monkeypatch):
    drops.put("1.csv")
    drops.run()
    drops.storage.client.delete_object(Bucket="sd-uploads", Key="flights/1.csv")
    find = drops.storage.find_deletion
    long_ago = timedelta(hours=1)
    monkeypatch.setattr(drops.storage, "find_deletion", lambda *place: find(*place) - long_ago)
    drops.put("2.csv")
    assert drops.run() == ["2.csv"]
