"""A run's claim: what it takes, and what two runs never share."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count
from threading import Lock

import boto3
import pytest
from botocore.exceptions import ClientError

from sparkdrop.aws import transactions
from sparkdrop.aws.claims import claim_batch
from sparkdrop.aws.items import CHUNK_BYTES, BatchState, build_chunk_texts, upload_key
from sparkdrop.aws.ledger import Ledger
from sparkdrop.aws.records import UploadOutcome
from sparkdrop.aws.transactions import transact_each
from sparkdrop.core.batch import BatchLimits
from sparkdrop.core.errors import BusyError
from sparkdrop.core.uploads import UploadState

from .conftest import PLENTY, make_entry, make_run


def settle_all(ledger, claim, state, **facts):
    retry_at = ledger.now() + timedelta(minutes=5) if state is UploadState.PENDING else None
    outcomes = [UploadOutcome(entry, state, facts, retry_at) for entry in claim.entries]
    moved = ledger.settle(claim.head, outcomes)
    ledger.close_batch(claim.head.batch_id, BatchState.SUCCEEDED)
    return moved


def test_two_hundred_and_fifty_uploads_are_one_claim(ledger):
    entries = [make_entry(number) for number in range(250)]
    ledger.record("flights", entries)
    claim = claim_batch(ledger, make_run("one"), PLENTY)
    assert list(claim.entries) == entries
    assert (claim.head.upload_count, claim.more) == (250, False)
    assert not ledger.is_waiting("flights")
    items = ledger.read_uploads(entry.upload_id for entry in entries)
    assert {(item["state"], item["batch_id"]) for item in items} == {("CLAIMED", claim.head.batch_id)}


def test_long_keys_in_any_script_fit_into_the_list_of_a_batch(ledger):
    letters = ["ж", "\x01", '"', "飛", "🚀"]  # 2, 1, 1, 3, 4 bytes; JSON may write up to six for one
    entries = [
        make_entry(n, key=f"{n}{letters[n % 5] * (1_020 // len(letters[n % 5].encode()))}") for n in range(60)
    ]
    ledger.record("flights", entries)
    claim = claim_batch(ledger, make_run("one"), PLENTY)
    sizes = [len(text.encode()) for text in build_chunk_texts("flights", entries * 10)]
    assert len(sizes) > 1
    assert max(sizes) <= CHUNK_BYTES + 2
    assert [entry.arrival.key for entry in claim.entries] == [entry.arrival.key for entry in entries]


def test_what_does_not_fit_waits_for_the_next_run(ledger):
    ledger.record("flights", [make_entry(number) for number in range(5)])
    first = claim_batch(ledger, make_run("one"), BatchLimits(3))
    second = claim_batch(ledger, make_run("two"), BatchLimits(3))
    third = claim_batch(ledger, make_run("three"), BatchLimits(3))
    assert [entry.upload_id for claim in (first, second) for entry in claim.entries] == [
        make_entry(number).upload_id for number in range(5)
    ]
    assert (first.more, second.more) == (True, False)
    assert (third.head, third.entries) == (None, ())
    assert ledger.read_batch(make_run("three").batch_id) is None


def test_one_of_two_pipelines_takes_nothing_of_the_other(ledger):
    ledger.record("flights", [make_entry(1)])
    ledger.record("flights2", [make_entry(2)])
    claim = claim_batch(ledger, make_run("one", "flights2"), PLENTY)
    assert list(claim.entries) == [make_entry(2)]


def test_runs_at_the_same_moment_share_nothing(ledger):
    entries = [make_entry(number) for number in range(16)]
    ledger.record("flights", entries)

    lock = Lock()

    def claim(number):
        client = boto3.client("dynamodb")
        send = client._make_api_call

        def send_alone(*arguments):
            with lock:  # DynamoDB's calls are atomic, the emulation's are not
                return send(*arguments)

        client._make_api_call = send_alone
        mine = Ledger("ledger", client=client, clock=ledger.now)
        return claim_batch(mine, make_run(f"run{number}"), BatchLimits(10))

    with ThreadPoolExecutor(4) as pool:
        claims = list(pool.map(claim, range(4)))
    for number in count(4):
        claims.append(claim(number))
        if claims[-1].head is None:
            break
    held = [entry.upload_id for claim in claims for entry in claim.entries]
    assert sorted(held) == [entry.upload_id for entry in entries]
    for claim_ in claims:
        for item in ledger.read_uploads(entry.upload_id for entry in claim_.entries):
            assert item["batch_id"] == claim_.head.batch_id


def test_redelivered_events_do_not_end_a_run_while_others_wait_behind_them(ledger):
    old = [make_entry(number) for number in range(8)]
    ledger.record("flights", old)
    settle_all(ledger, claim_batch(ledger, make_run("one"), PLENTY), UploadState.SUCCEEDED)
    ledger.record("flights", [*old, make_entry(9)])
    claim = claim_batch(ledger, make_run("two"), BatchLimits(2))
    assert list(claim.entries) == [make_entry(9)]
    assert not claim.more


def test_a_redelivered_event_alone_starts_nothing_and_is_dropped(ledger):
    ledger.record("flights", [make_entry(1)])
    settle_all(ledger, claim_batch(ledger, make_run("one"), PLENTY), UploadState.SUCCEEDED, rows_in=5)
    ledger.record("flights", [make_entry(1)])
    assert claim_batch(ledger, make_run("two"), PLENTY).head is None
    assert not ledger.is_waiting("flights")
    (item,) = ledger.read_uploads([make_entry(1).upload_id])
    assert (item["state"], item["rows_in"]) == ("SUCCEEDED", 5)


def test_a_retry_waits_its_time_and_is_a_second_attempt(ledger, clock):
    ledger.record("flights", [make_entry(1)])
    settle_all(ledger, claim_batch(ledger, make_run("one"), PLENTY), UploadState.PENDING, reason="so")
    (item,) = ledger.read_uploads([make_entry(1).upload_id])
    assert (item["state"], item["reason"], item.get("batch_id")) == ("PENDING", "so", None)
    assert claim_batch(ledger, make_run("two"), PLENTY).head is None
    clock.move(minutes=5)
    claim = claim_batch(ledger, make_run("three"), PLENTY)
    assert [entry.attempt for entry in claim.entries] == [2]
    (item,) = ledger.read_uploads([make_entry(1).upload_id])
    assert (item["state"], item["attempt"], item.get("reason")) == ("CLAIMED", 2, None)
    assert len(item["history"]) == 3


def test_an_entry_of_a_later_attempt_stays_while_a_batch_holds_the_upload(ledger):
    ledger.record("flights", [make_entry(1)])
    claim = claim_batch(ledger, make_run("one"), PLENTY)
    ledger.record("flights", [make_entry(1, attempt=2)])
    assert claim_batch(ledger, make_run("two"), PLENTY).head is None
    settle_all(ledger, claim, UploadState.SUCCEEDED)
    assert [entry.attempt for entry in claim_batch(ledger, make_run("three"), PLENTY).entries] == [2]


def test_a_claim_takes_no_upload_that_another_batch_holds_by_now(ledger):
    """The transaction decides, whatever was true when the inbox was read."""
    ledger.record("flights", [make_entry(1)])
    held = claim_batch(ledger, make_run("one"), PLENTY)
    later = [make_entry(1), make_entry(1, attempt=2)]
    for number, entry in enumerate(later):
        run = make_run(f"other{number}")
        ledger.record("flights", [entry])
        head = ledger.open_batch(run, [entry])
        assert ledger.claim_entries(head, [entry]) == []
        assert ledger.read_batch(run.batch_id).state is BatchState.EMPTY
    (item,) = ledger.read_uploads([make_entry(1).upload_id])
    assert (item["batch_id"], item["attempt"]) == (held.head.batch_id, 1)
    assert ledger.read_inbox("flights", 9) == [make_entry(1, attempt=2)]


def test_a_claim_that_is_done_again_forgets_the_old_step(ledger):
    ledger.record("flights", [make_entry(1)])
    run = make_run("one")
    claim = claim_batch(ledger, run, PLENTY)
    ledger.announce_step(claim.head.batch_id, "j-1", "name")
    ledger.start_batch(claim.head.batch_id, "s-1")
    settle_all(ledger, claim, UploadState.FAILED, reason="so", log="s3://l")
    again = claim_batch(ledger, run, PLENTY)
    assert again.entries == claim.entries
    head = ledger.read_batch(run.batch_id)
    assert (head.state, head.job_flow_id, head.step_name, head.step_id) == (
        BatchState.CLAIMED,
        None,
        None,
        None,
    )
    assert [open_head.batch_id for open_head in ledger.read_open_batches()] == [run.batch_id]


def test_hand_picked_uploads_over_the_limit_go_to_the_inbox(ledger):
    chosen = [make_entry(number) for number in range(5)]
    claim = claim_batch(ledger, make_run("one"), BatchLimits(3), choose=lambda: chosen)
    assert list(claim.entries) == chosen[:3]
    assert claim.more
    assert ledger.read_inbox("flights", 10) == chosen[3:]


def test_nothing_chosen_opens_nothing(ledger):
    claim = claim_batch(ledger, make_run("one"), PLENTY, choose=list)
    assert claim.head is None
    assert ledger.read_open_batches() == []


def test_the_oldest_come_first_from_all_shards(ledger):
    entries = [make_entry(number) for number in range(90)]
    ledger.record("flights", entries[::-1])
    assert ledger.read_inbox("flights", 100) == entries
    assert ledger.read_inbox("flights", 5)[:5] == entries[:5]


class Answers:
    """A client that gives prepared answers to transactions: codes of the reasons, or None for a yes."""

    def __init__(self, client, *answers):
        self.exceptions = client.exceptions
        self.answers = list(answers)
        self.sizes = []

    def transact_write_items(self, TransactItems):  # noqa: N803 - boto3's word
        self.sizes.append(len(TransactItems))
        codes = self.answers.pop(0) if self.answers else None
        if codes:
            raise self.exceptions.TransactionCanceledException(
                {
                    "Error": {"Code": "TransactionCanceledException", "Message": "cancelled"},
                    "CancellationReasons": [{"Code": code} for code in codes],
                },
                "TransactWriteItems",
            )


@pytest.fixture
def pauses(monkeypatch):
    found = []
    monkeypatch.setattr(transactions.time, "sleep", found.append)
    return found


def test_a_conflict_with_another_transaction_is_waited_out(ledger, pauses):
    client = Answers(ledger.table.client, ["TransactionConflict", "None"], ["ThrottlingError"])
    assert transact_each(client, [["a", "b"]]) == [True]
    assert client.sizes == [2, 2, 2]
    assert [pause / longest for pause, longest in zip(pauses, (0.075, 0.15), strict=True)] == [
        pytest.approx(2 / 3, abs=1 / 3)
    ] * 2


def test_a_conflict_without_end_is_an_error(ledger, pauses):
    client = Answers(ledger.table.client, *[["TransactionConflict"]] * 99)
    with pytest.raises(BusyError, match="try again"):
        transact_each(client, [["a"]])
    assert len(pauses) == 6


def test_those_who_met_do_not_meet_again_after_the_same_pause(ledger, pauses):
    for _ in range(2):
        with pytest.raises(BusyError):
            transact_each(Answers(ledger.table.client, *[["TransactionConflict"]] * 99), [["a"]])
    assert not set(pauses[:6]) & set(pauses[6:])


def test_what_no_waiting_helps_is_an_error_at_once(ledger, pauses):
    client = Answers(ledger.table.client, ["ItemCollectionSizeLimitExceeded", "TransactionConflict"])
    with pytest.raises(ClientError, match="TransactionCanceledException"):
        transact_each(client, [["a"]])
    assert pauses == []


def test_one_refusal_among_many_is_found_by_halving(ledger):
    entries = [make_entry(number) for number in range(30)]
    ledger.record("flights", [entries[21]])
    settle_all(ledger, claim_batch(ledger, make_run("one"), PLENTY), UploadState.SUCCEEDED)
    head = ledger.open_batch(make_run("two"), entries)
    assert [entry.upload_id for entry in ledger.claim_entries(head, entries)] == [
        entry.upload_id for entry in entries if entry is not entries[21]
    ]


def test_no_transaction_is_over_a_hundred_actions(ledger):
    client = Answers(ledger.table.client)
    assert transact_each(client, [["a", "b"]] * 120) == [True] * 120
    assert client.sizes == [100, 100, 40]
    assert transact_each(client, []) == []


def test_an_item_keeps_the_moment_of_its_arrival_and_the_story_of_its_states(ledger, clock):
    entry = make_entry(1)
    ledger.record("flights", [entry])
    clock.move(seconds=90)
    claim = claim_batch(ledger, make_run("one"), PLENTY)
    clock.move(seconds=90)
    settle_all(ledger, claim, UploadState.QUARANTINED, reason="no CSV")
    item = ledger.table.get(upload_key(entry.upload_id))
    assert (item["created_at"], item["updated_at"]) == (
        "2026-03-01T12:00:01+00:00",
        "2026-03-01T12:03:00+00:00",
    )
    assert (item["state"], item["reason"]) == ("QUARANTINED", "no CSV")
    assert [move.split('"')[3] for move in item["history"]] == ["CLAIMED", "QUARANTINED"]
