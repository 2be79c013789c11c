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

_CODES = (
    r"SlowDown|Throttl\w+|RequestLimitExceeded|TooManyRequests\w*|RequestTimeout\w*|ServiceUnavailable"
    r"|InternalError|InternalFailure|ExpiredToken\w*|InvalidToken|AccessDenied\w*|NoSuchBucket"
    r"|InvalidAccessKeyId|SignatureDoesNotMatch|KMS\.\w+|403|429|5\d\d"
)
"""What AWS calls its own bad moments, and what no file of the batch can change."""

# Each begins a line, with nothing before it but classes: what else a line quotes may be the name of a file.
_NOT_THE_FILES = re.compile(
    r"^(?:Exception in thread \"main\" |Spark could not finish the batch of \S+: "
    r"|The program breaks at the batch of \S+: )?(?:[\w.$]+: )*(?:"
    # ingest.py, of the store and of the pipeline's settings
    r"S3 does not let us use s3://|S3 breaks off at byte \d+ of s3://|The manifest s3://"
    r"|output\.(?:partition_by|format) (?:names|is) |input\.(?:schema|format|columns)(?: names| is|:) "
    # boto3
    rf"|An error occurred \((?:{_CODES})\) when calling the \w+ operation"
    r"|Could not connect to the endpoint URL: \"|(?:Connect|Read) timeout on endpoint URL: \""
    r"|Connection was closed before we received a valid response from endpoint URL: \""
    r"|Failed to connect to proxy URL: \"|SSL validation failed for http|An HTTP Client (?:raised|failed to) "
    r"|An error occurred while reading from response stream: "
    r"|Unable to locate credentials$|Error when retrieving (?:credentials|token) from \S+: "
    r"|botocore\.exceptions\.(?!ClientError|ParamValidationError)\w+: "
    # Hadoop, Java and AWS's SDK for it
    r"|Unable to execute HTTP request: |Rate exceeded|Connection (?:refused|reset)(?: by peer)?$"
    rf"|(?:com\.amazonaws|software\.amazon\.awssdk)\.[\w.$]+Exception: .*\(Service: [\w ]+[;,] "
    rf"Status Code: (?:403|429|5\d\d|\d+[;,] Error Code: (?:{_CODES}))[;,)]|Please reduce your request rate"
    r"|org\.apache\.hadoop\.fs\.s3a\.(?:AWSClientIO|AWSNoResponse|AWSServiceThrottled|AWSStatus500|UnknownStore)"
    r"Exception: |[\w.$]*Throttl\w*Exception: |java\.nio\.file\.AccessDeniedException: "
    r"|java\.net\.(?:UnknownHost|Connect|Socket|SocketTimeout|NoRouteToHost)Exception: "
    # the program
    r"|(?:Syntax|Indentation|ModuleNotFound|Import)Error: |\S*python\S*: can't open file "
    r"|(?:java\.lang\.)?(?:ClassNotFoundException|NoClassDefFoundError): |Error: Failed to load class "
    # the cluster's nodes
    r"|Job aborted due to stage failure: [^:]*: Lost task [\d.]+ in stage [\d.]+ \(TID \d+\) \([^)]*\): "
    r"ExecutorLostFailure.*(?:decommission|worker lost|Container released on a \*lost\* node))",
    re.MULTILINE,
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
    """Whether a failed step's reason leaves its files suspect: it names no AWS, program or setting."""
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
