"""The API's OpenAPI document: what Powertools makes of the routes, and what it does not know of."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic.json_schema import models_json_schema

from sparkdrop.core.invocation import Invocation

from .upload_models import NewUpload, Nothing

if TYPE_CHECKING:
    from aws_lambda_powertools.event_handler import APIGatewayRestResolver

_REFERENCES = "#/components/schemas/{model}"
# what `bodies.read_body` reads, by the operation
_BODIES = {
    "invoke": (Invocation, True),
    "createUpload": (NewUpload, True),
    "completeUpload": (Nothing, False),
}
# what `Invocation` checks by itself, and so does not tell
_INPUT = {"pattern": "^s3://[^/]+/.+", "description": "one object, or with a / at its end a folder"}
_INVOCATION = {"pipeline": "flights", "input": "s3://uploads/flights/2026/", "idempotency_key": "2026-again"}
# Powertools' own errors, which are never answered
_FOREIGN = ("ValidationError", "HTTPValidationError", "ResponseValidationError")
_SCHEMES = {
    "cognito": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "an ID token of the user pool, where the stage asks for one",
    },
    "sigv4": {
        "type": "apiKey",
        "name": "Authorization",
        "in": "header",
        "x-amazon-apigateway-authtype": "awsSigv4",
        "description": "a signature of AWS's version 4, where the stage asks for one",
    },
}
_HEADERS = {"X-Request-Id": {"description": "finds the request in the log", "schema": {"type": "string"}}}


@cache
def render_document(app: APIGatewayRestResolver, version: str) -> str:
    """Render the document as JSON: once, since it takes longer than any other call."""
    return json.dumps(build_document(app, version), separators=(",", ":"))


def build_document(app: APIGatewayRestResolver, version: str) -> dict[str, Any]:
    """Build the document of these routes."""
    made = app.get_openapi_schema(
        title="Sparkdrop",
        version=version,
        description="Upload files, run pipelines over them, and see what comes of it.",
        openapi_version="3.1.0",
    )
    document: dict[str, Any] = made.model_dump(by_alias=True, exclude_none=True, mode="json")
    document["servers"] = [{"url": ".", "description": "the stage that this document is from"}]
    document["security"] = [{name: []} for name in _SCHEMES]
    schemas = document["components"]["schemas"]
    for name in _FOREIGN:
        schemas.pop(name, None)
    document["components"]["securitySchemes"] = _SCHEMES
    bodies = [(model, "validation") for model, _ in _BODIES.values()]
    _, found = models_json_schema(bodies, ref_template=_REFERENCES)  # type: ignore[arg-type]  # of literals
    schemas.update(found["$defs"])
    schemas["Invocation"]["properties"]["input"] |= _INPUT
    schemas["Invocation"]["examples"] = [_INVOCATION]
    for path in document["paths"].values():
        for operation in path.values():
            _complete_operation(operation)
    return document


def _complete_operation(operation: dict[str, Any]) -> None:
    if operation["operationId"] in _BODIES:
        model, is_required = _BODIES[operation["operationId"]]
        schema = {"$ref": _REFERENCES.format(model=model.__name__)}
        operation["requestBody"] = {
            "required": is_required,
            "content": {"application/json": {"schema": schema}},
        }
    for parameter in operation.get("parameters", []):
        parameter["schema"] = _drop_null(parameter["schema"])
    responses = operation["responses"]
    for status in [status for status, response in responses.items() if _is_foreign(response)]:
        del responses[status]
    for response in responses.values():
        response["headers"] = {**_HEADERS, **response.get("headers", {})}


def _is_foreign(response: dict[str, Any]) -> bool:
    contents = response.get("content", {}).values()
    return any(content.get("schema", {}).get("$ref", "").endswith(_FOREIGN) for content in contents)


def _drop_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter without a value is left out: no text of a URL means none."""
    kept: list[dict[str, Any]] = [one for one in schema.get("anyOf", []) if one != {"type": "null"}]
    if len(kept) != 1:
        return schema
    return kept[0] | {name: value for name, value in schema.items() if name not in {"anyOf", "default"}}
