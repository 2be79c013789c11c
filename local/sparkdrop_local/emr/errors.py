"""EMR's errors, in the shape that botocore parses."""


class EmrError(Exception):
    """What an operation answers instead of its result.

    Attributes:
        code: the exception's name, as ``ClientError.response["Error"]["Code"]`` gives it.
        message: what is wrong.
        status: the HTTP status.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


def invalid_request(message: str) -> EmrError:
    """The error of the operations that name a cluster by ``ClusterId``."""
    return EmrError("InvalidRequestException", message)


def validation(message: str) -> EmrError:
    """The error of malformed requests, and of the operations that name a cluster by ``JobFlowId``."""
    return EmrError("ValidationException", message)
