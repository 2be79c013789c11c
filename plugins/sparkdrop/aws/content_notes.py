"""The ledger's notes of contents: what succeeded last at a place, and where a content has landed.

A content that succeeded may lie under many keys, and a move takes it to another: each of its places has a
note of its own, beside a mark that tells with one read that there are any. A note names the upload whose rows
the output has, which is an earlier one where the content was moved or written again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sparkdrop.aws.items import Item, content_key, content_landing_key, format_time
from sparkdrop.aws.ledger import Ledger
from sparkdrop.aws.records import UploadOutcome
from sparkdrop.aws.values import marshal
from sparkdrop.core.batch import InboxEntry
from sparkdrop.core.uploads import Arrival, UploadState

_PLACES = 100
"""The most places of one content that are looked at, the newest: a header alone may lie in thousands."""


@dataclass(frozen=True, slots=True)
class ContentNote:
    """A content that is in the output.

    Attributes:
        upload_id: the upload whose rows they are.
        landed_as: the upload that brought the content to this place.
        arrival: the place; without the version.
    """

    upload_id: str
    landed_as: str
    arrival: Arrival


@dataclass(frozen=True, slots=True)
class Noted:
    """What is noted of an object.

    Attributes:
        at_place: what succeeded last at its place.
        of_content: where its content has landed, newest first.
    """

    at_place: ContentNote | None
    of_content: list[ContentNote]


def read_notes(ledger: Ledger, pipeline: str, arrivals: Sequence[Arrival]) -> dict[Arrival, Noted]:
    """Read what is noted of objects; of one without an entity tag nothing is."""
    tagged = [arrival for arrival in arrivals if arrival.etag is not None]
    places = {key["pk"]: key for key in (_place_key(pipeline, arrival) for arrival in tagged)}
    marks = {key["pk"]: key for key in (_mark_key(pipeline, arrival) for arrival in tagged)}
    found = list(ledger.table.batch_get([*places.values(), *marks.values()]))
    by_place = {item["pk"]: _parse(item) for item in found if item["pk"] in places}
    by_content = {item["pk"]: _read_landings(ledger, item["pk"]) for item in found if item["pk"] in marks}
    return {
        arrival: Noted(
            by_place.get(_place_key(pipeline, arrival)["pk"]),
            by_content.get(_mark_key(pipeline, arrival)["pk"], []),
        )
        for arrival in arrivals
    }


def _read_landings(ledger: Ledger, pk: str) -> list[ContentNote]:
    prefix = content_landing_key(pk, "")["sk"]
    pages = ledger.table.query_pages(pk, sk_prefix=prefix, newest_first=True, page=_PLACES)
    return [_parse(item) for item in next(pages, [])]


def note_contents(ledger: Ledger, pipeline: str, outcomes: Iterable[UploadOutcome]) -> None:
    """Note where what succeeds lies; of one place the newest counts.

    It is done before the uploads end: whoever dies in between does both again, and until then what is noted
    of an upload that has not succeeded tells nothing.
    """
    newest: dict[str, InboxEntry] = {}
    rows_of: dict[str, str] = {}
    for outcome in sorted(outcomes, key=lambda outcome: outcome.entry.upload_id):
        entry = outcome.entry
        if outcome.state is UploadState.SUCCEEDED and entry.arrival.etag is not None:
            newest[_place_key(pipeline, entry.arrival)["pk"]] = entry
            rows_of[entry.upload_id] = outcome.facts.get("same_as", entry.upload_id)
    keys = [_place_key(pipeline, entry.arrival) for entry in newest.values()]
    before = {item["pk"]: _parse(item) for item in ledger.table.batch_get(keys)}
    puts: dict[tuple[str, str], Item] = {}  # DynamoDB refuses a request that writes an item twice
    gone: list[dict[str, str]] = []
    for pk, entry in newest.items():
        older = before.get(pk)
        if older is not None and older.landed_as > entry.upload_id:
            continue
        if older is not None and older.landed_as != entry.upload_id:
            gone.append(content_landing_key(_mark_key(pipeline, older.arrival)["pk"], older.landed_as))
        for item in _build_items(pipeline, entry, rows_of[entry.upload_id]):
            puts[item["pk"], item["sk"]] = item
    deletes: list[Any] = [{"DeleteRequest": {"Key": marshal(key)}} for key in gone]
    ledger.table.batch_write([*deletes, *({"PutRequest": {"Item": marshal(item)}} for item in puts.values())])


def _build_items(pipeline: str, entry: InboxEntry, upload_id: str) -> list[Item]:
    arrival = entry.arrival
    mark = _mark_key(pipeline, arrival)
    facts = {
        "noted_upload_id": upload_id,
        "landed_as": entry.upload_id,
        "bucket": arrival.bucket,
        "key": arrival.key,
        "etag": arrival.etag,
        "bytes": arrival.bytes,
        "arrived_at": format_time(arrival.arrived_at),
    }
    landing = content_landing_key(mark["pk"], entry.upload_id)
    return [{**_place_key(pipeline, arrival), **facts}, {**landing, **facts}, dict(mark)]


def _place_key(pipeline: str, arrival: Arrival) -> dict[str, str]:
    return content_key(pipeline, "place", arrival.bucket, arrival.key)


def _mark_key(pipeline: str, arrival: Arrival) -> dict[str, str]:
    return content_key(pipeline, "content", arrival.bucket, str(arrival.etag), str(arrival.bytes))


def _parse(item: Item) -> ContentNote:
    arrival = Arrival(
        bucket=item["bucket"],
        key=item["key"],
        version_id=None,
        etag=item["etag"],
        bytes=item["bytes"],
        arrived_at=datetime.fromisoformat(item["arrived_at"]),
    )
    return ContentNote(item["noted_upload_id"], item["landed_as"], arrival)
