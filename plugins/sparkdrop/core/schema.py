"""The JSON Schema of pipeline files, for editors. It is generated from the models and checked for drift."""

from __future__ import annotations

import json
from typing import Any

from sparkdrop.core.pipeline import Pipeline
from sparkdrop.core.variables import VARIABLE_NAME, Variable

_REFERENCE = {"type": "string", "pattern": rf"^\$\{{{VARIABLE_NAME}\}}$"}
_SCALARS = {"integer", "number", "boolean"}
_TEXT = {"type": ["string", "number", "boolean"]}
_COMPUTED = {"Input": "format", "Output": "prefix"}


def render_schema() -> str:
    """Write the schema as its file holds it."""
    return json.dumps(build_schema(), indent=2, ensure_ascii=False) + "\n"


def build_schema() -> dict[str, Any]:
    """Build the schema: what a file may say, which is less than a pipeline is.

    The name comes from the file, the format and the prefix from other keys, and ``_defaults.yaml`` is
    below, so no key is required. A variable may stand wherever a single value does.
    """
    schema = Pipeline.model_json_schema()
    definitions = schema["$defs"]
    variable = Variable.model_json_schema()
    definitions["Variable"] = variable
    for definition in definitions.values():
        _refine(definition)
    _refine(schema)
    schema["properties"].pop("name")
    schema["required"] = []
    for owner, key in _COMPUTED.items():
        definitions[owner]["required"].remove(key)
    definitions["ArrivalSettings"]["required"] = []  # _defaults.yaml may name the mode alone
    schema["properties"]["variables"] = {
        "type": "object",
        "description": "Values from the environment or from Airflow Variables, used as ${name}.",
        "propertyNames": {"pattern": f"^{VARIABLE_NAME}$"},
        "additionalProperties": {"$ref": "#/$defs/Variable"},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "A Sparkdrop pipeline",
        "description": "What lands where, which Spark job, on which compute, under which limits.",
    }


def _refine(definition: dict[str, Any]) -> None:
    """Let variables, Spark's plain values and empty sections through, as the loader does."""
    if "required" not in definition:
        definition["required"] = []
    definition.pop("title", None)
    for name, spec in definition["properties"].items():
        spec.pop("title", None)
        spec.pop("default", None)
        definition["properties"][name] = _with_reference(spec)
        if name == "spark":
            spec["additionalProperties"] = dict(_TEXT)
        if name == "arguments":
            spec["items"] = dict(_TEXT)


def _with_reference(spec: dict[str, Any]) -> dict[str, Any]:
    plain = (
        spec.get("type") in _SCALARS or "enum" in spec or ("pattern" in spec and spec.get("type") == "string")
    )
    if not plain:
        return spec
    description = spec.pop("description", None)
    either: dict[str, Any] = {"anyOf": [spec, dict(_REFERENCE)]}
    return {"description": description, **either} if description else either
