"""DynamoDB transactions at a price that does not grow with the table.

moto's TransactWriteItems copies the whole table once for each of its actions, to go back to should one be
refused: a claim of a thousand uploads copied a table of thousands of items two thousand times, for minutes
and gigabytes. Here only the items that a transaction names are kept, and put back.
"""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from moto.dynamodb import models
from moto.dynamodb.exceptions import ResourceNotFoundException
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_transact = DynamoDBBackend.transact_write_items


def transact_write_items(self: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
    """Do as moto does; put the named items back when anything was refused."""
    restores = [restore for item in transact_items for restore in _keep(self, item)]
    try:
        _transact(self, transact_items)
    except Exception:
        for restore in restores:
            restore()
        raise


def _keep(backend: DynamoDBBackend, item: dict[str, Any]) -> Iterator[Callable[[], None]]:
    """Keep the item that one action names; nothing where moto will refuse the action anyway."""
    action = next(iter(item.values()))
    named = action.get("Key") or action.get("Item") or {}
    try:
        table = backend.get_table(action.get("TableName") or "")
    except ResourceNotFoundException:
        return
    if _is_copied(table) or table.hash_key_attr not in named:
        return
    place: dict[DynamoType, Any] = table.items
    name = DynamoType(named[table.hash_key_attr])
    if table.range_key_attr is not None:
        if table.range_key_attr not in named:
            return
        place, name = place[name], DynamoType(named[table.range_key_attr])
    kept = copy.deepcopy(place.get(name))

    def restore() -> None:
        if kept is None:
            place.pop(name, None)
        else:
            place[name] = kept

    yield restore


def _is_copied(table: Table) -> bool:
    """Whether moto still copies a table: one with a stream has more to go back to than items."""
    return table.stream_shard is not None


def _copy(thing: Any) -> Any:  # noqa: ANN401 - copy.deepcopy's signature
    return thing if isinstance(thing, Table) and not _is_copied(thing) else copy.deepcopy(thing)


def apply() -> None:
    """Let moto's transactions work this way."""
    DynamoDBBackend.transact_write_items = transact_write_items  # type: ignore[method-assign] # moto has no hook for it
    models.copy = SimpleNamespace(deepcopy=_copy)  # type: ignore[attr-defined,assignment] # what that module copies tables with
