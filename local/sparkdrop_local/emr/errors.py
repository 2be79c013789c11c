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


def not_found(message: str) -> EmrError:
    """The error of EMR Serverless for an application, a job run or a session that is not there."""
    return EmrError("ResourceNotFoundException", message, 404)


def conflict(message: str) -> EmrError:
    """The error of EMR Serverless for a client token that was used for another request."""
    return EmrError("ConflictException", message, 409)


def shutting_down() -> EmrError:
    """The error of an EMR that is closed."""
    return EmrError("InternalServerException", "this local EMR is shutting down", 500)
