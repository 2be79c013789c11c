"""Following uploads until each one has come to its end."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sparkdrop.aws.ledger import Ledger
from sparkdrop.aws.listing import FIELDS, UploadView, list_uploads, read_upload
from sparkdrop.core.uploads import UNROUTED, Arrival, UploadState, upload_identity

ENDS = frozenset({UploadState.SUCCEEDED, UploadState.FAILED, UploadState.QUARANTINED, UploadState.UNROUTED})
"""States that an upload does not leave by itself."""

_MARGIN = 50


@dataclass(slots=True)
class Tracked:
    """An upload that is followed.

    Attributes:
        pipeline: where it shall go.
        arrival: the object version.
        view: what the ledger says of it, with `listing.FIELDS`; its state is None until the ledger knows it.
    """

    pipeline: str
    arrival: Arrival
    view: UploadView = field(init=False)

    def __post_init__(self) -> None:
        arrival = self.arrival
        known: dict[str, Any] = {
            "upload_id": arrival.upload_id,
            "pipeline": self.pipeline,
            "bucket": arrival.bucket,
            "key": arrival.key,
            "version_id": arrival.version_id,
            "bytes": arrival.bytes,
        }
        self.view = {name: known.get(name) for name in FIELDS}

    @property
    def name(self) -> str:
        """What people call it: its key."""
        return self.arrival.key

    @property
    def identity(self) -> str:
        """What its id has in common with the ledger's id of it, whose time may be another."""
        return upload_identity(self.arrival.upload_id)

    @property
    def state(self) -> UploadState | None:
        """Where it stands; None while the ledger has not heard of it."""
        return UploadState(self.view["state"]) if self.view["state"] else None

    @property
    def ended(self) -> bool:
        """Whether it stays as it is."""
        return self.state in ENDS

    @property
    def succeeded(self) -> bool:
        """Whether its rows are in the output."""
        return self.state is UploadState.SUCCEEDED

    @property
    def reason(self) -> str:
        """Why it did not succeed."""
        if self.state is UploadState.UNROUTED:
            return (
                "no pipeline's patterns match its key where Airflow runs: the pipeline is not deployed there"
            )
        return str(self.view["reason"] or "no reason is on record")


class UploadTracker:
    """Asks the ledger how uploads stand: two requests a look for each pipeline, however many it has."""

    def __init__(self, ledger: Ledger, uploads: Iterable[tuple[str, Arrival]]) -> None:
        self._ledger = ledger
        self.uploads = [Tracked(pipeline, arrival) for pipeline, arrival in uploads]

    @property
    def open(self) -> list[Tracked]:
        """Those that have not ended."""
        return [upload for upload in self.uploads if not upload.ended]

    def look(self) -> bool:
        """Bring every upload up to date; say whether any moved."""
        before = [upload.state for upload in self.uploads]
        waiting: dict[str, list[Tracked]] = defaultdict(list)
        for upload in self.open:
            waiting[upload.pipeline].append(upload)
        missing = [
            upload
            for pipeline, uploads in waiting.items()
            for upload in self._take_over(uploads, self._list(pipeline))
        ]
        if missing:
            # newer uploads may have pushed them off the list's end
            missing = self._take_over(missing, self._read_claimed(missing))
        if missing:
            self._take_over(missing, self._list(UNROUTED))
        return before != [upload.state for upload in self.uploads]

    def watch(
        self,
        *,
        timeout: timedelta,
        interval: timedelta = timedelta(seconds=1),
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Iterator[bool]:
        """Look until all have ended or the time is up; yield after each look whether any moved."""
        until = clock() + timeout.total_seconds()
        while True:
            yield self.look()
            left = until - clock()
            if not self.open or left <= 0:
                return
            sleep(min(interval.total_seconds(), left))

    def _list(self, pipeline: str) -> Iterable[UploadView]:
        return list_uploads(self._ledger, pipeline=pipeline, limit=len(self.uploads) + _MARGIN)

    def _read_claimed(self, uploads: Iterable[Tracked]) -> Iterator[UploadView]:
        for item in self._ledger.read_uploads(upload.arrival.upload_id for upload in uploads):
            view = read_upload(self._ledger, item["upload_id"], ())
            if view is not None:
                yield {name: view[name] for name in FIELDS}

    @staticmethod
    def _take_over(uploads: Iterable[Tracked], views: Iterable[UploadView]) -> list[Tracked]:
        """Give each upload its view; the answer is those that have none."""
        found = {upload_identity(view["upload_id"]): view for view in views}
        without = []
        for upload in uploads:
            if upload.identity in found:
                upload.view = found[upload.identity]
            else:
                without.append(upload)
        return without
