"""The arrivals queue: S3's events wait in it until their uploads are in the inbox and a run is awake.

The queue is read in the triggerer's event loop, so its calls are asynchronous (aiobotocore); the inbox is
written in a thread by `sparkdrop.aws.ledger`.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_RECEIVE_LIMIT = 10
_LONG_POLL_SECONDS = 20
_PARALLEL_RECEIVES = 4
_DRAIN_LIMIT = 1_000
"""Messages taken together at most: their inbox entries are written in well under the visibility timeout."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message of the queue."""

    body: str
    receipt_handle: str


class ArrivalsQueue:
    """One queue, through an open aiobotocore client."""

    def __init__(self, client: Any, queue_url: str) -> None:  # noqa: ANN401 - aiobotocore ships no types
        self._client = client
        self._queue_url = queue_url

    async def receive(self) -> list[Message]:
        """Wait up to 20 seconds for messages; take along what else waits, so that a burst is few batches."""
        messages = await self._receive(_LONG_POLL_SECONDS)
        is_draining = len(messages) == _RECEIVE_LIMIT
        while is_draining and len(messages) < _DRAIN_LIMIT:
            pieces = await asyncio.gather(*(self._receive(0) for _ in range(_PARALLEL_RECEIVES)))
            messages.extend(message for piece in pieces for message in piece)
            is_draining = all(len(piece) == _RECEIVE_LIMIT for piece in pieces)
        return messages

    async def _receive(self, wait_seconds: int) -> list[Message]:
        answer = await self._client.receive_message(
            QueueUrl=self._queue_url, MaxNumberOfMessages=_RECEIVE_LIMIT, WaitTimeSeconds=wait_seconds
        )
        return [Message(item["Body"], item["ReceiptHandle"]) for item in answer.get("Messages", [])]

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

    async def give_back(self, receipt_handle: str) -> None:
        """Make a message visible at once; after maxReceiveCount of that, SQS moves it to the dead letters."""
        await self._client.change_message_visibility(
            QueueUrl=self._queue_url, ReceiptHandle=receipt_handle, VisibilityTimeout=0
        )
