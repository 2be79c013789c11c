"""Sees from the triggerer what nobody attends to, and wakes the maintenance DAG for it within seconds.

A run that is marked as failed, cleared or deleted leaves no event behind that a listener hears of in every
case: a deleted run calls none, and a killed scheduler none of its own. What it does leave is in the ledger: a
batch that is open. So the open batches are read every few seconds, which is one cheap query, and Airflow is
asked whether their runs are alive. EMR is asked which clusters are up: one that comes up late, or that its
run's teardown did not end, is found by the batch that it is named after.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from airflow.sdk import Asset, AssetWatcher
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
from airflow.triggers.base import BaseEventTrigger, TriggerEvent
from botocore.exceptions import BotoCoreError, ClientError

from sparkdrop.aws.records import BatchHead
from sparkdrop.orchestration.services import Services, get_services

LIVE_RUN_STATES = ["queued", "running"]
"""The states of a run that is not over."""

log = structlog.get_logger(__name__)

_LOOK_EVERY_SECONDS = 15.0
_FIRST_PAUSE = timedelta(seconds=20)
_LONGEST_PAUSE = timedelta(minutes=5)

CountRuns = Callable[..., int]
"""Counts the runs of a DAG: `RuntimeTaskInstance.get_dr_count`."""


@dataclass
class Troubles:
    """What was told before, so that what cannot be mended wakes nobody for ever.

    Each trouble is told again after a pause that doubles, up to that of the sweep itself.
    """

    told: dict[str, tuple[datetime, timedelta]] = field(default_factory=dict)

    def choose(self, found: set[str], now: datetime) -> list[str]:
        """Choose what is to be told now; what is mended is forgotten."""
        self.told = {name: told for name, told in self.told.items() if name in found}
        due = sorted(name for name in found if name not in self.told or self.told[name][0] <= now)
        for name in due:
            pause = min(self.told[name][1] * 2, _LONGEST_PAUSE) if name in self.told else _FIRST_PAUSE
            self.told[name] = (now + pause, pause)
        return due


class TroubleTrigger(BaseEventTrigger):
    """Fires when a batch's run is over, a step's time is, or what waits has no run."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's base has no annotations

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Name the class; it has no arguments."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look every few seconds; an outage is waited out."""
        troubles = Troubles()
        while True:
            try:
                # a thread of its own: those of `sync_to_async` share one, which others wait for
                found = await asyncio.to_thread(_look)
                told = troubles.choose(found, get_services().ledger.now())
            except Exception as error:  # noqa: BLE001 - the next look is as good
                log.warning("the open batches cannot be looked at", error=str(error))
                told = []
            if told:
                yield TriggerEvent({"troubles": told})
            await asyncio.sleep(_LOOK_EVERY_SECONDS)


def build_watched_troubles_asset() -> Asset:
    """The asset whose events wake the maintenance DAG."""
    watcher = AssetWatcher(name="sparkdrop_troubles", trigger=TroubleTrigger())
    return Asset(name="sparkdrop_troubles", uri="sparkdrop://troubles", watchers=[watcher])


def find_troubles(services: Services, count_runs: CountRuns) -> set[str]:
    """Name the batches, the clusters and the pipelines that need the maintenance DAG."""
    now = services.ledger.now()
    heads = services.ledger.read_open_batches()
    found = {
        f"batch {head.batch_id}"
        for head in heads
        if (head.deadline and head.deadline <= now) or not _has_live_run(head, count_runs)
    }
    found |= _find_left_clusters(services, {head.batch_id for head in heads}, count_runs)
    for name, pipeline in services.routes.read_pipelines().items():
        if services.ledger.is_waiting(name, invoked_only=pipeline.arrival.mode == "none") and not count_runs(
            name, states=LIVE_RUN_STATES
        ):
            found.add(f"pipeline {name}")
    return found


def _find_left_clusters(services: Services, attended: set[str], count_runs: CountRuns) -> set[str]:
    """Name the clusters whose batch and run are over: their run's teardown died, or they came up after it.

    What EMR does not answer keeps nobody from looking at the rest.
    """
    try:
        named = services.emr.list_named_batches() - attended
    except (BotoCoreError, ClientError) as error:
        log.warning("the clusters cannot be looked at", error=str(error))
        return set()
    return {
        f"cluster of batch {head.batch_id}"
        for head in services.ledger.read_batches(named)
        if head.state.is_over and not _has_live_run(head, count_runs)
    }


def _has_live_run(head: BatchHead, count_runs: CountRuns) -> bool:
    return count_runs(head.dag_id, run_ids=[head.run_id], states=LIVE_RUN_STATES) > 0


def _look() -> set[str]:
    return find_troubles(get_services(), RuntimeTaskInstance.get_dr_count)
