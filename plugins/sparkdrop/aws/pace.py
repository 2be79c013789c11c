"""How long a pipeline's batches usually take, and which one takes far longer."""

from datetime import timedelta
from statistics import median

from sparkdrop.aws.items import pace_key
from sparkdrop.aws.ledger import Ledger
from sparkdrop.aws.records import BatchHead

_KEPT = 10
_FEWEST = 3
"""Batches that have to be known before any is called slow."""

_TIMES_THE_USUAL = 3
_SLACK = timedelta(minutes=5)
"""What a batch may take beyond the usual in any case: a cluster's start is not always equally quick."""


def note_pace(ledger: Ledger, pipeline: str, took: timedelta) -> None:
    """Add how long a batch took that went well; of two at one moment, one may be lost."""
    known = _read(ledger, pipeline)
    seconds = [*known, round(took.total_seconds())][-_KEPT:]
    ledger.table.put({**pace_key(pipeline), "pace_seconds": seconds})


def read_usual(ledger: Ledger, pipeline: str) -> timedelta | None:
    """The median of a pipeline's last ten batches that went well; None where too few are known."""
    known = _read(ledger, pipeline)
    return timedelta(seconds=median(known)) if len(known) >= _FEWEST else None


def find_slow(ledger: Ledger, head: BatchHead) -> timedelta | None:
    """What is usual for an open batch's pipeline, where the batch takes far longer; else None."""
    usual = read_usual(ledger, head.pipeline) if head.announced_at else None
    if usual is None or head.announced_at is None:
        return None
    limit = max(usual * _TIMES_THE_USUAL, usual + _SLACK)
    return usual if ledger.now() - head.announced_at > limit else None


def _read(ledger: Ledger, pipeline: str) -> list[int]:
    item = ledger.table.get(pace_key(pipeline))
    return list(item["pace_seconds"]) if item else []
