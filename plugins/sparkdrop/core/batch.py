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
        group_id: the uploads that it is tried again with, and with no others; None for what may be mixed.
        uncounted: attempts that do not count against the pipeline's `retries.attempts`.
        is_chosen: a person or an invocation named it, so it is processed whatever is in the output already.
    """

    upload_id: str
    arrival: Arrival
    attempt: int = 1
    not_before: datetime | None = None
    invocation_id: str | None = None
    group_id: str | None = None
    uncounted: int = 0
    is_chosen: bool = False

    @property
    def counted_attempt(self) -> int:
        """The attempt, without those that were not the upload's to answer for."""
        return self.attempt - self.uncounted

    @property
    def turn(self) -> tuple[datetime, str]:
        """What is taken first: by arrival, and a group by the time from which it may be tried again.

        So what is tried again queues behind what has come meanwhile, and holds up nobody.
        """
        since = self.not_before if self.group_id else None
        return since or self.arrival.arrived_at, self.upload_id


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
    are a batch without any others, and so are those of a group: whose entries they are, the first says.
    """
    taken: dict[str, InboxEntry] = {}
    total_bytes = 0
    full = False
    in_turn = sorted(waiting, key=lambda entry: (*entry.turn, -entry.attempt))
    for entry in in_turn:
        identity = upload_identity(entry.upload_id)
        if identity in taken or not _belong_together(entry, in_turn[0]):
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
    if entries and not full and limits.max_wait and entries[0].group_id is None:
        ripe_at = entries[0].arrival.arrived_at + limits.max_wait
        if ripe_at > now:
            return BatchPlan(entries=(), wait_until=ripe_at)
    return BatchPlan(entries=entries, more=len(entries) < len(waiting))


def _belong_together(one: InboxEntry, other: InboxEntry) -> bool:
    return (one.invocation_id, one.group_id) == (other.invocation_id, other.group_id)
