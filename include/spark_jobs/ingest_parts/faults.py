"""The errors of the program, and how an error of Spark or Java is said in one line."""

from __future__ import annotations

import re

# What a task in Python died of: the line behind its frames, in Spark's report of the failed stage.
_RAISED = re.compile(r"Traceback \(most recent call last\):\n(?:[ \t].*\n)+(\S.*)")
_OURS = re.compile(r"(?:\w+\.)*(IngestError|StoreError|SettingsError): (.+)")


# What a reader may meet in a file that nobody thought of. It costs that file, and never its batch.
CONTENT_FAULTS = (
    ArithmeticError, AttributeError, LookupError, NotImplementedError, RecursionError, TypeError, ValueError,
)  # fmt: skip


class IngestError(Exception):
    """The job cannot do its work; the message is one plain sentence and becomes the step's failure reason.

    ``fault`` says what is to blame. Here it is what the files hold: the batch's others may go through without
    the one that makes it fail.
    """

    fault = "files"


class StoreError(IngestError):
    """S3 or the disk does not let us work: the same files may go through another time."""

    fault = "store"


class SettingsError(IngestError):
    """What is asked for cannot be done, whatever the files hold."""

    fault = "configuration"


class Unreadable(Exception):  # noqa: N818  it is a verdict on one file, not a failure of the program
    """One file cannot be read; the message is the plain reason that its uploader sees."""


class Unsplittable(Exception):  # noqa: N818  it is a verdict on one way to read a file
    """A file cannot be read in parts, since its quotes do not tell where its records begin."""


def describe_fault(error: Exception) -> str:
    """The reason of a file that made the program fail, which its traceback in the log explains."""
    return f"the program cannot read it ({type(error).__name__}: {first_line(error)})"


def first_line(error: BaseException) -> str:
    """An error's message without its stack; of a task that failed, what its Python said."""
    text = _text_of(error)
    raised = _raised_in(text)
    if raised:
        ours = _OURS.fullmatch(raised)
        return ours[2] if ours else raised
    return next((line.strip() for line in text.splitlines() if line.strip()), type(error).__name__)


def fault_of(error: BaseException) -> str | None:
    """What is to blame for a failure of the job, also where a task met it; None where that is not known."""
    if isinstance(error, IngestError):
        return error.fault
    ours = _OURS.fullmatch(_raised_in(_text_of(error)))
    return _FAULTS[ours[1]] if ours else None


_FAULTS = {kind.__name__: kind.fault for kind in (IngestError, StoreError, SettingsError)}


def _text_of(error: BaseException) -> str:
    java = getattr(error, "java_exception", None)
    return str(java.toString() if java is not None else error)


def _raised_in(text: str) -> str:
    """What a task died of; empty where no Python did. Behind an error's causes comes the error itself."""
    return next(reversed(_RAISED.findall(text)), "")
