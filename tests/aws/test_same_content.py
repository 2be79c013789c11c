"""A content that is in the output already: written again or touched; and how often S3 is asked."""

import pytest

from sparkdrop.aws import same_content
from sparkdrop.aws.intake import select_again
from sparkdrop.core.batch import BatchLimits, InboxEntry
from sparkdrop.core.uploads import UploadState

from .drops import Drops


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


def test_what_is_noted_of_an_upload_is_read_once_a_claim(drops, monkeypatch):
    read, asked = same_content.read_notes, []
    monkeypatch.setattr(
        same_content, "read_notes", lambda *arguments: [asked.extend(arguments[2]), read(*arguments)][1]
    )
    entries = [drops.put(f"{number}.csv", str(number).encode()) for number in range(3)]
    assert len(drops.run()) == 3
    assert sorted(arrival.key for arrival in asked) == [entry.arrival.key for entry in entries]


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
