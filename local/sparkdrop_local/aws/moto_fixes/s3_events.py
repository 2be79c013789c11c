"""S3's events on EventBridge, as S3 sends them.

moto 5.2.5 differs in ``detail``: it writes ``eTag`` for ``etag``, a part of the event's type for ``reason``,
a constant ``sequencer`` and a constant event ``id``; and it sends a multipart upload twice. What S3 sends:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
"""

from __future__ import annotations

import threading
import time
import uuid
from typing import TYPE_CHECKING, Any

from moto.core.utils import unix_time
from moto.events.models import events_backends
from moto.s3 import notifications
from moto.s3.models import FakeDeleteMarker
from moto.s3.notifications import S3NotificationEvent

if TYPE_CHECKING:
    from moto.events.utils import EventMessageType

# moto's event name to the API call that S3 names as the reason.
REASONS = {
    "s3:ObjectCreated:Put": "PutObject",
    "s3:ObjectCreated:Post": "POST Object",
    "s3:ObjectCreated:Copy": "CopyObject",
    "s3:ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
    "s3:ObjectRemoved:Delete": "DeleteObject",
    "s3:ObjectRemoved:DeleteMarkerCreated": "DeleteObject",
}


class _Sequence:
    """Numbers that grow with every event, written so that they sort as text."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def take(self) -> str:
        with self._lock:
            self._last = max(self._last + 1, time.time_ns())
            return f"{self._last:018X}"


_sequence = _Sequence()


# bucket and key are moto's own classes, which carry no types
def build_event(account_id: str, bucket: Any, event_name: str, key: Any) -> EventMessageType:  # noqa: ANN401
    """Build the event of one object; ``time`` is in Unix seconds, which moto's targets write as ISO 8601."""
    stored = {"key": key.name, "sequencer": _sequence.take()}
    # the end of a delete marker, which has no bytes, is an event too
    if not isinstance(key, FakeDeleteMarker):
        stored |= {"size": key.size, "etag": key.etag.strip('"')}
    if bucket.is_versioned:
        stored["version-id"] = key.version_id
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": notifications._detail_type(event_name),  # noqa: SLF001 - moto's table of types, not ours to copy
        "source": "aws.s3",
        "account": account_id,
        "time": unix_time(),
        "region": bucket.region_name,
        "resources": [bucket.arn],
        "detail": {
            "version": "0",
            "bucket": {"name": bucket.name},
            "object": stored,
            "request-id": uuid.uuid4().hex[:16].upper(),
            "requester": account_id,
            "source-ip-address": "127.0.0.1",
            "reason": REASONS.get(str(event_name), str(event_name)),
        },
    }


def _send_event(account_id: str, bucket: Any, event_name: Any, key: Any) -> None:  # noqa: ANN401 - moto's classes
    if event_name == S3NotificationEvent.OBJECT_CREATED_PUT_EVENT and key.multipart is not None:
        return  # on the way to the CompleteMultipartUpload that follows
    event = build_event(account_id, bucket, getattr(event_name, "value", event_name), key)
    for bus in list(events_backends[account_id][bucket.region_name].event_buses.values()):
        for rule in list(bus.rules.values()):
            if rule.managed_by is None:
                rule.send_to_targets(event, transform_input=False)
            else:
                # an archive's rule: it finds the archive by what its input transformer makes
                archived: Any = {**event, "ingestion-time": event["time"]}
                rule.send_to_targets(archived)


def apply() -> None:
    """Let moto's S3 send these events."""
    notifications._send_event_bridge_message = _send_event  # noqa: SLF001 - there is no public place for it
