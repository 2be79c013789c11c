"""EMR Serverless's REST and JSON: a request's operation and parameters, by botocore's own model."""

import functools
import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import botocore.session
from botocore.utils import parse_timestamp

from sparkdrop_local.emr.errors import validation
from sparkdrop_local.emr.http import Request
from sparkdrop_local.emr.wire import load_body, read_parameters

if TYPE_CHECKING:
    from botocore.model import ServiceModel, Shape

SERVICE = "emr-serverless"
_BOOLEANS = {"true": True, "false": False}
_PLACE = re.compile(r"\{(\w+)\}")
# an ARN has slashes in it, which WSGI gives decoded
_ARN = "resourceArn"


@functools.cache
def service_model() -> "ServiceModel":
    """Load botocore's model of EMR Serverless, once."""
    return botocore.session.get_session().get_service_model(SERVICE)


def find_operation(request: Request) -> tuple[str, dict[str, str]] | None:
    """Find the operation that a request's method and path name, and what the path gives it; None for none."""
    for method, pattern, operation in _routes():
        found = pattern.fullmatch(request.path) if method == request.method else None
        if found is not None:
            return operation, {name: unquote(value) for name, value in found.groupdict().items()}
    return None


def parse_request(operation: str, in_path: Mapping[str, str], request: Request) -> dict[str, Any]:
    """Collect an operation's parameters from the path, the query and the body.

    Raises:
        EmrError: SerializationException for what is no JSON object, or has a value of the wrong type;
            ValidationException for a member that is missing or is not as the model asks.
    """
    shape: Any = service_model().operation_model(operation).input_shape
    parameters = {**load_body(request.body), **in_path}
    for name, member in shape.members.items():
        given = request.query.get(member.serialization.get("name", name))
        if member.serialization.get("location") == "querystring" and given:
            parameters[name] = _read(name, member, given)
    return read_parameters(parameters, shape)


def build_error(message: str) -> bytes:
    """Write an error's body; its code is in a header."""
    return json.dumps({"message": message}).encode()


def _read(name: str, shape: "Shape", given: Sequence[str]) -> Any:  # noqa: ANN401 - of the shape's type
    """Read a member of the query, which is all text."""
    if shape.type_name == "list":
        return list(given)
    text = given[-1]
    try:
        if shape.type_name in ("integer", "long"):
            return int(text)
        if shape.type_name == "boolean":
            return _BOOLEANS[text.lower()]
        if shape.type_name == "timestamp":
            return parse_timestamp(text).timestamp()
    except (ValueError, KeyError) as error:
        raise validation(
            f"1 validation error detected: Value '{text}' at '{name}' failed to satisfy constraint: "
            f"Member must be of type {shape.type_name}"
        ) from error
    return text


@functools.cache
def _routes() -> list[tuple[str, "re.Pattern[str]", str]]:
    model = service_model()
    routes = []
    for name in model.operation_names:
        http = model.operation_model(name).http
        pattern = _PLACE.sub(
            lambda place: f"(?P<{place[1]}>{'.+' if place[1] == _ARN else '[^/]+'})", http["requestUri"]
        )
        routes.append((http["method"], re.compile(pattern), name))
    return routes
