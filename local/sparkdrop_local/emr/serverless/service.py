"""EMR Serverless over HTTP: requests that are signed for it.

One endpoint answers for all services, and a path like ``/applications`` is other services' too.
"""

import logging
import uuid
from http import HTTPStatus

from sparkdrop_local.emr.context import EmrContext
from sparkdrop_local.emr.errors import EmrError
from sparkdrop_local.emr.http import Request, Response
from sparkdrop_local.emr.jobs.execution import JobRunner
from sparkdrop_local.emr.serverless.operations import OPERATIONS
from sparkdrop_local.emr.serverless.registry import Registry
from sparkdrop_local.emr.serverless.rest import SERVICE, build_error, find_operation, parse_request
from sparkdrop_local.emr.wire import build_body

_LOGGER = logging.getLogger(__name__)


class ServerlessService:
    """EMR Serverless's protocol before the registry of applications."""

    def __init__(self, context: EmrContext, runner: JobRunner) -> None:
        self._context = context
        self._registry = Registry(context, runner)

    def claims(self, request: Request) -> bool:
        """Whether the request is signed for EMR Serverless."""
        return request.signed_for == SERVICE

    def answer(self, request: Request) -> Response:
        """Answer with the operation's result, or with EMR Serverless's error."""
        headers = {"Content-Type": "application/json", "x-amzn-RequestId": str(uuid.uuid4())}
        try:
            return Response(HTTPStatus.OK, self._run(request), headers)
        except EmrError as error:
            code, message, status = error.code, error.message, HTTPStatus(error.status)
        except Exception as error:
            _LOGGER.exception("EMR Serverless failed at %s %s", request.method, request.path)
            code, message = "InternalServerException", f"the local EMR failed: {error!r}"
            status = HTTPStatus.INTERNAL_SERVER_ERROR
        return Response(status, build_error(message), {**headers, "x-amzn-ErrorType": code})

    def close(self) -> None:
        """Stop every job run."""
        self._registry.close()

    def _run(self, request: Request) -> bytes:
        found = find_operation(request)
        if found is None:
            raise EmrError(
                "UnknownOperationException", f"{request.method} {request.path} is no operation", 404
            )
        operation, in_path = found
        parameters = parse_request(operation, in_path, request)
        with self._context.lock:
            return build_body(OPERATIONS[operation](self._registry, parameters))
