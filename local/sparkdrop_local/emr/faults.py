"""Faults on order: what is to go wrong, and how often."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
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
        match: for which operation, service (as its requests are signed), cluster or step, by its name or id;
            None for every one.
        times: how often it still happens; None for ever.
        probability: how likely it is each time that it could.
        seconds: how long an outage, slow logs, or the wait before an interruption last, by EMR's clock.
        rate: of a throttle: the calls of each operation that go well in one second of EMR's clock; None
            throttles every call.
        burst: how many calls go well at once before the rate counts.
        cut: whether an outage or a lost response drops the connection; if not, it answers 503 or 500.
        seed: of the probability's random numbers, so that a run can be repeated.
        struck: how often it happened.
        since: when it was ordered, by EMR's clock.
    """

    kind: FaultKind
    match: str | None = None
    times: int | None = 1
    probability: float = 1.0
    seconds: float = 0.0
    rate: float | None = None
    burst: int = 1
    cut: bool = True
    seed: int = 0
    id: str = ""
    struck: int = 0
    since: float = 0.0
    _random: Random = field(init=False, repr=False)
    _buckets: dict[str, "_Bucket"] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)  # noqa: S311 - not a secret, and to be repeated

    def strikes(self, *names: str, now: float = 0.0) -> bool:
        """Whether it happens this time, to what goes by these names; counts."""
        if self.times == 0 or (self.match is not None and self.match not in names):
            return False
        if self.kind is FaultKind.OUTAGE and self.is_over(now):
            return False
        if self.rate is not None and self._has_token(names[0], now):
            return False
        if self._random.random() >= self.probability:
            return False
        if self.times is not None:
            self.times -= 1
        self.struck += 1
        return True

    def is_over(self, now: float) -> bool:
        """Whether it will not happen again."""
        return self.times == 0 or (self.kind is FaultKind.OUTAGE and now >= self.since + self.seconds)

    def _has_token(self, name: str, now: float) -> bool:
        bucket = self._buckets.setdefault(name, _Bucket(self.burst, now))
        return bucket.take(self.rate or 0.0, self.burst, now)


@dataclass(slots=True)
class _Bucket:
    """A token bucket, as EMR has one for each operation: https://docs.aws.amazon.com/general/latest/gr/emr.html."""

    tokens: float
    filled: float

    def take(self, rate: float, burst: int, now: float) -> bool:
        """Take one token, if there is one."""
        self.tokens = min(burst, self.tokens + (now - self.filled) * rate)
        self.filled = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class Faults:
    """The orders that stand. Thread-safe.

    Args:
        now: EMR's clock.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._faults: dict[str, Fault] = {}
        self._numbers = itertools.count(1)

    def add(self, fault: Fault) -> Fault:
        """Order one; gives it its id."""
        with self._lock:
            fault.id = f"fault-{next(self._numbers)}"
            fault.since = self._now()
            self._faults[fault.id] = fault
        return fault

    def find(self, identifier: str) -> Fault | None:
        """Find one by its id."""
        with self._lock:
            return self._faults.get(identifier)

    def clear(self, identifier: str | None = None) -> None:
        """Cancel one, or all."""
        with self._lock:
            if identifier is None:
                self._faults.clear()
            else:
                self._faults.pop(identifier, None)

    def __iter__(self) -> Iterator[Fault]:
        """All that were ordered, also those that are over, the oldest first."""
        with self._lock:
            return iter(list(self._faults.values()))

    def take(self, kind: FaultKind, *names: str) -> Fault | None:
        """The first order of a kind that strikes what goes by these names; None when all goes well."""
        with self._lock:
            return next(
                (
                    fault
                    for fault in self._faults.values()
                    if fault.kind is kind and fault.strikes(*names, now=self._now())
                ),
                None,
            )
