"""Which of the waiting uploads one run takes, and when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sparkdrop.core.uploads import Arrival, make_ulid, upload_identity


@dataclass(frozen=True, slots=True)
class InboxEntry:
    """An upload that waits to be claimed.

    Attributes:
        upload_id: sorts by arrival.
        arrival: the object version.
        attempt: 1 for a new upload; one more for each retry or replay.
        not_before: a retry waits until then.
        invocation_id: the invocation that it is processed for; None for what merely landed.
    """

    upload_id: str
    arrival: Arrival
    attempt: int = 1
    not_before: datetime | None = None
    invocation_id: str | None = None


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """A pipeline's limits on one batch; None is no limit."""

    max_files: int
    max_bytes: int | None = None
    max_wait: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """What to take now.

    Attributes:
        entries: the uploads to claim, oldest first.
        more: more are waiting than fit.
        wait_until: set when it is better to wait for more; `entries` is then empty.
    """

    entries: tuple[InboxEntry, ...]
    more: bool = False
    wait_until: datetime | None = None


def make_batch_id(dag_id: str, run_id: str, run_after: datetime) -> str:
    """A batch's id follows from its run, so that a retried task claims the same uploads again."""
    return make_ulid(run_after, f"{dag_id}\0{run_id}")


def plan_batch(waiting: Sequence[InboxEntry], limits: BatchLimits, now: datetime) -> BatchPlan:
    """Take the oldest entries, up to the limits; at least one, however large it is.

    Two entries of one object version (an event's and a listing's) count once: the later one stays for its own
    claim, which finds it done and drops it. A step has one list of arguments, so the entries of an invocation
    are a batch without any others: whose entries they are, the oldest says.
    """
    taken: dict[str, InboxEntry] = {}
    total_bytes = 0
    full = False
    oldest_first = sorted(waiting, key=lambda entry: (entry.upload_id, -entry.attempt))
    for entry in oldest_first:
        identity = upload_identity(entry.upload_id)
        if identity in taken or entry.invocation_id != oldest_first[0].invocation_id:
            continue
        over = limits.max_bytes is not None and taken and total_bytes + entry.arrival.bytes > limits.max_bytes
        if len(taken) == limits.max_files or over:
            full = True
            break
        taken[identity] = entry
        total_bytes += entry.arrival.bytes
    entries = tuple(taken.values())
    full = full or len(entries) == limits.max_files or (limits.max_bytes or total_bytes + 1) <= total_bytes
    # without a wait nothing is asked of the clock, which may be behind S3's
    if entries and not full and limits.max_wait:
        ripe_at = entries[0].arrival.arrived_at + limits.max_wait
        if ripe_at > now:
            return BatchPlan(entries=(), wait_until=ripe_at)
    return BatchPlan(entries=entries, more=len(entries) < len(waiting))
