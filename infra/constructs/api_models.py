"""What a call's body has to look like, as JSON Schema draft 4: the draft that API Gateway checks by.

https://docs.aws.amazon.com/apigateway/latest/developerguide/models-mappings-models.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sparkdrop.core.invocation import Invocation
from sparkdrop.core.values import MAX_NAME_LENGTH

if TYPE_CHECKING:
    from collections.abc import Mapping

DRAFT_4 = "http://json-schema.org/draft-04/schema#"
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
MAX_OBJECT_BYTES = 5 * 1024**4
_MAX_FILENAME = 1024
_MAX_CONTENT_TYPE = 255

# Keywords that mean the same in draft 4 and in what pydantic writes
_KEPT = {
    "additionalProperties",
    "enum",
    "maxItems",
    "maxLength",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "pattern",
    "required",
    "type",
}
# What says nothing about the body: titles and docstrings
_DROPPED = {"default", "description", "title"}


def build_draft4(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Turn pydantic's schema (draft 2020-12) into draft 4.

    Raises:
        ValueError: It holds a keyword that means something else in draft 4, or is not known there.
    """
    result: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword in _KEPT:
            result[keyword] = value
        elif keyword == "properties":
            result[keyword] = {name: build_draft4(inner) for name, inner in value.items()}
        elif keyword == "items":
            result[keyword] = build_draft4(value)
        elif keyword not in _DROPPED:
            raise ValueError(f"draft 4 has no {keyword!r} as in {dict(schema)!r}: teach this function")
    return result


INVOCATION = {"$schema": DRAFT_4, **build_draft4(Invocation.model_json_schema())}

MULTIPART_UPLOAD = {
    "$schema": DRAFT_4,
    "type": "object",
    "properties": {
        "pipeline": {"type": "string", "minLength": 1, "maxLength": MAX_NAME_LENGTH},
        "filename": {"type": "string", "minLength": 1, "maxLength": _MAX_FILENAME},
        "size": {"type": "integer", "minimum": 1, "maximum": MAX_OBJECT_BYTES},
        "content_type": {"type": "string", "minLength": 1, "maxLength": _MAX_CONTENT_TYPE},
    },
    "required": ["pipeline", "filename", "size"],
    "additionalProperties": False,
}
