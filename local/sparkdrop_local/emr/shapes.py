"""Values read by the shapes of botocore's models: their types, and what the model demands of them.

A reader is made once for each shape. It takes a value, the path to it and the list of problems that it adds
to, and gives the value without what the model does not have. Paths and wording are those of AWS:
``Value 'x' at 'steps.1.member.actionOnFailure' failed to satisfy constraint: Member must ...``.
"""

import functools
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sparkdrop_local.emr.errors import serialization

if TYPE_CHECKING:
    from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

Value = Any  # of JSON
Reader = Callable[[Value, str, list[str]], Value]

_WORDS: dict[type, str] = {
    bool: "TRUE_VALUE",
    str: "STRING_VALUE",
    int: "NUMBER_VALUE",
    float: "NUMBER_VALUE",
}
_COLLECTIONS: dict[type, str] = {list: "Start of list", dict: "Start of structure or map"}
_BOUNDS = {"integer": 2**31, "long": 2**63}
# Java's two units of one character beyond the sixteenth bit, which Python has as one
_JAVA_PAIRS = (r"\uD800\uDC00-\uDBFF\uDFFF", r"\uD800\uDBFF-\uDC00\uDFFF")
_PYTHON_RANGE = r"\U00010000-\U0010FFFF"


def read_structure(shape: "Shape", value: Value, problems: list[str]) -> Value:
    """Read the members of a request.

    Raises:
        EmrError: SerializationException for a value of the wrong type.
    """
    return _reader(shape)(value, "", problems)


def _reader(shape: "Shape") -> Reader:
    """Find the reader of a shape; a member's constraints are its shape's, so one does for all of a name.

    Two services may have shapes of one name; each service's model resolves its own.
    """
    # a shape tells its service by nothing else
    service = id(shape._shape_resolver)  # type: ignore[attr-defined]  # noqa: SLF001
    key = (service, shape.name, repr(sorted(shape.metadata.items(), key=str)))
    reader = _READERS.get(key)
    if reader is None:
        reader = _READERS[key] = _MAKERS.get(shape.type_name, _make_number)(shape)
    return reader


_READERS: dict[tuple[int, str, str], Reader] = {}


def _make_structure(shape: "StructureShape") -> Reader:
    required = tuple(shape.required_members)

    @functools.cache
    def members() -> dict[str, tuple[str, Reader]]:
        # only when they are needed: a shape may hold itself
        return {name: (name[0].lower() + name[1:], _reader(member)) for name, member in shape.members.items()}

    def read(value: Value, path: str, problems: list[str]) -> Value:
        if not isinstance(value, dict):
            raise _unexpected(value, "structure")
        known, start = members(), f"{path}." if path else ""
        result = {}
        for name, item in value.items():
            if item is not None and name in known:
                word, reader = known[name]
                result[name] = reader(item, start + word, problems)
        problems.extend(
            _word("null", start + known[name][0], "not be null") for name in required if name not in result
        )
        return result

    return read


def _make_list(shape: "ListShape") -> Reader:
    member = functools.cache(lambda: _reader(shape.member))
    check = _length_check(shape)

    def read(value: Value, path: str, problems: list[str]) -> Value:
        if not isinstance(value, list):
            raise _unexpected(value, "list")
        check(value, len(value), path, problems)
        return [
            member()(item, f"{path}.{number}.member", problems)
            for number, item in enumerate(value, start=1)
            if item is not None
        ]

    return read


def _make_map(shape: "MapShape") -> Reader:
    name, member = (functools.cache(lambda part=part: _reader(part)) for part in (shape.key, shape.value))
    check = _length_check(shape)

    def read(value: Value, path: str, problems: list[str]) -> Value:
        if not isinstance(value, dict):
            raise _unexpected(value, "map")
        check(value, len(value), path, problems)
        return {
            name()(key, f"{path}.{key}.key", problems): member()(item, f"{path}.{key}.member", problems)
            for key, item in value.items()
            if item is not None
        }

    return read


def _make_string(shape: "StringShape") -> Reader:
    check = _length_check(shape)
    allowed = frozenset(shape.enum)
    listing = ", ".join(shape.enum)
    pattern = str(shape.metadata.get("pattern", ""))
    matches = _compile(pattern) if pattern else None

    def read(value: Value, path: str, problems: list[str]) -> Value:
        if not isinstance(value, str):
            raise _unexpected(value, "String")
        if allowed and value not in allowed:
            problems.append(_word(f"'{value}'", path, f"satisfy enum value set: [{listing}]"))
        check(value, len(value), path, problems)
        if matches is not None and not matches.fullmatch(value):
            problems.append(_word(f"'{value}'", path, f"satisfy regular expression pattern: {pattern}"))
        return value

    return read


def _make_boolean(_: "Shape") -> Reader:
    def read(value: Value, _path: str, _problems: list[str]) -> Value:
        if not isinstance(value, bool):
            raise _unexpected(value, "Boolean")
        return value

    return read


def _make_number(shape: "Shape") -> Reader:
    bound = _BOUNDS.get(shape.type_name)
    name = "Timestamp" if shape.type_name == "timestamp" else shape.type_name.title()
    low, high = shape.metadata.get("min"), shape.metadata.get("max")

    def read(value: Value, path: str, problems: list[str]) -> Value:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _unexpected(value, name)
        if bound is not None:
            if value != value // 1 or not -bound <= value < bound:
                raise serialization(f"{value} can not be converted to {_article(name)}")
            value = int(value)
        if low is not None and value < low:
            problems.append(_word(f"'{value}'", path, f"have value greater than or equal to {low}"))
        if high is not None and value > high:
            problems.append(_word(f"'{value}'", path, f"have value less than or equal to {high}"))
        return value

    return read


_MAKERS: dict[str, Callable[[Any], Reader]] = {
    "structure": _make_structure,
    "list": _make_list,
    "map": _make_map,
    "string": _make_string,
    "boolean": _make_boolean,
}


def _length_check(shape: "Shape") -> Callable[[Value, int, str, list[str]], None]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")

    def check(value: Value, length: int, path: str, problems: list[str]) -> None:
        if low is not None and length < low:
            problems.append(_word(f"'{value}'", path, f"have length greater than or equal to {low}"))
        if high is not None and length > high:
            problems.append(_word(f"'{value}'", path, f"have length less than or equal to {high}"))

    return check


def _compile(pattern: str) -> "re.Pattern[str]":
    for pair in _JAVA_PAIRS:
        pattern = pattern.replace(pair, _PYTHON_RANGE)
    return re.compile(pattern, re.ASCII)


def _word(value: str, path: str, demand: str) -> str:
    return f"Value {value} at '{path}' failed to satisfy constraint: Member must {demand}"


def _unexpected(value: Value, wanted: str) -> Exception:
    if type(value) in _COLLECTIONS:
        return serialization(f"{_COLLECTIONS[type(value)]} found where not expected")
    if wanted in ("structure", "list", "map"):
        return serialization("Unexpected field type")
    word = "FALSE_VALUE" if value is False else _WORDS[type(value)]
    return serialization(f"{word} can not be converted to {_article(wanted)}")


def _article(name: str) -> str:
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"
