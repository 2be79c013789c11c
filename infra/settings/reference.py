"""The table of every key of a settings file, made from the models and their docstrings.

``python -m infra.settings.reference FILE`` writes it between the file's two marks; with ``--check`` it only
compares. A key that its model's docstring leaves out is an error, so none stays undocumented.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.settings.model import StageSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BEGIN, END = "<!-- settings: begin (make docs) -->", "<!-- settings: end -->"
# The file's name, not a key of it.
NOT_IN_THE_FILE = "stage"

_Schema = dict[str, Any]
_WORDS = {"string": "text", "integer": "number", "number": "number", "boolean": "`true`, `false`"}
_FORMATS = {"ipv4network": "CIDR block"}


def render_reference() -> str:
    """Render a section of keys after the other, as Markdown."""
    schema = StageSettings.model_json_schema()
    definitions: _Schema = schema["$defs"]
    top, sections = list[str](), list[str]()
    meanings = _read_attributes(schema["description"])
    for name, described in schema["properties"].items():
        if name == NOT_IN_THE_FILE:
            continue
        model = definitions.get(_find_reference(described) or "")
        if model is None:
            top.append(_render_row(name, described, meanings[name], name in schema["required"]))
        else:
            rows = list(_render_rows(f"{name}.", model, definitions))
            sections += ["", f"### `{name}`", "", _read_summary(model["description"]), "", *_HEAD, *rows]
    return "\n".join([*_HEAD, *top, *sections]) + "\n"


_HEAD = ("| key | value | default | meaning |", "| --- | --- | --- | --- |")


def _render_rows(prefix: str, model: _Schema, definitions: _Schema) -> Iterator[str]:
    meanings = _read_attributes(model["description"])
    for name, described in model["properties"].items():
        inner = definitions.get(_find_reference(described) or "")
        if inner is None or "default" not in described or described["default"] is None:
            yield _render_row(prefix + name, described, meanings[name], name in model.get("required", ()))
        if inner is not None:
            yield from _render_rows(f"{prefix}{name}.", inner, definitions)


def _render_row(key: str, described: _Schema, meaning: str, required: bool) -> str:  # noqa: FBT001 - of one row
    default = "required" if required else _render_default(described.get("default"))
    cells = (f"`{key}`", _describe_values(described), default, meaning)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _render_default(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list):
        return f"`[{', '.join(map(str, value))}]`"
    return f"`{value}`"


def _describe_values(described: _Schema) -> str:
    if "anyOf" in described:
        (described,) = [one for one in described["anyOf"] if one.get("type") != "null"]
    if "$ref" in described:
        return "keys below"
    if "enum" in described:
        return ", ".join(f"`{value}`" for value in described["enum"])
    if described["type"] == "array":
        return f"list: {_describe_values(described['items'])}"
    if "minimum" in described:
        return f"{described['minimum']} to {described['maximum']}"
    return _FORMATS.get(described.get("format", ""), _WORDS[described["type"]])


def _find_reference(described: _Schema) -> str | None:
    options = (described, *described.get("anyOf", ()))
    return next((one["$ref"].rsplit("/", 1)[-1] for one in options if "$ref" in one), None)


def _read_summary(docstring: str) -> str:
    return _to_markdown(docstring.partition("Attributes:")[0])


def _read_attributes(docstring: str) -> dict[str, str]:
    """Read ``name: meaning`` of a Google docstring; a deeper line goes on with the one before it."""
    entries = re.split(r"\n {4}(?=\w)", docstring.partition("Attributes:")[2])
    named = (entry.partition(": ") for entry in entries if ": " in entry)
    return {name: _to_markdown(meaning) for name, _, meaning in named}


def _to_markdown(text: str) -> str:
    return " ".join(text.replace("``", "`").split())


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the table; 1 says that it has drifted."""
    parser = argparse.ArgumentParser(prog="python -m infra.settings.reference", description=main.__doc__)
    parser.add_argument("page", type=Path, help="the page with the two marks, docs/infra.md")
    parser.add_argument("--check", action="store_true", help="compare only")
    options = parser.parse_args(arguments)
    text = options.page.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        sys.stderr.write(f"error: {options.page} lacks the marks {BEGIN} and {END}\n")
        return 1
    wanted = f"{before}{BEGIN}\n\n{render_reference()}\n{END}{after}"
    if wanted == text:
        return 0
    if options.check:
        sys.stderr.write(f"error: {options.page} has drifted from the settings: run `make docs`\n")
        return 1
    options.page.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
