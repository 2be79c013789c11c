"""What people see of uploads."""

from dataclasses import replace
from datetime import timedelta

import pytest

from sparkdrop.aws.claims import claim_batch
from sparkdrop.aws.intake import record_arrivals, route_again, select_again
from sparkdrop.aws.items import BatchState
from sparkdrop.aws.listing import FIELDS, list_uploads, read_upload
from sparkdrop.aws.records import UploadOutcome
from sparkdrop.core.batch import BatchLimits
from sparkdrop.core.uploads import UNROUTED, UploadState

from .conftest import PLENTY, make_entry, make_run


def settle(ledger, claim, state, **facts):
    retry_at = ledger.now() + timedelta(minutes=5)
    ledger.settle(claim.head, [UploadOutcome(entry, state, facts, retry_at) for entry in claim.entries])
    ledger.close_batch(claim.head.batch_id, BatchState.SUCCEEDED)


def start(ledger, claim, number):
    ledger.announce_step(claim.head.batch_id, f"j-{number}", "name")
    ledger.start_batch(claim.head.batch_id, f"s-{number}")


def ids(views):
    return [view["upload_id"] for view in views]


@pytest.fixture
def stages(ledger):
    """Uploads in every state, oldest first: succeeded, running, claimed, pending, unrouted."""
    entries = [make_entry(number) for number in range(5)]
    for number, name in enumerate(["done", "running", "claimed"]):
        ledger.record("flights", [entries[number]])
        claim = claim_batch(ledger, make_run(name), PLENTY)
        if name == "done":
            start(ledger, claim, 0)
            settle(ledger, claim, UploadState.SUCCEEDED, output="s3://out", rows_in=3)
        if name == "running":
            start(ledger, claim, 1)
    ledger.record("flights", [entries[3]])
    ledger.record(UNROUTED, [entries[4]])
    return entries


def test_the_newest_come_first_in_the_fields_that_scripts_know(ledger, stages):
    views = list_uploads(ledger)
    assert ids(views) == [entry.upload_id for entry in stages[::-1]]
    assert [view["state"] for view in views] == ["UNROUTED", "PENDING", "CLAIMED", "RUNNING", "SUCCEEDED"]
    assert all(tuple(view) == FIELDS for view in views)
    done, running = views[-1], views[-2]
    assert (done["output"], done["rows_in"], done["job_flow_id"]) == ("s3://out", 3, "j-0")
    assert (running["job_flow_id"], running["step_id"], running["run_id"]) == ("j-1", "s-1", "running")
    assert running["batch_id"] == make_run("running").batch_id


def test_a_slow_batch_is_told_of_while_it_runs(ledger, stages):
    for name in ("done", "running"):
        ledger.note_slow(make_run(name).batch_id)
    since = {view["state"]: view["slow_since"] for view in list_uploads(ledger)}
    assert since == dict.fromkeys(since) | {"RUNNING": ledger.now().isoformat()}
    assert read_upload(ledger, stages[1].upload_id, ["flights"])["slow_since"] == since["RUNNING"]


@pytest.mark.parametrize(
    ("state", "number"), [("SUCCEEDED", 0), ("RUNNING", 1), ("CLAIMED", 2), ("PENDING", 3), ("UNROUTED", 4)]
)
def test_each_state_lists_its_own(ledger, stages, state, number):
    expected = [stages[number].upload_id]
    assert ids(list_uploads(ledger, state=UploadState(state))) == expected
    pipeline = UNROUTED if state == "UNROUTED" else "flights"
    assert ids(list_uploads(ledger, pipeline=pipeline, state=UploadState(state))) == expected


def test_a_pipeline_lists_its_own(ledger, stages):
    assert ids(list_uploads(ledger, pipeline="flights")) == [entry.upload_id for entry in stages[3::-1]]
    assert list_uploads(ledger, pipeline="weather") == []


