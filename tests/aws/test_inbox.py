"""What is read of an inbox, and with how many requests."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from sparkdrop.core.batch import BatchLimits, plan_batch

from .conftest import START, make_entry


@pytest.fixture
def queries(ledger):
    """What is asked of the table's partitions from now on."""
    asked = []
    ledger.table.client.meta.events.register("before-call.dynamodb.Query", lambda **call: asked.append(call))
    return asked


def test_a_claim_reads_no_more_of_a_long_inbox_than_it_can_take(ledger, queries):
    ledger.record("flights", [make_entry(number) for number in range(1_200)])
    found = ledger.read_inbox("flights", 11)
    assert found[:11] == [make_entry(number) for number in range(11)]
    assert len(queries) == 4, "one a shard"
    queries.clear()
    assert ledger.holds("flights")
    assert len(queries) == 1


def test_what_is_invoked_is_looked_for_with_one_request_a_shard(ledger, queries):
    ledger.record("flights", [make_entry(number) for number in range(1_200)])
    assert not ledger.holds("flights", invoked_only=True)
    assert ledger.read_inbox("flights", 11, invoked_only=True) == []
    assert len(queries) == 8
    invoked = replace(make_entry(1_201), invocation_id="i")
    ledger.record("flights", [invoked])
    assert ledger.holds("flights", invoked_only=True)
    assert ledger.read_inbox("flights", 11, invoked_only=True) == [invoked]


def test_a_group_alone_is_something_that_waits(ledger, clock, queries):
    retry_at = START + timedelta(hours=1)
    group = [replace(make_entry(n), attempt=2, group_id="g", not_before=retry_at) for n in range(500)]
    ledger.record("flights", group)
    assert not ledger.holds("flights")
    clock.move(hours=1)
    queries.clear()
    assert ledger.holds("flights")
    assert len(queries) == 1


@pytest.mark.parametrize("seed", range(2))
def test_a_group_is_met_whole_in_its_turn_however_much_lies_around_it(ledger, clock, seed):
    draw = random.Random(seed)  # noqa: S311 - nothing secret
    waiting = [make_entry(number) for number in range(200)]
    for name, first in (("a", draw.randrange(50)), ("b", draw.randrange(100, 170))):
        turn = START + timedelta(seconds=first + draw.randrange(30, 90))
        for number in range(first, first + 25):
            waiting[number] = replace(waiting[number], attempt=2, group_id=name, not_before=turn)
    ledger.record("flights", waiting)
    clock.move(days=1)
    limits = BatchLimits(30)
    while waiting:
        taken = plan_batch(ledger.read_inbox("flights", 31)[:31], limits, clock()).entries
        wanted = plan_batch(waiting, limits, clock()).entries
        # a group that waits among others takes up room of what is read
        assert taken == (wanted if wanted[0].group_id else wanted[: len(taken)])
        ledger.drop("flights", taken)
        waiting = [entry for entry in waiting if entry not in taken]
