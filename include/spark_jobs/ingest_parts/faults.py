"""The errors of the program, and how an error of Spark or Java is said in one line."""

from __future__ import annotations

import re

# What a task in Python died of: the line behind its frames, in Spark's report of the failed stage.
_RAISED = re.compile(r"Traceback \(most recent call last\):\n(?:[ \t].*\n)+(\S.*)")
_PLAIN = re.compile(r"(?:\w+\.)*IngestError: (.+)")


# What a reader may meet in a file that nobody thought of. It costs that file, and never its batch.
CONTENT_FAULTS = (
    ArithmeticError, AttributeError, LookupError, NotImplementedError, RecursionError, TypeError, ValueError,
)  # fmt: skip


class IngestError(Exception):
    """The job cannot do its work; the message is one plain sentence and becomes the step's failure reason."""


class Unreadable(Exception):  # noqa: N818  it is a verdict on one file, not a failure of the program
    """One file cannot be read; the message is the plain reason that its uploader sees."""


class Unsplittable(Exception):  # noqa: N818  it is a verdict on one way to read a file
    """A file cannot be read in parts, since its quotes do not tell where its records begin."""


def describe_fault(error: Exception) -> str:
    """The reason of a file that made the program fail, which its traceback in the log explains."""
    return f"the program cannot read it ({type(error).__name__}: {first_line(error)})"


def first_line(error: BaseException) -> str:
    """An error's message without its stack; of a task that failed, what its Python said."""
    java = getattr(error, "java_exception", None)
    text = str(java.toString() if java is not None else error)
    raised = _RAISED.search(text)
    if raised:
        plain = _PLAIN.fullmatch(raised[1])
        return plain[1] if plain else raised[1]
    return next((line.strip() for line in text.splitlines() if line.strip()), type(error).__name__)
