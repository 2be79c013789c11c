"""Bad files are found, good ones go through, and nothing costs for ever."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkdrop.core.batch import BatchLimits, InboxEntry, plan_batch
from sparkdrop.core.bisection import MAX_FAILURES_IN_A_ROW, Failure, decide_fates, find_root
from sparkdrop.core.uploads import Arrival, UploadState

START = datetime(2026, 3, 1, tzinfo=UTC)
DELAY = timedelta(minutes=5)
FILES_FAULT = Failure("B", is_files_fault=True, failures_in_a_row=0, at=START)
AWS_FAULT = replace(FILES_FAULT, is_files_fault=False)


def make_entry(number, attempt=1):
    arrival = Arrival("b", f"{number}.csv", "v1", "e", 10, START + timedelta(seconds=number))
    return InboxEntry(arrival.upload_id, arrival, attempt)


class World:
    """An inbox, runs that fail where a bad file is among theirs, and what AWS does meanwhile."""

    def __init__(self, many, bad, attempts, aws_faults=()):
        self.inbox = [make_entry(number) for number in range(many)]
        self.bad = {self.inbox[number].upload_id for number in bad}
        self.attempts = attempts
        self.aws_faults = set(aws_faults)
        self.now = START + timedelta(days=1)
        self.ends = {}
        self.failures = {}
        self.runs = 0

    def run(self):
        """Run until nothing waits."""
        while self.inbox:
            due = [entry for entry in self.inbox if (entry.not_before or START) <= self.now]
            if not due:
                self.now = min(entry.not_before for entry in self.inbox)
                continue
            self.settle(plan_batch(due, BatchLimits(1_000), self.now).entries)
            self.now += timedelta(seconds=1)

    def settle(self, entries):
        self.runs += 1
        self.inbox = [entry for entry in self.inbox if entry not in entries]
        root = find_root(entries[0].group_id)
        is_aws = self.runs in self.aws_faults
        if not is_aws and not self.bad & {entry.upload_id for entry in entries}:
            self.failures[root] = 0
            self.ends |= {entry.upload_id: UploadState.SUCCEEDED for entry in entries}
            return
        failure = Failure(f"B{self.runs}", not is_aws, self.failures.get(root, 0), self.now)
        for fate in decide_fates(entries, failure, attempts=self.attempts, delay=DELAY):
            if fate.state is UploadState.PENDING:
                again = replace(
                    fate.entry,
                    attempt=fate.entry.attempt + 1,
                    not_before=fate.retry_at,
                    group_id=fate.group_id,
                    uncounted=fate.uncounted,
                )
                self.inbox.append(again)
            else:
                self.ends[fate.entry.upload_id] = fate.state
        if root and not is_aws:
            self.failures[root] = self.failures.get(root, 0) + 1

    def find(self, state):
        return {upload_id for upload_id, found in self.ends.items() if found is state}


@st.composite
def worlds(draw):
    many = draw(st.integers(2, 120))
    bad = draw(st.sets(st.integers(0, many - 1), max_size=many if many <= 16 else 15))
    return many, bad, draw(st.integers(1, 5))


@settings(max_examples=300, deadline=None)
@given(worlds())
def test_exactly_the_bad_files_are_quarantined_in_a_bounded_number_of_runs(world):
    many, bad, attempts = world
    tried = World(many, bad, attempts)
    tried.run()
    assert tried.find(UploadState.QUARANTINED) == tried.bad
    assert len(tried.find(UploadState.SUCCEEDED)) == many - len(bad)
    depth = (many - 1).bit_length()
    assert tried.runs <= 2 + 2 * depth * max(len(bad), 1)


def test_one_bad_file_of_a_thousand_costs_that_file_and_a_few_runs():
    tried = World(1_000, {617}, 3)
    tried.run()
    assert tried.find(UploadState.QUARANTINED) == tried.bad
    assert len(tried.find(UploadState.SUCCEEDED)) == 999
    assert tried.runs <= 2 + 2 * 10


@settings(max_examples=200, deadline=None)
@given(worlds(), st.sets(st.integers(1, 40), max_size=2))
def test_faults_of_aws_meanwhile_use_up_nobodys_search(world, aws_faults):
    many, bad, _ = world
    tried = World(many, bad, 5, aws_faults)
    tried.run()
    assert tried.find(UploadState.QUARANTINED) == tried.bad
    assert len(tried.find(UploadState.SUCCEEDED)) == many - len(bad)


def test_a_program_that_fails_whatever_it_reads_stops_costing():
    tried = World(1_000, range(1_000), 3)
    tried.run()
    assert tried.find(UploadState.FAILED) == tried.bad
    # those that wait when the limit is reached end one piece at a time, each within one run
    assert tried.runs <= 3 * MAX_FAILURES_IN_A_ROW


def test_a_fault_that_is_not_the_files_splits_nothing():
    entries = [make_entry(1, 2), make_entry(2, 2)]
    fates = decide_fates(entries, AWS_FAULT, attempts=3, delay=DELAY)
    assert [(fate.state, fate.group_id, fate.retry_at) for fate in fates] == [
        (UploadState.PENDING, None, START + DELAY)
    ] * 2
    fates = decide_fates(entries, AWS_FAULT, attempts=2, delay=DELAY)
    assert {fate.state for fate in fates} == {UploadState.FAILED}


def test_the_first_failure_is_tried_again_as_it_was_and_by_itself():
    fates = decide_fates([make_entry(1), make_entry(2)], FILES_FAULT, attempts=3, delay=DELAY)
    assert [(fate.group_id, fate.uncounted) for fate in fates] == [("B", 0)] * 2


def test_a_file_that_was_always_alone_fails_as_its_attempts_are_used_up():
    (fate,) = decide_fates([make_entry(1, 2)], FILES_FAULT, attempts=3, delay=DELAY)
    assert (fate.state, fate.group_id) == (UploadState.PENDING, None)
    (fate,) = decide_fates([make_entry(1, 3)], FILES_FAULT, attempts=3, delay=DELAY)
    assert fate.state is UploadState.FAILED


@pytest.mark.parametrize("minutes", [0, 4])
def test_a_group_queues_behind_what_has_come_before_it_was_due(minutes):
    """What has come meanwhile is taken first, so that a search for a bad file holds up nobody."""
    late = START + timedelta(minutes=5)
    group = [replace(make_entry(n), group_id="B.0", not_before=late) for n in range(3)]
    fresh = make_entry(minutes * 60)
    plan = plan_batch([*group, fresh], BatchLimits(10), late)
    assert plan.entries == (fresh,)
    assert plan.more
    assert plan_batch(group, BatchLimits(10, max_wait=timedelta(hours=9)), late).entries == tuple(group)
