"""EMR over HTTP: requests whose ``X-Amz-Target`` names an operation that we know; the rest goes to the wrapped app."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from sparkdrop_local.emr.settings import EmrSettings


class EmrApp:
    """A WSGI app: EMR before another AWS emulation. Close it, or its steps and threads outlive it."""

    def __init__(self, wrapped: WSGIApplication, settings: EmrSettings) -> None:
        self._wrapped = wrapped
        self._settings = settings

    def set_endpoint_url(self, endpoint_url: str) -> None:
        """Tell where S3 answers, once the server's port is known and before the first step."""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer an EMR request, or hand it on."""
        return self._wrapped(environ, start_response)

    def close(self) -> None:
        """Stop every running step and every cluster; idempotent."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
