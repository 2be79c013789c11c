"""The socket and the threads before the application."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any

import waitress

from sparkdrop_local.api.gateway import MAX_BODY_BYTES
from sparkdrop_local.aws.errors import EmulationError

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

HOST = "127.0.0.1"
# a page polls, and asks for the addresses of several files' parts at once
THREADS = 16


def bind(port: int) -> socket.socket:
    """Take a port of 127.0.0.1, 0 for a free one; nobody is answered yet.

    Raises:
        EmulationError: The port is taken.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise EmulationError(f"port {port} of {HOST} is taken: give another --port") from error
    return listener


# waitress ships no types
def start_server(application: WSGIApplication, listener: socket.socket) -> Any:  # noqa: ANN401
    """Answer at a bound socket, in the background."""
    server = waitress.create_server(
        application,
        sockets=[listener],
        threads=THREADS,
        ident="sparkdrop-local-api",
        # the gateway refuses what is larger than API Gateway takes, and has to see it for that
        max_request_body_size=2 * MAX_BODY_BYTES,
        asyncore_use_poll=True,
    )
    threading.Thread(target=server.run, name="api-server", daemon=True).start()
    return server
