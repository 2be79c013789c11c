"""Following uploads through the API until each one has come to its end."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import timedelta

    from sparkdrop.client.api import ApiClient

_SHORTEST_PAUSE_SECONDS = 0.2


@dataclass(slots=True)
class Followed:
    """An upload that is followed.

    Attributes:
        name: what people call it: its file.
        pipeline: which takes it.
        view: what the API tells of it; what it is called where nothing is told yet.
        ended: whether it stays as it is.
    """

    upload_id: str
    name: str
    pipeline: str
    view: dict[str, Any] = field(default_factory=dict)
    ended: bool = False
    _etag: str | None = None
    _due: float = 0.0

    @property
    def state(self) -> str | None:
        """Where it stands; None before the first look."""
        return self.view.get("state")

    @property
    def told(self) -> dict[str, Any]:
        """What is known of it, whether the API has told anything or not."""
        return {"upload_id": self.upload_id, "filename": self.name, "pipeline": self.pipeline} | self.view

    @property
    def succeeded(self) -> bool:
        """Whether its rows are in the output."""
        return self.state == "SUCCEEDED"

    @property
    def reason(self) -> str:
        """Why it did not succeed."""
        return str(self.view.get("reason") or "no reason is on record")

    @property
    def landed_at(self) -> datetime | None:
        """When it landed in S3; None before the API has heard of it."""
        moves = [move for move in self.view.get("history", ()) if move["state"] == "PENDING"]
        return datetime.fromisoformat(moves[0]["at"]) if moves else None

    def look(self, api: ApiClient, now: Callable[[], float]) -> bool:
        """Bring it up to date; say whether it moved."""
        before = self.state
        found = api.look(self.upload_id, self._etag)
        self.view, self._etag = found.view or self.view, found.etag
        self.ended = found.retry_after_seconds is None
        self._due = now() + (found.retry_after_seconds or 0.0)
        return self.state != before

    @property
    def due(self) -> float:
        """When the API wants to be asked again."""
        return self._due


class Follower:
    """Asks the API how uploads stand, each as often as the API says.

    Args:
        api: the API.
        uploads: what is followed.
        clock: seconds that only grow.
        sleep: waits.
    """

    def __init__(
        self,
        api: ApiClient,
        uploads: Iterable[Followed],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._api = api
        self._clock = clock
        self._sleep = sleep
        self.uploads = list(uploads)

    @property
    def open(self) -> list[Followed]:
        """Those that have not ended."""
        return [upload for upload in self.uploads if not upload.ended]

    def look(self) -> bool:
        """Bring up to date what is due; say whether any moved."""
        now = self._clock()
        moved = [upload.look(self._api, self._clock) for upload in self.open if upload.due <= now]
        return any(moved)

    def watch(self, *, timeout: timedelta) -> Iterator[bool]:
        """Look until all have ended or the time is up; yield after each look whether any moved."""
        until = self._clock() + timeout.total_seconds()
        while True:
            yield self.look()
            left = until - self._clock()
            if not self.open or left <= 0:
                return
            pause = min(upload.due for upload in self.open) - self._clock()
            self._sleep(min(max(pause, _SHORTEST_PAUSE_SECONDS), left))
