"""One schedule from its draw to its record."""

from tests.e2e.api import ApiUser, create_user
from tests.e2e.system import System
from tests.faults.drawing import Schedule
from tests.faults.facts import read_facts, take_dead_letters
from tests.faults.running import run_schedule
from tests.faults.table import Record, build_record
from tests.faults.verdict import judge

GOAL_SECONDS = 60.0
"""What was dropped during a fault ends within this time of the fault's end, a step's own time aside."""


_VIEWERS = "fault-onlookers"


def create_onlooker(system: System) -> ApiUser:
    """Make somebody to whom the API tells of every upload of the fault pipelines."""
    return create_user(system, "onlooker", _VIEWERS)


def check_schedule(
    system: System, user: ApiUser, schedule: Schedule, *, bound_seconds: float, goal_seconds: float
) -> Record:
    """Run a schedule on a system that is up, and judge what came of it."""
    take_dead_letters(system)
    outcome = run_schedule(system, schedule, bound_seconds=bound_seconds, orphan_seconds=goal_seconds + 10)
    facts = read_facts(system, user, schedule.seed, outcome.began)
    return build_record(outcome, facts, judge(outcome, facts, goal_seconds=goal_seconds))
