"""What becomes of the uploads of a batch that failed: tried again, tried in halves, or given up.

A batch that fails by its files' fault is tried once more as it was, then cut in halves that are batches of
their own, until a file that fails alone is found. Each half starts with all the pipeline's attempts anew, so
that the search uses up nothing of what the innocent have for AWS's bad moments.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sparkdrop.core.batch import InboxEntry
from sparkdrop.core.uploads import UploadState

MAX_FAILURES_IN_A_ROW = 32
"""Pieces of one batch that fail, with none between them that goes well, before the files are believed.

A program that fails whatever it reads would else be run twice for every file. Every set of bad files is found
in a batch of up to 16 files, and every set of up to 15 in a larger one.
"""


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed batch.

    Attributes:
        batch_id: the batch.
        is_files_fault: its files may be to blame, and not the cluster, AWS or the program.
        failures_in_a_row: see `MAX_FAILURES_IN_A_ROW`; of the batch that this one is a piece of.
        at: when it was settled.
    """

    batch_id: str
    is_files_fault: bool
    failures_in_a_row: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one upload.

    Attributes:
        entry: the claimed upload.
        state: PENDING, FAILED or QUARANTINED.
        retry_at: with PENDING, when it may be tried again.
        group_id: with PENDING, the uploads that it is tried again with.
        uncounted: with PENDING, the attempts that do not count any more.
    """

    entry: InboxEntry
    state: UploadState
    retry_at: datetime | None = None
    group_id: str | None = None
    uncounted: int = 0


def decide_fates(
    entries: Sequence[InboxEntry], failure: Failure, *, attempts: int, delay: timedelta
) -> list[Fate]:
    """Decide for each upload of a failed batch.

    Args:
        entries: of one batch, and so of one group.
        failure: how it failed.
        attempts: of the pipeline's `retries`.
        delay: of the pipeline's `retries`.
    """
    if not failure.is_files_fault or not entries:
        return [_retry(entry, failure, attempts, delay) for entry in entries]
    group = entries[0].group_id
    if group and failure.failures_in_a_row >= MAX_FAILURES_IN_A_ROW:
        return [Fate(entry, UploadState.FAILED) for entry in entries]
    if len(entries) == 1:
        entry = entries[0]
        if group:
            return [Fate(entry, UploadState.QUARANTINED)]
        return [_retry(entry, failure, attempts, delay)]
    if group or any(entry.counted_attempt >= attempts for entry in entries):
        return _split(entries, group or failure.batch_id, failure.at)
    return [_retry(entry, failure, attempts, delay, group=failure.batch_id) for entry in entries]


def find_root(group_id: str | None) -> str | None:
    """The id of the batch that a group is a piece of; None where there is no group."""
    return group_id.partition(".")[0] if group_id else None


def _retry(
    entry: InboxEntry, failure: Failure, attempts: int, delay: timedelta, *, group: str | None = None
) -> Fate:
    if entry.counted_attempt >= attempts:
        return Fate(entry, UploadState.FAILED)
    return Fate(
        entry, UploadState.PENDING, failure.at + delay, group or entry.group_id, uncounted=entry.uncounted
    )


def _split(entries: Sequence[InboxEntry], group: str, at: datetime) -> list[Fate]:
    """Cut in halves; a group is named after its batch and the halves on the way to it: `<batch_id>.011`."""
    prefix = group if "." in group else f"{group}."
    middle = (len(entries) + 1) // 2
    return [
        Fate(
            entry, UploadState.PENDING, at, f"{prefix}{0 if number < middle else 1}", uncounted=entry.attempt
        )
        for number, entry in enumerate(entries)
    ]
