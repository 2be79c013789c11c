"""Every error that Sparkdrop raises on purpose.

::

    SparkdropError
    ├── ConfigError            a pipeline file, or the deployment's settings, cannot be used
    ├── NotAnArrivalError      a queue message that tells of no object
    ├── LedgerError            the ledger refuses a move
    ├── StorageError           S3 refuses what has to be done
    ├── StepStillLiveError     a batch cannot be settled yet
    ├── UnknownPipelineError   a caller names a pipeline that is not there, or not there for it
    ├── InvocationRefusedError an invocation asks for what its pipeline may not do
    ├── InvocationConflictError an idempotency key was used before, for something else
class ForbiddenError(SparkdropError):
    """A caller may see a pipeline, and may not do with it what it asks for."""


class LinkRefusedError(SparkdropError):
    """A link is asked for that its pipeline cannot have; `field` says where."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class TooLargeError(LinkRefusedError):
    """A file is larger than its pipeline, or this kind of upload, takes."""

    def __init__(self, message: str) -> None:
        super().__init__("size", message)


class QuotaExceededError(SparkdropError):
    """A caller has used up its day; `retry_seconds` says when the next one begins."""

    def __init__(self, message: str, retry_seconds: int) -> None:
        super().__init__(message)
        self.retry_seconds = retry_seconds


class UnknownUploadError(SparkdropError):
    """There is no such upload, or the caller must not know of it."""


class UnknownRunError(SparkdropError):
    """There is no such invocation, or the caller must not know of it."""


class LinkConflictError(SparkdropError):
    """A link is past what is asked of it: it was completed, or cancelled, or its file has landed."""


class LinkExpiredError(SparkdropError):
    """A link's time is over, or that of its multipart upload."""


class IncompleteError(SparkdropError):
    """Parts of a multipart upload are missing; `parts` are the first of their numbers."""

    def __init__(self, message: str, parts: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.parts = parts
