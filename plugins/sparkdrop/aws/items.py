"""The ledger's items: how inbox entries, uploads and batches lie in the DynamoDB table.

====================== ================================= ======================
item                   pk                                sk
====================== ================================= ======================
inbox entry            ``inbox#<pipeline>#<shard>``      ``<upload_id>#<attempt>``
upload                 ``upload#<identity>``             ``upload``
batch, its head        ``batch#<batch_id>``              ``batch``
batch, its uploads     ``batch#<batch_id>``              ``chunk#<number>``
batch that is not over ``open``                          ``<batch_id>``
search for a bad file  ``bisection#<batch_id>``          ``bisection``
a pipeline's pace      ``pace#<pipeline>``               ``pace``
invocation             ``invocation#<invocation_id>``    ``invocation``
invocation's batch     ``invocation#<invocation_id>``    ``batch#<batch_id>``
invocation that waits  ``invocations#<pipeline>``        ``<turn>``
rest of a schedule     ``rest#<pipeline>``               ``rest``
what succeeded         ``content#<pipeline>#<hash>``     ``newest``
where it has landed    ``content#<pipeline>#<hash>``     ``landed#<upload_id>``
link                   ``link#<link's id>``              ``link``
what landed of it      ``link#<link's id>``              ``object#<hash>``
caller's link          ``links#<caller>``                ``<link's id>``
caller's day           ``quota#<caller>``                ``<date>``
====================== ================================= ======================

An upload's key holds the part of its id that depends on the object version alone, so that an event and a
listing that disagree about the time of arrival still meet in one item. An invocation's turn is a ULID, which
compares with the ids of uploads: the older one came first. The hash of what landed is of its bucket and key:
whoever knows the link's reads it by name, and a copy under another key is not taken for it. No item of a link
has both attributes of a list index: links are no uploads.
"""

import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from sparkdrop.core.batch import InboxEntry
from sparkdrop.core.patterns import find_upload_folder
from sparkdrop.core.uploads import UNROUTED, Arrival, UploadState, upload_identity

SHARDS = 4
"""Partitions of one pipeline's inbox: each takes 1,000 writes a second.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
"""

CHUNK_BYTES = 300_000
"""A chunk of a batch's list: with its keys under an item's 400 KB.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
"""

TTL = "expires_at"
"""The attribute that tells DynamoDB when it may delete an item, in Unix seconds."""

LINK_KEPT_FOR = timedelta(days=90)
"""How long a link can be asked after, and so what landed of it by the link's id."""

T = TypeVar("T")
Item = dict[str, Any]


class BatchState(StrEnum):
    """Where a batch stands."""

    OPEN = "OPEN"
    CLAIMED = "CLAIMED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    EMPTY = "EMPTY"

    @property
    def is_over(self) -> bool:
        """Whether nothing of the batch is left to do."""
        return self in {BatchState.SUCCEEDED, BatchState.FAILED, BatchState.EMPTY}


