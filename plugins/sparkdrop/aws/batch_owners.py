"""Whose the uploads of a batch are: what is told of a whole batch may name any of its files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparkdrop.core.patterns import find_upload_folder

if TYPE_CHECKING:
    from sparkdrop.aws.ledger import Ledger
    from sparkdrop.aws.links import Links
    from sparkdrop.aws.records import BatchHead

_ROOM = 1_000
"""Uploads that are looked at for one answer: a batch that is larger counts as several owners'."""


class BatchOwners:
    """Looks into batches for one answer, into each once.

    Args:
        ledger: the ledger.
        links: its links.
    """

    def __init__(self, ledger: Ledger, links: Links) -> None:
        self._ledger = ledger
        self._links = links
        self._room = _ROOM
        self._seen: dict[tuple[str, str], tuple[int, bool]] = {}

    def look_at(self, batch_id: str, caller: str) -> tuple[int, bool]:
        """Count a batch's uploads, and say whether each came through a link of this caller's."""
        if (batch_id, caller) not in self._seen:
            head = self._ledger.read_batch(batch_id)
            self._seen[batch_id, caller] = (
                (head.upload_count, self._is_of_one(head, caller)) if head else (0, False)
            )
        return self._seen[batch_id, caller]

    def _is_of_one(self, head: BatchHead, caller: str) -> bool:
        if head.upload_count > self._room:
            return False
        entries = self._ledger.read_batch_entries(head)
        self._room -= len(entries)
        places = {(entry.arrival.bucket, entry.arrival.key) for entry in entries}
        folders = {find_upload_folder(key) for _, key in places} - {None}
        found = self._links.read_many([folder for folder in folders if folder])
        own = {(one.link.bucket, one.link.key) for one in found if one.link.caller == caller}
        return bool(places) and places <= own
