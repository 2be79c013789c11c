"""Many small transactions, sent together where they fit and one by one where one of them is refused."""

import random
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from sparkdrop.aws.items import chunked
from sparkdrop.core.errors import BusyError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ACTIONS_A_TRANSACTION = 100
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""

_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds between the tries of a transaction that met another one, each up to a half more or less.

Who met once would meet again after the same pause.
"""

_BUSY_CODES = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
"""https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html"""

Actions = Sequence[Any]
"""The TransactItems of one small transaction: all of them happen, or none."""


def transact_each(client: "DynamoDBClient", transactions: Sequence[Actions]) -> list[bool]:
    """Run each transaction on its own terms; say for each whether its conditions held.

    As many as fit go in one request, which is all or nothing; where it is refused, its halves are tried, so
    that one refusal among hundreds costs a few requests and not hundreds.

    Raises:
        BusyError: others held the items all the time; of many transactions, earlier ones may have happened.
        ClientError: anything else but a failed condition.
    """
    if not transactions:
        return []
    size = max(1, ACTIONS_A_TRANSACTION // max(len(actions) for actions in transactions))
    held: list[bool] = []
    for piece in chunked(transactions, size):
        held.extend(_transact_halving(client, piece))
    return held


def _transact_halving(client: "DynamoDBClient", transactions: Sequence[Actions]) -> list[bool]:
    try:
        _send(client, [action for actions in transactions for action in actions])
    except client.exceptions.TransactionCanceledException as error:
        if not _is_refused(error):
            raise
        if len(transactions) == 1:
            return [False]
        middle = len(transactions) // 2
        return [
            *_transact_halving(client, transactions[:middle]),
            *_transact_halving(client, transactions[middle:]),
        ]
    return [True] * len(transactions)


def _send(client: "DynamoDBClient", actions: Actions) -> None:
    """Send one transaction; wait out others that hold its items, which botocore does not."""
    for pause in (*_PAUSES, None):
        try:
            client.transact_write_items(TransactItems=actions)
        except client.exceptions.TransactionCanceledException as error:
            if not _read_codes(error) <= _BUSY_CODES:
                raise
            if pause is None:
                raise BusyError("others write the same at this moment: try again") from error
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - nothing secret
        else:
            return


def _is_refused(error: ClientError) -> bool:
    """Whether a condition failed, and not merely a conflict with another transaction or throttling."""
    return "ConditionalCheckFailed" in _read_codes(error)


def _read_codes(error: ClientError) -> set[str]:
    """Read why a transaction was cancelled: the codes of its actions that have one."""
    reasons: Any = error.response.get("CancellationReasons", [])
    return {reason.get("Code", "None") for reason in reasons} - {"None"}
