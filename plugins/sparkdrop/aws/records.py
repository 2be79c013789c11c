"""What the ledger tells of a batch and its run, and what it is told of an upload's end."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sparkdrop.aws.items import BatchState, Item
from sparkdrop.core.batch import InboxEntry
from sparkdrop.core.uploads import UploadState

FACTS_OF_A_CLAIM = (
    "output",
    "rows_in",
    "rows_out",
    "rows_rejected",
    "rejects",
    "reason",
    "same_as",
    "log",
    "invocation_id",
    "group_id",
    "uncounted",
    "is_chosen",
)
"""What an upload's item tells of the batch that last held it; the next claim takes it away."""


FACTS_OF_A_STEP = (
    "job_flow_id",
    "step_name",
    "step_id",
    "announced_at",
    "deadline",
    "cancelled_for",
    "cancelled_at",
    "slow_since",
)
"""What a batch's head tells of its step; a claim that is run again takes it away."""


class CancelCause(StrEnum):
    """Why we cancelled a step."""

    TIMEOUT = "TIMEOUT"
    ABANDONED = "ABANDONED"


@dataclass(frozen=True, slots=True)
class RunKey:
    """The run that claims.

    Attributes:
        batch_id: see `sparkdrop.core.batch.make_batch_id`.
        pipeline: whose inbox it takes from.
        dag_id: its DAG.
        run_id: its id there.
    """

    batch_id: str
    pipeline: str
    dag_id: str
    run_id: str


@dataclass(frozen=True, slots=True)
class BatchHead:
    """A batch's head: which run claimed it, how far it is.

    Attributes:
        batch_id: follows from the run.
        pipeline: whose inbox it came from.
        dag_id: the DAG of the run.
        run_id: the run.
        state: how far it is.
        upload_count: uploads that it holds.
        bytes: their size together.
        chunks: pieces that its list is stored in.
        job_flow_id: the cluster, from just before the step is submitted.
        step_name: the step's name, likewise.
        step_id: the step, from just after it is submitted.
        opened_at: when it was opened.
        invocation_id: the invocation that it was opened for; None for what merely landed.
        arguments: what that invocation adds to the program's arguments.
        ends: of an invocation's batch that is over: how many of its uploads ended in each state, or PENDING
            where they wait for another attempt.
        announced_at: when the step was about to be submitted.
        deadline: when the step has to be over; moved on when it starts late.
        cancelled_for: why the step was cancelled, where we did it.
        cancelled_at: when.
        slow_since: when it was found to take far longer than its pipeline's batches do.
    """

    batch_id: str
    pipeline: str
    dag_id: str
    run_id: str
    state: BatchState
    upload_count: int
    bytes: int
    chunks: int
    job_flow_id: str | None
    step_name: str | None
    step_id: str | None
    opened_at: datetime
    invocation_id: str | None = None
    arguments: tuple[str, ...] = ()
    ends: dict[str, int] = field(default_factory=dict)
    announced_at: datetime | None = None
    deadline: datetime | None = None
    cancelled_for: CancelCause | None = None
    cancelled_at: datetime | None = None
    slow_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class UploadOutcome:
    """What became of one upload of a batch.

    Attributes:
        entry: the claimed upload.
        state: SUCCEEDED, FAILED or QUARANTINED; PENDING gives it back to the inbox.
        facts: what the upload's item shall tell: output, rows_in, rows_out, rows_rejected, rejects, reason,
            log; of what has the content of another, same_as: the upload whose rows the output has.
        retry_at: with PENDING, when the next attempt may be.
        group_id: with PENDING, the uploads that it is tried again with, and with no others.
        uncounted: with PENDING, the attempts that do not count.
    """

    entry: InboxEntry
    state: UploadState
    facts: dict[str, Any]
    retry_at: datetime | None = None
    group_id: str | None = None
    uncounted: int = 0


def parse_head(item: Item) -> BatchHead:
    """Read a batch's head from its item."""
    return BatchHead(
        batch_id=item["batch_id"],
        pipeline=item["batch_pipeline"],
        dag_id=item["dag_id"],
        run_id=item["run_id"],
        state=BatchState(item["batch_state"]),
        upload_count=item["upload_count"],
        bytes=item["bytes"],
        chunks=item["chunks"],
        job_flow_id=item.get("job_flow_id"),
        step_name=item.get("step_name"),
        step_id=item.get("step_id"),
        opened_at=datetime.fromisoformat(item["opened_at"]),
        invocation_id=item.get("invocation_id"),
        arguments=tuple(item.get("arguments", ())),
        ends=item.get("ends", {}),
        announced_at=_parse_time(item.get("announced_at")),
        deadline=_parse_time(item.get("deadline")),
        cancelled_for=CancelCause(item["cancelled_for"]) if "cancelled_for" in item else None,
        cancelled_at=_parse_time(item.get("cancelled_at")),
        slow_since=_parse_time(item.get("slow_since")),
    )


def _parse_time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