def chunked(things: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Cut a sequence into pieces of at most `size`."""
    return (things[start : start + size] for start in range(0, len(things), size))


def inbox_partitions(pipeline: str) -> list[str]:
    """The partition keys of a pipeline's inbox."""
    return [f"inbox#{pipeline}#{shard}" for shard in range(SHARDS)]


def inbox_partition(pipeline: str, upload_id: str) -> str:
    """The partition of a pipeline's inbox that an upload waits in: it follows from the object version."""
    shard = zlib.crc32(upload_identity(upload_id).encode()) % SHARDS
    return f"inbox#{pipeline}#{shard}"


def inbox_key(pipeline: str, entry: InboxEntry) -> dict[str, str]:
    """An inbox entry's key."""
    return waiting_key(pipeline, entry.upload_id, entry.attempt)


def waiting_key(pipeline: str, upload_id: str, attempt: int = 1) -> dict[str, str]:
    """The key of the inbox entry that an attempt of an upload has."""
    return {"pk": inbox_partition(pipeline, upload_id), "sk": f"{upload_id}#{attempt:03d}"}


def upload_key(upload_id: str) -> dict[str, str]:
    """An upload's key."""
    return {"pk": f"upload#{upload_identity(upload_id)}", "sk": "upload"}


def batch_key(batch_id: str) -> dict[str, str]:
    """The key of a batch's head."""
    return {"pk": f"batch#{batch_id}", "sk": "batch"}


def chunk_key(batch_id: str, number: int) -> dict[str, str]:
    """The key of a piece of a batch's list of uploads."""
    return {"pk": f"batch#{batch_id}", "sk": f"chunk#{number:04d}"}


def open_batch_key(batch_id: str) -> dict[str, str]:
    """The key of the marker that a batch is not over."""
    return {"pk": "open", "sk": batch_id}


def bisection_key(batch_id: str) -> dict[str, str]:
    """The key of the search for the files that fail a batch."""
    return {"pk": f"bisection#{batch_id}", "sk": "bisection"}


def pace_key(pipeline: str) -> dict[str, str]:
    """The key of how long a pipeline's last batches took."""
    return {"pk": f"pace#{pipeline}", "sk": "pace"}


def invocation_key(invocation_id: str) -> dict[str, str]:
    """An invocation's key."""
    return {"pk": f"invocation#{invocation_id}", "sk": "invocation"}


def invocation_batch_key(invocation_id: str, batch_id: str) -> dict[str, str]:
    """The key of the note that a batch was opened for an invocation."""
    return {"pk": f"invocation#{invocation_id}", "sk": f"batch#{batch_id}"}


def turn_key(pipeline: str, turn: str) -> dict[str, str]:
    """The key of the marker that an invocation of a pipeline waits to be taken up, or taken up further."""
    return {"pk": f"invocations#{pipeline}", "sk": turn}


def rest_key(pipeline: str) -> dict[str, str]:
    """The key of the note that a schedule's run left some of what landed, and that the next run takes it."""
    return {"pk": f"rest#{pipeline}", "sk": "rest"}


def content_key(pipeline: str, *what: str) -> dict[str, str]:
    """The key of the note of what succeeded last at a place, or of the mark that a content has succeeded."""
    digest = hashlib.sha256("\0".join(what).encode()).hexdigest()[:32]
    return {"pk": f"content#{pipeline}#{digest}", "sk": "newest"}


def content_landing_key(pk: str, upload_id: str) -> dict[str, str]:
    """The key of the note that a content, by the partition of its mark, has landed as an upload."""
    return {"pk": pk, "sk": f"landed#{upload_id}"}


def link_key(link_id: str) -> dict[str, str]:
    """A link's key."""
    return {"pk": f"link#{link_id}", "sk": "link"}


def landing_key(link_id: str, bucket: str, key: str) -> dict[str, str]:
    """The key of the note of what landed of a link."""
    digest = hashlib.sha256(f"{bucket}\0{key}".encode()).hexdigest()[:16]
    return {"pk": f"link#{link_id}", "sk": f"object#{digest}"}


def own_link_key(caller: str, link_id: str) -> dict[str, str]:
    """The key of a link in its caller's list."""
    return {"pk": f"links#{caller}", "sk": link_id}


def quota_key(caller: str, day: str) -> dict[str, str]:
    """The key of what a caller has asked for in one day (``YYYY-MM-DD``)."""
    return {"pk": f"quota#{caller}", "sk": day}


def build_landing_item(pipeline: str, entry: InboxEntry, now: datetime) -> Item | None:
    """The note by which a link's id finds an object version; None where the key is no link's."""
    link_id = find_upload_folder(entry.arrival.key)
    if link_id is None:
        return None
    return {
        **landing_key(link_id, entry.arrival.bucket, entry.arrival.key),
        "landed_upload_id": entry.upload_id,
        "landed_pipeline": pipeline,
        TTL: int((now + LINK_KEPT_FOR).timestamp()),
    }


def build_inbox_item(pipeline: str, entry: InboxEntry, now: datetime) -> Item:
    """An inbox entry's item: writing it twice is harmless."""
    return {
        **inbox_key(pipeline, entry),
        **build_upload_facts(pipeline, entry),
        "state": (UploadState.UNROUTED if pipeline == UNROUTED else UploadState.PENDING).value,
        "not_before": entry.not_before.timestamp() if entry.not_before else None,
        "created_at": format_time(entry.arrival.arrived_at),
        "updated_at": format_time(now),
    }


def build_upload_facts(pipeline: str, entry: InboxEntry) -> Item:
    """What an inbox entry and an upload both tell."""
    arrival = entry.arrival
    facts: Item = {
        "upload_id": entry.upload_id,
        "pipeline": pipeline,
        "bucket": arrival.bucket,
        "key": arrival.key,
        "version_id": arrival.version_id,
        "etag": arrival.etag,
        "bytes": arrival.bytes,
        "attempt": entry.attempt,
    }
    rare = {
        "invocation_id": entry.invocation_id,
        "group_id": entry.group_id,
        "uncounted": entry.uncounted,
        "is_chosen": entry.is_chosen,
    }
    return facts | {name: value for name, value in rare.items() if value}


def parse_entry(item: Item) -> InboxEntry:
    """Read an inbox entry back from its item, or an upload as the entry that it came from."""
    not_before = item.get("not_before")
    return InboxEntry(
        upload_id=item["upload_id"],
        arrival=Arrival(
            bucket=item["bucket"],
            key=item["key"],
            version_id=item.get("version_id"),
            etag=item.get("etag"),
            bytes=item["bytes"],
            arrived_at=datetime.fromisoformat(item["created_at"]),
        ),
        attempt=item["attempt"],
        not_before=datetime.fromtimestamp(not_before, UTC) if not_before is not None else None,
        invocation_id=item.get("invocation_id"),
        group_id=item.get("group_id"),
        uncounted=item.get("uncounted", 0),
        is_chosen=item.get("is_chosen", False),
    )


def build_chunk_texts(pipeline: str, entries: Iterable[InboxEntry]) -> list[str]:
    """A batch's list in pieces, as JSON: a fifth of the size of DynamoDB's own lists and maps.

    Cut by bytes and not by number: a key is up to 1,024 bytes, some of which JSON writes as several.
    """
    chunks: list[list[str]] = []
    size = CHUNK_BYTES
    for entry in entries:
        facts = {**build_upload_facts(pipeline, entry), "created_at": format_time(entry.arrival.arrived_at)}
        text = json.dumps(facts, separators=(",", ":"), ensure_ascii=False)
        length = len(text.encode()) + 1
        if size + length > CHUNK_BYTES:
            chunks.append([])
            size = 0
        chunks[-1].append(text)
        size += length
    return [f"[{','.join(chunk)}]" for chunk in chunks]


def parse_chunk_text(text: str) -> list[InboxEntry]:
    """Read a piece of a batch's list back."""
    return [parse_entry(item) for item in json.loads(text)]


def format_time(moment: datetime) -> str:
    """ISO 8601 in UTC."""
    return moment.astimezone(UTC).isoformat()
