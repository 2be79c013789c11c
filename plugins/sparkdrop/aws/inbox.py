"""The ledger's inboxes: what waits to be claimed, one ordered list a pipeline."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sparkdrop.aws.items import (
    Item,
    build_inbox_item,
    build_landing_item,
    build_upload_facts,
    format_time,
    inbox_key,
    inbox_partitions,
    parse_entry,
    rest_key,
    upload_key,
)
from sparkdrop.aws.table import Table
from sparkdrop.aws.transactions import transact_each
from sparkdrop.aws.values import marshal
from sparkdrop.core.batch import InboxEntry
from sparkdrop.core.uploads import UploadState, upload_identity

_PAGE = 100
"""The fewest entries that a request reads: of a batch that waits for its retry, none is due."""


class Inbox:
    """What may happen to entries that wait.

    Args:
        table: the ledger's.
        clock: says what time it is.
    """

    def __init__(self, table: Table, clock: Callable[[], datetime]) -> None:
        self.table = table
        self.now = clock

    def check_writes(self) -> None:
        """Raise what keeps the table from being written: the deletion of an item that there never is."""
        self.table.delete({"pk": "check", "sk": "check"})

    def record(self, pipeline: str, entries: Iterable[InboxEntry]) -> None:
        """Put entries into a pipeline's inbox. Recording one twice is harmless: its claim decides.

        What came through a link is noted beside it as well: the link's id finds the upload from now on.
        """
        now = self.now()
        items: dict[tuple[str, str], Item] = {}  # DynamoDB refuses a request that writes an item twice
        for entry in entries:
            landing = build_landing_item(pipeline, entry, now)
            for item in (landing, build_inbox_item(pipeline, entry, now)):
                if item is not None:
                    items[item["pk"], item["sk"]] = item
        self.table.batch_write([{"PutRequest": {"Item": marshal(item)}} for item in items.values()])

    def set_aside(self, pipeline: str, entries: Iterable[InboxEntry], reason: str) -> None:
        """End new entries as QUARANTINED, without a batch; doing it again changes nothing."""
        now = self.now()
        ends = {upload_identity(entry.upload_id): entry for entry in entries}
        landings = [build_landing_item(pipeline, entry, now) for entry in ends.values()]
        self.table.batch_write([{"PutRequest": {"Item": marshal(item)}} for item in landings if item])
        transact_each(
            self.table.client, [self._build_end(pipeline, entry, reason) for entry in ends.values()]
        )

    def _build_end(self, pipeline: str, entry: InboxEntry, reason: str) -> list[Any]:
        facts = {
            **build_upload_facts(pipeline, entry),
            "state": UploadState.QUARANTINED.value,
            "reason": reason,
            "updated_at": format_time(self.now()),
        }
        update = self.table.build_update(
            upload_key(entry.upload_id),
            facts,
            condition="attribute_not_exists(pk)",
            first={"created_at": format_time(entry.arrival.arrived_at)},
        )
        delete = {"TableName": self.table.name, "Key": marshal(inbox_key(pipeline, entry))}
        return [{"Update": update}, {"Delete": delete}]

    def drop(self, pipeline: str, entries: Iterable[InboxEntry]) -> None:
        """Take entries out of an inbox without claiming them."""
        self.table.batch_write(
            [{"DeleteRequest": {"Key": marshal(inbox_key(pipeline, entry))}} for entry in entries]
        )

    def read_inbox(self, pipeline: str, limit: int, *, invoked_only: bool = False) -> list[InboxEntry]:
        """Read what waits and is due, in its turn: at least `limit` entries where there are as many.

        Args:
            pipeline: whose inbox.
            limit: how many.
            invoked_only: leave out what merely landed, and was never tried.
        """
        found = [
            entry
            for partition in inbox_partitions(pipeline)
            for entry in self._read_shard(partition, limit, invoked_only=invoked_only)
        ]
        return sorted(found, key=lambda entry: entry.turn)

    def find_unrecorded(self, pipeline: str, entries: Sequence[InboxEntry]) -> list[InboxEntry]:
        """Find those of these entries that do not wait in the inbox already."""
        keys = [inbox_key(pipeline, entry) for entry in entries]
        known = {item["sk"] for item in self.table.batch_get(keys)}
        return [entry for entry, key in zip(entries, keys, strict=True) if key["sk"] not in known]

    def _read_shard(self, partition: str, limit: int, *, invoked_only: bool) -> list[InboxEntry]:
        """Read what is due of a shard, until `limit` entries of it are in no group.

        A large group that waits for its turn shall not hide what has landed since. A group behind so many
        others has landed after them, and its turn is later still: it is met whole before its turn comes.
        """
        found: list[InboxEntry] = []
        ungrouped = 0
        for page in self._read_due(partition, limit, invoked_only=invoked_only):
            entries = [parse_entry(item) for item in page]
            found.extend(entries)
            ungrouped += sum(entry.group_id is None for entry in entries)
            if ungrouped >= limit:
                break
        return found

    def _read_due(self, partition: str, limit: int, *, invoked_only: bool) -> Iterator[list[Item]]:
        tried_or_invoked = "(attribute_exists(invocation_id) OR attribute_exists(not_before))"
        is_due = "(attribute_not_exists(not_before) OR not_before <= :now)"
        return self.table.query_pages(
            partition,
            where=f"{is_due} AND {tried_or_invoked}" if invoked_only else is_due,
            values={":now": self.now().timestamp()},
            # what is invoked may be few among many: then DynamoDB's own pages, of 1 MB, are the fewest
            page=0 if invoked_only else max(limit, _PAGE),
        )

    def note_rest(self, pipeline: str, *, is_left: bool) -> None:
        """Note whether a run that takes what landed has left some: then the next one takes it.

        A wake-up cannot tell: of several that come during a run, the next run is told of one.
        """
        if is_left:
            self.table.put(rest_key(pipeline))
        else:
            self.table.delete(rest_key(pipeline))

    def owes_rest(self, pipeline: str) -> bool:
        """Whether the next run of a pipeline takes what landed, though it is no schedule's."""
        return self.table.get(rest_key(pipeline)) is not None

    def holds(self, pipeline: str, *, invoked_only: bool = False) -> bool:
        """Whether anything is due in a pipeline's inbox."""
        return any(
            page
            for partition in inbox_partitions(pipeline)
            for page in self._read_due(partition, 1, invoked_only=invoked_only)
        )
