"""From a seed to a schedule: what is dropped, and what goes wrong, at which second. Pure.

The same seed and sizes make the same schedule on every machine.
"""

from dataclasses import dataclass
from enum import StrEnum
from random import Random

PIPELINES = ("fault_events", "fault_parts", "fault_sensed")
WOKEN_BY_EVENTS = PIPELINES[:2]
PROCESSES = ("scheduler", "triggerer", "dag-processor", "api-server", "task", "spark")
SERVICES = ("dynamodb", "sqs", "s3")
_UNROUTED = "fault_nobody"
_LEAD_SECONDS = 1.0
_GAP_SECONDS = (4.0, 9.0)
_LASTING_SECONDS = (4.0, 15.0)
_TAIL_SECONDS = 3.0


class Kind(StrEnum):
    """What is done to the system."""

    KILL = "kill"
    FREEZE = "freeze"
    THROTTLE = "throttle"
    LOST_ANSWER = "lost answer"
    START_FAILURE = "start failure"
    CLUSTER_DEATH = "cluster death"
    HANG = "hang"
    EMR_OUTAGE = "emr outage"
    OUTAGE = "outage"
    TWICE = "event twice"
    LATE = "event late"
    OUT_OF_ORDER = "events out of order"
    GARBAGE = "garbage"
    MARK_FAILED = "run marked failed"
    CLEAR = "run cleared"
    DELETE_RUN = "run deleted"
    PAUSE = "dag paused"
    DELETE_MARKER = "object deleted"
    DELETE_VERSION = "version deleted"
    OVERWRITE = "object overwritten"


_TARGETS: dict[Kind, tuple[str, ...]] = {
    Kind.KILL: PROCESSES,
    Kind.FREEZE: PROCESSES,
    Kind.LOST_ANSWER: ("RunJobFlow", "AddJobFlowSteps", "TerminateJobFlows"),
    Kind.OUTAGE: SERVICES,
}
LASTING = frozenset({Kind.FREEZE, Kind.THROTTLE, Kind.EMR_OUTAGE, Kind.OUTAGE, Kind.PAUSE})
"""What ends after its seconds; everything else is over when it is done."""

FAULTS = tuple((kind, target) for kind in Kind for target in _TARGETS.get(kind, ("",)))
"""Everything that can be drawn, in one order for ever: a new one goes to the end of its kind."""


class Body(StrEnum):
    """What a file holds."""

    GOOD = "good"
    MIXED = "mixed"
    GARBAGE = "garbage"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Injury:
    """One fault: when, what, to whom, and for how long where it lasts."""

    at: float
    kind: Kind
    target: str
    seconds: float
    pipeline: str
    drop: int

    @property
    def name(self) -> str:
        """Its line in the table."""
        return f"{self.kind} {self.target}".strip()


@dataclass(frozen=True, slots=True)
class Drop:
    """One upload: its number names its rows, and drops of one key are versions of it."""

    number: int
    at: float
    key: str
    body: Body
    rows: int
    bad: int

    @property
    def pipeline(self) -> str:
        """Whose it is; a folder without a pipeline makes it unrouted."""
        return self.key.split("/", 1)[0]

    @property
    def is_routed(self) -> bool:
        """Whether a pipeline takes it."""
        return self.pipeline in PIPELINES


@dataclass(frozen=True, slots=True)
class Schedule:
    """What happens, in the order of time."""

    seed: int
    drops: tuple[Drop, ...]
    injuries: tuple[Injury, ...]


def draw_schedule(
    seed: int, *, faults: int = 5, only: tuple[tuple[Kind, str], ...] | None = None
) -> Schedule:
    """Draw one.

    Args:
        seed: of all that is random.
        faults: how many, each another one where there are enough.
        only: of which; None takes all there are.
    """
    random = Random(seed)  # noqa: S311 - to be repeated, not to be secret
    pool = list(only or FAULTS)
    chosen = random.sample(pool, min(faults, len(pool)))
    drops: list[Drop] = []
    injuries: list[Injury] = []
    now = _LEAD_SECONDS
    for kind, target in chosen:
        drops.append(_draw_drop(random, seed, len(drops), now - random.uniform(0, _LEAD_SECONDS)))
        seconds = round(random.uniform(*_LASTING_SECONDS), 1) if kind in LASTING else 0.0
        # one that somebody waits for, so that what is to be deleted or told again can still be
        victim = drops[-1]
        pipeline = victim.pipeline if victim.is_routed else PIPELINES[0]
        injuries.append(Injury(round(now, 1), kind, target, seconds, pipeline, victim.number))
        for _ in range(random.randint(1, 2)):
            moment = now + random.uniform(0.0, max(seconds, _TAIL_SECONDS))
            drops.append(_draw_drop(random, seed, len(drops), moment))
        if kind in {Kind.OUT_OF_ORDER, Kind.OVERWRITE}:
            drops.append(_draw_version(random, victim, len(drops), now))
        now += random.uniform(*_GAP_SECONDS)
    drops.append(_draw_drop(random, seed, len(drops), now))
    return Schedule(seed, tuple(sorted(drops, key=lambda one: one.at)), tuple(injuries))


def _draw_drop(random: Random, seed: int, number: int, at: float) -> Drop:
    folder = random.choices((*PIPELINES, _UNROUTED), weights=(5, 4, 3, 1))[0]
    key = f"{folder}/s{seed}-{number}.csv"
    body = random.choices(tuple(Body), weights=(6, 2, 1, 1))[0]
    return _fill_drop(random, number, at, key, body)


def _draw_version(random: Random, first: Drop, number: int, now: float) -> Drop:
    """Another version of a key, after the first and close to it."""
    return _fill_drop(random, number, max(now, first.at) + random.uniform(0.2, 1.0), first.key, Body.GOOD)


def _fill_drop(random: Random, number: int, at: float, key: str, body: Body) -> Drop:
    rows = random.randint(1, 40) if body in {Body.GOOD, Body.MIXED} else 0
    bad = random.randint(1, 5) if body in {Body.MIXED, Body.GARBAGE} else 0
    return Drop(number, round(max(at, 0.0), 1), key, body, rows, bad)
