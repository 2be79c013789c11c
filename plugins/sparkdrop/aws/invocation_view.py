"""What people ask about an invocation: how it stands, and what became of its files."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from sparkdrop.aws.items import BatchState, batch_key, inbox_partitions
from sparkdrop.aws.records import parse_head
from sparkdrop.core.invocation import InvocationState
from sparkdrop.core.uploads import UploadState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sparkdrop.aws.invocations import InvocationRecord
    from sparkdrop.aws.ledger import Ledger
    from sparkdrop.aws.records import BatchHead

_LIVE = {BatchState.OPEN, BatchState.CLAIMED, BatchState.RUNNING}
_BATCHES_SHOWN = 100


def read_invocation(ledger: Ledger, invocation_id: str) -> dict[str, Any] | None:
    """Read how an invocation stands; None where there is none.

    It ends once its input is taken to the end, its batches are over and no file of it waits for another
    attempt. SUCCEEDED says that every file did; the counts in `files` tell more.
    """
    record = ledger.invocations.read(invocation_id)
    if record is None:
        return None
    batch_ids = ledger.invocations.read_batch_ids(invocation_id)
    items = ledger.table.batch_get([batch_key(batch_id) for batch_id in batch_ids])
    heads = sorted(map(parse_head, items), key=lambda head: head.batch_id)
    ends = sum((Counter(head.ends) for head in heads), Counter[str]())
    state, reason = _find_state(ledger, record, heads, ends)
    return {
        "run_id": record.invocation_id,
        "pipeline": record.request.pipeline,
        "input": record.request.input,
        "arguments": list(record.request.arguments),
        "caller": record.caller,
        "state": state.value,
        "reason": reason,
        "files": {
            "succeeded": ends[UploadState.SUCCEEDED],
            "failed": ends[UploadState.FAILED],
            "quarantined": ends[UploadState.QUARANTINED],
        },
        "batches": [_describe(head) for head in heads[-_BATCHES_SHOWN:]],
        "created_at": record.created_at,
        "updated_at": record.updated_at,
    }


def _find_state(
    ledger: Ledger, record: InvocationRecord, heads: Sequence[BatchHead], ends: Counter[str]
) -> tuple[InvocationState, str | None]:
    if record.state is not InvocationState.RUNNING:
        return record.state, record.reason
    is_live = record.turn is not None or any(head.state in _LIVE for head in heads)
    if is_live or (_may_wait(heads, ends) and _waits_in_inbox(ledger, record)):
        return InvocationState.RUNNING, None
    bad = ends[UploadState.FAILED] + ends[UploadState.QUARANTINED]
    if bad:
        whole = bad + ends[UploadState.SUCCEEDED]
        return InvocationState.FAILED, f"{bad} of {whole} files did not succeed; each upload tells why"
    if not ends[UploadState.SUCCEEDED]:
        return InvocationState.FAILED, "its objects belong to other pipelines, or another run took them"
    return InvocationState.SUCCEEDED, None


def _may_wait(heads: Sequence[BatchHead], ends: Counter[str]) -> bool:
    """Whether a file may wait for its next attempt, or for another batch that held it when it was chosen."""
    return ends[UploadState.PENDING] > 0 or not heads


def _waits_in_inbox(ledger: Ledger, record: InvocationRecord) -> bool:
    for partition in inbox_partitions(record.request.pipeline):
        pages = ledger.table.query_pages(
            partition, where="invocation_id = :invocation", values={":invocation": record.invocation_id}
        )
        if any(pages):
            return True
    return False


def _describe(head: BatchHead) -> dict[str, Any]:
    return {
        "batch_id": head.batch_id,
        "state": head.state.value,
        "run_id": head.run_id,
        "job_flow_id": head.job_flow_id,
        "step_id": head.step_id,
        "files": head.upload_count,
    }
