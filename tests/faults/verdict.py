"""The promises, checked one by one against what is seen from outside. Pure."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from tests.e2e.system import ENDS
from tests.faults.dropping import Dropped
from tests.faults.facts import Cluster, Facts
from tests.faults.recovery import find_busy, find_start, measure_idle, touches
from tests.faults.running import Outcome


class Broken(StrEnum):
    """Which promise."""

    LOST = "lost"
    DOUBLED = "doubled"
    WRONG = "wrong"
    ORPHAN = "orphan"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Finding:
    """A broken promise: which, what of, and when that was."""

    broken: Broken
    what: str
    began: float
    ended: float


def judge(outcome: Outcome, facts: Facts, *, goal_seconds: float) -> list[Finding]:
    """Check all promises; nothing is found where all are kept."""
    return [
        *_check_states(outcome, facts),
        *_check_rows(outcome, facts),
        *_check_agreement(outcome, facts),
        *_check_clusters(outcome, facts, goal_seconds),
        *_check_recovery(outcome, facts, goal_seconds),
    ]


def measure_recovery(one: Dropped, outcome: Outcome, facts: Facts) -> float | None:
    """Measure how long an upload took from when nothing was broken any more; None where it never ended."""
    if one.ended is None:
        return None
    start = find_start(one.at, one.ended, outcome.injured)
    return measure_idle(start, one.ended, find_busy(one.drop.pipeline, facts.clusters, outcome.finished))


def _check_states(outcome: Outcome, facts: Facts) -> Iterator[Finding]:
    known = {(upload["key"], upload["version_id"]): upload for upload in facts.uploads}
    for one in outcome.dropped:
        upload = known.pop(one.identity, None)
        if upload is None:
            yield _find(Broken.LOST, one, outcome, "is not on record")
        elif upload["state"] not in ENDS:
            yield _find(Broken.LOST, one, outcome, f"is {upload['state']} and does not end")
        elif upload["state"] not in one.allowed:
            yield _find(Broken.WRONG, one, outcome, f"is {upload['state']}: {upload['reason']}")
        elif one.state not in {None, upload["state"]}:
            yield _find(Broken.WRONG, one, outcome, f"was {one.state}, and is {upload['state']} now")
        elif upload["state"] in {"FAILED", "QUARANTINED"} and not upload["reason"]:
            yield _find(Broken.WRONG, one, outcome, f"is {upload['state']} without a reason")
    for upload in known.values():
        what = f"{upload['key']} {upload['version_id']} is on record, and was never dropped"
        yield Finding(Broken.WRONG, what, outcome.began, outcome.finished)


def _check_rows(outcome: Outcome, facts: Facts) -> Iterator[Finding]:
    """Rows of what succeeded are there once, as they were; of everything else there is none."""
    known = {(upload["key"], upload["version_id"]): upload for upload in facts.uploads}
    found = Counter(one.row for one in facts.found)
    for one in outcome.dropped:
        upload = known.get(one.identity, {})
        has_succeeded = upload.get("state") == "SUCCEEDED"
        mine = {row: found.pop(row) for row in one.rows if row in found}
        missing, more = len(one.rows) - len(mine), sum(count > 1 for count in mine.values())
        if has_succeeded and missing:
            yield _find(Broken.LOST, one, outcome, f"SUCCEEDED without {missing} of its rows")
        if more:
            yield _find(Broken.DOUBLED, one, outcome, f"has {more} rows more than once")
        if mine and not has_succeeded:
            yield _find(Broken.WRONG, one, outcome, f"is {upload.get('state')}, with rows in the output")
        counts = (upload.get("rows_out"), upload.get("rows_rejected"))
        if has_succeeded and counts != (len(one.rows), one.drop.bad):
            yield _find(Broken.WRONG, one, outcome, f"tells of {counts[0]} rows and {counts[1]} rejects")
    for row in found:
        what = f"row {row} is in the output, and in no file"
        yield Finding(Broken.WRONG, what, outcome.began, outcome.finished)


def _check_agreement(outcome: Outcome, facts: Facts) -> Iterator[Finding]:
    by_identity = {one.identity: one for one in outcome.dropped}
    for upload in facts.uploads:
        told = facts.told.get(upload["upload_id"], upload["state"])
        one = by_identity.get((upload["key"], upload["version_id"]))
        if one is not None and told != upload["state"]:
            yield _find(Broken.WRONG, one, outcome, f"is {upload['state']}, and to the API {told}")
    for body in facts.dead_letters:
        if body not in outcome.garbage:
            what = f"a good event is in the dead letters: {body[:300]}"
            yield Finding(Broken.LOST, what, outcome.began, outcome.finished)


def _check_clusters(outcome: Outcome, facts: Facts, goal_seconds: float) -> Iterator[Finding]:
    ends: dict[str, float] = {}
    by_identity = {one.identity: one for one in outcome.dropped}
    for upload in facts.uploads:
        one = by_identity.get((upload["key"], upload["version_id"]))
        if upload["batch_id"] and one is not None:
            end = one.ended or outcome.finished
            ends[upload["batch_id"]] = max(ends.get(upload["batch_id"], 0.0), end)
    for cluster in facts.clusters:
        alone = _measure_alone(cluster, outcome, ends.get(cluster.batch_id, cluster.created))
        if alone > goal_seconds:
            state = "lived" if cluster.ended else "has lived"
            what = f"cluster {cluster.id} of {cluster.pipeline} {state} {alone:.0f} s with nobody waiting"
            yield Finding(Broken.ORPHAN, what, cluster.created, cluster.ended or outcome.finished)


def _measure_alone(cluster: Cluster, outcome: Outcome, needed_until: float) -> float:
    """How long it lived after its batch's end and every fault's, or after its start where it has no batch."""
    gone = cluster.ended or outcome.finished
    return gone - find_start(max(needed_until, cluster.created), gone, outcome.injured)


def _check_recovery(outcome: Outcome, facts: Facts, goal_seconds: float) -> Iterator[Finding]:
    for one in outcome.dropped:
        seconds = measure_recovery(one, outcome, facts)
        is_touched = any(touches(injured, one.at, one.ended or one.at) for injured in outcome.injured)
        if is_touched and seconds is not None and seconds > goal_seconds:
            yield _find(Broken.LATE, one, outcome, f"ended {seconds:.0f} s after the last fault did")


def _find(broken: Broken, one: Dropped, outcome: Outcome, what: str) -> Finding:

    return Finding(broken, f"{one.name} {what}", one.at, one.ended or outcome.finished)
