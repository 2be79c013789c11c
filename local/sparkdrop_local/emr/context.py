"""What all parts of one local EMR share."""

import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass

from sparkdrop_local.emr.clock import Clock, Setting
from sparkdrop_local.emr.events import EventPublisher
from sparkdrop_local.emr.faults import Faults
from sparkdrop_local.emr.settings import EmrSettings
from sparkdrop_local.emr.storage import Storage
from sparkdrop_local.emr.store import Store

_CLOCK = "clock"


@dataclass(frozen=True)
class EmrContext:
    """The one lock over all records, and what stands beside them."""

    settings: EmrSettings
    lock: "threading.RLock"
    clock: Clock
    store: Store
    storage: Storage
    faults: Faults
    events: EventPublisher

    @classmethod
    def open(cls, settings: EmrSettings) -> "EmrContext":
        """Make all of it; close it again.

        Raises:
            StoreError: the state file cannot be opened.
        """
        lock = threading.RLock()
        store = Store(settings.state_file)  # first: it may refuse, and then no thread has been started
        storage = Storage(settings)
        clock = Clock(
            lock,
            settings.clock_rate,
            start=_read_clock(store),
            on_set=lambda setting: store.put(_CLOCK, _CLOCK, setting._asdict()),
        )
        return cls(
            settings=settings,
            lock=lock,
            clock=clock,
            store=store,
            storage=storage,
            faults=Faults(clock.now),
            events=EventPublisher(storage),
        )

    def close(self) -> None:
        """End its threads and close its file: the file last, and whatever happens before."""
        with ExitStack() as stack:
            for part in (self.store, self.events, self.clock):
                stack.callback(part.close)


def _read_clock(store: Store) -> float:
    """What the clock shows first: never less than an earlier process of the same state may have shown."""
    earlier = [setting.read() for _, setting in store.read(_CLOCK, lambda record: Setting(**record))]
    return max(time.time(), *earlier) if earlier else time.time()
