"""The local EMR as a WSGI app: its services before another AWS emulation."""

import dataclasses
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from sparkdrop_local.emr.context import EmrContext
from sparkdrop_local.emr.ec2.service import Ec2Service
from sparkdrop_local.emr.http import Service, read_body, read_head
from sparkdrop_local.emr.jobs.execution import JobRunner
from sparkdrop_local.emr.serverless.service import ServerlessService
from sparkdrop_local.emr.settings import EmrSettings

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class EmrApp:
    """A WSGI app: EMR before another AWS emulation. Close it, or its steps outlive it.

    Args:
        wrapped: the app that answers everything else.
        settings: the delays, the scratch folder, the Spark and the endpoint.

    Attributes:
        context: the clock, the faults and what else a test may reach for.
    """

    def __init__(self, wrapped: "WSGIApplication", settings: EmrSettings) -> None:
        self._wrapped = wrapped
        self._closed = False
        self.context = EmrContext.open(settings)
        runner = JobRunner(self.context)
        self._serverless = ServerlessService(self.context, runner)
        # closed in this order: job runs are waited for one by one, then whatever else the runner has
        self._services: tuple[Service, ...] = (self._serverless, Ec2Service(self.context, runner))
        if settings.endpoint_url is not None:
            self._serverless.resume()

    def set_endpoint_url(self, endpoint_url: str) -> None:
        """Tell where S3 answers, once the server's port is known and before the first cluster."""
        self.context.storage.set_endpoint_url(endpoint_url)
        self._serverless.resume()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer a request of one of our services, or hand it on."""
        request = read_head(environ)
        service = next((service for service in self._services if service.claims(request)), None)
        if service is None:
            return self._wrapped(environ, start_response)
        response = service.answer(dataclasses.replace(request, body=read_body(environ)))
        headers = [*response.headers.items(), ("Content-Length", str(len(response.body)))]
        start_response(f"{response.status.value} {response.status.phrase}", headers)
        return [response.body]

    def close(self) -> None:
        """Stop every running step and every cluster; idempotent."""
        if not self._closed:
            self._closed = True
            for service in self._services:
                service.close()
            self.context.close()

    def __enter__(self) -> Self:
        """Give the app itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()
