"""What moto has to know of a request beyond WSGI: path and metadata names as they arrived, and the socket.

waitress makes its parts from the classes that its server names, and these three are ours.
"""

from __future__ import annotations

import re
import socket
from typing import Any

from moto.core.request import PRESERVED_HEADER_NAMES_ENVIRON_KEY, environ_key_for_header
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, get_header_lines
from waitress.task import WSGITask

from sparkdrop_local.emr.app import SOCKET

# A function that says whether the client has hung up.
CLIENT_IS_GONE = "sparkdrop_local.client_is_gone"
# Whether the body came in chunks: waitress then gives it the length that it turned out to have.
IS_CHUNKED = "sparkdrop_local.is_chunked"
METADATA_PREFIX = b"x-amz-meta-"
_METADATA_NAME = re.compile(rb"^x-amz-meta-[^:\r\n]+", re.IGNORECASE | re.MULTILINE)


class Parser(HTTPRequestParser):  # type: ignore[misc] # waitress ships no types
    """Keeps the names of user metadata, which WSGI cannot carry, and takes empty bodies.

    S3 stores them in lower case; waitress drops those with an underscore, and WSGI capitalizes the rest:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
    """

    metadata: dict[str, str]

    def parse_header(self, header_plus: bytes) -> None:
        """Parse as waitress does, then collect the metadata."""
        super().parse_header(header_plus)
        if self.body_rcv is None:
            # waitress 3 would wait for ever for the rest of an empty body that was announced with
            # Expect: 100-continue, as boto3 announces an empty file
            self.expect_continue = False
        self.metadata = {}
        for line in get_header_lines(header_plus.partition(b"\r\n")[2]):
            name, _, value = line.partition(b":")
            if name.lower().startswith(METADATA_PREFIX):
                self.metadata[name.lower().decode("latin-1")] = value.strip(b" \t").decode("latin-1")


class Task(WSGITask):  # type: ignore[misc] # waitress ships no types
    """Hands the request's particulars to the application."""

    def get_environment(self) -> dict[str, Any]:
        """Build the WSGI environment."""
        if self.environ is None:
            environ: dict[str, Any] = super().get_environment()
            # moto looks here for the path as it arrived; without it, it decodes a key a second time, and
            # 100%25.csv would be stored as 100%.csv
            environ["RAW_URI"] = environ["REQUEST_URI"]
            environ[CLIENT_IS_GONE] = self._is_client_gone
            environ[SOCKET] = self.channel.socket
            environ[IS_CHUNKED] = self.request.chunked
            names: dict[str, str] = {}
            for name, value in self.request.metadata.items():
                key = environ_key_for_header(name)
                names[key] = name
                environ.setdefault(key, value)
            environ[PRESERVED_HEADER_NAMES_ENVIRON_KEY] = names
        return self.environ  # type: ignore[no-any-return]

    def build_response_header(self) -> bytes:
        """Build the head as waitress does, with the names of metadata in lower case, as S3 sends them."""
        head: bytes = super().build_response_header()
        return _METADATA_NAME.sub(lambda name: name[0].lower(), head)

    def _is_client_gone(self) -> bool:
        """Look at the socket, which waitress does not read while a request is being answered."""
        try:
            return self.channel.socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""  # type: ignore[no-any-return]
        except BlockingIOError:
            return False
        except OSError:
            return True


class Channel(HTTPChannel):  # type: ignore[misc] # waitress ships no types
    """One connection."""

    parser_class = Parser
    task_class = Task
