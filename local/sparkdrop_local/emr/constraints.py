"""What a service's model asks of a value beyond its type; botocore leaves this to the service.

The words are those in which AWS's services tell of it.
"""

import functools
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.model import Shape

# Java's way to write the characters beyond the first 65,536; Python reads a range that runs backwards
_JAVA_SURROGATES = r"\uD800\uDC00-\uDBFF\uDFFF"
_ASTRAL = r"\U00010000-\U0010FFFF"


def find_problems(value: Any, shape: "Shape", path: str = "") -> Iterator[str]:  # noqa: ANN401 - as JSON holds it
    """Word each value that is not in its enumeration, misses its pattern, or is too long or too large.

    Args:
        value: what was given; its types are right.
        shape: what the model asks of it.
        path: where it is in the request.
    """
    if shape.type_name == "string":
        yield from _check_string(value, shape, path)
    elif shape.type_name in ("integer", "long"):
        most = shape.metadata.get("max")
        if most is not None and value > most:
            yield _word(value, path, f"Member must have value less than or equal to {most}")
    else:
        if shape.type_name in ("list", "map"):
            yield from _measure(value, len(value), shape, path)
        for item, item_shape, item_path in _children(value, shape, path):
            yield from find_problems(item, item_shape, item_path)


def _children(value: Any, shape: Any, path: str) -> Iterator[tuple[Any, "Shape", str]]:  # noqa: ANN401 - as JSON holds it
    """Give what a value holds, each with its shape and its place."""
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            if value.get(name) is not None:
                yield value[name], member, f"{path}.{name}" if path else name
    elif shape.type_name == "list":
        for number, item in enumerate(value, start=1):
            yield item, shape.member, f"{path}.{number}.member"
    elif shape.type_name == "map":
        for key, item in value.items():
            yield key, shape.key, f"{path}.{key}.key"
            yield item, shape.value, f"{path}.{key}.value"


def _check_string(value: str, shape: Any, path: str) -> Iterator[str]:  # noqa: ANN401 - a StringShape
    yield from _measure(value, len(value), shape, path)
    if shape.enum and value not in shape.enum:
        yield _word(value, path, f"Member must satisfy enum value set: [{', '.join(shape.enum)}]")
    pattern = shape.metadata.get("pattern")
    if pattern and not _compile(pattern).fullmatch(value):
        yield _word(value, path, f"Member must satisfy regular expression pattern: {pattern}")


def _measure(value: Any, length: int, shape: "Shape", path: str) -> Iterator[str]:  # noqa: ANN401 - as JSON holds it
    most = shape.metadata.get("max")
    if most is not None and length > most:
        yield _word(value, path, f"Member must have length less than or equal to {most}")


def _word(value: Any, path: str, constraint: str) -> str:  # noqa: ANN401 - as JSON holds it
    return f"Value '{value}' at '{path}' failed to satisfy constraint: {constraint}"


@functools.cache
def _compile(pattern: str) -> "re.Pattern[str]":
    return re.compile(pattern.replace(_JAVA_SURROGATES, _ASTRAL))
