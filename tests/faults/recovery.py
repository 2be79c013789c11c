"""How long the system takes to be itself again after a fault. Pure.

An upload's time runs from the end of the last fault that began before the upload ended: as long as something
is still broken, nobody can recover. The time in which a step of its pipeline ran is the step's own.
"""

from collections.abc import Iterable, Sequence

from tests.faults.facts import Cluster
from tests.faults.injuries import Injured

Span = tuple[float, float]


def find_start(moment: float, until: float, injured: Iterable[Injured]) -> float:
    """From when on time counts for what began at a moment and lasted until another one."""
    ends = [one.ended for one in injured if one.struck and one.began < until]
    return min(max([moment, *ends]), until)


def find_busy(pipeline: str, clusters: Sequence[Cluster], now: float) -> list[Span]:
    """When a step of the pipeline ran."""
    return [
        (start, end or now)
        for cluster in clusters
        if cluster.pipeline == pipeline
        for start, end in cluster.steps
    ]


def measure_idle(start: float, end: float, busy: Iterable[Span]) -> float:
    """Measure the time between two moments that no span covers."""
    idle, reached = 0.0, start
    for first, last in sorted(busy):
        if last <= reached or first >= end:
            continue
        idle += max(0.0, first - reached)
        reached = min(last, end)
    return idle + max(0.0, end - reached)


def touches(one: Injured, began: float, ended: float) -> bool:
    """Whether a fault struck while something lasted."""
    return one.struck and one.began <= ended and one.ended >= began
