"""The arrivals queue: S3's events wait in it until their uploads are in the inbox and a run is awake.

The queue is read in the triggerer's event loop, so its calls are asynchronous (aiobotocore); the inbox is
written in a thread by `sparkdrop.aws.ledger`.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import structlog

log = structlog.get_logger(__name__)

_RECEIVE_LIMIT = 10
_LONG_POLL_SECONDS = 20
_PARALLEL_RECEIVES = 4
_HOLD_SECONDS = 60
_HOLD_AGAIN_SECONDS = 20
_DRAIN_LIMIT = 1_000
"""Messages taken together at most: their inbox entries are written in well under the visibility timeout."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message of the queue.

    Attributes:
        body: what it says.
        receipt_handle: by which it is deleted or given back.
        receives: how often it was received so far, this time included.
    """

    body: str
    receipt_handle: str
    receives: int = 1


class ArrivalsQueue:
    """One queue, through an open aiobotocore client."""

    def __init__(self, client: Any, queue_url: str) -> None:  # noqa: ANN401 - aiobotocore ships no types
        self._client = client
        self._queue_url = queue_url

    async def receive(self) -> list[Message]:
        """Wait up to 20 seconds for messages; take along what else waits, so that a burst is few batches.

        A receive that fails after others went well ends the batch, and what came before it is the answer.
        """
        messages = await self._receive(_LONG_POLL_SECONDS)
        is_draining = len(messages) == _RECEIVE_LIMIT
        while is_draining and len(messages) < _DRAIN_LIMIT:
            receives = (self._receive(0) for _ in range(_PARALLEL_RECEIVES))
            answers = await asyncio.gather(*receives, return_exceptions=True)
            pieces = [answer for answer in answers if not isinstance(answer, BaseException)]
            messages.extend(message for piece in pieces for message in piece)
            is_draining = sum(map(len, pieces)) == len(answers) * _RECEIVE_LIMIT
        return messages

    async def _receive(self, wait_seconds: int) -> list[Message]:
        answer = await self._client.receive_message(
            QueueUrl=self._queue_url,
            MaxNumberOfMessages=_RECEIVE_LIMIT,
            WaitTimeSeconds=wait_seconds,
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        )
        return [
            Message(
                item["Body"],
                item["ReceiptHandle"],
                int(item.get("Attributes", {}).get("ApproximateReceiveCount", 1)),
            )
            for item in answer.get("Messages", [])
        ]

    async def delete(self, receipt_handles: Sequence[str]) -> list[str]:
        """Delete messages; the answer is why some were not, which means that they will come again."""
        failures: list[str] = []
        for start in range(0, len(receipt_handles), _RECEIVE_LIMIT):
            piece = receipt_handles[start : start + _RECEIVE_LIMIT]
            answer = await self._client.delete_message_batch(
                QueueUrl=self._queue_url,
                Entries=[{"Id": str(n), "ReceiptHandle": handle} for n, handle in enumerate(piece)],
            )
            failures += [failure.get("Message") or failure["Code"] for failure in answer.get("Failed", [])]
        return failures

    @asynccontextmanager
    async def hold(self, receipt_handles: Sequence[str]) -> AsyncIterator[None]:
        """Keep messages from other readers, however long the work in this block takes.

        SQS does so for 12 hours from the receive; what takes longer is received once more then.
        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
        """
        holding = asyncio.create_task(self._hold_on(receipt_handles))
        try:
            yield
        finally:
            holding.cancel()
            with suppress(asyncio.CancelledError):
                await holding

    async def _hold_on(self, receipt_handles: Sequence[str]) -> None:
        while True:
            await asyncio.sleep(_HOLD_AGAIN_SECONDS)
            for start in range(0, len(receipt_handles), _RECEIVE_LIMIT):
                piece = receipt_handles[start : start + _RECEIVE_LIMIT]
                entries = [
                    {"Id": str(n), "ReceiptHandle": handle, "VisibilityTimeout": _HOLD_SECONDS}
                    for n, handle in enumerate(piece)
                ]
                try:
                    await self._client.change_message_visibility_batch(
                        QueueUrl=self._queue_url, Entries=entries
                    )
                except Exception as error:  # noqa: BLE001 - a message that is seen again is harmless
                    log.info("messages may be received once more", count=len(piece), error=str(error))

    async def give_back(self, receipt_handle: str) -> None:
        """Make a message visible at once; after maxReceiveCount of that, SQS moves it to the dead letters."""
        await self._client.change_message_visibility(
            QueueUrl=self._queue_url, ReceiptHandle=receipt_handle, VisibilityTimeout=0
        )
