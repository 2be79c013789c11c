"""Faults on order: what is to go wrong, and how often."""

import itertools
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random


class FaultKind(StrEnum):
    """What can be ordered to go wrong."""

    THROTTLE = "throttle"
    LOST_RESPONSE = "lost_response"
    OUTAGE = "outage"
    START_FAILURE = "start_failure"
    SPOT_INTERRUPTION = "spot_interruption"
    HANG = "hang"
    SLOW_LOGS = "slow_logs"


@dataclass(slots=True, kw_only=True)
class Fault:
    """One order.

    Attributes:
        kind: what goes wrong.
        match: for which operation, cluster or step, by its name or id; None for every one.
        times: how often it still happens; None for ever.
        probability: how likely it is each time that it could.
        seconds: how long an outage, slow logs, or the wait before an interruption last.
        seed: of the probability's random numbers, so that a run can be repeated.
    """

    kind: FaultKind
    match: str | None = None
    times: int | None = 1
    probability: float = 1.0
    seconds: float = 0.0
    seed: int = 0
    id: str = ""
    _random: Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)  # noqa: S311 - not a secret, and to be repeated

    def strikes(self, *names: str) -> bool:
        """Whether it happens this time, to what goes by these names; counts."""
        if self.times == 0 or (self.match is not None and self.match not in names):
            return False
        if self._random.random() >= self.probability:
            return False
        if self.times is not None:
            self.times -= 1
        return True


class Faults:
    """The orders that stand. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: dict[str, Fault] = {}
        self._numbers = itertools.count(1)

    def add(self, fault: Fault) -> Fault:
        """Order one; gives it its id."""
        with self._lock:
            fault.id = f"fault-{next(self._numbers)}"
            self._faults[fault.id] = fault
        return fault

    def clear(self, identifier: str | None = None) -> None:
        """Cancel one, or all."""
        with self._lock:
            if identifier is None:
                self._faults.clear()
            else:
                self._faults.pop(identifier, None)

    def __iter__(self) -> Iterator[Fault]:
        """Those that stand, the oldest first."""
        with self._lock:
            return iter(list(self._faults.values()))

    def take(self, kind: FaultKind, *names: str) -> Fault | None:
        """The first order of a kind that strikes what goes by these names; None when all goes well."""
        with self._lock:
            return next(
                (fault for fault in self._faults.values() if fault.kind is kind and fault.strikes(*names)),
                None,
            )
