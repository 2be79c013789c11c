"""DynamoDB's promise that a request happens as a whole or not at all.

moto's UpdateItem puts a new item with nothing but its key into the table and then fills it, and a transaction
is written action by action: a reader in another thread would see an item half made. Requests take turns here;
each takes about a millisecond.
"""

from __future__ import annotations

from threading import RLock
from typing import TYPE_CHECKING

from moto.dynamodb.responses import DynamoHandler

if TYPE_CHECKING:
    from moto.core.common_types import TYPE_RESPONSE

_call_action = DynamoHandler.call_action
_turn = RLock()


def call_action(self: DynamoHandler) -> TYPE_RESPONSE:
    """Answer one request while no other is being answered."""
    with _turn:
        answer: TYPE_RESPONSE = _call_action(self)
        return answer


def apply() -> None:
    """Let moto's DynamoDB answer this way."""
    DynamoHandler.call_action = call_action  # type: ignore[method-assign] # moto has no hook for it
