"""EMR on EC2 over HTTP: requests whose ``X-Amz-Target`` names EMR.

All of them are answered here: the emulation behind us has none of the operations that we have not.
"""

import logging
import uuid
from http import HTTPStatus

from sparkdrop_local.emr.context import EmrContext
from sparkdrop_local.emr.ec2.operations import OPERATIONS
from sparkdrop_local.emr.ec2.registry import Registry
from sparkdrop_local.emr.errors import EmrError, unknown_operation
from sparkdrop_local.emr.http import Request, Response
from sparkdrop_local.emr.jobs.execution import JobRunner
from sparkdrop_local.emr.wire import build_body, build_error, fit_error, internal_error, parse_request

_LOGGER = logging.getLogger(__name__)
_TARGET_PREFIX = "ElasticMapReduce."


class Ec2Service:
    """EMR's JSON protocol before the registry of clusters."""

    def __init__(self, context: EmrContext, runner: JobRunner) -> None:
        self._context = context
        self._registry = Registry(context, runner)

    def claims(self, request: Request) -> bool:
        """Whether the request names an operation of EMR's."""
        return request.headers.get("x-amz-target", "").startswith(_TARGET_PREFIX)

    def operation(self, request: Request) -> str:
        """The name of the operation, as RunJobFlow."""
        return _operation_of(request)

    def answer(self, request: Request) -> Response:
        """Answer with the operation's result, or with EMR's error."""
        return _build_response(*self._answer(_operation_of(request), request.body))

    def refuse(self, request: Request, error: EmrError) -> Response:
        """Answer with an error."""
        del request
        return _build_response(HTTPStatus(error.status), build_error(error))

    def resume(self) -> None:
        """Go on with the clusters of an earlier process."""
        self._registry.resume()

    def close(self) -> None:
        """End every cluster."""
        self._registry.close()

    def _answer(self, operation: str, body: bytes) -> tuple[HTTPStatus, bytes]:
        try:
            return HTTPStatus.OK, self._run(operation, body)
        except EmrError as error:
            return HTTPStatus(error.status), build_error(error)
        except Exception as error:
            # whatever it is, the client gets an answer that it can read
            _LOGGER.exception("EMR's %s failed", operation)
            failure = internal_error(operation, f"the local EMR failed: {error!r}")
            return HTTPStatus(failure.status), build_error(failure)

    def _run(self, operation: str, body: bytes) -> bytes:
        run = OPERATIONS.get(operation)
        if run is None:
            raise unknown_operation(f"EMR has no operation '{operation}'.")
        parameters = parse_request(operation, body)
        try:
            with self._context.lock:
                return build_body(run(self._registry, parameters))
        except EmrError as error:
            raise fit_error(operation, error) from error


def _build_response(status: HTTPStatus, body: bytes) -> Response:
    headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": str(uuid.uuid4())}
    return Response(status, body, headers)


def _operation_of(request: Request) -> str:
    return request.headers.get("x-amz-target", "").removeprefix(_TARGET_PREFIX)
