"""The ledger's batches: how far each is, and what is known of its step."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from sparkdrop.aws.inbox import Inbox
from sparkdrop.aws.items import TTL, BatchState, batch_key, bisection_key, format_time, open_batch_key
from sparkdrop.aws.records import BatchHead, CancelCause, parse_head

_SEARCH_KEPT_FOR = timedelta(days=90)


class Batches(Inbox):
    """What may happen to a batch that was opened."""

    def read_batch(self, batch_id: str) -> BatchHead | None:
        """Read a batch's head, or None where no run has opened it."""
        item = self.table.get(batch_key(batch_id))
        return parse_head(item) if item else None

    def read_open_batches(self) -> list[BatchHead]:
        """Read the batches that are not over, oldest first."""
        return self.read_batches(marker["sk"] for page in self.table.query_pages("open") for marker in page)

    def read_batches(self, batch_ids: Iterable[str]) -> list[BatchHead]:
        """Read the heads of those of these batches that are on record, oldest first."""
        heads = map(parse_head, self.table.batch_get([batch_key(batch_id) for batch_id in batch_ids]))
        return sorted(heads, key=lambda head: head.batch_id)

    def announce_step(
        self, batch_id: str, job_flow_id: str, step_name: str, timeout: timedelta | None = None
    ) -> None:
        """Write down, before it is submitted, where a batch's step will be found, and until when."""
        now = self.now()
        facts = {
            "batch_state": BatchState.RUNNING.value,
            "job_flow_id": job_flow_id,
            "step_name": step_name,
            "announced_at": format_time(now),
            "deadline": format_time(now + timeout) if timeout else None,
        }
        self.update_head(batch_id, facts)

    def start_batch(self, batch_id: str, step_id: str) -> None:
        """Write down the step that processes a batch."""
        self.update_head(batch_id, {"step_id": step_id})

    def postpone_deadline(self, batch_id: str, deadline: datetime) -> None:
        """Move a deadline on: its step has waited for its cluster, and runs now."""
        self.update_head(batch_id, {"deadline": format_time(deadline)})

    def note_cancellation(self, head: BatchHead, cause: CancelCause) -> None:
        """Write down, before it is cancelled, why a batch's step is; the first reason stays."""
        if head.cancelled_for is not None:
            return
        facts = {"cancelled_for": cause.value, "cancelled_at": format_time(self.now())}
        # the head may be older than another's reason
        update = self.table.build_update(
            batch_key(head.batch_id),
            facts,
            condition="attribute_exists(pk) AND attribute_not_exists(cancelled_for)",
        )
        with suppress(self.table.client.exceptions.ConditionalCheckFailedException):
            self.table.client.update_item(**update)

    def note_slow(self, batch_id: str) -> None:
        """Write down that a batch takes far longer than others do."""
        self.update_head(batch_id, {"slow_since": format_time(self.now())})

    def close_batch(
        self,
        batch_id: str,
        state: BatchState,
        ends: Mapping[str, int] = MappingProxyType({}),
        log_excerpt: str | None = None,
    ) -> None:
        """End a batch: nothing of it is left to do.

        Args:
            batch_id: the batch.
            state: how it ended.
            ends: of an invocation's batch, how many of its uploads ended how.
            log_excerpt: the end of its step's log, where it failed.
        """
        facts = {"batch_state": state.value, "ends": dict(ends) or None, "log_excerpt": log_excerpt}
        self.update_head(batch_id, facts)
        self.table.delete(open_batch_key(batch_id))

    def update_head(self, batch_id: str, facts: Mapping[str, Any], *, remove: Sequence[str] = ()) -> None:
        """Set and remove what a batch's head tells."""
        update = self.table.build_update(
            batch_key(batch_id), facts, condition="attribute_exists(pk)", remove=remove
        )
        self.table.client.update_item(**update)

    # pieces of a batch that failed

    def read_failures_in_a_row(self, root: str) -> int:
        """Read how many pieces of a batch have failed with none between them that went well."""
        item = self.table.get(bisection_key(root))
        return item["failures_in_a_row"] if item else 0

    def note_piece(self, root: str, failures_in_a_row: int) -> None:
        """Write down how many it is now."""
        expires_at = int((self.now() + _SEARCH_KEPT_FOR).timestamp())
        self.table.put({**bisection_key(root), "failures_in_a_row": failures_in_a_row, TTL: expires_at})
