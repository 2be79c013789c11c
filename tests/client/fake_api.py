"""The API and S3 as a client sees them, in memory: an httpx transport that keeps their promises."""

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

API, S3 = "http://api.test/dev", "http://s3.test"
TOKEN = "a-token"
CHAIN = ("AWAITING_UPLOAD", "PENDING", "CLAIMED", "RUNNING", "SUCCEEDED")
Fault = Callable[[httpx.Request], httpx.Response | None]


@dataclass
class Stored:
    """One link and what came by it."""

    filename: str
    size: int
    sha256: str | None
    part_size: int = 0
    parts: dict[int, bytes] = field(default_factory=dict)
    body: bytes | None = None
    looks: int = 0


class FakeApi(httpx.BaseTransport):
    """Answers as the contract says; `fault` may answer, or raise, before it does."""

    def __init__(self, *, part_size: int = 10, end: str = "SUCCEEDED") -> None:
        self.uploads: dict[str, Stored] = {}
        self.calls: Counter[str] = Counter()
        self.part_size, self.end, self.pause = part_size, end, "2"
        self.before: Fault = lambda _: None
        self.after: Fault = lambda _: None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.calls[f"{request.method} {request.url.path}"] += 1
        answer = self.before(request)
        if answer is None:
            answer = self._s3(request) if request.url.host == "s3.test" else self._api(request)
            answer = self.after(request) or answer
        answer.request = request
        return answer

    def _api(self, request: httpx.Request) -> httpx.Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return problem(401, "unauthorized", "Not signed in", "Sign in again.")
        path = request.url.path.removeprefix("/dev")
        query = request.url.params
        if path == "/upload-url":
            return self._open(query["filename"], int(query["size"]), query["sha256"])
        if (request.method, path) == ("POST", "/uploads"):
            wanted = json.loads(request.content)
            return self._open(wanted["filename"], wanted["size"], None)
        return self._find(path, query, request.headers.get("If-None-Match"))

    def _find(self, path: str, query: httpx.QueryParams, etag: str | None) -> httpx.Response:
        _, upload_id, *rest = path.strip("/").split("/")
        found = self.uploads.get(upload_id)
        if found is None:
            return problem(404, "unknown-upload", "There is no such upload", f"no upload {upload_id}")
        if rest == ["parts"]:
            return self._list_parts(upload_id, found, query.get_list("part"))
        if rest == ["complete"]:
            found.body = b"".join(found.parts[number] for number in sorted(found.parts))
            assert len(found.body) == found.size
            return httpx.Response(200, json={"upload_id": upload_id})
        return self._look(upload_id, found, etag)

    def _open(self, filename: str, size: int, sha256: str | None) -> httpx.Response:
        if filename.endswith(".pdf"):
            errors = [{"pointer": "/filename", "detail": "accepted: flights/*.csv"}]
            return problem(
                422, "refused", "The pipeline may not do this", "x.pdf is not taken", errors=errors
            )
        upload_id = f"{len(self.uploads):026d}"
        self.uploads[upload_id] = Stored(filename, size, sha256, self.part_size)
        made = {"upload_id": upload_id, "part_size": self.part_size}
        return httpx.Response(200, json=made | self._link(upload_id, "whole", sha256, size))

    def _link(self, upload_id: str, what: str, sha256: str | None, size: int) -> dict[str, object]:
        checksum = base64.b64encode(bytes.fromhex(sha256 or "")).decode()
        return {
            "url": f"{S3}/{upload_id}/{what}",
            "headers": {"x-amz-checksum-sha256": checksum},
            "size": size,
        }

    def _list_parts(self, upload_id: str, found: Stored, wanted: list[str]) -> httpx.Response:
        urls = []
        for text in wanted:
            number, sha256 = text.split(":")
            size = min(found.part_size, found.size - (int(number) - 1) * found.part_size)
            urls.append({"part_number": int(number), **self._link(upload_id, number, sha256, size)})
        parts = [
            {"part_number": number, "size": len(body), "sha256": hashlib.sha256(body).hexdigest()}
            for number, body in found.parts.items()
        ]
        body = {"size": found.size, "part_size": found.part_size, "parts": parts, "urls": urls}
        return httpx.Response(200, json=body)

    def _look(self, upload_id: str, found: Stored, etag: str | None) -> httpx.Response:
        chain = (*CHAIN[:-1], self.end)
        state = chain[min(found.looks, len(chain) - 1)]
        found.looks += 1
        now = f'"{state}"'
        pause = {} if state == self.end else {"Retry-After": self.pause}
        if etag == now:
            return httpx.Response(304, headers={"ETag": now, **pause})
        view = {"upload_id": upload_id, "filename": found.filename, "size": found.size, "state": state}
        view |= {"rows_in": 5, "rows_out": 4, "rows_rejected": 1, "reason": "the gzip is cut off"}
        return httpx.Response(200, json=view, headers={"ETag": now, **pause})

    def _s3(self, request: httpx.Request) -> httpx.Response:
        assert "Authorization" not in request.headers
        _, upload_id, what = request.url.path.split("/")
        found = self.uploads[upload_id]
        checksum = base64.b64encode(hashlib.sha256(request.content).digest()).decode()
        if request.headers["x-amz-checksum-sha256"] != checksum:
            return httpx.Response(400, text="<Code>BadDigest</Code>")
        if what != "whole":
            found.parts[int(what)] = request.content
        elif found.body is not None:
            return httpx.Response(412, text="<Code>PreconditionFailed</Code>")
        else:
            found.body = request.content
        return httpx.Response(200)


def problem(status: int, kind: str, title: str, detail: str, **more: object) -> httpx.Response:
    document = {"type": f"urn:sparkdrop:problem:{kind}", "title": title, "status": status, "detail": detail}
    headers = {"Content-Type": "application/problem+json"}
    return httpx.Response(status, text=json.dumps({**document, "request_id": "r-1", **more}), headers=headers)
