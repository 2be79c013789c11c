"""EMR's errors, in the shape that botocore parses."""


class EmrError(Exception):
    """What an operation answers instead of its result.

    Attributes:
        code: the exception's name, as ``ClientError.response["Error"]["Code"]`` gives it.
        message: what is wrong.
        status: the HTTP status.
        error_code: the ErrorCode of an InvalidRequestException, where EMR's is known.
    """

    def __init__(self, code: str, message: str, status: int = 400, error_code: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.error_code = error_code


def invalid_request(message: str, error_code: str | None = None) -> EmrError:
    """The error of the operations that name a cluster by ``ClusterId``."""
    return EmrError("InvalidRequestException", message, error_code=error_code)


def validation(message: str) -> EmrError:
    """The error of malformed requests, and of the operations that name a cluster by ``JobFlowId``."""
    return EmrError("ValidationException", message)


def serialization(message: str) -> EmrError:
    """The error of a body that is no JSON, or holds a value of the wrong type."""
    return EmrError("SerializationException", message)


def unknown_operation(message: str) -> EmrError:
    """The error of an operation that the service does not have."""
    return EmrError("UnknownOperationException", message)


def not_found(message: str) -> EmrError:
    """The error of EMR Serverless for an application, a job run or a session that is not there."""
    return EmrError("ResourceNotFoundException", message, 404)


def conflict(message: str) -> EmrError:
    """The error of EMR Serverless for a client token that was used for another request."""
    return EmrError("ConflictException", message, 409)


def shutting_down() -> EmrError:
    """The error of an EMR that is closed."""
    return EmrError("InternalServerException", "this local EMR is shutting down", 500)
