"""SQS long polls whose client has gone.

moto hands a message to whoever polls first, also to a client that was killed while it waited: it is then
invisible for the queue's whole visibility timeout, as if a reader had crashed with it in hand. A poll whose
connection is closed takes nothing here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import has_request_context, request
from moto.sqs.models import Queue
from waitress.channel import ClientDisconnected

from sparkdrop_local.aws.channel import CLIENT_IS_GONE

if TYPE_CHECKING:
    from collections.abc import Callable

_wait = Queue.wait_for_messages


def wait_for_messages(self: Queue, timeout: int) -> None:
    """Wait as moto does, then end the request whose client has hung up.

    Raises:
        ClientDisconnected: waitress closes the connection without an answer.
    """
    _wait(self, timeout)
    if not has_request_context():
        return
    is_gone: Callable[[], bool] | None = request.environ.get(CLIENT_IS_GONE)
    if is_gone is not None and is_gone():
        raise ClientDisconnected


def apply() -> None:
    """Let moto's queues wait this way."""
    Queue.wait_for_messages = wait_for_messages  # type: ignore[method-assign] # moto has no hook for it
