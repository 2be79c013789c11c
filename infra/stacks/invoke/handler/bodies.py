"""Reads requests' bodies.

Not left to Powertools, which takes the first element of a list for the body, and forms for JSON.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel

from .problems import MalformedError

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.common import BaseProxyEvent

ModelT = TypeVar("ModelT", bound=BaseModel)


def read_body(model: type[ModelT], event: BaseProxyEvent, *, default: str = "") -> ModelT:
    """Read a request's body.

    Args:
        model: What it has to be.
        event: The request.
        default: What stands for no body at all.

    Raises:
        MalformedError: It is no JSON object.
        pydantic.ValidationError: Its fields are not what they have to be.
    """
    try:
        fields = json.loads(event.decoded_body or default)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise MalformedError(f"the body is no JSON: {error}") from error
    if not isinstance(fields, dict):
        raise MalformedError("the body is JSON, but no object")
    return model.model_validate(fields)
