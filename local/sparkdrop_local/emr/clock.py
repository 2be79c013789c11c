"""The local EMR's time: it runs at a rate that can be set, stands still, or is stepped.

Everything that EMR does by itself (a cluster that comes up, an idle one that ends) is a timer of this clock.
What is asked of the machine (a process, a request) takes the time that it takes.
"""

import heapq
import itertools
import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from sparkdrop_local.emr.settings import MAX_CLOCK_RATE

_LOGGER = logging.getLogger(__name__)
# Longer waits overflow a condition's timeout, and a laptop that slept has to notice.
_LONGEST_WAIT_SECONDS = 60.0
_FEWEST_SWEPT = 256
LATEST = 221_845_392_000.0
"""The first second of the year 9000: dates end soon after."""


@dataclass(order=True, slots=True)
class Timer:
    """A call to come. Cancel it, and it does not come."""

    due: float
    number: int
    callback: Callable[[], None] | None = field(compare=False)

    def cancel(self) -> None:
        """Forget the call; idempotent."""
        self.callback = None


class Setting(NamedTuple):
    """How a clock was set: at ``machine`` it showed ``shown``, in seconds since 1970, and ran at ``rate``."""

    shown: float
    rate: float
    machine: float

    def read(self) -> float:
        """What the clock would show now had it run on; a machine's time that went back takes nothing back."""
        return self.shown + max(time.time() - self.machine, 0) * self.rate


class _Anchor(NamedTuple):
    """One moment of both times, and the rate from then on; replaced whole, so that no reader sees a half."""

    shown: float
    uptime: float
    rate: float


class Clock:
    """Seconds since 1970, and calls that come due, one after the other, under one lock.

    Args:
        lock: what every callback holds, and what callers of ``call_at`` hold. A callback must not wait for
            anything: all of EMR waits with it.
        rate: how many of its seconds pass in one of the machine's; 0 is a clock that stands still until it is
            stepped.
        start: what it shows first; the machine's time when None.
        on_set: told how it stands whenever it is set or stepped, and at first; called with the lock held.
    """

    def __init__(
        self,
        lock: "threading.RLock",
        rate: float = 1.0,
        *,
        start: float | None = None,
        on_set: Callable[[Setting], None] = lambda _: None,
    ) -> None:
        self.lock = lock
        self._changed = threading.Condition(lock)
        self._on_set = on_set
        self._timers: list[Timer] = []
        self._numbers = itertools.count()
        self._sweep_at = _FEWEST_SWEPT
        self._closed = False
        with self._changed:
            self._set(time.time() if start is None else start, rate)
        self._thread = threading.Thread(target=self._run, name="emr-clock", daemon=True)
        self._thread.start()

    @property
    def rate(self) -> float:
        """How many of its seconds pass in one of the machine's."""
        return self._anchor.rate

    @property
    def pending(self) -> int:
        """How many calls are to come; the lock is held."""
        return sum(timer.callback is not None for timer in self._timers)

    def now(self) -> float:
        """Seconds since 1970; needs no lock."""
        shown, uptime, rate = self._anchor
        return shown + (_read_uptime() - uptime) * rate

    def call_at(self, due: float, callback: Callable[[], None]) -> Timer:
        """Have a callback called, with the lock held, once the clock has reached a time; the lock is held.

        Raises:
            ValueError: the time is no number.
        """
        if not math.isfinite(due):
            raise ValueError(f"a timer is due at a time, not at {due}")
        timer = Timer(due, next(self._numbers), callback)
        heapq.heappush(self._timers, timer)
        self._sweep()
        if self._timers[0] is timer:
            self._changed.notify_all()
        return timer

    def set_rate(self, rate: float) -> None:
        """Let the clock run at another rate from now on.

        Raises:
            ValueError: the rate is negative or no number.
        """
        if not 0 <= rate <= MAX_CLOCK_RATE:
            raise ValueError(f"a clock's rate is 0 to {MAX_CLOCK_RATE}, not {rate}")
        with self._changed:
            self._set(self.now(), rate)
            self._changed.notify_all()

    def step(self, seconds: float) -> None:
        """Move the clock on; every timer on the way is called at its own time before this returns.

        Raises:
            ValueError: the step goes back, or is no number.
        """
        if not math.isfinite(seconds) or seconds < 0:
            raise ValueError(f"a clock is stepped forward, not by {seconds} seconds")
        with self._changed:
            target = self.now() + seconds
            if target > LATEST:
                raise ValueError("a clock ends with the year 9000")
            while not self._closed and self._timers and self._timers[0].due <= target:
                timer = heapq.heappop(self._timers)
                if timer.callback is not None:
                    self._anchor_at(max(timer.due, self.now()))
                    self._call(timer)
            self._set(max(target, self.now()), self.rate)
            self._changed.notify_all()

    def close(self) -> None:
        """Stop calling; what is due later never comes. The lock is not held: a call may be under way."""
        with self._changed:
            if not self._closed:
                self._closed = True
                self._on_set(Setting(self.now(), 0, time.time()))  # it stands still until it is opened again
            self._changed.notify_all()
        self._thread.join()

    def _set(self, shown: float, rate: float) -> None:
        self._anchor = _Anchor(shown, _read_uptime(), rate)
        self._on_set(Setting(shown, rate, time.time()))

    def _anchor_at(self, shown: float) -> None:
        self._anchor = _Anchor(shown, _read_uptime(), self.rate)

    def _run(self) -> None:
        with self._changed:
            while not self._closed:
                if self._timers and self._timers[0].due <= self.now():
                    self._call(heapq.heappop(self._timers))
                else:
                    self._changed.wait(self._seconds_to_next())

    def _seconds_to_next(self) -> float | None:
        """The machine's seconds to the next timer; None when nothing comes by itself."""
        if not self._timers or self.rate == 0:
            return None
        return min(max(self._timers[0].due - self.now(), 0) / self.rate, _LONGEST_WAIT_SECONDS)

    def _sweep(self) -> None:
        """Drop cancelled timers once they may be half of all: each change of a cluster cancels one."""
        if len(self._timers) >= self._sweep_at:
            self._timers = [timer for timer in self._timers if timer.callback is not None]
            heapq.heapify(self._timers)
            self._sweep_at = max(_FEWEST_SWEPT, 2 * len(self._timers))

    @staticmethod
    def _call(timer: Timer) -> None:
        callback, timer.callback = timer.callback, None
        if callback is None:
            return
        try:
            callback()
        except Exception:
            # one cluster's trouble must not stop the time of all others
            _LOGGER.exception("a timer of the local EMR failed")


def _read_uptime() -> float:
    """Seconds of a machine that also count while it sleeps, where the system has such a clock."""
    boot_time = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot_time is None else time.clock_gettime(boot_time)
