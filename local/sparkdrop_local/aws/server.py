"""The socket and the threads before the application.

waitress rather than werkzeug's development server, which closes every connection after its answer: with
connections kept alive, one client puts 340 small objects a second instead of 200.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import waitress

from sparkdrop_local.aws.channel import Channel
from sparkdrop_local.aws.errors import EmulationError

if TYPE_CHECKING:
    from collections.abc import Callable
    from wsgiref.types import WSGIApplication

HOST = "127.0.0.1"
# A long poll holds a thread for up to 20 seconds; Airflow's and Spark's requests need theirs beside it.
THREADS = 48
_MEMORY_BUFFER_BYTES = 64 * 1024 * 1024
_OBJECT_BYTES = 5 * 1024**4


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that listens.

    Attributes:
        port: On 127.0.0.1.
    """

    port: int
    _server: Any
    _thread: threading.Thread

    @property
    def endpoint_url(self) -> str:
        """What clients take as their endpoint."""
        return f"http://{HOST}:{self.port}"

    def stop(self) -> None:
        """Close the socket; requests under way are not waited for."""
        self._server.close()


def start_server(
    application: WSGIApplication, port: int = 0, tell: Callable[[str], None] = lambda _: None
) -> RunningServer:
    """Listen on a port of 127.0.0.1, 0 for a free one, and serve in the background.

    Args:
        application: What answers.
        port: Where.
        tell: Told the endpoint's URL before the first request is taken.

    Raises:
        EmulationError: The port is taken.
    """
    try:
        server = _create_server(application, port)
    except OSError as error:
        raise EmulationError(f"port {port} of {HOST} is taken: give another --port") from error
    server.channel_class = Channel
    thread = threading.Thread(target=server.run, name="aws-server", daemon=True)
    running = RunningServer(port=int(server.effective_port), _server=server, _thread=thread)
    tell(running.endpoint_url)
    thread.start()
    return running


# waitress ships no types
def _create_server(application: WSGIApplication, port: int) -> Any:  # noqa: ANN401
    return waitress.create_server(
        application,
        host=HOST,
        port=port,
        threads=THREADS,
        ident="sparkdrop-local",
        channel_timeout=300,
        max_request_body_size=_OBJECT_BYTES,
        inbuf_overflow=_MEMORY_BUFFER_BYTES,
        outbuf_overflow=_MEMORY_BUFFER_BYTES,
        recv_bytes=256 * 1024,
        asyncore_use_poll=True,
    )
