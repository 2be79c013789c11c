"""The ledger's inboxes: what waits to be claimed, one ordered list a pipeline."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from sparkdrop.aws.items import (
    Item,
    build_inbox_item,
    build_landing_item,
    inbox_key,
    inbox_partitions,
    marshal,
    parse_entry,
)
from sparkdrop.aws.table import Table
from sparkdrop.core.batch import InboxEntry


class Inbox:
    """What may happen to entries that wait.

    Args:
        table: the ledger's.
        clock: says what time it is.
    """

    def __init__(self, table: Table, clock: Callable[[], datetime]) -> None:
        self.table = table
        self.now = clock

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
            invoked_only: leave out what merely landed.
        """
        found = [
            entry
            for partition in inbox_partitions(pipeline)
            # a large group that waits for its turn shall not hide what has landed since
            for where in ("attribute_not_exists(group_id)", "attribute_exists(group_id)")
            for entry in self._read_shard(partition, limit, invoked_only=invoked_only, where=where)
        ]
        return sorted(found, key=lambda entry: entry.turn)

    def find_unrecorded(self, pipeline: str, entries: Sequence[InboxEntry]) -> list[InboxEntry]:
        """Find those of these entries that do not wait in the inbox already."""
        keys = [inbox_key(pipeline, entry) for entry in entries]
        known = {item["sk"] for item in self.table.batch_get(keys)}
        return [entry for entry, key in zip(entries, keys, strict=True) if key["sk"] not in known]

    def _read_shard(
        self, partition: str, limit: int, *, invoked_only: bool, where: str = ""
    ) -> list[InboxEntry]:
        found: list[InboxEntry] = []
        conditions = ["(attribute_not_exists(not_before) OR not_before <= :now)", where]
        if invoked_only:
            conditions.append("attribute_exists(invocation_id)")
        pages = self.table.query_pages(
            partition,
            where=" AND ".join(filter(None, conditions)),
            values={":now": self.now().timestamp()},
            page=max(limit, 25),
        )
        for page in pages:
            found.extend(map(parse_entry, page))
            if len(found) >= limit:
                break
        return found

    def holds(self, pipeline: str, *, invoked_only: bool = False) -> bool:
        """Whether anything is due in a pipeline's inbox."""
        partitions = inbox_partitions(pipeline)
        return any(self._read_shard(partition, 1, invoked_only=invoked_only) for partition in partitions)
