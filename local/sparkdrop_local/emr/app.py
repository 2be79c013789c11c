"""The local EMR as a WSGI app: its services before another AWS emulation."""

import contextlib
import dataclasses
import socket
from collections.abc import Iterable
from http import HTTPStatus
from types import TracebackType
from typing import TYPE_CHECKING, Self

from sparkdrop_local.emr.admin import AdminService
from sparkdrop_local.emr.context import EmrContext
from sparkdrop_local.emr.ec2.service import Ec2Service
from sparkdrop_local.emr.errors import EmrError
from sparkdrop_local.emr.faults import Fault, FaultKind
from sparkdrop_local.emr.http import Request, Response, Service, read_body, read_head
from sparkdrop_local.emr.jobs.execution import JobRunner
from sparkdrop_local.emr.serverless.service import ServerlessService
from sparkdrop_local.emr.settings import EmrSettings

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

SOCKET = "sparkdrop_local.socket"
"""Where a WSGI server may put its socket, so that a fault can cut it; some have a name of their own."""
_SOCKETS = (SOCKET, "werkzeug.socket", "gunicorn.socket")
_FOREIGN = "The local EMR takes nothing from pages of other machines."


class EmrApp:
    """A WSGI app: EMR before another AWS emulation. Close it, or its steps outlive it.

    Args:
        wrapped: the app that answers everything else.
        settings: the delays, the scratch folder, the Spark and the endpoint.

    Attributes:
        context: the clock, the faults and what else a test may reach for.

    Raises:
        StoreError: the state file cannot be opened.
    """

    def __init__(self, wrapped: "WSGIApplication", settings: EmrSettings) -> None:
        self._wrapped = wrapped
        self._closed = False
        self.context = EmrContext.open(settings)
        self._admin = AdminService(self.context)
        self._runner = JobRunner(self.context)
        # closed in this order: job runs are waited for one by one, then whatever else the runner has
        self._services: tuple[Service, ...] = (
            ServerlessService(self.context, self._runner),
            Ec2Service(self.context, self._runner),
        )
        if settings.endpoint_url is not None:
            self._resume()

    def set_endpoint_url(self, endpoint_url: str) -> None:
        """Tell where S3 answers, once the server's port is known and before the first request."""
        self.context.storage.set_endpoint_url(endpoint_url)
        self._resume()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer a request of one of our services, or hand it on."""
        request = read_head(environ)
        if self._admin.claims(request):
            response: Response | None = self._admin.answer(_with_body(request, environ))
        elif service := next((service for service in self._services if service.claims(request)), None):
            response = self._answer(service, _with_body(request, environ))
        else:
            return self._wrapped(environ, start_response)
        if response is None:
            response = cut_connection(environ)
        headers = [*response.headers.items(), ("Content-Length", str(len(response.body)))]
        start_response(f"{response.status.value} {response.status.phrase}", headers)
        return [response.body]

    def close(self) -> None:
        """Stop every running step and every cluster; idempotent."""
        if not self._closed:
            self._closed = True
            for service in self._services:
                service.close()
            self._runner.close()
            self.context.close()

    def __enter__(self) -> Self:
        """Give the app itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def _resume(self) -> None:
        self.context.events.start()
        for service in self._services:
            service.resume()

    def _answer(self, service: Service, request: Request) -> Response | None:
        """Answer, with the faults that are ordered before and after it; None for no answer at all."""
        if request.is_foreign:
            return service.refuse(request, EmrError("AccessDeniedException", _FOREIGN, HTTPStatus.FORBIDDEN))
        if self._closed:  # what it changed now would not be kept
            return service.refuse(request, _unavailable("This local EMR is shutting down."))
        names = (service.operation(request), request.signed_for or "")
        faults = self.context.faults
        if fault := faults.take(FaultKind.OUTAGE, *names):
            return _fail(service, request, fault)
        if faults.take(FaultKind.THROTTLE, *names):
            return service.refuse(request, EmrError("ThrottlingException", "Rate exceeded"))
        response = service.answer(request)
        # an error has no effect, so that losing it would prove nothing
        if response.status < HTTPStatus.MULTIPLE_CHOICES and (
            fault := faults.take(FaultKind.LOST_RESPONSE, *names)
        ):
            return _fail(service, request, fault)
        return response


def _fail(service: Service, request: Request, fault: Fault) -> Response | None:
    """Answer nothing, or with an error that every AWS SDK tries again.

    https://docs.aws.amazon.com/emr/latest/APIReference/CommonErrors.html
    """
    if fault.cut:
        return None
    if fault.kind is FaultKind.OUTAGE:
        error = _unavailable("The request has failed due to a temporary failure of the server.")
    else:
        message = "The request processing has failed because of an unknown error, exception or failure."
        error = EmrError("InternalFailure", message, HTTPStatus.INTERNAL_SERVER_ERROR)
    return service.refuse(request, error)


def _unavailable(message: str) -> EmrError:
    return EmrError("ServiceUnavailable", message, HTTPStatus.SERVICE_UNAVAILABLE)


def cut_connection(environ: "WSGIEnvironment") -> Response:
    """End the connection without an answer; the response is for servers that do not show us their socket."""
    found = next((environ[name] for name in _SOCKETS if name in environ), None)
    if found is not None:
        with contextlib.suppress(OSError):
            found.shutdown(socket.SHUT_RDWR)
    return Response(HTTPStatus.INTERNAL_SERVER_ERROR, headers={"Connection": "close"})


def _with_body(request: Request, environ: "WSGIEnvironment") -> Request:
    return dataclasses.replace(request, body=read_body(environ))
