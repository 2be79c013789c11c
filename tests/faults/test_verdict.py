"""The judge: it finds nothing where all went well, and each broken promise by its name."""

from dataclasses import replace
from typing import Any

import pytest

from tests.faults.drawing import Body, Drop, Injury, Kind, Schedule
from tests.faults.dropping import Dropped
from tests.faults.facts import Cluster, Facts, Found
from tests.faults.injuries import Injured
from tests.faults.recovery import measure_idle
from tests.faults.running import Outcome
from tests.faults.table import Record, build_record, format_table
from tests.faults.verdict import Broken, judge, measure_recovery

SEED = 4
DROP = Drop(0, 10.0, "fault_events/s4-0.csv", Body.MIXED, rows=2, bad=1)
INJURED = Injured(Injury(9.0, Kind.KILL, "scheduler", 0.0, "fault_events", 0), 1009.0, 1020.0, struck=True)
ENDED = 1050.0


def drop_one(**changes: Any) -> Dropped:
    values = {"version": "v1", "size": 9, "at": 1010.0, "ended": ENDED, "state": "SUCCEEDED"}
    return Dropped(DROP, SEED, **{**values, **changes})


def end_well(**changes: Any) -> dict[str, Any]:
    values = {
        "upload_id": "u1",
        "pipeline": "fault_events",
        "key": DROP.key,
        "version_id": "v1",
        "state": "SUCCEEDED",
        "reason": None,
        "batch_id": "b1",
        "rows_out": 2,
        "rows_rejected": 1,
    }
    return {**values, **changes}


def build_outcome(*dropped: Dropped, garbage: list[str] | None = None) -> Outcome:
    return Outcome(Schedule(SEED, (DROP,), ()), list(dropped), [INJURED], garbage or [], 1000.0, 1300.0)


def build_facts(**changes: Any) -> Facts:
    steps = ((1030.0, 1040.0),)
    whole = Facts(
        uploads=[end_well()],
        told={"u1": "SUCCEEDED"},
        found=[Found(row, "part-0.parquet") for row in sorted(drop_one().rows)],
        clusters=[Cluster("j-1", "fault_events", "b1", 1025.0, 1052.0, steps)],
        dead_letters=[],
    )
    return replace(whole, **changes)


def find(facts: Facts, dropped: Dropped | None = None, **changes: Any) -> list[tuple[Broken, str]]:
    outcome = build_outcome(dropped or drop_one(), **changes)
    return [(one.broken, one.what) for one in judge(outcome, facts, goal_seconds=60)]


def test_nothing_is_found_where_all_went_well() -> None:
    assert find(build_facts()) == []


WHOLE = build_facts()
ROWS = WHOLE.found


@pytest.mark.parametrize(
    ("facts", "broken", "what"),
    [
        (replace(WHOLE, uploads=[], found=[]), Broken.LOST, "not on record"),
        (replace(WHOLE, uploads=[end_well(state="RUNNING")], found=[]), Broken.LOST, "does not end"),
        (replace(WHOLE, found=ROWS[1:]), Broken.LOST, "without 1 of its rows"),
        (replace(WHOLE, found=[*ROWS, ROWS[0]]), Broken.DOUBLED, "1 rows more than once"),
        (replace(WHOLE, found=[*ROWS, Found(("4-9-9", "Eve", 1), "x")]), Broken.WRONG, "in no file"),
        (replace(WHOLE, uploads=[end_well(state="QUARANTINED")]), Broken.WRONG, "is QUARANTINED"),
        (replace(WHOLE, uploads=[end_well(state="FAILED")]), Broken.WRONG, "without a reason"),
        (replace(WHOLE, uploads=[end_well(state="FAILED")]), Broken.WRONG, "with rows in the output"),
        (replace(WHOLE, uploads=[end_well(state="FAILED")]), Broken.WRONG, "was SUCCEEDED"),
        (replace(WHOLE, uploads=[end_well(rows_out=3)]), Broken.WRONG, "tells of 3 rows"),
        (replace(WHOLE, uploads=[end_well(), end_well(version_id="v2")]), Broken.WRONG, "never dropped"),
        (replace(WHOLE, told={"u1": "RUNNING"}), Broken.WRONG, "to the API RUNNING"),
        (replace(WHOLE, told={"u1": None}), Broken.WRONG, "to the API None"),
        (replace(WHOLE, dead_letters=["a good one"]), Broken.LOST, "dead letters"),
    ],
)
def test_a_broken_promise_is_found(facts: Facts, broken: Broken, what: str) -> None:
    dropped = drop_one(state=None) if what == "without a reason" else drop_one()

    found = find(facts, dropped)

    assert any(kind is broken and what in text for kind, text in found), found


def test_garbage_may_be_in_the_dead_letters() -> None:
    assert find(build_facts(dead_letters=["rubbish"]), garbage=["rubbish"]) == []


@pytest.mark.parametrize("ended", [1200.0, None])
def test_a_cluster_that_outlives_its_batch_is_an_orphan(ended: float | None) -> None:
    (cluster,) = build_facts().clusters

    ((broken, what),) = find(build_facts(clusters=[replace(cluster, ended=ended)]))

    assert broken is Broken.ORPHAN
    assert "j-1" in what


def test_a_deleted_version_may_be_quarantined() -> None:
    gone = end_well(state="QUARANTINED", reason="it was deleted")

    dropped = drop_one(is_gone=True, state="QUARANTINED")

    assert find(build_facts(uploads=[gone], told={"u1": "QUARANTINED"}, found=[]), dropped) == []


def test_recovery_counts_from_the_fault_s_end_without_the_step_s_own_time() -> None:
    outcome, facts = build_outcome(drop_one()), build_facts()

    # 1020 to 1050, of which the step ran from 1030 to 1040
    assert measure_recovery(outcome.dropped[0], outcome, facts) == 20


def test_what_ends_later_than_the_goal_is_late() -> None:
    late = drop_one(ended=1099.0)
    (cluster,) = build_facts().clusters

    ((broken, what),) = find(build_facts(clusters=[replace(cluster, ended=1100.0)]), late)

    assert broken is Broken.LATE
    assert "69 s" in what


@pytest.mark.parametrize(
    ("busy", "idle"),
    [
        ([], 10),
        ([(12, 14)], 8),
        ([(5, 12), (11, 13)], 7),
        ([(18, 30)], 8),
        ([(1, 5), (30, 40)], 10),
        ([(0, 99)], 0),
    ],
)
def test_idle_time_is_what_no_step_covers(busy: list[tuple[float, float]], idle: float) -> None:
    assert measure_idle(10, 20, busy) == idle


def test_a_record_is_the_same_after_it_was_kept_and_its_table_tells_of_every_fault() -> None:
    outcome, facts = build_outcome(drop_one()), build_facts(found=ROWS[1:])
    record = build_record(outcome, facts, judge(outcome, facts, goal_seconds=60))

    assert Record.load(record.as_json()) == record
    assert not record.is_over
    assert replace(record, findings=["late: it was late"]).is_over

    head, kill, total = format_table([record, record]).splitlines()
    figures = ["2", "0", "2", "0", "0", "0", "0", "20.0", "20.0"]
    assert head.split() == ["fault", "count", "missed", *Broken, "median", "s", "max", "s"]
    assert kill.split() == ["kill", "scheduler", *figures]
    assert total.split() == ["all", *figures]
