"""A run's claim: the uploads that it, and no other run, will process."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sparkdrop.aws.content_notes import note_contents
from sparkdrop.aws.invocation_claims import InvocationSource, open_invocation_batch
from sparkdrop.aws.items import BatchState
from sparkdrop.aws.ledger import Ledger
from sparkdrop.aws.records import BatchHead, RunKey, UploadOutcome
from sparkdrop.aws.same_content import ContentCheck
from sparkdrop.core.batch import BatchLimits, BatchPlan, InboxEntry, plan_batch
from sparkdrop.core.uploads import EMPTY, UploadState


@dataclass(frozen=True, slots=True)
class Claim:
    """What a run may process.

    Attributes:
        head: the batch, or None where there is nothing to do.
        entries: its uploads, oldest first.
        more: something else is waiting in the inbox.
        wait_until: set when the run shall wait for more to come along.
    """

    head: BatchHead | None
    entries: tuple[InboxEntry, ...] = ()
    more: bool = False
    wait_until: datetime | None = None


def claim_batch(
    ledger: Ledger,
    run: RunKey,
    limits: BatchLimits,
    *,
    choose: Callable[[], Sequence[InboxEntry]] | None = None,
    invocations: InvocationSource | None = None,
    invoked_only: bool = False,
    contents: ContentCheck | None = None,
) -> Claim:
    """Claim what waits, up to the limits; a run that has claimed before gets the same uploads again.

    What is about to be claimed is written down first, so that a claim that dies anywhere is mended by
    doing it again: each upload moves in a transaction of its own, on the condition that no other batch
    holds it.

    Args:
        ledger: the ledger.
        run: who claims.
        limits: the pipeline's limits.
        choose: finds what to claim instead of what waits; what does not fit goes to the inbox.
        invocations: finds the objects of invocations; None leaves them waiting.
        invoked_only: leave what merely landed where it is.
        contents: says what need not be processed, as it is in the output already; None asks nobody. What a
            person or an invocation chose is processed anyway.
    """
    head = ledger.read_batch(run.batch_id)
    if head is None:
        waiting = (
            choose() if choose else _read_waiting(ledger, run.pipeline, limits.max_files + 1, invoked_only)
        )
        if contents and not choose:
            waiting = contents.hold_back(waiting)
        plan = plan_batch(waiting, limits, ledger.now())
        if invocations and not choose:
            oldest = plan.entries[0].upload_id if plan.entries else None
            head = open_invocation_batch(ledger, run, limits, invocations, before=oldest)
        if head is None and not plan.entries:
            return Claim(None, wait_until=plan.wait_until)
        if choose and plan.more:
            taken = set(plan.entries)
            ledger.record(run.pipeline, [entry for entry in waiting if entry not in taken])
        head = head or _open_planned(ledger, run, plan)
    if head.state is BatchState.EMPTY:
        return Claim(None, more=ledger.is_waiting(run.pipeline, invoked_only=invoked_only))
    claimed = ledger.claim_entries(head, ledger.read_batch_entries(head))
    entries = end_without_spark(ledger, head, claimed, None if choose else contents)
    more = ledger.is_waiting(run.pipeline, invoked_only=invoked_only)
    return Claim(head if entries else None, tuple(entries), more)


def end_without_spark(
    ledger: Ledger, head: BatchHead, claimed: Sequence[InboxEntry], contents: ContentCheck | None
) -> list[InboxEntry]:
    """End what no job has to look at; the answer is what is left. A batch of nothing else is over."""
    ended = [
        UploadOutcome(entry, UploadState.QUARANTINED, {"reason": EMPTY})
        for entry in claimed
        if not entry.arrival.bytes
    ]
    left = [entry for entry in claimed if entry.arrival.bytes]
    if contents:
        ended += contents.find_ends(left)
    if not ended:
        return left
    note_contents(ledger, head.pipeline, ended)
    ledger.settle(head, ended)
    over = {outcome.entry.upload_id for outcome in ended}
    left = [entry for entry in left if entry.upload_id not in over]
    if not left:
        ends = ledger.count_ends(head, ended) if head.invocation_id else {}
        ledger.close_batch(head.batch_id, BatchState.EMPTY, ends)
    return left


def _open_planned(ledger: Ledger, run: RunKey, plan: BatchPlan) -> BatchHead:
    """Open the batch of a plan: where it is another attempt for an invocation, with that one's arguments."""
    invocation_id = plan.entries[0].invocation_id
    invocation = ledger.invocations.read(invocation_id) if invocation_id else None
    return ledger.open_batch(run, plan.entries, invocation=invocation)


def _read_waiting(ledger: Ledger, pipeline: str, many: int, invoked_only: bool) -> list[InboxEntry]:  # noqa: FBT001 - a private helper
    """Read what waits and can be claimed, oldest first.

    Redelivered events put entries back whose uploads are done. Were a batch made of nothing else, its run
    would end as skipped, and nobody would be woken for what waits behind them.
    """
    seen: list[InboxEntry] = []
    while (waiting := ledger.read_inbox(pipeline, many, invoked_only=invoked_only)[:many]) != seen:
        claimable = ledger.drop_over(pipeline, waiting)
        if claimable or len(waiting) < many:
            return claimable
        seen = waiting
    return []
