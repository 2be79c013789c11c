"""Why a step failed, read from what it wrote: EMR's FailureDetails. Pure.

https://docs.aws.amazon.com/emr/latest/APIReference/API_FailureDetails.html: the message is "text from an
error log that describes the root cause".
"""

import re
from collections.abc import Sequence

UNKNOWN = "Unknown Error."
OUT_OF_MEMORY = "Out of memory."
_MAX_CHARACTERS = 1_000
_TAIL_LINES = 3
_TRACEBACK = "Traceback (most recent call last):"
_JAVA = re.compile(r'^(Exception in thread "[^"]*" \S|Error: Could not find or load main class )')
_YARN = re.compile(r"SparkException: Application application_\d+_\d+ finished with failed status$")
_PYTHON = re.compile(r"^(?P<name>[A-Za-z_][\w.]*)(?::\s|$)")
_LOG_LINE = re.compile(r"^\d\d/\d\d/\d\d \d\d:\d\d:\d\d (?:INFO|DEBUG|WARN) ")
# As EMR's console words them; its documentation lists none. The first that fits is taken.
_REASONS = (
    (
        re.compile(
            r"Main Class|Failed to load class|Could not find or load main class|ClassNotFoundException"
        ),
        "Main Class not found.",
    ),
    (re.compile(r"FileAlreadyExistsException|PATH_ALREADY_EXISTS"), "Output directory already exists."),
    (re.compile(r"NoSuchKey|NoSuchBucket|PATH_NOT_FOUND|FileNotFound|No such file"), "File not found."),
    (re.compile(r"OutOfMemoryError|MemoryError"), OUT_OF_MEMORY),
    (re.compile(r'^Exception in thread "main" java\.lang\.IllegalArgumentException'), "Illegal Argument."),
)


def find_cause(stderr: str) -> tuple[str, str]:
    """Find the reason and the message of a failure in a step's stderr.

    What YARN's client says of a driver in a container wins, then the last Python traceback's closing line,
    then the JVM's uncaught exception, then the last lines that are no log lines below ERROR.

    Returns:
        The reason, "Unknown Error." where none is known, and the message, at most 1,000 characters.
    """
    lines = [line.rstrip() for line in stderr.splitlines() if line.strip()]
    message = _yarn_error(lines) or _python_error(lines) or _java_error(lines) or _tail(lines)
    message = message[:_MAX_CHARACTERS]
    for pattern, reason in _REASONS:
        if pattern.search(message):
            return reason, message
    return UNKNOWN, message


def _python_error(lines: Sequence[str]) -> str:
    """Give the error that closes the last traceback, with the lines that continue it."""
    starts = [number for number, line in enumerate(lines) if line.strip() == _TRACEBACK]
    if not starts:
        return ""
    for number in range(starts[-1] + 1, len(lines)):
        line = lines[number]
        if not line.startswith((" ", "\t")) and _PYTHON.match(line):
            return "\n".join(_until_log(lines[number:]))
    return ""


def _until_log(lines: Sequence[str]) -> list[str]:
    """Take the first line and what belongs to it: not Spark's log lines, nor the frames of a Java trace."""
    taken = [lines[0]]
    for line in lines[1:]:
        if _LOG_LINE.match(line) or line.lstrip().startswith("at ") or len(taken) > _TAIL_LINES:
            break
        taken.append(line)
    return taken


def _yarn_error(lines: Sequence[str]) -> str:
    return next((line for line in reversed(lines) if _YARN.search(line)), "")


def _java_error(lines: Sequence[str]) -> str:
    return next((line for line in reversed(lines) if _JAVA.match(line)), "")


def _tail(lines: Sequence[str]) -> str:
    return "\n".join([line for line in lines if not _LOG_LINE.match(line)][-_TAIL_LINES:])
