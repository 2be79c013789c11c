"""What landed again: a key's new version that holds what succeeded already, and an object that was moved.

A rewrite that changes metadata alone, and a move inside of a bucket, are new object versions to S3. Their
rows are in the output already, so that another run would only double them. What succeeded is noted in the
ledger (`sparkdrop.aws.content_notes`); contents are equal where size and entity tag are.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sparkdrop.aws.content_notes import ContentNote, Noted, read_notes
from sparkdrop.aws.items import Item
from sparkdrop.aws.ledger import Ledger
from sparkdrop.aws.records import UploadOutcome
from sparkdrop.aws.storage import Storage
from sparkdrop.core.batch import InboxEntry
from sparkdrop.core.uploads import Arrival, UploadState, upload_identity

_MOVED_WITHIN = timedelta(minutes=15)
"""A move deletes its source right after the copy; what is deleted later was another's decision."""

_TRUNCATED = timedelta(seconds=2)
"""S3 tells some times in whole seconds."""

_LOOKS = 1_000
"""The keys that one claim asks S3 after; where that is not enough, the rest is the next claim's to decide."""

_LOOKS_AT_ONCE = 8
"""Under botocore's ten connections."""

Place = tuple[str, str]
"""A bucket and a key."""


@dataclass(frozen=True, slots=True)
class Equals:
    """What has one content.

    Attributes:
        waiting: what waits, oldest first.
        held: what other batches hold.
        notes: what is in the output.
    """

    waiting: list[InboxEntry] = field(default_factory=list)
    held: list[InboxEntry] = field(default_factory=list)
    notes: list[ContentNote] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ContentCheck:
    """Tells what a pipeline need not process. It is one claim's: what it has looked at, it looks at once.

    What a person or an invocation chose is processed, whatever is in the output.

    Attributes:
        ledger: the ledger.
        storage: says which objects are gone, and since when.
        pipeline: whose uploads they are.
    """

    ledger: Ledger
    storage: Storage
    pipeline: str
    _gone: dict[Place, datetime | None] = field(default_factory=dict, init=False)
    _noted: dict[Arrival, Noted] = field(default_factory=dict, init=False)

    def hold_back(self, waiting: Sequence[InboxEntry]) -> list[InboxEntry]:
        """Leave out what shall not be claimed now.

        That is what has the content of an older one that waits as well, or that another batch holds, until it
        is known what became of that one; and what would take too many looks. Of what takes any some is always
        decided on, so that the next claim gets to the rest.
        """
        groups = self._group(sorted(waiting, key=lambda entry: entry.upload_id))
        looks, unseen = _choose_looks(groups)
        self._look(looks)
        taken: list[InboxEntry] = []
        for equals in groups:
            older = list(equals.held)
            for entry in equals.waiting:
                if entry.is_chosen or (entry.upload_id not in unseen and not self._is_again(entry, older)):
                    taken.append(entry)
                older.append(entry)
        return taken

    def find_ends(self, entries: Sequence[InboxEntry]) -> list[UploadOutcome]:
        """Find those whose rows are in the output already, with the end that they have."""
        asked = [entry for entry in entries if not entry.is_chosen]
        self._read_notes(entry.arrival for entry in asked)
        others = {
            entry: [
                note
                for note in self._noted[entry.arrival].of_content
                if note.arrival.key != entry.arrival.key and not _is_one(note.upload_id, entry.upload_id)
            ]
            for entry in asked
        }
        self._look(
            _place(arrival)
            for entry, found in others.items()
            for arrival in (*(note.arrival for note in found), *([entry.arrival] if found else []))
        )
        same = [(entry, self._match(entry, others[entry])) for entry in asked]
        items = self.ledger.read_uploads(note.upload_id for _, found in same for note, _ in found)
        ended = {
            upload_identity(item["upload_id"]): item
            for item in items
            if item["state"] == UploadState.SUCCEEDED  # a replay may have failed since
        }
        ends: list[UploadOutcome] = []
        for entry, found in same:
            for note, how in found:
                item = ended.get(upload_identity(note.upload_id))
                if item is not None:
                    ends.append(_build_end(entry, item, how))
                    break
        return ends

    def _group(self, in_order: Sequence[InboxEntry]) -> list[Equals]:
        """Put together what has one content."""
        groups: dict[object, Equals] = {}
        for entry in in_order:
            groups.setdefault(_content(entry), Equals()).waiting.append(entry)
        for head in self.ledger.read_open_batches():
            if head.pipeline == self.pipeline:
                for entry in self.ledger.read_batch_entries(head):
                    if (equals := groups.get(_content(entry))) is not None:
                        equals.held.append(entry)
        # after the open batches: what one of them has ended with by now is noted
        self._read_notes(entry.arrival for entry in in_order)
        for equals in groups.values():
            equals.notes.extend(self._noted[equals.waiting[0].arrival].of_content)
        return list(groups.values())

    def _is_again(self, entry: InboxEntry, older: Sequence[InboxEntry]) -> bool:
        """Whether an entry is a touch of an older one, or a copy that it was moved to, or from."""
        return any(
            not _is_one(other.upload_id, entry.upload_id)
            if other.arrival.key == entry.arrival.key
            else self._find_move(entry.arrival, other.arrival) is not None
            for other in older
        )

    def _match(self, entry: InboxEntry, others: Sequence[ContentNote]) -> list[tuple[ContentNote, str]]:
        """Find the notes of what has this content already, and words for how it comes to have it."""
        arrival = entry.arrival
        at_place = self._noted[arrival].at_place
        if at_place and (at_place.arrival.etag, at_place.arrival.bytes) == (arrival.etag, arrival.bytes):
            return [] if _is_one(at_place.upload_id, entry.upload_id) else [(at_place, "")]
        moves = ((note, self._find_move(arrival, note.arrival)) for note in others)
        return [
            (note, f"moved {way} s3://{note.arrival.bucket}/{note.arrival.key}: ")
            for note, way in moves
            if way is not None
        ]

    def _find_move(self, arrival: Arrival, other: Arrival) -> str | None:
        """Say whether an object was moved `from` another place, or `to` it: in one second either may be."""
        if other.arrived_at <= arrival.arrived_at and self._was_deleted_after(other, arrival):
            return "from"
        if arrival.arrived_at <= other.arrived_at and self._was_deleted_after(arrival, other):
            return "to"
        return None

    def _was_deleted_after(self, source: Arrival, target: Arrival) -> bool:
        """Whether one object was deleted right after the other had landed."""
        deleted_at = self._gone[_place(source)]
        if deleted_at is None:
            return False
        return target.arrived_at - _TRUNCATED <= deleted_at <= target.arrived_at + _MOVED_WITHIN

    def _read_notes(self, arrivals: Iterable[Arrival]) -> None:
        """Read what is noted of objects of which it was not read yet."""
        new = [arrival for arrival in dict.fromkeys(arrivals) if arrival not in self._noted]
        self._noted.update(read_notes(self.ledger, self.pipeline, new))

    def _look(self, places: Iterable[Place]) -> None:
        """Ask S3 since when objects are gone."""
        new = sorted(set(places) - self._gone.keys())
        with ThreadPoolExecutor(_LOOKS_AT_ONCE) as pool:
            self._gone.update(
                zip(new, pool.map(lambda place: self.storage.find_deletion(*place), new), strict=True)
            )


