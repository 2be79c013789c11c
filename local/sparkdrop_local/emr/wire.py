"""EMR's JSON: requests checked against botocore's own model of EMR, answers as its parsers read them."""

import functools
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.validate import ParamValidator

from sparkdrop_local.emr.constraints import find_problems
from sparkdrop_local.emr.errors import validation

if TYPE_CHECKING:
    from botocore.model import ServiceModel, Shape

Json = Any  # what json.loads gives; its shape is botocore's business


@functools.cache
def emr_model() -> "ServiceModel":
    """Load botocore's model of EMR, once."""
    return botocore.session.get_session().get_service_model("emr")


def parse_request(operation: str, body: bytes) -> dict[str, Any]:
    """Turn a body into an operation's parameters.

    Raises:
        EmrError: SerializationException for what is no JSON object; ValidationException for a member that is
            missing, has the wrong type or is not one of its enumeration.
    """
    try:
        parameters = json.loads(body or b"{}")
    except ValueError as error:
        raise validation(f"The request is not JSON: {error}") from error
    if not isinstance(parameters, dict):
        raise validation(f"The request is not a JSON object but {type(parameters).__name__}")
    shape = emr_model().operation_model(operation).input_shape
    if shape is None:
        return {}
    check_parameters(parameters, shape)
    return parameters


def check_parameters(parameters: Mapping[str, Any], shape: "Shape") -> None:
    """Check an operation's parameters against its input.

    Raises:
        EmrError: ValidationException, with all that is wrong.
    """
    report = ParamValidator().validate(parameters, shape)
    if report.has_errors():
        raise validation(report.generate_report())
    problems = list(find_problems(parameters, shape))
    if problems:
        plural = "s" if len(problems) > 1 else ""
        raise validation(f"{len(problems)} validation error{plural} detected: {'; '.join(problems)}")


def build_body(result: Mapping[str, Any] | None) -> bytes:
    """Write a result as JSON, without members that are None; no result is an empty body."""
    return b"" if result is None else json.dumps(_without_none(result)).encode()


def build_error(code: str, message: str) -> bytes:
    """Write an error as JSON 1.1."""
    return json.dumps({"__type": code, "message": message}).encode()


def _without_none(value: Json) -> Json:
    if isinstance(value, Mapping):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_none(item) for item in value]
    return value
