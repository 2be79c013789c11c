"""The one reader of the arrivals queue: what it reads is in the ledger before anything else is read.

A message that cannot be recorded yet stays in this process, hidden from others, until it is: so an outage of
the ledger costs no message more than one of its receives, however long it is. A crash meanwhile is a
redelivery. Only what is no arrival uses up its receives, and then lies in the dead letters.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from airflow.triggers.shared_stream import AdvanceItem, SharedStreamProducer

from sparkdrop.aws.arrivals_queue import ArrivalsQueue, Message
from sparkdrop.aws.intake import Recorded, record_each
from sparkdrop.aws.ledger import Ledger
from sparkdrop.core.events import parse_arrival, parse_wake_up
from sparkdrop.core.uploads import Arrival
from sparkdrop.orchestration.routes import Routes
from sparkdrop.orchestration.services import get_services

log = structlog.get_logger(__name__)

_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 15.0

_RECEIVES_WITHOUT_A_WAKE_UP = 3
"""From this receive on, a message is deleted once it is recorded; a sweep wakes its pipeline."""

T = TypeVar("T")
Parsed = tuple[Message, Arrival | str]


@dataclass(frozen=True, slots=True)
class News:
    """What a batch of messages brought.

    Attributes:
        uploads: how many each pipeline got.
        invoked: the pipelines that an invocation waits for.
    """

    uploads: dict[str, int]
    invoked: frozenset[str] = frozenset()


class ArrivalsProducer(SharedStreamProducer):
    """Reads the queue, fills the inboxes, and deletes messages once their wake-ups are stored."""

    def __init__(self) -> None:
        self._client_context: Any = None
        self._queue: ArrivalsQueue | None = None

    async def open_stream(self) -> AsyncIterator[tuple[News, list[str]]]:
        """Yield what each batch of messages brought, once it is in the inboxes; and the receipt handles.

        An outage of the queue or the table is waited out. Nothing is received before the table can be
        written: a triggerer that starts again and again in an outage would use up the receives.
        """
        services = await asyncio.to_thread(get_services)
        routes = Routes(services.deployment)
        queue = await self._open_queue(services.deployment.arrivals_queue_url)
        await _insist(lambda: asyncio.to_thread(services.ledger.check_writes))
        while True:
            messages = await _insist(queue.receive)
            parsed = await _parse_messages(queue, messages)
            news, recorded = await _record(queue, services.ledger, routes, parsed)
            if handles := await _release(queue, recorded):
                yield news, handles

    async def _open_queue(self, queue_url: str) -> ArrivalsQueue:
        # half a second to import, and only the triggerer needs it
        from aiobotocore.config import AioConfig
        from aiobotocore.session import get_session

        config = AioConfig(connect_timeout=5, read_timeout=30)
        self._client_context = get_session().create_client("sqs", config=config)
        self._queue = ArrivalsQueue(await self._client_context.__aenter__(), queue_url)
        return self._queue

    async def advance(self, batch: Sequence[AdvanceItem]) -> None:
        """Delete the messages whose wake-ups are stored; the others become visible again by themselves."""
        handles = [handle for item in batch if item.outcome.is_clean for handle in item.broker_payload]
        if handles and self._queue is not None:
            await _delete(self._queue, handles)

    async def aclose(self) -> None:
        """Close the connection to the queue."""
        if self._client_context is not None:
            await self._client_context.__aexit__(None, None, None)
            self._client_context = None
            self._queue = None


async def _insist(attempt: Callable[[], Awaitable[T]]) -> T:
    """Try until it goes well: whatever the outage is, the stream outlives it."""
    pause = _FIRST_PAUSE_SECONDS
    while True:
        try:
            return await attempt()
        except Exception as error:  # noqa: BLE001 - see above
            log.warning("the arrivals queue or the ledger cannot be used", error=str(error), pause=pause)
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)


async def _parse_messages(queue: ArrivalsQueue, messages: Sequence[Message]) -> list[Parsed]:
    """Parse arrivals, and the names of pipelines that are invoked.

    What is neither is given back, until SQS moves it to the dead letters.
    """
    parsed: list[Parsed] = []
    for message in messages:
        try:
            parsed.append((message, parse_wake_up(message.body) or parse_arrival(message.body)))
        except Exception as error:  # noqa: BLE001 - a message that breaks the parser holds up no other
            await _refuse(queue, message, error)
    return parsed


async def _record(
    queue: ArrivalsQueue, ledger: Ledger, routes: Routes, parsed: Sequence[Parsed]
) -> tuple[News, list[Message]]:
    """Put what was read into the ledger, however long that takes; nobody else gets the messages meanwhile."""
    found = [told for _, told in parsed if isinstance(told, Arrival)]
    invoked = frozenset(told for _, told in parsed if isinstance(told, str))

    def attempt() -> Recorded:
        return record_each(ledger, routes.read(), found)

    async with queue.hold([message.receipt_handle for message, _ in parsed]):
        recorded = await _insist(lambda: asyncio.to_thread(attempt))
    for message, told in parsed:
        if told in recorded.refused:
            await _refuse(queue, message, recorded.refused[told])
    kept = [message for message, told in parsed if told not in recorded.refused]
    return News(dict(recorded.uploads), invoked), kept


async def _refuse(queue: ArrivalsQueue, message: Message, error: Exception) -> None:
    """Give a message back; where that fails, it comes back by itself a little later."""
    log.warning("a message is on its way to the dead-letter queue", error=str(error))
    try:
        await queue.give_back(message.receipt_handle)
    except Exception as failure:  # noqa: BLE001 - it is no other message's fault
        log.info("a message will come again", error=str(failure))


async def _release(queue: ArrivalsQueue, messages: Sequence[Message]) -> list[str]:
    """Delete at once what was received too often to wait for its wake-up; the answer is all handles."""
    worn = [message for message in messages if message.receives >= _RECEIVES_WITHOUT_A_WAKE_UP]
    if worn:
        await _delete(queue, [message.receipt_handle for message in worn])
    return [message.receipt_handle for message in messages]


async def _delete(queue: ArrivalsQueue, handles: Sequence[str]) -> None:
    """Delete messages. One that cannot be comes again and its upload is found done then: that is no error."""
    try:
        failures = await queue.delete(handles)
    except Exception as error:  # noqa: BLE001 - raising here would end the stream for all pipelines
        failures = [str(error)]
    if failures:
        log.info("messages will come again", count=len(failures), first=failures[0])