def _choose_looks(groups: Iterable[Equals]) -> tuple[set[Place], set[str]]:
    """Choose which keys to look at, and name the entries that it is too much for."""
    looks: set[Place] = set()
    unseen: set[str] = set()
    for equals in groups:
        known = [entry.arrival for entry in equals.held] + [note.arrival for note in equals.notes]
        places = {_place(arrival) for arrival in known}
        new = places - looks
        for entry in equals.waiting:
            place = _place(entry.arrival)
            places.add(place)
            new |= {place} - looks
            if len(places) == 1 or entry.is_chosen:
                continue
            if looks and len(looks) + len(new) > _LOOKS:
                unseen.add(entry.upload_id)
            else:
                looks |= new
                new = set()
    return looks, unseen


def _content(entry: InboxEntry) -> object:
    """What is equal where contents are; without an entity tag nothing is equal."""
    arrival = entry.arrival
    return (arrival.bucket, arrival.etag, arrival.bytes) if arrival.etag is not None else entry


def _place(arrival: Arrival) -> Place:
    return arrival.bucket, arrival.key


def _is_one(upload_id: str, other: str) -> bool:
    """Whether two ids are of one object version."""
    return upload_identity(upload_id) == upload_identity(other)


def _build_end(entry: InboxEntry, item: Item, how: str) -> UploadOutcome:
    facts: dict[str, Any] = {
        "output": item.get("output"),
        "reason": f"{how}same content as upload {item['upload_id']}",
        "same_as": item["upload_id"],
    }
    return UploadOutcome(entry, UploadState.SUCCEEDED, facts)
