"""The ledger: the DynamoDB table that knows of every upload what became of it.

Each decision is one conditional write on the base table, read with strong consistency; the indexes serve
lists that people look at (`sparkdrop.aws.listing`).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3

from sparkdrop.aws.batches import Batches
from sparkdrop.aws.invocations import InvocationRecord, Invocations, Progress
from sparkdrop.aws.items import (
    BatchState,
    Item,
    batch_key,
    build_chunk_texts,
    build_inbox_item,
    build_upload_facts,
    chunk_key,
    format_time,
    inbox_key,
    open_batch_key,
    parse_chunk_text,
    upload_key,
)
from sparkdrop.aws.records import FACTS_OF_A_CLAIM, FACTS_OF_A_STEP, BatchHead, RunKey, UploadOutcome
from sparkdrop.aws.table import Table
from sparkdrop.aws.transactions import transact_each
from sparkdrop.aws.values import marshal
from sparkdrop.core.batch import InboxEntry
from sparkdrop.core.errors import LedgerError
from sparkdrop.core.uploads import UploadState, upload_identity

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Ledger(Batches):
    """What may happen to uploads and batches."""

    def __init__(
        self,
        table: str,
        *,
        client: "DynamoDBClient | None" = None,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        super().__init__(Table(table, client or boto3.client("dynamodb")), clock)
        self.invocations = Invocations(self.table, self.now)

    # inbox

    def drop_over(self, pipeline: str, entries: Sequence[InboxEntry]) -> list[InboxEntry]:
        """Drop the entries whose attempt was claimed before; the answer is those that can be claimed now.

        An entry whose upload a batch holds for an earlier attempt is neither: it stays where it is.
        """
        items = {
            upload_identity(item["upload_id"]): item
            for item in self.read_uploads(entry.upload_id for entry in entries)
        }
        over: list[InboxEntry] = []
        claimable: list[InboxEntry] = []
        for entry in entries:
            item = items.get(upload_identity(entry.upload_id))
            if item is not None and item["attempt"] >= entry.attempt:
                over.append(entry)
            elif item is None or item["state"] != UploadState.CLAIMED:
                claimable.append(entry)
        self.drop(pipeline, over)
        return claimable

    def is_waiting(self, pipeline: str, *, invoked_only: bool = False) -> bool:
        """Whether an invocation waits, or anything due that a run takes.

        Args:
            pipeline: whose inbox.
            invoked_only: a run without its schedule, which leaves what merely landed unless it owes a rest.
        """
        if self.invocations.is_waiting(pipeline):
            return True
        return self.holds(pipeline, invoked_only=invoked_only and not self.owes_rest(pipeline))

    # batches

    def open_batch(
        self, run: RunKey, entries: Sequence[InboxEntry], *, invocation: InvocationRecord | None = None
    ) -> BatchHead:
        """Write what a run is about to claim, before it claims any of it; the first to write decides.

        The answer is the head that stands, which may be an earlier one.

        Args:
            run: who claims.
            entries: what.
            invocation: what it is another attempt for; None for what merely landed.
        """
        note = (
            [{"Put": self.invocations.build_note(invocation.invocation_id, run.batch_id)}]
            if invocation
            else []
        )
        stored = self._open_batch(run, entries, invocation, note)
        if stored is None:
            raise LedgerError(
                f"batch {run.batch_id} of table {self.table.name} is gone right after it was opened"
            )
        return stored

    def open_piece(self, run: RunKey, entries: Sequence[InboxEntry], progress: Progress) -> BatchHead | None:
        """Open a batch for the next piece of an invocation, and move the invocation on, both or neither.

        The answer is the head that stands; None where somebody else has moved the invocation on.
        """
        moves = self.invocations.build_progress(progress, run.batch_id)
        return self._open_batch(run, entries, progress.record, moves)

    def _open_batch(
        self,
        run: RunKey,
        entries: Sequence[InboxEntry],
        invocation: InvocationRecord | None,
        more: Sequence[Any],
    ) -> BatchHead | None:
        chunks = build_chunk_texts(run.pipeline, entries)
        for number, chunk in enumerate(chunks):
            self.table.put({**chunk_key(run.batch_id, number), "entries": chunk})
        head = {
            **batch_key(run.batch_id),
            "batch_id": run.batch_id,
            "batch_pipeline": run.pipeline,
            "dag_id": run.dag_id,
            "run_id": run.run_id,
            "batch_state": BatchState.OPEN.value,
            "chunks": len(chunks),
            "upload_count": len(entries),
            "bytes": sum(entry.arrival.bytes for entry in entries),
            "opened_at": format_time(self.now()),
            "invocation_id": invocation.invocation_id if invocation else None,
            "arguments": list(invocation.request.arguments) if invocation else None,
        }
        put_head = self._build_put(head) | {"ConditionExpression": "attribute_not_exists(pk)"}
        put_marker = self._build_put(open_batch_key(run.batch_id))
        transact_each(self.table.client, [[{"Put": put_head}, {"Put": put_marker}, *more]])
        return self.read_batch(run.batch_id)

    def read_batch_entries(self, head: BatchHead) -> list[InboxEntry]:
        """Read what a batch meant to claim, oldest first.

        A writer that died before it wrote the head may have left more pieces than the head counts.
        """
        pages = self.table.query_pages(batch_key(head.batch_id)["pk"], sk_prefix="chunk#")
        chunks = [chunk for page in pages for chunk in page][: head.chunks]
        return [entry for chunk in chunks for entry in parse_chunk_text(chunk["entries"])]

    def claim_entries(self, head: BatchHead, entries: Sequence[InboxEntry]) -> list[InboxEntry]:
        """Move each upload into the batch, if no other holds it; the answer is those that the batch holds.

        An upload whose attempt is over (a redelivered event, or another batch was faster) loses its inbox
        entry and is not part of the batch. Doing it again changes nothing but the history's times.
        """
        # Before anything is claimed: a sweep has to find a batch that holds something, whoever dies here.
        self.table.put(open_batch_key(head.batch_id))
        held = transact_each(self.table.client, [self._build_claim(head, entry) for entry in entries])
        self.drop_over(
            head.pipeline, [entry for entry, is_held in zip(entries, held, strict=True) if not is_held]
        )
        kept = [entry for entry, is_held in zip(entries, held, strict=True) if is_held]
        facts = {
            "batch_state": BatchState.CLAIMED.value,
            "upload_count": len(kept),
            "bytes": sum(entry.arrival.bytes for entry in kept),
        }
        self.update_head(head.batch_id, facts, remove=FACTS_OF_A_STEP)
        if not kept:
            self.close_batch(head.batch_id, BatchState.EMPTY)
        return kept

    def _build_claim(self, head: BatchHead, entry: InboxEntry) -> list[Any]:
        claimed = {
            **build_upload_facts(head.pipeline, entry),
            "state": UploadState.CLAIMED.value,
            "batch_id": head.batch_id,
            "run_id": head.run_id,
            "updated_at": format_time(self.now()),
        }
        update = self.table.build_update(
            upload_key(entry.upload_id),
            claimed,
            condition="attribute_not_exists(pk) OR batch_id = :this_batch OR "
            "(attempt < :this_attempt AND #state <> :claimed)",
            values={
                ":this_batch": head.batch_id,
                ":this_attempt": entry.attempt,
                ":claimed": UploadState.CLAIMED.value,
            },
            first={"created_at": format_time(entry.arrival.arrived_at)},
            remove=FACTS_OF_A_CLAIM,
        )
        delete = {"TableName": self.table.name, "Key": marshal(inbox_key(head.pipeline, entry))}
        return [{"Update": update}, {"Delete": delete}]

    # uploads

    def read_uploads(self, upload_ids: Iterable[str]) -> list[Item]:
        """Read the uploads that were claimed at least once, by any of their ids, in no order."""
        keys = {key["pk"]: key for key in map(upload_key, upload_ids)}
        return list(self.table.batch_get(list(keys.values())))

    def settle(self, head: BatchHead, outcomes: Sequence[UploadOutcome]) -> list[UploadOutcome]:
        """Move a batch's uploads to their ends, or back to the inbox; the answer is those that moved.

        An upload that the batch no longer holds stays as it is, so settling twice changes nothing.
        """
        moved = transact_each(
            self.table.client, [self._build_settlement(head, outcome) for outcome in outcomes]
        )
        return [outcome for outcome, did_move in zip(outcomes, moved, strict=True) if did_move]

    def count_ends(self, head: BatchHead, outcomes: Sequence[UploadOutcome]) -> dict[str, int]:
        """Count how a batch's uploads ended: read back, so that settling it twice counts nothing twice."""
        attempts = {upload_identity(outcome.entry.upload_id): outcome.entry.attempt for outcome in outcomes}
        items = self.read_uploads(outcome.entry.upload_id for outcome in outcomes)
        return Counter(
            item["state"]
            for item in items
            if item.get("batch_id", head.batch_id) == head.batch_id
            and item["attempt"] == attempts[upload_identity(item["upload_id"])]
        )

    def _build_settlement(self, head: BatchHead, outcome: UploadOutcome) -> list[Any]:
        now = self.now()
        entry = outcome.entry
        update = self.table.build_update(
            upload_key(entry.upload_id),
            {**outcome.facts, "state": outcome.state.value, "updated_at": format_time(now)},
            condition="batch_id = :this_batch AND #state = :claimed",
            values={":this_batch": head.batch_id, ":claimed": UploadState.CLAIMED.value},
            remove=("batch_id", "run_id") if outcome.state is UploadState.PENDING else (),
        )
        if outcome.state is not UploadState.PENDING:
            return [{"Update": update}]
        again = replace(
            entry,
            attempt=entry.attempt + 1,
            not_before=outcome.retry_at,
            group_id=outcome.group_id,
            uncounted=outcome.uncounted,
        )
        put = self._build_put(build_inbox_item(head.pipeline, again, now))
        return [{"Update": update}, {"Put": put}]

    def _build_put(self, item: Item | dict[str, str]) -> dict[str, Any]:
        return {"TableName": self.table.name, "Item": marshal(item)}
