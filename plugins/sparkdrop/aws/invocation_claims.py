"""What a run takes of an invocation: the next objects of its input, as a batch with its arguments."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from sparkdrop.aws.intake import select_again
from sparkdrop.aws.invocations import Progress
from sparkdrop.core.patterns import is_hidden
from sparkdrop.core.routing import PASSED_OVER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sparkdrop.aws.intake import Route
    from sparkdrop.aws.invocations import InvocationRecord
    from sparkdrop.aws.ledger import Ledger
    from sparkdrop.aws.records import BatchHead, RunKey
    from sparkdrop.aws.storage import Storage
    from sparkdrop.core.batch import BatchLimits
    from sparkdrop.core.uploads import Arrival


@dataclass(frozen=True, slots=True)
class InvocationSource:
    """Where the objects of invocations are found.

    Attributes:
        storage: S3.
        route: says which pipeline an object belongs to.
    """

    storage: Storage
    route: Route


@dataclass(frozen=True, slots=True)
class Piece:
    """The next objects of an invocation's input.

    Attributes:
        arrivals: in the order of their keys, and not more than one batch may hold.
        is_over: nothing comes after them.
    """

    arrivals: tuple[Arrival, ...]
    is_over: bool


def open_invocation_batch(
    ledger: Ledger, run: RunKey, limits: BatchLimits, source: InvocationSource, *, before: str | None
) -> BatchHead | None:
    """Open a batch for the invocation whose turn it is; None where none has anything to do.

    A new invocation comes before what waits in the inbox. What is left of one that was taken up before takes
    its turn by age, so that a large folder does not hold up the files that land meanwhile.

    Args:
        ledger: the ledger.
        run: who claims.
        limits: the pipeline's.
        source: finds the objects.
        before: the id of the oldest upload that waits in the inbox; None where there is none.
    """
    while record := ledger.invocations.read_next(run.pipeline):
        if record.position is not None and before is not None and str(record.turn) > before:
            return None
        piece = _find_piece(source.storage, record, limits)
        if not piece.arrivals and record.position is None:
            ledger.invocations.fail(record, f"there is no object {record.request.input}")
            continue
        head = _open_piece(ledger, run, record, piece, source.route)
        if head is not None:
            return head
    return None


def _find_piece(storage: Storage, record: InvocationRecord, limits: BatchLimits) -> Piece:
    request = record.request
    if not request.is_prefix:
        arrival = storage.read_arrival(request.bucket, request.key)
        return Piece((arrival,) if arrival else (), is_over=True)
    listed = storage.list_arrivals(request.bucket, request.key, after=record.position)
    found = list(islice(listed, limits.max_files + 1))
    taken = _cut(found, limits)
    return Piece(tuple(taken), is_over=len(taken) == len(found))


def _cut(found: Sequence[Arrival], limits: BatchLimits) -> list[Arrival]:
    """Take from the front, up to the limits; at least one, however large it is."""
    taken: list[Arrival] = []
    total_bytes = 0
    for arrival in found[: limits.max_files]:
        total_bytes += arrival.bytes
        if taken and limits.max_bytes is not None and total_bytes > limits.max_bytes:
            break
        taken.append(arrival)
    return taken


def _is_ours(owner: str | None, run: RunKey, prefix: str, arrival: Arrival) -> bool:
    """Whether an object under a prefix is meant: a hidden folder is, where the prefix writes it out."""
    if owner == PASSED_OVER:
        return not is_hidden(arrival.key, prefix)
    return owner in {None, run.pipeline}


def _open_piece(
    ledger: Ledger, run: RunKey, record: InvocationRecord, piece: Piece, route: Route
) -> BatchHead | None:
    """Open a batch for a piece, or move on past one of which nothing can be claimed."""
    request = record.request
    ours = (
        arrival
        for arrival in piece.arrivals
        # the API has looked at a single object; under a folder there may be others' files, and companions
        if not request.is_prefix or _is_ours(route(arrival.bucket, arrival.key), run, request.key, arrival)
    )
    selection = select_again(ledger, ours, invocation_id=record.invocation_id)
    # Into the inbox first: what a run that dies has not claimed yet is found there by the next. What another
    # batch holds waits there for its end, as the attempt after that one.
    ledger.record(run.pipeline, [*selection.entries, *selection.busy])
    position = piece.arrivals[-1].key if piece.arrivals else str(record.position)
    progress = Progress(record, position, piece.is_over)
    if selection.entries:
        return ledger.open_piece(run, selection.entries, progress)
    ledger.invocations.advance(progress)
    return None
