"""The ledger under everything at once: redelivery, crashes, retries and replays in any order.

The machine keeps a model of what it did and, after every step, reads the whole table and checks the
promises: no upload in two open batches, nothing lost, nothing run again by a redelivery.
"""

import os
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from unittest.mock import patch

import boto3
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    precondition,
    rule,
)
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from sparkdrop.aws.claims import claim_batch
from sparkdrop.aws.intake import find_new, record_arrivals, select_again
from sparkdrop.aws.items import BatchState, parse_chunk_text, upload_key
from sparkdrop.aws.ledger import Ledger
from sparkdrop.aws.records import UploadOutcome
from sparkdrop.aws.values import unmarshal
from sparkdrop.core.batch import BatchLimits
from sparkdrop.core.uploads import UploadState, upload_identity

from .conftest import REGION, Clock, create_table, make_entry, make_run

LIMITS = BatchLimits(max_files=3)
ATTEMPTS = 2
ENDS = {UploadState.SUCCEEDED, UploadState.FAILED, UploadState.QUARANTINED}
CALLS = {
    "put_item",
    "get_item",
    "delete_item",
    "update_item",
    "batch_write_item",
    "batch_get_item",
    "transact_write_items",
}


class Killed(Exception):  # noqa: N818 - it stands for a SIGKILL
    """The process dies here."""


class MortalClient:
    """A client whose process dies before its call number `calls_left`, or after it was carried out."""

    def __init__(self, client, calls_left, *, is_carried_out):
        self._client = client
        self._calls_left = calls_left
        self._is_carried_out = is_carried_out

    def __getattr__(self, name):
        found = getattr(self._client, name)
        if name not in CALLS:
            return found

        def call(**arguments):
            if self._calls_left > 0:
                self._calls_left -= 1
                return found(**arguments)
            if self._is_carried_out:
                found(**arguments)
            raise Killed(name)

        return call


