"""The ledger's invocations: recorded once, taken up by runs in turn.

An invocation that is not through has a marker in its pipeline's partition; the marker's sort key is its turn.
Whoever takes it up moves it on in one transaction with the batch that they open, on the condition that the
turn is still the one that they saw: so an invocation's objects are in one batch each, whoever dies when.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sparkdrop.aws.items import Item, format_time, invocation_batch_key, invocation_key, turn_key
from sparkdrop.aws.transactions import transact_each
from sparkdrop.aws.values import marshal
from sparkdrop.core.errors import InvocationConflictError, LedgerError
from sparkdrop.core.invocation import Invocation, InvocationState, make_invocation_id
from sparkdrop.core.uploads import make_ulid

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sparkdrop.aws.table import Table


@dataclass(frozen=True, slots=True)
class InvocationRecord:
    """What the ledger holds of an invocation.

    Attributes:
        invocation_id: its id.
        request: what was asked for.
        caller: by whom.
        state: PENDING; RUNNING, once a run has taken it up; FAILED, where there was nothing to take.
        turn: its place among what waits; None once it is through.
        position: the last key of its prefix that was taken; None before the first.
        reason: why it failed.
        created_at: when it was recorded, ISO 8601.
        updated_at: when it was last taken up.
    """

    invocation_id: str
    request: Invocation
    caller: str
    state: InvocationState
    turn: str | None
    position: str | None
    reason: str | None
    created_at: str
    updated_at: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an invocation is, once a piece of it is taken.

    Attributes:
        record: as it was before.
        position: the last key that is taken by now.
        is_over: nothing comes after it.
    """

    record: InvocationRecord
    position: str
    is_over: bool


class Invocations:
    """What may happen to invocations.

    Args:
        table: the ledger's.
        clock: says what time it is.
    """

    def __init__(self, table: Table, clock: Callable[[], datetime]) -> None:
        self._table = table
        self._now = clock

    def record(self, request: Invocation, caller: str) -> tuple[InvocationRecord, bool]:
        """Write an invocation down; the answer is what stands, and whether it is new.

        Raises:
            InvocationConflictError: the caller used the key before, for another request.
        """
        invocation_id = make_invocation_id(caller, request.pipeline, request.idempotency_key)
        now = self._now()
        item = {
            **invocation_key(invocation_id),
            "invocation_id": invocation_id,
            "request": request.model_dump_json(),
            "caller": caller,
            "invocation_state": InvocationState.PENDING.value,
            "turn": make_ulid(now, invocation_id),
            "created_at": format_time(now),
            "updated_at": format_time(now),
        }
        put = self._build_put(item) | {"ConditionExpression": "attribute_not_exists(pk)"}
        marker = self._build_put({**turn_key(request.pipeline, item["turn"]), "invocation_id": invocation_id})
        (is_new,) = transact_each(self._table.client, [[{"Put": put}, {"Put": marker}]])
        if is_new:
            return parse_invocation(item), True
        stored = self.read(invocation_id)
        if stored is None:
            raise LedgerError(f"invocation {invocation_id} of table {self._table.name} is gone")
        if stored.request != request:
            raise InvocationConflictError(
                f"idempotency_key {request.idempotency_key!r} was used on {stored.created_at} with another "
                "input or other arguments; take another key for another request"
            )
        return stored, False

    def read(self, invocation_id: str) -> InvocationRecord | None:
        """Read an invocation."""
        item = self._table.get(invocation_key(invocation_id))
        return parse_invocation(item) if item else None

    def read_next(self, pipeline: str) -> InvocationRecord | None:
        """Read the invocation of a pipeline whose turn it is."""
        for page in self._table.query_pages(turn_key(pipeline, "")["pk"], page=1):
            for marker in page:
                record = self.read(marker["invocation_id"])
                if record is not None and record.turn == marker["sk"]:
                    return record
        return None

    def is_waiting(self, pipeline: str) -> bool:
        """Whether any invocation of a pipeline waits to be taken up, or taken up further."""
        return self.read_next(pipeline) is not None

    def build_progress(self, progress: Progress, batch_id: str | None) -> list[Any]:
        """Build a transaction's part that moves an invocation on, if nobody else has.

        What is left of it queues up again behind what waits by now: a large folder lets others through.

        Args:
            progress: how far it is.
            batch_id: the batch that was opened for it; None where the piece held nothing to process.
        """
        record, now = progress.record, self._now()
        # another name with each piece: two turns of one millisecond must not be the same
        name = f"{record.invocation_id}\0{progress.position}"
        turn = None if progress.is_over else make_ulid(now, name)
        update = self._build_update(
            record,
            {
                "invocation_state": InvocationState.RUNNING.value,
                "position": progress.position,
                "turn": turn,
                "updated_at": format_time(now),
            },
        )
        actions = [{"Update": update}, *self._build_marker(record, turn)]
        if batch_id:
            actions.append({"Put": self.build_note(record.invocation_id, batch_id)})
        return actions

    def advance(self, progress: Progress) -> bool:
        """Move an invocation on past what nothing is to be done for; False where somebody else has."""
        return self._send(self.build_progress(progress, None))

    def fail(self, record: InvocationRecord, reason: str) -> bool:
        """End an invocation that cannot be done; False where somebody else has moved it on."""
        facts = {
            "invocation_state": InvocationState.FAILED.value,
            "reason": reason,
            "updated_at": format_time(self._now()),
        }
        return self._send([{"Update": self._build_update(record, facts)}, *self._build_marker(record, None)])

    def build_note(self, invocation_id: str, batch_id: str) -> Any:  # noqa: ANN401 - a transaction's part
        """Build the note that a batch was opened for an invocation."""
        return self._build_put({**invocation_batch_key(invocation_id, batch_id), "batch_id": batch_id})

    def read_batch_ids(self, invocation_id: str) -> list[str]:
        """Read the batches that were opened for an invocation, oldest first."""
        pages = self._table.query_pages(invocation_key(invocation_id)["pk"], sk_prefix="batch#")
        return [note["batch_id"] for page in pages for note in page]

    def _send(self, actions: list[Any]) -> bool:
        (held,) = transact_each(self._table.client, [actions])
        return held

    def _build_update(self, record: InvocationRecord, facts: Item) -> Any:  # noqa: ANN401 - a transaction's part
        return self._table.build_update(
            invocation_key(record.invocation_id),
            facts,
            condition="turn = :seen",
            values={":seen": record.turn},
            remove=("turn",),
        )

    def _build_marker(self, record: InvocationRecord, turn: str | None) -> list[Any]:
        pipeline = record.request.pipeline
        seen = marshal(turn_key(pipeline, str(record.turn)))
        actions: list[Any] = [{"Delete": {"TableName": self._table.name, "Key": seen}}]
        if turn:
            item = {**turn_key(pipeline, turn), "invocation_id": record.invocation_id}
            actions.append({"Put": self._build_put(item)})
        return actions

    def _build_put(self, item: Item) -> dict[str, Any]:
        return {"TableName": self._table.name, "Item": marshal(item)}


def parse_invocation(item: Item) -> InvocationRecord:
    """Read an invocation from its item."""
    return InvocationRecord(
        invocation_id=item["invocation_id"],
        request=Invocation.model_validate_json(item["request"]),
        caller=item["caller"],
        state=InvocationState(item["invocation_state"]),
        turn=item.get("turn"),
        position=item.get("position"),
        reason=item.get("reason"),
        created_at=item["created_at"],
        updated_at=item["updated_at"],
    )
