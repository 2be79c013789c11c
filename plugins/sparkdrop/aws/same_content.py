"""What landed again: a key's new version that holds what succeeded already, and an object that was moved.

A rewrite that changes metadata alone, and a move inside of a bucket, are new object versions to S3. Their
rows are in the output already, so that another run would only double them. What succeeded is noted in the
ledger by its place and by its content; contents are equal where size and entity tag are.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sparkdrop.aws.items import Item, content_key
from sparkdrop.aws.ledger import Ledger
from sparkdrop.aws.records import UploadOutcome
from sparkdrop.aws.storage import Storage
from sparkdrop.aws.values import marshal
from sparkdrop.core.batch import InboxEntry
from sparkdrop.core.uploads import Arrival, UploadState, upload_identity

_MOVED_WITHIN = timedelta(minutes=15)
"""A move deletes its source right after the copy; what is deleted later was another's decision."""

_TRUNCATED = timedelta(seconds=2)
"""S3 tells some times in whole seconds."""

_LOOKS = 50
"""The most keys that one claim asks S3 after: a thousand equal small files shall not hold it up."""


def note_contents(ledger: Ledger, pipeline: str, entries: Iterable[InboxEntry]) -> None:
    """Note what succeeded; of one place, and of one content, the newest counts."""
    notes: dict[str, Item] = {}
    for entry in sorted(entries, key=lambda entry: entry.upload_id):
        arrival = entry.arrival
        for key in _keys(pipeline, arrival):
            notes[key["pk"]] = {
                **key,
                "noted_upload_id": entry.upload_id,
                "bucket": arrival.bucket,
                "key": arrival.key,
                "etag": arrival.etag,
                "bytes": arrival.bytes,
            }
    ledger.table.batch_write([{"PutRequest": {"Item": marshal(note)}} for note in notes.values()])


def _keys(pipeline: str, arrival: Arrival) -> list[dict[str, str]]:
    """The keys of the notes of an object, by its place and by its content; without an entity tag none."""
    if arrival.etag is None:
        return []
    place = content_key(pipeline, "place", arrival.bucket, arrival.key)
    return [place, content_key(pipeline, "content", arrival.bucket, arrival.etag, str(arrival.bytes))]


@dataclass(frozen=True, slots=True)
class ContentCheck:
    """Tells what a pipeline need not process.

    Attributes:
        ledger: the ledger.
        storage: says which objects are gone, and since when.
        pipeline: whose uploads they are.
    """

    ledger: Ledger
    storage: Storage
    pipeline: str

    def hold_back(self, waiting: Sequence[InboxEntry]) -> list[InboxEntry]:
        """Leave out what waits together with its own copy, until it is known what became of the older one."""
        first: dict[object, InboxEntry] = {}
        taken: list[InboxEntry] = []
        looks = 0
        for entry in sorted(waiting, key=lambda entry: entry.upload_id):
            arrival = entry.arrival
            content = (arrival.bucket, arrival.etag, arrival.bytes)
            older = first.setdefault(content, entry)
            is_again = older is not entry and arrival.etag is not None and entry.invocation_id is None
            if is_again and older.arrival.key != arrival.key:
                looks += 1
                is_again = looks <= _LOOKS and self._was_moved(older.arrival.key, arrival)
            if not is_again or upload_identity(older.upload_id) == upload_identity(entry.upload_id):
                taken.append(entry)
        return taken

    def find_ends(self, entries: Sequence[InboxEntry]) -> list[UploadOutcome]:
        """Find those whose rows are in the output already, with the end that they have."""
        keys = {key["pk"]: key for entry in entries for key in _keys(self.pipeline, entry.arrival)}
        notes = {note["pk"]: note for note in self.ledger.table.batch_get(list(keys.values()))}
        found = [(entry, self._match(entry, notes)) for entry in entries]
        same = [(entry, *match) for entry, match in found if match is not None]
        items = self.ledger.read_uploads(note["noted_upload_id"] for _, note, _ in same)
        ended = {
            upload_identity(item["upload_id"]): item
            for item in items
            if item["state"] == UploadState.SUCCEEDED  # a replay may have failed since
        }
        ends = (
            (entry, ended.get(upload_identity(note["noted_upload_id"])), how) for entry, note, how in same
        )
        return [_build_end(entry, item, how) for entry, item, how in ends if item is not None]

    def _match(self, entry: InboxEntry, notes: dict[str, Item]) -> tuple[Item, str] | None:
        """Find the note of what has this content already, and words for how it comes to have it."""
        arrival = entry.arrival
        by_place, by_content = [notes.get(key["pk"]) for key in _keys(self.pipeline, arrival)] or [None, None]
        if by_place and (by_place["etag"], by_place["bytes"]) == (arrival.etag, arrival.bytes):
            is_itself = upload_identity(by_place["noted_upload_id"]) == upload_identity(entry.upload_id)
            return None if is_itself else (by_place, "")
        if by_content and by_content["key"] != arrival.key and self._was_moved(by_content["key"], arrival):
            return by_content, f"moved from s3://{by_content['bucket']}/{by_content['key']}: "
        return None

    def _was_moved(self, source: str, arrival: Arrival) -> bool:
        """Whether a key was deleted right after this object had landed."""
        deleted_at = self.storage.find_deletion(arrival.bucket, source)
        if deleted_at is None:
            return False
        return arrival.arrived_at - _TRUNCATED <= deleted_at <= arrival.arrived_at + _MOVED_WITHIN


def _build_end(entry: InboxEntry, item: Item, how: str) -> UploadOutcome:
    facts: dict[str, Any] = {
        "output": item.get("output"),
        "reason": f"{how}same content as upload {item['upload_id']}",
    }
    return UploadOutcome(entry, UploadState.SUCCEEDED, facts)