class LedgerMachine(RuleBasedStateMachine):
    """One pipeline's uploads, several runs."""

    runs = Bundle("runs")

    def __init__(self):
        super().__init__()
        self.environment = patch.dict(
            os.environ,
            {"AWS_DEFAULT_REGION": REGION, "AWS_ACCESS_KEY_ID": "t", "AWS_SECRET_ACCESS_KEY": "t"},
        )
        self.environment.start()
        self.mock = mock_aws()
        self.mock.start()
        self.client = boto3.client("dynamodb", region_name=REGION)
        create_table(self.client, "ledger")
        self.clock = Clock()
        self.ledger = Ledger("ledger", client=self.client, clock=self.clock)
        self.known = {}
        self.settled = Counter()
        self.claimed = {}
        self.run_count = 0

    def teardown(self):
        self.mock.stop()
        self.environment.stop()

    @initialize()
    def first_files_land(self):
        self.land(5)

    # what happens to files

    @rule(many=st.integers(1, 4))
    def land(self, many):
        entries = [make_entry(len(self.known) + number) for number in range(many)]
        self.known |= {upload_identity(entry.upload_id): entry for entry in entries}
        record_arrivals(self.ledger, lambda *_: "flights", [entry.arrival for entry in entries])

    @rule(data=st.data())
    def redeliver(self, data):
        entries = data.draw(st.lists(st.sampled_from(list(self.known.values())), max_size=6))
        record_arrivals(self.ledger, lambda *_: "flights", [entry.arrival for entry in entries])

    @rule(data=st.data(), seconds=st.integers(-90, 90))
    def list_the_bucket(self, data, seconds):
        """A sensor or a reconciliation, which may know another time of arrival."""
        entries = data.draw(st.lists(st.sampled_from(list(self.known.values())), max_size=6))
        moved = [
            replace(entry.arrival, arrived_at=entry.arrival.arrived_at + timedelta(seconds=seconds))
            for entry in entries
        ]
        record_arrivals(self.ledger, lambda *_: "flights", find_new(self.ledger, moved))

    @rule(minutes=st.integers(1, 30))
    def time_goes_by(self, minutes):
        self.clock.move(minutes=minutes)

    # what runs do

    @rule(target=runs)
    def start_run(self):
        self.run_count += 1
        return make_run(f"run{self.run_count}")

    @rule(run=runs, calls=st.integers(0, 14), is_carried_out=st.booleans())
    def claim_and_die(self, run, calls, is_carried_out):
        if run.batch_id in self.claimed:
            return
        mortal = MortalClient(self.client, calls, is_carried_out=is_carried_out)
        try:
            claim = claim_batch(Ledger("ledger", client=mortal, clock=self.clock), run, LIMITS)
        except Killed:
            return
        self.note_claim(run, claim)

    @rule(run=runs)
    def claim(self, run):
        again = self.claimed.get(run.batch_id)
        claim = claim_batch(self.ledger, run, LIMITS)
        self.note_claim(run, claim)
        if again is not None:
            assert [entry.upload_id for entry in claim.entries] == again

    @rule(run=runs, data=st.data())
    def claim_by_hand(self, run, data):
        """Replay: what a person names is processed again, unless a living batch has it."""
        if run.batch_id in self.claimed or self.ledger.read_batch(run.batch_id):
            return
        entries = data.draw(st.lists(st.sampled_from(list(self.known.values())), min_size=1, max_size=5))
        selection = select_again(self.ledger, [entry.arrival for entry in entries])
        claim = claim_batch(self.ledger, run, LIMITS, choose=lambda: selection.entries)
        self.note_claim(run, claim)
        held = {upload_identity(entry.upload_id) for entry in claim.entries}
        assert not held & {upload_identity(arrival.upload_id) for arrival in selection.busy}
        assert len(held) == min(
            LIMITS.max_files, len({upload_identity(e.upload_id) for e in selection.entries})
        )

    def note_claim(self, run, claim):
        if claim.head is None:
            assert not claim.entries
            return
        assert 0 < len(claim.entries) <= LIMITS.max_files
        self.claimed[run.batch_id] = [entry.upload_id for entry in claim.entries]

    @rule(
        run=consumes(runs),
        states=st.lists(st.sampled_from(sorted(ENDS) + [UploadState.PENDING] * 2), min_size=3, max_size=3),
        deaths=st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=2),
    )
    def settle(self, run, states, deaths):
        """The run ends; its `publish` may die on the way, and is done again."""
        head = self.ledger.read_batch(run.batch_id)
        if head is None:
            return
        outcomes = [
            self.make_outcome(entry, state)
            for entry, state in zip(self.ledger.read_batch_entries(head), states, strict=False)
        ]
        before = self.read_uploads()
        for calls, is_carried_out in deaths:
            mortal = MortalClient(self.client, calls, is_carried_out=is_carried_out)
            try:
                self.settle_once(Ledger("ledger", client=mortal, clock=self.clock), head, outcomes)
            except Killed:
                continue
        self.settle_once(self.ledger, head, outcomes)
        assert self.ledger.settle(head, outcomes) == []
        after = self.read_uploads()
        held = {
            identity
            for identity, item in before.items()
            if item["state"] == UploadState.CLAIMED and item["batch_id"] == head.batch_id
        }
        for identity in held:
            assert after[identity]["state"] != UploadState.CLAIMED
            self.settled[identity, before[identity]["attempt"]] += 1
        assert {key: after[key] for key in after if key not in held} == {
            key: before[key] for key in before if key not in held
        }
        self.claimed.pop(run.batch_id, None)

    def make_outcome(self, entry, state):
        if state is UploadState.PENDING and entry.attempt >= ATTEMPTS:
            state = UploadState.FAILED
        retry_at = self.clock() + timedelta(minutes=5) if state is UploadState.PENDING else None
        return UploadOutcome(entry, state, {"reason": "so"}, retry_at)

    def settle_once(self, ledger, head, outcomes):
        ledger.settle(head, outcomes)
        ledger.close_batch(head.batch_id, BatchState.SUCCEEDED)

    # what must hold

    def read_items(self):
        """The whole table, straight from the emulation: a scan's answer takes it a fifth of a second."""
        shelves = dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].tables["ledger"].items.values()
        rows = [row for shelf in shelves for row in shelf.values()]
        return [
            unmarshal({name: value.to_json() for name, value in row.attrs.items() if name != "history"})
            for row in rows
        ]

    def read_uploads(self):
        return {
            upload_identity(item["upload_id"]): item
            for item in self.read_items()
            if item["pk"].startswith("upload#")
        }

    @invariant()
    def nothing_is_lost(self):
        """Everything that landed waits, is claimed by a batch that is on record as open, or is at its end."""
        items = self.read_items()
        waiting = {
            (upload_identity(item["upload_id"]), item["attempt"])
            for item in items
            if item["pk"].startswith("inbox#")
        }
        heads = {item["batch_id"]: item for item in items if item["sk"] == "batch"}
        chunks = {item["pk"].removeprefix("batch#"): item["entries"] for item in items if "entries" in item}
        markers = {item["sk"] for item in items if item["pk"] == "open"}
        uploads = {
            upload_identity(item["upload_id"]): item for item in items if item["pk"].startswith("upload#")
        }
        for identity in self.known:
            upload = uploads.get(identity)
            assert upload is None or upload["pk"] == upload_key(upload["upload_id"])["pk"]
            if upload is None:
                assert any(found == identity for found, _ in waiting), "it neither waits nor was claimed"
            elif upload["state"] == UploadState.PENDING:
                assert (identity, upload["attempt"] + 1) in waiting, "its next attempt does not wait"
            elif upload["state"] == UploadState.CLAIMED:
                assert upload["batch_id"] in markers, "no sweep would find its batch"
                listed = parse_chunk_text(chunks[upload["batch_id"]])
                assert identity in {upload_identity(entry.upload_id) for entry in listed}
                assert heads[upload["batch_id"]]["chunks"] == 1
            else:
                assert upload["state"] in ENDS

    @invariant()
    def each_attempt_ends_at_most_once(self):
        assert max(self.settled.values(), default=0) <= 1

    @precondition(lambda self: self.settled)
    @rule()
    def redelivery_of_all_that_is_over_starts_nothing(self):
        """Every event comes once more; what a run then claims is only what was not over before."""
        ends = {key for key, item in self.read_uploads().items() if item["state"] in ENDS}
        waiting = {
            (upload_identity(entry.upload_id), entry.attempt)
            for entry in self.ledger.read_inbox("flights", 1_000)
        }
        record_arrivals(self.ledger, lambda *_: "flights", [self.known[key].arrival for key in sorted(ends)])
        self.run_count += 1
        run = make_run(f"run{self.run_count}")
        claim = claim_batch(self.ledger, run, BatchLimits(max_files=1_000))
        for entry in claim.entries:
            identity = upload_identity(entry.upload_id)
            assert identity not in ends or (identity, entry.attempt) in waiting
            assert entry.attempt > 1 or identity not in ends
        if claim.head:
            head = claim.head
            outcomes = [self.make_outcome(entry, UploadState.SUCCEEDED) for entry in claim.entries]
            self.settle_once(self.ledger, head, outcomes)
            self.settled.update((upload_identity(e.upload_id), e.attempt) for e in claim.entries)


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(
    max_examples=30,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
