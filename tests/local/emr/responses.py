"""Every answer of a served EMR, held against the output shape that botocore's model has for it."""

import functools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import botocore.session

# what was wrong with the answers since the last look; a fixture looks after each test
PROBLEMS: list[str] = []
_TARGET = "ElasticMapReduce."
_SHARED = {
    "AccessDeniedException", "InternalFailure", "SerializationException", "ServiceUnavailable",
    "ThrottlingException", "UnknownOperationException", "ValidationException",
}  # fmt: skip
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "timestamp": (int, float),
    "blob": (str,),
}


def check_responses(app: Any) -> Callable[..., Iterable[bytes]]:
    """Wrap a WSGI app: it answers as before, and what is wrong with EMR's answers goes to ``PROBLEMS``."""

    def call(environ: Mapping[str, Any], start_response: Any) -> Iterable[bytes]:
        seen: list[int] = []

        def start(status: str, headers: Any, *rest: Any) -> Any:
            seen.append(int(status.split(maxsplit=1)[0]))
            return start_response(status, headers, *rest)

        answer = app(environ, start)
        found = _find_operation(environ)
        if found is None:
            return answer
        body = b"".join(answer)
        name, model = found
        if model is not None:
            PROBLEMS.extend(f"{name} ({seen[0]}): {one}" for one in check_body(model, seen[0], body))
        return [body]

    return call


def check_body(model: Any, status: int, body: bytes) -> list[str]:
    """Check one answer: a result by the operation's output shape, an error by the error's."""
    answer = json.loads(body) if body else {}
    if status < 400:
        shape = model.output_shape
        if shape is None:
            return [f"a result without a shape: {answer}"] if answer else []
        return list(check(shape, answer, shape.name))
    # 5xx of a gateway, of an outage on order, is not the service's
    if status >= 500 and "__type" not in answer:
        return []
    code = answer.get("__type", answer.get("code", answer.get("Code", "")))
    if not code:
        return []
    errors = {shape.name: shape for shape in model.service_model.error_shapes}
    if code not in errors:
        return [] if code in _SHARED else [f"{code} is no error of the service"]
    # botocore finds the message of an error without members too
    extra = {"__type", "code"} if errors[code].members else {"__type", "code", "message"}
    members = {name: value for name, value in answer.items() if name not in extra}
    return list(check(errors[code], members, code))


def check(shape: Any, value: Any, path: str) -> Iterator[str]:
    """Word what of a value is not as its shape has it."""
    if shape.type_name == "structure":
        yield from _check_structure(shape, value, path)
    elif shape.type_name == "list":
        if not isinstance(value, list):
            yield f"{path} is no list: {value!r}"
            return
        for number, item in enumerate(value):
            yield from check(shape.member, item, f"{path}[{number}]")
    elif shape.type_name == "map":
        for key, item in value.items():
            yield from check(shape.value, item, f"{path}.{key}")
    elif not isinstance(value, _TYPES[shape.type_name]) or (
        isinstance(value, bool) and shape.type_name != "boolean"
    ):
        if not (shape.type_name == "timestamp" and _is_time(value)):
            yield f"{path} is no {shape.type_name}: {value!r}"
    elif getattr(shape, "enum", None) and value not in shape.enum:
        yield f"{path} is none of {shape.enum}: {value!r}"


def _check_structure(shape: Any, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path} is no structure: {value!r}"
        return
    # members of headers and of the address are not in the body
    members = {
        member.serialization.get("name", name): member
        for name, member in shape.members.items()
        if member.serialization.get("location")
        not in ("header", "headers", "uri", "querystring", "statusCode")
    }
    for name in shape.required_members:
        if shape.members[name].serialization.get("name", name) not in value:
            yield f"{path}.{name} is missing"
    for name, item in value.items():
        if name in members:
            yield from check(members[name], item, f"{path}.{name}")
        else:
            yield f"{path}.{name} is not in the model"


def _is_time(value: Any) -> bool:
    try:
        datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return False
    return True


def _find_operation(environ: Mapping[str, Any]) -> tuple[str, Any] | None:
    """Find the operation that a request asks for; one that EMR does not have has no model."""
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if target.startswith(_TARGET):
        name = target.removeprefix(_TARGET)
        return name, _models("emr").get(name)
    if "/emr-serverless/" not in environ.get("HTTP_AUTHORIZATION", ""):
        return None
    for pattern, method, model in _routes():
        if method == environ["REQUEST_METHOD"] and pattern.fullmatch(environ["PATH_INFO"]):
            return model.name, model
    return None


@functools.cache
def _models(service: str) -> dict[str, Any]:
    model = botocore.session.get_session().get_service_model(service)
    return {name: model.operation_model(name) for name in model.operation_names}


@functools.cache
def _routes() -> list[tuple["re.Pattern[str]", str, Any]]:
    """Patterns of EMR Serverless's addresses; the narrower ones, with fewer labels, first."""
    models = sorted(_models("emr-serverless").values(), key=lambda model: model.http["requestUri"].count("{"))
    return [
        (
            re.compile(
                re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(model.http["requestUri"].partition("?")[0]))
            ),
            model.http["method"],
            model,
        )
        for model in models
    ]
