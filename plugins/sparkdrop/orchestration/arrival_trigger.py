"""The entrance: one reader of the arrivals queue in the triggerer, for all pipelines.

Airflow runs one stream for all triggers whose shared_stream_key is equal, hands each of its events to every
one of them, and calls `advance` when what they made of it is stored in the metadata database. Only then are
the messages deleted, so that a crash anywhere means a redelivery and never a loss.
"""

import asyncio
from collections.abc import AsyncIterator, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from airflow.triggers.base import BaseEventTrigger, TriggerEvent
from airflow.triggers.shared_stream import AdvanceItem, SharedStreamProducer

from sparkdrop.aws.arrivals_queue import ArrivalsQueue, Message
from sparkdrop.aws.intake import record_arrivals
from sparkdrop.aws.ledger import Ledger
from sparkdrop.core.errors import NotAnArrivalError
from sparkdrop.core.events import parse_arrival, parse_wake_up
from sparkdrop.core.uploads import Arrival
from sparkdrop.orchestration.routes import Routes
from sparkdrop.orchestration.services import get_services

log = structlog.get_logger(__name__)

_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class News:
    """What a batch of messages brought.

    Attributes:
        uploads: how many each pipeline got.
        invoked: the pipelines that an invocation waits for.
    """

    uploads: dict[str, int]
    invoked: frozenset[str] = frozenset()


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


class ArrivalsProducer(SharedStreamProducer):
    """Reads the queue, fills the inboxes, and deletes messages once their wake-ups are stored."""

    def __init__(self) -> None:
        self._client_context: Any = None
        self._queue: ArrivalsQueue | None = None

    async def open_stream(self) -> AsyncIterator[tuple[News, list[str]]]:
        """Yield what each batch of messages brought, once it is in the inboxes; and the receipt handles.

        An outage of the queue or the table is waited out: its messages stay in the queue meanwhile.
        """
        services = await asyncio.to_thread(get_services)
        routes = Routes(services.deployment)
        queue = await self._open_queue(services.deployment.arrivals_queue_url)
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                messages = await queue.receive()
                parsed = await _parse_messages(queue, messages)
                handles = [message.receipt_handle for message, _ in parsed]
                found = [told for _, told in parsed if isinstance(told, Arrival)]
                invoked = frozenset(told for _, told in parsed if isinstance(told, str))
                uploads = await asyncio.to_thread(_record, services.ledger, routes, found)
            except Exception as error:  # noqa: BLE001 - whatever the outage is, the stream outlives it
                log.warning("the arrivals queue or the ledger cannot be used", error=str(error), pause=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
                continue
            pause = _FIRST_PAUSE_SECONDS
            if handles:
                yield News(uploads, invoked), handles

    async def _open_queue(self, queue_url: str) -> ArrivalsQueue:
        from aiobotocore.session import get_session  # half a second, and only the triggerer needs it

        self._client_context = get_session().create_client("sqs")
        self._queue = ArrivalsQueue(await self._client_context.__aenter__(), queue_url)
        return self._queue

    async def advance(self, batch: Sequence[AdvanceItem]) -> None:
        """Delete the messages whose wake-ups are stored; the others become visible again by themselves.

        A message that cannot be deleted comes again, and its uploads are then found done: that is no error.
        """
        handles = [handle for item in batch if item.outcome.is_clean for handle in item.broker_payload]
        if not handles or self._queue is None:
            return
        try:
            failures = await self._queue.delete(handles)
        except Exception as error:  # noqa: BLE001 - raising here would end the stream for all pipelines
            failures = [str(error)]
        if failures:
            log.info("messages will come again", count=len(failures), first=failures[0])

    async def aclose(self) -> None:
        """Close the connection to the queue."""
        if self._client_context is not None:
            await self._client_context.__aexit__(None, None, None)
            self._client_context = None
            self._queue = None


def _is_waiting(pipeline: str, invoked_only: bool) -> bool:  # noqa: FBT001 - a thread's arguments have no names
    """Whether something waits for the pipeline; an outage counts as no, and the sweep looks again."""
    try:
        return get_services().ledger.is_waiting(pipeline, invoked_only=invoked_only)
    except Exception as error:  # noqa: BLE001 - whatever the outage is, the stream waits for its end
        log.warning("the ledger cannot be read", pipeline=pipeline, error=str(error))
        return False


async def _parse_messages(
    queue: ArrivalsQueue, messages: Sequence[Message]
) -> list[tuple[Message, Arrival | str]]:
    """Parse arrivals, and the names of pipelines that are invoked.

    What is neither is given back, until SQS moves it to the dead letters.
    """
    parsed: list[tuple[Message, Arrival | str]] = []
    for message in messages:
        try:
            parsed.append((message, parse_wake_up(message.body) or parse_arrival(message.body)))
        except NotAnArrivalError as error:
            log.warning("a message is on its way to the dead-letter queue", error=str(error))
            await queue.give_back(message.receipt_handle)
    return parsed


def _record(ledger: Ledger, routes: Routes, arrivals: list[Arrival]) -> dict[str, int]:
    return record_arrivals(ledger, routes.read(), arrivals)
