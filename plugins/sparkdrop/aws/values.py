"""Plain values as DynamoDB's, and back."""

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

_serializer = TypeSerializer()
_deserializer = TypeDeserializer()


def marshal(item: Mapping[str, Any]) -> "dict[str, AttributeValueTypeDef]":
    """Turn plain values into DynamoDB's; None is left out, a float becomes a Decimal."""
    return {
        name: _serializer.serialize(Decimal(str(value)) if isinstance(value, float) else value)
        for name, value in item.items()
        if value is not None
    }


def unmarshal(item: Mapping[str, Any]) -> dict[str, Any]:
    """Turn DynamoDB's values into plain ones; numbers become int, or float where they have a fraction."""
    plain: dict[str, Any] = _plain({name: _deserializer.deserialize(value) for name, value in item.items()})
    return plain


def _plain(value: Any) -> Any:  # noqa: ANN401 - what DynamoDB holds has no narrower type
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value
