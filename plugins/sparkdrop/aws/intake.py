"""From objects to inbox entries: what events, listings and people name ends in the same inboxes."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from botocore.exceptions import ClientError, ParamValidationError

from sparkdrop.aws.ledger import Ledger
from sparkdrop.core.batch import InboxEntry
from sparkdrop.core.routing import NOBODYS
from sparkdrop.core.uploads import EMPTY, UNROUTED, Arrival, UploadState, upload_identity

Route = Callable[[str, str], str | None]
"""Names the pipeline of a (bucket, key), or None."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Objects that somebody chose, as entries to claim.

    Attributes:
        entries: what to claim; an object that was processed before comes as a new attempt.
        busy: objects that a living batch holds, as the attempt after that one.
    """

    entries: tuple[InboxEntry, ...]
    busy: tuple[InboxEntry, ...]


def record_arrivals(ledger: Ledger, route: Route, arrivals: Iterable[Arrival]) -> dict[str, int]:
    """Put each arrival into its pipeline's inbox, or on record as unrouted.

    Companions, markers of folders and what is passed over are nobody's upload.

    Returns:
        How many each pipeline got that a run is needed for.
    """
    by_pipeline: dict[str, list[InboxEntry]] = {}
    for arrival in arrivals:
        pipeline = route(arrival.bucket, arrival.key) or UNROUTED
        if arrival.is_marker or pipeline in NOBODYS:
            continue
        by_pipeline.setdefault(pipeline, []).append(InboxEntry(arrival.upload_id, arrival))
    recorded = {
        pipeline: record_entries(ledger, pipeline, entries) for pipeline, entries in by_pipeline.items()
    }
    return {pipeline: len(entries) for pipeline, entries in recorded.items() if entries}


def record_entries(ledger: Ledger, pipeline: str, entries: Sequence[InboxEntry]) -> list[InboxEntry]:
    """Put entries into an inbox; the answer is those that a run is needed for.

    An empty file is set aside at once: no run would find more to say of it.
    """
    filled: list[InboxEntry] = []
    empty: list[InboxEntry] = []
    for entry in entries:
        (filled if entry.arrival.bytes or pipeline == UNROUTED else empty).append(entry)
    ledger.record(pipeline, filled)
    ledger.set_aside(pipeline, empty, EMPTY)
    return filled


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of arrivals.

    Attributes:
        uploads: how many each pipeline got.
        refused: what the ledger cannot hold, and why.
    """

    uploads: Counter[str]
    refused: dict[object, Exception]


def record_each(ledger: Ledger, route: Route, arrivals: Sequence[Arrival]) -> Recorded:
    """Record arrivals, so that one which the ledger cannot hold keeps no other from being recorded.

    Raises:
        Exception: the ledger cannot be used at this moment. Some may be recorded; doing it again is harmless.
    """
    try:
        return Recorded(Counter(record_arrivals(ledger, route, arrivals)), {})
    except Exception as error:
        if not _is_about_an_item(error):
            raise
        ledger.check_writes()
        if len(arrivals) == 1:
            return Recorded(Counter(), {arrivals[0]: error})
    middle = len(arrivals) // 2
    first, second = (record_each(ledger, route, half) for half in (arrivals[:middle], arrivals[middle:]))
    return Recorded(first.uploads + second.uploads, first.refused | second.refused)


def _is_about_an_item(error: Exception) -> bool:
    """Whether an error says that something written is at fault, and not that the table cannot be reached."""
    if isinstance(error, ClientError):
        return error.response["Error"]["Code"] == "ValidationException"
    return isinstance(error, (ParamValidationError, ValueError, TypeError, LookupError, ArithmeticError))


def find_new(ledger: Ledger, arrivals: Iterable[Arrival]) -> list[Arrival]:
    """Of a listing, keep what the ledger has never claimed; what waits in an inbox counts as new."""
    listed = {upload_identity(arrival.upload_id): arrival for arrival in arrivals}
    known = ledger.read_uploads(arrival.upload_id for arrival in listed.values())
    for item in known:
        listed.pop(upload_identity(item["upload_id"]), None)
    return list(listed.values())


def select_again(
    ledger: Ledger, arrivals: Iterable[Arrival], *, invocation_id: str | None = None
) -> Selection:
    """Turn objects that somebody chose into entries: a replay is a new attempt on record.

    Args:
        ledger: the ledger.
        arrivals: the objects.
        invocation_id: the invocation that they are chosen for; what it was claimed for before is left out.
    """
    chosen = list(arrivals)
    items = {
        upload_identity(item["upload_id"]): item
        for item in ledger.read_uploads(arrival.upload_id for arrival in chosen)
    }
    entries: list[InboxEntry] = []
    busy: list[InboxEntry] = []
    for arrival in chosen:
        item = items.get(upload_identity(arrival.upload_id), {})
        if invocation_id and item.get("invocation_id") == invocation_id:
            continue
        # a listing's time may differ from the event's: the upload keeps the id that it got first
        upload_id = str(item.get("upload_id", arrival.upload_id))
        entry = InboxEntry(
            upload_id, arrival, _next_attempt(item), invocation_id=invocation_id, is_chosen=True
        )
        (busy if item.get("state") == UploadState.CLAIMED else entries).append(entry)
    return Selection(tuple(entries), tuple(busy))


def _next_attempt(item: Mapping[str, object]) -> int:
    """The attempt after what is on record; one that waits in the inbox is taken over with its own number."""
    attempt = item.get("attempt")
    return attempt + 1 if isinstance(attempt, int) else 1


def route_again(ledger: Ledger, route: Route, limit: int) -> set[str]:
    """Give unrouted objects to the pipelines that match them by now.

    Returns:
        The pipelines that got some.
    """
    woken: set[str] = set()
    for entry in ledger.read_inbox(UNROUTED, limit):
        pipeline = route(entry.arrival.bucket, entry.arrival.key)
        if pipeline is None:
            continue
        if pipeline not in NOBODYS and record_entries(ledger, pipeline, [entry]):
            woken.add(pipeline)
        ledger.drop(UNROUTED, [entry])
    return woken
