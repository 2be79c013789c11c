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

if TYPE_CHECKING:
    from sparkdrop_local.emr.storage import Storage

_LOGGER = logging.getLogger(__name__)
_MOST_AT_ONCE = 10
_CLOSE_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Event:
    """One event; ``time`` in seconds since 1970."""

    source: str
    detail_type: str
    detail: Mapping[str, Any]
    time: float


class EventPublisher:
    """Puts events on the default bus. ``publish`` never waits, so that it may be called under any lock.

    What is published before ``start`` is told then: an EMR that takes up its clusters may have much to say
    before it knows where EventBridge answers.
    """

    def __init__(self, storage: "Storage") -> None:
        self._storage = storage
        self._queue: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._is_closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="emr-events", daemon=True)

    def publish(self, event: Event) -> None:
        """Have an event told."""
        self._queue.put(event)

    def start(self) -> None:
        """Begin to tell, now that the endpoint is known; idempotent."""
        if not self._thread.ident:
            self._thread.start()

    def close(self) -> None:
        """Tell what is left, unless nobody answers any more, and end."""
        self._is_closing.set()
        self._queue.put(None)
        if self._thread.ident:
            self._thread.join(timeout=_CLOSE_SECONDS)

    def _run(self) -> None:
        going = True
        while going:
            events = [self._queue.get()]
            while len(events) < _MOST_AT_ONCE and not self._queue.empty():
                events.append(self._queue.get())
            told = self._put([event for event in events if event is not None])
            # a server that has gone would keep every batch waiting
            going = None not in events and (told or not self._is_closing.is_set())

    def _put(self, events: list[Event]) -> bool:
        """Put events on the bus; tell whether it took them."""
        entries = [entry for event in events if (entry := _to_entry(event))]
        if not entries:
            return True
        try:
            refused = self._storage.client("events").put_events(Entries=entries)["FailedEntryCount"]
        except Exception as error:  # noqa: BLE001 - no event may silence those that come after it
            level = logging.INFO if self._is_closing.is_set() else logging.WARNING
            _LOGGER.log(level, "%d events of EMR could not be told: %s", len(entries), error)
            return False
        if refused:
            _LOGGER.warning("%d events of EMR were refused", refused)
        return True


def _to_entry(event: Event) -> dict[str, Any] | None:
    """Write an event as PutEvents takes it; None for one that cannot be written."""
    try:
        detail = json.dumps(event.detail)
    except (TypeError, ValueError) as error:
        _LOGGER.warning("an event of EMR cannot be told, %s: %s", event.detail_type, error)
        return None
    return {
        "Source": event.source,
        "DetailType": event.detail_type,
        "Detail": detail,
        "Time": datetime.fromtimestamp(event.time, UTC),
    }