def test_a_limit_takes_the_newest(ledger, stages):
    assert ids(list_uploads(ledger, limit=2)) == [stages[4].upload_id, stages[3].upload_id]
    assert ids(list_uploads(ledger, pipeline="flights", limit=1)) == [stages[3].upload_id]


def test_a_redelivery_hides_nothing(ledger, clock, stages):
    clock.move(seconds=9)
    record_arrivals(ledger, lambda *_: "flights", [stages[0].arrival, stages[1].arrival])
    assert ids(list_uploads(ledger)) == [entry.upload_id for entry in stages[::-1]]
    assert [view["state"] for view in list_uploads(ledger, pipeline="flights")] == [
        "PENDING",
        "CLAIMED",
        "RUNNING",
        "SUCCEEDED",
    ]
    assert ids(list_uploads(ledger, state=UploadState.PENDING)) == [stages[3].upload_id]
    assert ids(list_uploads(ledger, pipeline="flights", state=UploadState.PENDING)) == [stages[3].upload_id]


def test_a_listing_that_knows_another_time_makes_no_second_line(ledger, stages):
    for entry in (stages[0], stages[3]):
        arrival = replace(entry.arrival, arrived_at=entry.arrival.arrived_at + timedelta(seconds=100))
        record_arrivals(ledger, lambda *_: "flights", [arrival])
    views = list_uploads(ledger, pipeline="flights")
    assert sorted(view["state"] for view in views) == ["CLAIMED", "PENDING", "RUNNING", "SUCCEEDED"]
    assert stages[0].upload_id in ids(views)


def test_an_upload_that_waits_for_its_next_attempt_tells_why_the_last_one_failed(ledger):
    ledger.record("flights", [make_entry(1)])
    settle(ledger, claim_batch(ledger, make_run("one"), PLENTY), UploadState.PENDING, reason="no memory")
    (view,) = list_uploads(ledger)
    assert (view["state"], view["reason"]) == ("PENDING", "no memory")
    found = read_upload(ledger, make_entry(1).upload_id, ["flights"])
    assert (found["state"], found["reason"]) == ("PENDING", "no memory")
    assert [move["state"] for move in found["history"]] == ["CLAIMED", "PENDING"]


def test_a_replay_that_waits_is_shown_as_waiting(ledger):
    entries = [make_entry(1), make_entry(2)]
    ledger.record("flights", entries)
    settle(ledger, claim_batch(ledger, make_run("one"), PLENTY), UploadState.SUCCEEDED)
    chosen = select_again(ledger, [entry.arrival for entry in entries]).entries
    claim_batch(ledger, make_run("two"), BatchLimits(1), choose=lambda: chosen)
    assert [view["state"] for view in list_uploads(ledger)] == ["PENDING", "CLAIMED"]


def test_one_upload_is_found_wherever_it_is(ledger, stages):
    for entry, state in zip(stages, ["SUCCEEDED", "RUNNING", "CLAIMED", "PENDING", "UNROUTED"], strict=True):
        view = read_upload(ledger, entry.upload_id, ["weather", "flights"])
        assert (view["upload_id"], view["state"], view["key"]) == (entry.upload_id, state, entry.arrival.key)
    assert read_upload(ledger, stages[3].upload_id, ["weather"]) is None
    assert read_upload(ledger, make_entry(99).upload_id, ["flights"]) is None


def test_objects_that_a_new_pattern_matches_are_routed_again(ledger):
    ledger.record(UNROUTED, [make_entry(1), make_entry(2, key="other/2.csv")])
    route = {"flights/1.csv": "flights"}
    assert route_again(ledger, lambda _, key: route.get(key), 100) == {"flights"}
    assert ledger.read_inbox("flights", 9) == [make_entry(1)]
    assert [entry.arrival.key for entry in ledger.read_inbox(UNROUTED, 9)] == ["other/2.csv"]
    assert route_again(ledger, lambda _, key: route.get(key), 100) == set()
