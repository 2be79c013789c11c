"""AWS's JSON 1.1: bodies read by botocore's own model of a service, answers as its parsers read them.

AWS reads a body in two passes: a value of the wrong type is a SerializationException at once; then all
members that break a constraint of the model are told in one ValidationException. Members that the model does
not have are passed over, as are those that are null.
"""

import functools
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import botocore.session

from sparkdrop_local.emr.errors import EmrError, serialization, validation
from sparkdrop_local.emr.shapes import read_structure

if TYPE_CHECKING:
    from botocore.model import OperationModel, ServiceModel, Shape

Json = Any  # what json.loads gives; its shape is botocore's business


@functools.cache
def emr_model() -> "ServiceModel":
    """Load botocore's model of EMR, once."""
    return botocore.session.get_session().get_service_model("emr")


@functools.cache
def operation_model(operation: str) -> "OperationModel":
    """Find an operation of EMR in its model; botocore would build it anew at every call."""
    return emr_model().operation_model(operation)


def parse_request(operation: str, body: bytes) -> dict[str, Any]:
    """Turn a body into an operation's parameters.

    Raises:
        EmrError: SerializationException for what is no JSON object, or has a value of the wrong type;
            ValidationException for a member that is missing or breaks a constraint of the model.
    """
    parameters = load_body(body)
    shape = operation_model(operation).input_shape
    if shape is None:
        return {}
    return read_parameters(parameters, shape)


def read_parameters(parameters: Mapping[str, Any], shape: "Shape") -> dict[str, Any]:
    """Read an operation's parameters by its input, without what the model does not have.

    Raises:
        EmrError: SerializationException for a value of the wrong type; ValidationException with all else that
            is wrong.
    """
    problems: list[str] = []
    read: dict[str, Any] = read_structure(shape, parameters, problems)
    if problems:
        plural = "s" if len(problems) > 1 else ""
        raise validation(f"{len(problems)} validation error{plural} detected: {'; '.join(problems)}")
    return read


def build_body(result: Mapping[str, Any] | None) -> bytes:
    """Write a result as JSON, without members that are None; no result is an empty body."""
    return b"" if result is None else json.dumps(_without_none(result)).encode()


def build_error(error: EmrError) -> bytes:
    """Write an error as JSON 1.1, its message under the name that the error's model gives it.

    InvalidRequestException and InternalServerException have a ``Message``; those that all services share have
    a ``message``.
    """
    is_modelled = error.code in ("InvalidRequestException", "InternalServerException")
    body = {"__type": error.code, "Message" if is_modelled else "message": error.message}
    if error.error_code is not None:
        body["ErrorCode"] = error.error_code
    return json.dumps(body).encode()


def fit_error(operation: str, error: EmrError) -> EmrError:
    """Give an error as the operation has it: one without InvalidRequestException says ValidationException."""
    names = [shape.name for shape in operation_model(operation).error_shapes]
    if error.code == "InvalidRequestException" and error.code not in names:
        return validation(error.message)
    return error


def internal_error(operation: str, message: str) -> EmrError:
    """The error of a failure of EMR's own, under the name that the operation's model gives it."""
    names = [shape.name for shape in operation_model(operation).error_shapes]
    name = "InternalServerError" if "InternalServerError" in names else "InternalServerException"
    return EmrError(name, message, 500)


def load_body(body: bytes) -> dict[str, Any]:
    """Read a body; nothing is an object without members.

    Raises:
        EmrError: SerializationException for what is no JSON object.
    """
    try:
        parameters = json.loads(body or b"{}", parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise serialization(f"The request is not JSON: {error}") from error
    if not isinstance(parameters, dict):
        raise serialization(f"The request is not a JSON object but {type(parameters).__name__}")
    return parameters


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _without_none(value: Json) -> Json:
    if isinstance(value, Mapping):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_none(item) for item in value]
    return value
