"""One DynamoDB table: requests cut to DynamoDB's limits, and updates put together from plain values."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sparkdrop.aws.items import Item, chunked
from sparkdrop.aws.values import marshal, unmarshal

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_BATCH_WRITE_LIMIT = 25
_BATCH_GET_LIMIT = 100


class Table:
    """Reads are strongly consistent; the limits are those of https://docs.aws.amazon.com/amazondynamodb."""

    def __init__(self, name: str, client: "DynamoDBClient") -> None:
        self.name = name
        self.client = client

    def get(self, key: Mapping[str, str]) -> Item | None:
        """Read one item."""
        answer = self.client.get_item(TableName=self.name, Key=marshal(key), ConsistentRead=True)
        return unmarshal(answer["Item"]) if "Item" in answer else None

    def put(self, item: Mapping[str, Any]) -> None:
        """Write one item, unconditionally."""
        self.client.put_item(TableName=self.name, Item=marshal(item))

    def delete(self, key: Mapping[str, str]) -> None:
        """Delete one item; one that is not there is no error."""
        self.client.delete_item(TableName=self.name, Key=marshal(key))

    def query_pages(
        self,
        pk: str,
        *,
        sk_prefix: str = "",
        sk_between: tuple[str, str] | None = None,
        newest_first: bool = False,
        where: str = "",
        values: Mapping[str, Any] | None = None,
        page: int = 0,
    ) -> Iterator[list[Item]]:
        """Read a partition in the order of its sort keys, a page at a time.

        Args:
            pk: the partition.
            sk_prefix: only sort keys that start so.
            sk_between: only sort keys from the first to the last of these two, instead of a prefix.
            newest_first: in the opposite order.
            where: a filter expression.
            values: the filter's values, by their marks.
            page: items that DynamoDB reads for a page; 0 leaves it to DynamoDB.
        """
        condition, marks = "pk = :pk", {":pk": pk, **(values or {})}
        if sk_prefix:
            condition, marks = f"{condition} AND begins_with(sk, :sk)", {**marks, ":sk": sk_prefix}
        elif sk_between:
            first, last = sk_between
            condition, marks = f"{condition} AND sk BETWEEN :sk AND :to", {**marks, ":sk": first, ":to": last}
        request: dict[str, Any] = {
            "TableName": self.name,
            "ConsistentRead": True,
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": marshal(marks),
            "ScanIndexForward": not newest_first,
        }
        if where:
            request["FilterExpression"] = where
        paging: Any = {"PageSize": page} if page else {}
        for answer in self.client.get_paginator("query").paginate(**request, PaginationConfig=paging):
            yield [unmarshal(item) for item in answer["Items"]]

    def batch_write(self, requests: Sequence[Any]) -> None:
        """Write put and delete requests, however many."""
        for piece in chunked(requests, _BATCH_WRITE_LIMIT):
            unwritten: Any = {self.name: list(piece)}
            while unwritten:
                unwritten = self.client.batch_write_item(RequestItems=unwritten).get("UnprocessedItems")

    def batch_get(self, keys: Sequence[Mapping[str, str]]) -> Iterator[Item]:
        """Read items, however many, in no order; those that are not there are left out."""
        for piece in chunked(keys, _BATCH_GET_LIMIT):
            unread: Any = {self.name: {"Keys": [marshal(key) for key in piece], "ConsistentRead": True}}
            while unread:
                answer = self.client.batch_get_item(RequestItems=unread)
                yield from (unmarshal(item) for item in answer["Responses"].get(self.name, []))
                unread = answer.get("UnprocessedKeys")

    def build_update(
        self,
        key: Mapping[str, str],
        facts: Mapping[str, Any],
        *,
        condition: str,
        values: Mapping[str, Any] | None = None,
        first: Mapping[str, Any] | None = None,
        remove: Sequence[str] = (),
    ) -> Any:  # noqa: ANN401 - boto3's stubs have one type for a request and another for a transaction's part
        """Build an update, as a request or a transaction's part.

        Args:
            key: the item.
            facts: attributes to set; None leaves one as it is. A `state` is added to the item's history.
            condition: what must hold; it may name `#state`, and the marks of `values`.
            values: the condition's values, by their marks.
            first: attributes to set where they are not there yet.
            remove: attributes to remove.
        """
        present = {name: value for name, value in facts.items() if value is not None}
        added = first or {}
        gone = [name for name in remove if name not in present]
        names = {f"#{name}": name for name in (*present, *added, *gone)}
        placed = {f":{name}": value for name, value in (*present.items(), *added.items())}
        sets = [f"#{name} = :{name}" for name in present]
        sets += [f"#{name} = if_not_exists(#{name}, :{name})" for name in added]
        if "state" in present:
            move = {
                "state": present["state"],
                "at": present["updated_at"],
                "batch_id": present.get("batch_id"),
            }
            names["#history"] = "history"
            placed |= {":move": [json.dumps(move)], ":none": []}
            sets.append("#history = list_append(if_not_exists(#history, :none), :move)")
        return {
            "TableName": self.name,
            "Key": marshal(key),
            "UpdateExpression": f"SET {', '.join(sets)}"
            + (f" REMOVE {', '.join(f'#{name}' for name in gone)}" if gone else ""),
            "ConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": marshal(placed | dict(values or {})),
        }
