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

    def operation(self, request: Request) -> str:
        """The name of the operation, as StartJobRun; nothing for what is none."""
        found = find_operation(request)
        return found[0] if found else ""

    def answer(self, request: Request) -> Response:
        """Answer with the operation's result, or with EMR Serverless's error."""
        try:
            return Response(HTTPStatus.OK, self._run(request), _build_headers())
        except EmrError as error:
            return self.refuse(request, error)
        except Exception as error:
            _LOGGER.exception("EMR Serverless failed at %s %s", request.method, request.path)
            message = f"the local EMR failed: {error!r}"
            return self.refuse(request, EmrError("InternalServerException", message, 500))

    def refuse(self, request: Request, error: EmrError) -> Response:
        """Answer with an error."""
        del request
        headers = {**_build_headers(), "x-amzn-ErrorType": error.code}
        return Response(HTTPStatus(error.status), build_error(error.message), headers)

    def resume(self) -> None:
        """Go on with the applications of an earlier process; idempotent."""
        self._registry.resume()

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


def _build_headers() -> dict[str, str]:
    return {"Content-Type": "application/json", "x-amzn-RequestId": str(uuid.uuid4())}
