"""EMR over HTTP: requests whose ``X-Amz-Target`` names an operation that we know are answered here.

Every other request goes to the wrapped app, EMR's other operations too.
"""

import logging
import uuid
from collections.abc import Iterable
from http import HTTPStatus
from types import TracebackType
from typing import TYPE_CHECKING, Self

from sparkdrop_local.emr.errors import EmrError
from sparkdrop_local.emr.operations import OPERATIONS
from sparkdrop_local.emr.registry import Registry
from sparkdrop_local.emr.settings import EmrSettings
from sparkdrop_local.emr.wire import build_body, build_error, parse_request

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_LOGGER = logging.getLogger(__name__)
_TARGET_PREFIX = "ElasticMapReduce."


class EmrApp:
    """A WSGI app: EMR before another AWS emulation. Close it, or its steps outlive it.

    Args:
        wrapped: the app that answers everything else.
        settings: the delays, the scratch folder, the Spark and the endpoint.
    """

    def __init__(self, wrapped: "WSGIApplication", settings: EmrSettings) -> None:
        self._wrapped = wrapped
        self._registry = Registry(settings)

    def set_endpoint_url(self, endpoint_url: str) -> None:
        """Tell where S3 answers, once the server's port is known and before the first cluster."""
        self._registry.storage.set_endpoint_url(endpoint_url)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer an EMR request, or hand it on."""
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        operation = target.removeprefix(_TARGET_PREFIX)
        if not target.startswith(_TARGET_PREFIX) or operation not in OPERATIONS:
            return self._wrapped(environ, start_response)
        length = int(environ.get("CONTENT_LENGTH") or 0)
        status, body = self._answer(operation, environ["wsgi.input"].read(length))
        headers = [
            ("Content-Type", "application/x-amz-json-1.1"),
            ("Content-Length", str(len(body))),
            ("x-amzn-RequestId", str(uuid.uuid4())),
        ]
        start_response(f"{status.value} {status.phrase}", headers)
        return [body]

    def _answer(self, operation: str, body: bytes) -> tuple[HTTPStatus, bytes]:
        try:
            parameters = parse_request(operation, body)
            with self._registry.lock:
                return HTTPStatus.OK, build_body(OPERATIONS[operation](self._registry, parameters))
        except EmrError as error:
            return HTTPStatus(error.status), build_error(error.code, error.message)
        except Exception as error:
            _LOGGER.exception("EMR's %s failed", operation)
            message = f"the local EMR failed: {error!r}"
            return HTTPStatus.INTERNAL_SERVER_ERROR, build_error("InternalServerException", message)

    def close(self) -> None:
        """Stop every running step and every cluster; idempotent."""
        self._registry.close()

    def __enter__(self) -> Self:
        """Give the app itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()
