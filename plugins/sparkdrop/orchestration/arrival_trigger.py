"""The entrance: one reader of the arrivals queue in the triggerer, for all pipelines.

Airflow runs one stream for all triggers whose shared_stream_key is equal, hands each of its events to every
one of them, and calls `advance` when what they made of it is stored in the metadata database. Only then are
the messages deleted, so that a crash anywhere means a redelivery and never a loss.
"""

import asyncio
from collections.abc import AsyncIterator, Hashable
from typing import Any

import structlog
from airflow.triggers.base import BaseEventTrigger, TriggerEvent
from airflow.triggers.shared_stream import SharedStreamProducer

from sparkdrop.orchestration.arrivals_stream import ArrivalsProducer
from sparkdrop.orchestration.services import get_services

log = structlog.get_logger(__name__)


class ArrivalTrigger(BaseEventTrigger):
    """Wakes one pipeline when something for it has come into its inbox, or somebody invokes it.

    Args:
        pipeline: its name.
        invoked_only: leave to others what merely landed: a sensor, a schedule.
    """

    def __init__(self, pipeline: str, *, invoked_only: bool = False) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's base has no annotations
        self.pipeline = pipeline
        self.invoked_only = invoked_only

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Name the class and its arguments."""
        arguments = {"pipeline": self.pipeline, "invoked_only": self.invoked_only}
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    def shared_stream_key(self) -> Hashable:
        """All pipelines share one stream: a deployment has one arrivals queue."""
        return "sparkdrop-arrivals"

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> SharedStreamProducer:  # noqa: ARG003 - Airflow's signature
        """Make the reader of the queue."""
        return ArrivalsProducer()

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Any]) -> AsyncIterator[TriggerEvent]:
        """Wake this pipeline at most once for each batch of messages, and once for what waits already.

        The stream starts with the first trigger that joins it. What it brings before the others have joined
        (as they do one after another when a triggerer starts) goes into their inboxes without waking them.
        """
        if await asyncio.to_thread(_is_waiting, self.pipeline, self.invoked_only):
            yield TriggerEvent({"uploads": 0})
        async for news in shared_stream:
            uploads = 0 if self.invoked_only else news.uploads.get(self.pipeline, 0)
            if uploads or self.pipeline in news.invoked:
                yield TriggerEvent({"uploads": uploads})

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Airflow calls `filter_shared_stream` instead."""
        raise NotImplementedError("ArrivalTrigger reads a shared stream and has no stream of its own")
        yield  # makes this an asynchronous generator, as the base class declares it


def _is_waiting(pipeline: str, invoked_only: bool) -> bool:  # noqa: FBT001 - a thread's arguments have no names
    """Whether something waits for the pipeline; an outage counts as no, and the sweep looks again."""
    try:
        return get_services().ledger.is_waiting(pipeline, invoked_only=invoked_only)
    except Exception as error:  # noqa: BLE001 - whatever the outage is, the stream waits for its end
        log.warning("the ledger cannot be read", pipeline=pipeline, error=str(error))
        return False
