"""The two errors of the program, and how an error of Spark or Java is said in one line."""

from __future__ import annotations

from py4j.protocol import Py4JJavaError


class IngestError(Exception):
    """The job cannot do its work; the message is one plain sentence and becomes the step's failure reason."""


class Unreadable(Exception):  # noqa: N818  it is a verdict on one file, not a failure of the program
    """One file cannot be read; the message is the plain reason that its uploader sees."""


def first_line(error: BaseException) -> str:
    """An error's message without its stack."""
    text = error.java_exception.toString() if isinstance(error, Py4JJavaError) else str(error)
    return next((line.strip() for line in str(text).splitlines() if line.strip()), type(error).__name__)


def root_cause(trace: str) -> str:
    """The last cause in a Java stack trace, as one line."""
    causes = [
        line.removeprefix("Caused by: ") for line in trace.splitlines() if line.startswith("Caused by: ")
    ]
    return (causes or trace.splitlines())[-1].strip()[:300]
