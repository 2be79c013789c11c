"""S3 on a free port of loopback, with faults at its door: what a client meets on a bad day."""

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from ingest_parts.store import Store
from moto.server import ThreadedMotoServer


@dataclass
class Door:
    """A proxy before S3: ``fault`` may answer for it, cut its body, or hang up after it."""

    port: int
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    fault: Callable[[str, str], str | None] = lambda _method, _path: None
    lock: threading.Lock = field(default_factory=threading.Lock)


def build_handler(door: Door) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def serve(self) -> None:
            with door.lock:
                door.requests.append((self.command, self.path, self.headers.get("Range")))
                fault = door.fault(self.command, self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if fault == "503":
                self.answer(503, {}, b"<Error><Code>SlowDown</Code><Message>slow down</Message></Error>")
                return
            upstream = HTTPConnection("127.0.0.1", door.port, timeout=60)
            upstream.request(self.command, self.path, body, dict(self.headers))
            found = upstream.getresponse()
            data = found.read()
            upstream.close()
            if fault == "hang-up":
                self.close_connection = True
                return
            headers = {name: value for name, value in found.getheaders() if name != "Transfer-Encoding"}
            self.answer(found.status, headers, data, cut=fault == "cut")

        def answer(self, status: int, headers: dict[str, str], data: bytes, *, cut: bool = False) -> None:
            self.send_response_only(status)
            if self.command != "HEAD":
                headers = {**headers, "Content-Length": str(len(data))}
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data[: len(data) // 2] if cut else data)
            if cut:
                self.close_connection = True

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = serve  # noqa: N815  the names that http.server calls

        def log_message(self, *_: Any) -> None:
            """Nothing is logged."""

    return Handler


@contextmanager
def run_s3() -> Iterator[Door]:
    """moto's S3, and the door before it; ``AWS_ENDPOINT_URL`` leads to the door meanwhile."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    door = Door(server.get_host_and_port()[1])
    front = ThreadingHTTPServer(("127.0.0.1", 0), build_handler(door))
    front.daemon_threads = True
    thread = threading.Thread(target=front.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{front.server_address[1]}")
            patch.setenv("AWS_ACCESS_KEY_ID", "test")
            patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
            yield door
    finally:
        front.shutdown()
        thread.join()
        front.server_close()
        server.stop()


def make_bucket(store: Store, *, versioned: bool = True) -> str:
    name = f"drop-{uuid.uuid4().hex[:12]}"
    store.s3.create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )  # fmt: skip
    if versioned:
        store.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name
