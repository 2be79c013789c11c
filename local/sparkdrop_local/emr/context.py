"""What all parts of one local EMR share."""

import threading
from dataclasses import dataclass

from sparkdrop_local.emr.clock import Clock
from sparkdrop_local.emr.events import EventPublisher
from sparkdrop_local.emr.faults import Faults
from sparkdrop_local.emr.settings import EmrSettings
from sparkdrop_local.emr.storage import Storage
from sparkdrop_local.emr.store import Store


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
        """Make all of it; close it again."""
        lock = threading.RLock()
        storage = Storage(settings)
        return cls(
            settings=settings,
            lock=lock,
            clock=Clock(lock, settings.clock_rate),
            store=Store(settings.state_file),
            storage=storage,
            faults=Faults(),
            events=EventPublisher(storage),
        )

    def close(self) -> None:
        """End its threads and close its file."""
        self.clock.close()
        self.events.close()
        self.store.close()
