"""Pydantic's findings as sentences: what was found, what is accepted, and the nearest valid name."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from sparkdrop.core.document import Path, describe
from sparkdrop.core.spark_options import explain_options
from sparkdrop.core.variables import UNRESOLVED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic_core import ErrorDetails

    from sparkdrop.core.variables import Finding

_TYPES = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "dict_type": "a mapping (keys and values)",
    "model_type": "a mapping (keys and values)",
    "model_attributes_type": "a mapping (keys and values)",
    "tuple_type": "a list",
    "timedelta_type": 'a duration, as in "5m"',
}
_LIMITS = {
    "greater_than": ("more than {gt}", "gt"),
    "greater_than_equal": ("{ge} or more", "ge"),
    "less_than_equal": ("at most {le}", "le"),
    "string_pattern_mismatch": ("text that matches {pattern}", "pattern"),
    "too_short": ("a list of {min_length} or more", "min_length"),
    "string_too_short": ("text of {min_length} characters or more", "min_length"),
    "string_too_long": ("text of at most {max_length} characters", "max_length"),
    "literal_error": ("{expected}", "expected"),
}
_MISSING = {
    ("arrival",): 'what lands; two lines are enough: arrival: {keys: ["NAME/*.csv"]}',
    ("arrival", "keys"): 'key patterns, as in ["flights/*.csv"]',
    (
        "input",
        "format",
    ): "csv, json, parquet, avro, orc or xml (the endings of arrival.keys do not say which)",
}
_OPTIONS = ("input", "options")
_ELSEWHERE = {
    "name": "a pipeline is called what its file is called",
    "dag_id": "a pipeline is called what its file is called",
}


def explain(error: ValidationError, model: type[BaseModel]) -> Iterator[Finding]:
    """Turn a model's errors into findings, each at its path."""
    details = error.errors(include_url=False)
    arrival_is_wrong = any(detail["loc"][:1] == ("arrival",) for detail in details)
    for detail in details:
        path: Path = detail["loc"]
        if arrival_is_wrong and path == ("input", "format") and detail["type"] == "missing":
            continue  # it would have been read from arrival.keys
        if detail.get("input") is UNRESOLVED:
            continue  # the variable's own error says it
        if path == _OPTIONS:
            yield from explain_options(detail["input"], path, _list_keys(model, path))
            continue
        yield _explain_one(detail, path, model)


def _explain_one(detail: ErrorDetails, path: Path, model: type[BaseModel]) -> Finding:
    kind, context = detail["type"], detail.get("ctx", {})
    if "path" in context:
        return tuple(context["path"]), detail["msg"], ""
    if kind == "extra_forbidden":
        return _explain_unknown(path, model)
    if kind == "missing":
        accepted = _MISSING.get(tuple(map(str, path)), "")
        return path, "is missing" + (f"; accepted: {accepted}" if accepted else ""), ""
    if kind == "value_error":
        return path, str(context["error"]), ""
    return _explain_value(detail, path)


def _explain_value(detail: ErrorDetails, path: Path) -> Finding:
    kind, context, found = detail["type"], detail.get("ctx", {}), describe(detail["input"])
    if kind in _TYPES:
        return path, f"found {found}; accepted: {_TYPES[kind]}", ""
    if kind in _LIMITS:
        form, name = _LIMITS[kind]
        hint = _nearest(str(detail["input"]), _options(context)) if kind == "literal_error" else ""
        return path, f"found {found}; accepted: {form.format(**{name: context[name]})}", hint
    return path, f"found {found}; {detail['msg']}", ""


def _explain_unknown(path: Path, model: type[BaseModel]) -> Finding:
    name, keys = str(path[-1]), _list_keys(model, path)
    hint = _nearest(name, keys)
    if not hint and len(path) == 1:
        hint = _ELSEWHERE.get(name, "")
    return path, f"is no known key; accepted here: {', '.join(keys)}", hint


def _list_keys(model: type[BaseModel], path: Path) -> list[str]:
    """List the keys that are accepted beside the last one of a path."""
    owner = model_at(model, path[:-1])
    return sorted(field_names(owner)) if owner else []


def _options(context: dict[str, Any]) -> list[str]:
    return [word.strip().strip("'") for word in str(context["expected"]).replace(" or ", ", ").split(",")]


def _nearest(found: str, accepted: list[str]) -> str:
    lower = {name.lower(): name for name in accepted}
    near = difflib.get_close_matches(found.lower(), lower, n=1, cutoff=0.5)
    return f"did you mean {lower[near[0]]!r}?" if near else ""


def field_names(model: type[BaseModel]) -> list[str]:
    """Name a model's keys as files write them; the name of a pipeline is not one."""
    names = [info.alias or name for name, info in model.model_fields.items()]
    return [name for name in names if not (name == "name" and "arrival" in names)]


def model_at(model: type[BaseModel], path: Path) -> type[BaseModel] | None:
    """Find the model that a path leads to; None where it is not a model."""
    current: type[BaseModel] | None = model
    for step in path:
        if isinstance(step, int):
            continue  # the element's model was taken at the list's own step
        if current is None:
            return None
        fields = {info.alias or name: info for name, info in current.model_fields.items()}
        current = _model_in(fields[step].annotation) if step in fields else None
    return current


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    arguments = get_args(annotation)[:1] if get_origin(annotation) is Annotated else get_args(annotation)
    return next((found for argument in arguments if (found := _model_in(argument)) is not None), None)
