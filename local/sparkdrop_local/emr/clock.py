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

_LOGGER = logging.getLogger(__name__)
# Longer waits overflow a condition's timeout.
_LONGEST_WAIT_SECONDS = 3_600.0


@dataclass(order=True, slots=True)
class Timer:
    """A call to come. Cancel it, and it does not come."""

    due: float
    number: int
    callback: Callable[[], None] | None = field(compare=False)

    def cancel(self) -> None:
        """Forget the call; idempotent."""
        self.callback = None


class Clock:
    """Seconds since 1970, and calls that come due, one after the other, under one lock.

    Args:
        lock: what every callback holds, and what callers of ``call_at`` hold.
        rate: how many of its seconds pass in one of the machine's; 0 is a clock that stands still until it is
            stepped.
    """

    def __init__(self, lock: "threading.RLock", rate: float = 1.0) -> None:
        self.lock = lock
        self._changed = threading.Condition(lock)
        self._rate = rate
        self._anchor = time.time()
        self._anchored_at = time.monotonic()
        self._timers: list[Timer] = []
        self._numbers = itertools.count()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="emr-clock", daemon=True)
        self._thread.start()

    @property
    def rate(self) -> float:
        """How many of its seconds pass in one of the machine's."""
        return self._rate

    def now(self) -> float:
        """Seconds since 1970."""
        return self._anchor + (time.monotonic() - self._anchored_at) * self._rate

    def call_at(self, due: float, callback: Callable[[], None]) -> Timer:
        """Have a callback called, with the lock held, once the clock has reached a time; the lock is held."""
        timer = Timer(due, next(self._numbers), callback)
        heapq.heappush(self._timers, timer)
        if self._timers[0] is timer:
            self._changed.notify_all()
        return timer

    def set_rate(self, rate: float) -> None:
        """Let the clock run at another rate from now on.

        Raises:
            ValueError: the rate is negative or no number.
        """
        if not math.isfinite(rate) or rate < 0:
            raise ValueError(f"a clock's rate is 0 or more, not {rate}")
        with self._changed:
            self._anchor_at(self.now())
            self._rate = rate
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
            while self._timers and self._timers[0].due <= target:
                timer = heapq.heappop(self._timers)
                self._anchor_at(max(timer.due, self.now()))
                self._call(timer)
            self._anchor_at(max(target, self.now()))
            self._changed.notify_all()

    def close(self) -> None:
        """Stop calling; what is due later never comes."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def _anchor_at(self, now: float) -> None:
        self._anchor, self._anchored_at = now, time.monotonic()

    def _run(self) -> None:
        with self._changed:
            while not self._closed:
                if self._timers and self._timers[0].due <= self.now():
                    self._call(heapq.heappop(self._timers))
                else:
                    self._changed.wait(self._seconds_to_next())

    def _seconds_to_next(self) -> float | None:
        """The machine's seconds to the next timer; None when nothing comes by itself."""
        if not self._timers or self._rate == 0:
            return None
        return min(max(self._timers[0].due - self.now(), 0) / self._rate, _LONGEST_WAIT_SECONDS)

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
