"""Looking for new objects where no event tells of them: a partner's bucket, or ours after a lost event."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import islice

from sparkdrop.aws.intake import Route, find_new, record_arrivals, record_entries
from sparkdrop.aws.ledger import Ledger
from sparkdrop.aws.storage import Storage
from sparkdrop.core.batch import InboxEntry
from sparkdrop.core.patterns import literal_prefix, takes
from sparkdrop.core.uploads import Arrival

_PAGE = 1_000


class BucketWatch:
    """Finds the objects of one pipeline in a bucket, and records each of them once.

    Args:
        ledger: knows which objects were processed: a listing matches them for ever.
        storage: lists the bucket.
        pipeline: whose inbox it is.
        bucket: where to look.
        patterns: what to look for.
        hidden: whether keys with a hidden folder or name count.
    """

    def __init__(
        self,
        ledger: Ledger,
        storage: Storage,
        *,
        pipeline: str,
        bucket: str,
        patterns: Iterable[str],
        hidden: str = "skip",
    ) -> None:
        self._ledger = ledger
        self._storage = storage
        self._pipeline = pipeline
        self._bucket = bucket
        self._patterns = tuple(patterns)
        self._hidden = hidden
        self._seen: set[str] = set()

    def look(self) -> bool:
        """Record what is new; say whether anything was.

        An object that this watch has seen is not asked after again, so that a look at a bucket full of old
        files costs a listing.
        """
        found = False
        for page in _paged(self._list()):
            entries = [InboxEntry(arrival.upload_id, arrival) for arrival in find_new(self._ledger, page)]
            new = self._ledger.find_unrecorded(self._pipeline, entries)
            new = record_entries(self._ledger, self._pipeline, new)
            self._seen.update(arrival.upload_id for arrival in page)
            found = found or bool(new)
        return found

    def _list(self) -> Iterator[Arrival]:
        for prefix in sorted({literal_prefix(pattern) for pattern in self._patterns}):
            for arrival in self._storage.list_arrivals(self._bucket, prefix):
                if arrival.upload_id not in self._seen and takes(
                    self._patterns, arrival.key, hidden=self._hidden
                ):
                    yield arrival


def reconcile_bucket(
    ledger: Ledger, storage: Storage, route: Route, bucket: str, *, older_than: timedelta
) -> set[str]:
    """Record the objects of a bucket that no event told of.

    Args:
        ledger: the ledger.
        storage: lists the bucket.
        route: names each object's pipeline.
        bucket: where to look.
        older_than: younger objects are left to their events.

    Returns:
        The pipelines that got some.
    """
    until = ledger.now() - older_than
    settled = (arrival for arrival in storage.list_arrivals(bucket, "") if arrival.arrived_at < until)
    woken: set[str] = set()
    for page in _paged(settled):
        woken |= record_arrivals(ledger, route, find_new(ledger, page)).keys()
    return woken


def _paged(arrivals: Iterator[Arrival]) -> Iterator[list[Arrival]]:
    while page := list(islice(arrivals, _PAGE)):
        yield page
