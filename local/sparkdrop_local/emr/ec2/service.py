"""EMR on EC2 over HTTP: requests whose ``X-Amz-Target`` names an operation that we know.

EMR's other operations go on to the emulation behind us.
"""

import logging
import uuid
from http import HTTPStatus

from sparkdrop_local.emr.context import EmrContext
from sparkdrop_local.emr.ec2.operations import OPERATIONS
from sparkdrop_local.emr.ec2.registry import Registry
from sparkdrop_local.emr.errors import EmrError
from sparkdrop_local.emr.http import Request, Response
from sparkdrop_local.emr.jobs.execution import JobRunner
from sparkdrop_local.emr.wire import build_body, build_error, parse_request

_LOGGER = logging.getLogger(__name__)
_TARGET_PREFIX = "ElasticMapReduce."


class Ec2Service:
    """EMR's JSON protocol before the registry of clusters."""

    def __init__(self, context: EmrContext, runner: JobRunner) -> None:
        self._context = context
        self._registry = Registry(context, runner)

    def claims(self, request: Request) -> bool:
        """Whether the request names one of our operations."""
        target = request.headers.get("x-amz-target", "")
        return target.startswith(_TARGET_PREFIX) and _operation_of(request) in OPERATIONS

    def operation(self, request: Request) -> str:
        """The name of the operation, as RunJobFlow."""
        return _operation_of(request)

    def answer(self, request: Request) -> Response:
        """Answer with the operation's result, or with EMR's error."""
        return _build_response(*self._answer(_operation_of(request), request.body))

    def refuse(self, request: Request, error: EmrError) -> Response:
        """Answer with an error."""
        del request
        return _build_response(HTTPStatus(error.status), build_error(error.code, error.message))

    def resume(self) -> None:
        """Go on with the clusters of an earlier process."""
        self._registry.resume()

    def close(self) -> None:
        """End every cluster."""
        self._registry.close()

    def _answer(self, operation: str, body: bytes) -> tuple[HTTPStatus, bytes]:
        try:
            parameters = parse_request(operation, body)
            with self._context.lock:
                return HTTPStatus.OK, build_body(OPERATIONS[operation](self._registry, parameters))
        except EmrError as error:
            return HTTPStatus(error.status), build_error(error.code, error.message)
        except Exception as error:
            _LOGGER.exception("EMR's %s failed", operation)
            message = f"the local EMR failed: {error!r}"
            return HTTPStatus.INTERNAL_SERVER_ERROR, build_error("InternalServerException", message)


def _build_response(status: HTTPStatus, body: bytes) -> Response:
    headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": str(uuid.uuid4())}
    return Response(status, body, headers)


def _operation_of(request: Request) -> str:
    return request.headers.get("x-amz-target", "").removeprefix(_TARGET_PREFIX)
