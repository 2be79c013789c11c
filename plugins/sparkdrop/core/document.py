"""One YAML file as plain values, with the line of each key at hand, and duplicate keys refused."""

from __future__ import annotations

from typing import Any

import yaml

from sparkdrop.core.errors import ConfigError, Problem

# libyaml is ten times faster; a PyYAML built without it still works
_LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

MAX_NODES = 20_000
"""Enough for any pipeline, and the end of anchors that multiply (or hold) themselves."""

Path = tuple[str | int, ...]


class Document:
    """A parsed file.

    Attributes:
        file: Its name, as errors say it.
        values: Its content; an empty file is an empty mapping.
    """

    def __init__(self, file: str, values: dict[str, Any], root: yaml.Node | None) -> None:
        self.file = file
        self.values = values
        self._root = root

    def line_of(self, path: Path) -> int | None:
        """Find the line of a key, or of the nearest one above it that is there."""
        node, line = self._root, None
        for step in path:
            found = _child(node, step)
            if found is None:
                break
            node, line = found
        return line

    def has(self, path: Path) -> bool:
        """Whether the file itself names this key."""
        node = self._root
        for step in path:
            found = _child(node, step)
            if found is None:
                return False
            node = found[0]
        return True

    def problem(self, path: Path, message: str, hint: str = "") -> Problem:
        """Say what is wrong at a key."""
        return Problem(
            file=self.file, path=format_path(path), message=message, line=self.line_of(path), hint=hint
        )


def parse_document(file: str, text: str) -> Document:
    """Parse one YAML file.

    Raises:
        ConfigError: It is not YAML, holds a key twice, or is not a mapping at its top.
    """
    loader = _LOADER(text)
    try:
        root = loader.get_single_node()
        if root is not None and (problems := _node_problems(file, root)):
            raise ConfigError(*problems)
        values = loader.construct_document(root) if root is not None else {}
    except yaml.MarkedYAMLError as error:
        raise ConfigError(_syntax_problem(file, error)) from error
    except (yaml.YAMLError, ValueError) as error:
        what = str(error).strip().replace("\n", " ")
        raise ConfigError(Problem(file=file, path="", message=f"is not YAML: {what}")) from error
    finally:
        loader.dispose()
    if values is None:
        values = {}
    if not isinstance(values, dict):
        message = f"found {describe(values)}; accepted: keys and values, as in 'key: value'"
        raise ConfigError(Problem(file=file, path="", message=message, line=1))
    return Document(file, values, root)


def format_path(path: Path) -> str:
    """Write a path as people do: ``arrival.keys[0]``."""
    written = ""
    for step in path:
        written += f"[{step}]" if isinstance(step, int) else f".{step}" if written else str(step)
    return written


def describe(value: object) -> str:
    """Say what was found, in YAML's words."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"{str(value).lower()} (a boolean)"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    kind = {int: " (a whole number)", float: " (a number)"}.get(type(value), "")
    return f"{value!r}{kind}"


def _child(node: yaml.Node | None, step: str | int) -> tuple[yaml.Node, int] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(step):
                return value, key.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        child = node.value[step]
        return child, child.start_mark.line + 1
    return None


def _syntax_problem(file: str, error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    what = "; ".join(part for part in (error.problem, error.context) if part)
    hint = "a tab is no indentation: use spaces" if "tab" in what or "'\\t'" in what else ""
    line = mark.line + 1 if mark else None
    return Problem(file=file, path="", message=f"is not YAML: {place}{what}", line=line, hint=hint)


def _node_problems(file: str, root: yaml.Node) -> list[Problem]:
    """Find duplicate keys, keys that are no text, and trees that anchors made endless."""
    problems: list[Problem] = []
    waiting: list[tuple[yaml.Node, Path]] = [(root, ())]
    count = 0
    while waiting:
        node, path = waiting.pop()
        count += 1
        if count > MAX_NODES:
            message = f"is larger than {MAX_NODES} values; does an anchor (&) hold itself?"
            return [Problem(file=file, path="", message=message)]
        if isinstance(node, yaml.MappingNode):
            problems += _key_problems(file, node, path)
            waiting += [(value, (*path, str(key.value))) for key, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            waiting += [(child, (*path, index)) for index, child in enumerate(node.value)]
    return sorted(problems, key=lambda problem: problem.line or 0)


def _key_problems(file: str, node: yaml.MappingNode, path: Path) -> list[Problem]:
    problems: list[Problem] = []
    lines: dict[str, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if key.tag == "tag:yaml.org,2002:merge":
            continue
        if key.tag != "tag:yaml.org,2002:str":
            message = f"found the key {key.value!r}, which YAML does not read as text"
            hint = f'write "{key.value}"' if isinstance(key, yaml.ScalarNode) else ""
            problems.append(Problem(file=file, path=format_path(path), message=message, line=line, hint=hint))
        elif key.value in lines:
            where, message = (*path, key.value), f"is there twice, first at line {lines[key.value]}"
            problems.append(
                Problem(
                    file=file, path=format_path(where), message=message, line=line, hint="keep one of the two"
                )
            )
        else:
            lines[key.value] = line
    return problems
