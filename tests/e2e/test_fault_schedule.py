"""The short form of `make faults`: one schedule, always the same, on the system of these tests."""

import pytest

from tests.e2e.system import System
from tests.faults.drawing import Kind, draw_schedule
from tests.faults.suite import check_schedule, create_onlooker

pytestmark = pytest.mark.e2e
SEED = 20_261_128
FAULTS = (
    (Kind.KILL, "spark"),
    (Kind.LOST_ANSWER, "RunJobFlow"),
    (Kind.OUTAGE, "dynamodb"),
    (Kind.TWICE, ""),
    (Kind.MARK_FAILED, ""),
)


@pytest.mark.timeout(900)  # what does not end is waited for, so that the test can say what it was
def test_a_schedule_of_faults_breaks_no_promise(system: System) -> None:
    schedule = draw_schedule(SEED, faults=len(FAULTS), only=FAULTS)

    onlooker = create_onlooker(system)

    # time is not a promise here: a machine with other tests to run is slow, not wrong
    record = check_schedule(system, onlooker, schedule, bound_seconds=180, goal_seconds=180)

    assert not record.findings, "\n".join(record.findings)
    assert record.lines["all"].count >= 3, "faults that met nothing prove nothing"
