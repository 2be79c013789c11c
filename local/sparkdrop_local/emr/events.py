"""What changes, told to EventBridge: ``aws.emr`` and ``aws.emr-serverless``, in order, by its own thread.

https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-manage-cloudwatch-events.html
"""

import json
import logging
import queue
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from sparkdrop_local.emr.storage import Storage

_LOGGER = logging.getLogger(__name__)
_MOST_AT_ONCE = 10


@dataclass(frozen=True, slots=True)
class Event:
    """One event; ``time`` in seconds since 1970."""

    source: str
    detail_type: str
    detail: Mapping[str, Any]
    time: float


class EventPublisher:
    """Puts events on the default bus. ``publish`` never waits, so that it may be called under any lock."""

    def __init__(self, storage: "Storage") -> None:
        self._storage = storage
        self._queue: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._reachable = threading.Event()
        storage.when_reachable(self._reachable.set)
        self._thread = threading.Thread(target=self._run, name="emr-events", daemon=True)
        self._thread.start()

    def publish(self, event: Event) -> None:
        """Have an event told."""
        self._queue.put(event)

    def close(self) -> None:
        """Tell what is left, and end."""
        self._queue.put(None)
        self._reachable.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        # what became of an earlier process's steps is known before the endpoint is
        self._reachable.wait()
        going = True
        while going:
            events = [self._queue.get()]
            while len(events) < _MOST_AT_ONCE and not self._queue.empty():
                events.append(self._queue.get())
            going = None not in events
            self._put([event for event in events if event is not None])

    def _put(self, events: list[Event]) -> None:
        if not events or not self._storage.is_reachable:
            return
        entries = [
            {
                "Source": event.source,
                "DetailType": event.detail_type,
                "Detail": json.dumps(event.detail),
                "Time": datetime.fromtimestamp(event.time, UTC),
            }
            for event in events
        ]
        try:
            self._storage.client("events").put_events(Entries=entries)
        except (BotoCoreError, ClientError) as error:
            _LOGGER.warning("%d events of EMR could not be told: %s", len(events), error)
