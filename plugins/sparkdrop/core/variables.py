"""The ``variables:`` block: the one declared, typed way for a value to come from outside of the files.

::

    variables:
      step_poll: {environment: SPARKDROP_STEP_POLL, type: duration, default: 15s}
    compute:
      poll_interval: ${step_poll}

A variable stands for a whole value, never for a part of one. The lookup is passed in: nothing is read here.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from sparkdrop.core.compute import Model
from sparkdrop.core.document import Path, describe
from sparkdrop.core.quantities import parse_duration, parse_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Source = Literal["environment", "airflow_variable"]
Lookup = Callable[[Source, str], str | None]
"""Answers a name's text, or None where it is not set."""
Finding = tuple[Path, str, str]
"""A path, what is wrong there, and a hint."""

VARIABLE_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
WHOLE = re.compile(rf"\$\{{({VARIABLE_NAME})\}}")
_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_ACCEPTED = {"integer": "a whole number", "boolean": "true or false"}


class Variable(Model):
    """One value from outside."""

    environment: Annotated[str, Field(pattern=rf"^{VARIABLE_NAME}$")] | None = None
    """The environment's name of it."""
    airflow_variable: Annotated[str, Field(min_length=1)] | None = None
    """The key of the Airflow Variable."""
    type: Literal["string", "integer", "boolean", "duration", "size"] = "string"
    """What its text must be."""
    default: str | int | bool | None = None
    """The value where it is not set (or empty); without one, not being set is an error."""

    @model_validator(mode="after")
    def _check_source(self) -> Variable:
        if (self.environment is None) == (self.airflow_variable is None):
            message = "accepted: one of environment and airflow_variable"
            raise ValueError(message)
        if self.default is not None:
            self.convert(self.default)
        return self

    def convert(self, value: str | int | bool) -> str | int | bool:  # noqa: FBT001 - a value, not a switch
        """Turn a text into the declared type; sizes and durations stay texts, which the models read.

        Raises:
            ValueError: It is of another type.
        """
        text = str(value).strip()
        if self.type == "integer" and re.fullmatch(r"[+-]?\d+", text):
            return int(text)
        if self.type == "boolean" and text.lower() in _WORDS:
            return _WORDS[text.lower()]
        if self.type in _ACCEPTED:
            message = f"found {value!r}; accepted: {_ACCEPTED[self.type]}"
            raise ValueError(message)
        if self.type == "duration":
            parse_duration(text)
        if self.type == "size":
            parse_size(text)
        return text

    def resolve(self, lookup: Lookup) -> str | int | bool | None:
        """Look the value up; an empty text counts as not set.

        Raises:
            ValueError: Not set and no default, or of another type.
        """
        source: Source = "environment" if self.environment is not None else "airflow_variable"
        name = self.environment or self.airflow_variable or ""
        found = lookup(source, name)
        words = f"the {'environment variable' if source == 'environment' else 'Airflow Variable'} {name}"
        if found is None or not found.strip():
            if "default" in self.model_fields_set:
                return None if self.default is None else self.convert(self.default)
            message = f"{words} is not set, and there is no default"
            raise ValueError(message)
        try:
            return self.convert(found)
        except ValueError as error:
            message = f"{words}: {error}"
            raise ValueError(message) from error


def substitute(
    values: Mapping[str, Any], variables: Mapping[str, Variable], lookup: Lookup
) -> tuple[dict[str, Any], list[Finding]]:
    """Put the variables' values in; only those that are used are looked up, each once."""
    replaced: dict[str, Any] = {}
    findings: list[Finding] = []
    known: dict[str, Any] = {}

    def fill(value: object, path: Path) -> object:
        if isinstance(value, dict):
            return {key: fill(inner, (*path, key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [fill(inner, (*path, index)) for index, inner in enumerate(value)]
        if not isinstance(value, str) or "${" not in value:
            return value
        found = WHOLE.fullmatch(value.strip())
        if found is None:
            findings.extend(_partial_uses(value, path, variables))
            return value
        name = found[1]
        if name not in known:
            known[name] = _look_up(name, path, variables, lookup, findings)
        return known[name]

    for key, value in values.items():
        replaced[key] = fill(value, (key,))
    return replaced, findings


UNRESOLVED = object()
"""Stands where a variable could not be resolved: its error is known, and no second one should follow."""


def _look_up(
    name: str, path: Path, variables: Mapping[str, Variable], lookup: Lookup, findings: list[Finding]
) -> object:
    if name not in variables:
        near = difflib.get_close_matches(name, variables, n=1)
        hint = f"did you mean ${{{near[0]}}}?" if near else "declare it under 'variables:'"
        findings.append((path, f"found ${{{name}}}, which is not declared", hint))
        return UNRESOLVED
    try:
        return variables[name].resolve(lookup)
    except ValueError as error:
        findings.append((("variables", name), str(error), ""))
        return UNRESOLVED


def _partial_uses(value: str, path: Path, variables: Mapping[str, Variable]) -> Iterator[Finding]:
    for name in WHOLE.findall(value):
        if name in variables:
            yield (
                path,
                f"found {describe(value)}; ${{{name}}} stands for a whole value, not for a part of one",
                "",
            )
