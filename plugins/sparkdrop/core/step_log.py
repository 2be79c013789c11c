"""Why a step failed, read from its log: in the driver's words, and whether its files may be to blame."""

import re

# Frames, log lines that are no errors, and what YARN's client reports of every application: in cluster mode
# the driver's own words are between them.
_NOISE = re.compile(
    r"^\s*(at |\.\.\. \d+ more)|^\d\d/\d\d/\d\d \d\d:\d\d:\d\d (INFO|WARN|DEBUG) |^WARNING: "
    r"|^\t (client token|diagnostics|ApplicationMaster|queue|start time)\b"
    r"|^\t (final status|tracking URL|user)\b"
    r"|^\. Failing the application\.?$|^Last \d+ bytes of |^Failing this attempt\.|^Container id: "
    r"|^Exception in thread \"main\" \S+SparkException: Application \S+ finished with failed status$"
)
# What comes before, between and after the sentence that tells: each line says only that there is one.
_WRAPPING = re.compile(
    r"^\s|^Traceback \(most recent call last\):$|^Driver stacktrace:$|^py4j\.protocol\.Py4JJavaError: "
    r"|^\d\d/\d\d/\d\d \d\d:\d\d:\d\d ERROR |^\[Stage "
    r"|^Using Spark's default log4j|^Setting default log level"
    r"|^To adjust logging level|PythonException: Traceback \(most recent call last\):$"
)
_LEAD = re.compile(r"^(Caused by: |: )+")
_DRIVER_STDERR = re.compile(
    r"Last (\d+) bytes of stderr :\n(.*?)(?:\n\. Failing the application|\Z)", re.DOTALL
)
_LAST_LINES = 5
_EXCERPT_LENGTH = 2_000

_NOT_THE_FILES = re.compile(
    # AWS's bad moments
    r"SlowDown|Throttl|Rate exceeded|RequestLimitExceeded|TooManyRequests|Service ?Unavailable"
    r"|Status Code: 50\d|InternalError|ExpiredToken|Unable to execute HTTP request|UnknownHostException"
    r"|EndpointConnectionError|ConnectTimeout|ReadTimeoutError|Connection (refused|reset)"
    # what no file of the batch can change
    r"|AccessDenied|Access Denied|NoSuchBucket|InvalidAccessKeyId|KMS\.\w*Exception"
    # the program
    r"|SyntaxError|IndentationError|ModuleNotFoundError|ImportError|ClassNotFoundException|NoClassDefFoundError"
    r"|can't open file|Failed to load class"
    # the cluster's nodes
    r"|ExecutorLostFailure.*(decommission|worker lost|Container released on a \*lost\* node)"
)


def tail_reason(stderr: str) -> str | None:
    """The last sentences of a step's stderr that say something, each once; None where none does.

    Java's and Python's frames, log lines and YARN's reports are left out. Where YARN's client repeats the end
    of the driver's stderr, that end is read, without the line that it cuts.
    """
    lines = _telling_lines(_find_drivers_words(stderr))
    sentences = [_LEAD.sub("", line) for line in lines if not _WRAPPING.search(line)]
    return "\n".join(list(dict.fromkeys(sentences or lines))[-_LAST_LINES:]) or None


def tail_excerpt(stderr: str) -> str | None:
    """The end of what says something, with Python's frames: as many whole lines as a page has room for."""
    text = "\n".join(_telling_lines(stderr))
    if len(text) <= _EXCERPT_LENGTH:
        return text or None
    cut = text[-_EXCERPT_LENGTH:]
    return cut.partition("\n")[2] or cut


def may_be_the_files(reason: str) -> bool:
    """Whether a failed step's reason leaves its files suspect: AWS and program are not named."""
    return _NOT_THE_FILES.search(reason) is None


def _find_drivers_words(stderr: str) -> str:
    matches: list[tuple[str, str]] = _DRIVER_STDERR.findall(stderr)
    found = [(int(size), words) for size, words in matches if words.strip()]
    if not found:
        return stderr
    size, words = found[-1]
    is_cut = len(words.encode()) >= size - 1  # without its last line end
    return words.partition("\n")[2] or words if is_cut else words


def _telling_lines(stderr: str) -> list[str]:
    return [line.rstrip() for line in stderr.splitlines() if line.strip() and not _NOISE.match(line)]
