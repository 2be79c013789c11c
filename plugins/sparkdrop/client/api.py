"""The API's calls as functions; what it refuses is an error that says why."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from sparkdrop.core.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_ATTEMPTS = 5
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
# throttled, or failed where another try may do better
_AGAIN = {429, 500, 502, 503, 504}
# S3's word for a write-once request that meets an earlier one still under way; a problem of the API's is none
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
_UNDER_WAY = "ConditionalRequestConflict"
_QUOTA = "urn:sparkdrop:problem:quota-exceeded"


@dataclass(frozen=True, slots=True)
class Look:
    """One look at an upload.

    Attributes:
        view: what the API tells of it; None where nothing has changed since the last look.
        etag: what to show at the next look.
        retry_after_seconds: when to look again; None once it has ended.
    """

    view: dict[str, Any] | None
    etag: str | None
    retry_after_seconds: float | None


class ApiClient:
    """Speaks to one deployment's API.

    Args:
        url: where it is, such as ``https://abc.execute-api.eu-west-1.amazonaws.com/dev``.
        auth: how the client proves who it is.
        transport: httpx's, where it is not the network.
        sleep: waits between two attempts.
    """

    def __init__(
        self,
        url: str,
        auth: httpx.Auth,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = httpx.Client(
            base_url=url.rstrip("/") + "/", auth=auth, timeout=_TIMEOUT, transport=transport
        )
        self._sleep = sleep

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> ApiClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def list_pipelines(self) -> dict[str, Any]:
        """Read what may be uploaded, and the limits: ``GET /pipelines``."""
        return self._json("GET", "pipelines")

    def open_link(self, pipeline: str, filename: str, size: int, sha256: str) -> dict[str, Any]:
        """Ask for a link to send one file in one request: ``GET /upload-url``."""
        parameters = {"pipeline": pipeline, "filename": filename, "size": str(size), "sha256": sha256}
        return self._json("GET", "upload-url", params=parameters)

    def open_multipart(self, pipeline: str, filename: str, size: int) -> dict[str, Any]:
        """Begin an upload in parts: ``POST /uploads``."""
        return self._json("POST", "uploads", json={"pipeline": pipeline, "filename": filename, "size": size})

    def read_parts(self, upload_id: str, wanted: Mapping[int, str] | None = None) -> dict[str, Any]:
        """Read which parts are there, and get links for others: ``GET /uploads/{id}/parts``.

        Args:
            upload_id: of an upload in parts.
            wanted: the SHA-256 (hex) of each part that a link is wanted for, by its number.
        """
        parts = [f"{number}:{sha256}" for number, sha256 in (wanted or {}).items()]
        return self._json("GET", f"uploads/{upload_id}/parts", params={"part": parts})

    def complete(self, upload_id: str) -> dict[str, Any]:
        """End an upload in parts; asked twice, it answers the same: ``POST /uploads/{id}/complete``."""
        return self._json("POST", f"uploads/{upload_id}/complete")

    def look(self, upload_id: str, etag: str | None = None) -> Look:
        """Look how an upload stands: ``GET /uploads/{id}``."""
        headers = {"If-None-Match": etag} if etag else {}
        answer = self._send("GET", f"uploads/{upload_id}", headers=headers)
        view = None if answer.status_code == httpx.codes.NOT_MODIFIED else answer.json()
        return Look(view, answer.headers.get("ETag", etag), _read_retry_after(answer))

    def _json(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        body: dict[str, Any] = self._send(method, path, **request).json()
        return body

    def _send(self, method: str, path: str, **request: Any) -> httpx.Response:
        answer = send_again(lambda: self._http.request(method, path, **request), self._sleep)
        if answer.is_success or answer.status_code == httpx.codes.NOT_MODIFIED:
            return answer
        raise _build_error(answer)


def send_again(send: Callable[[], httpx.Response], sleep: Callable[[float], None]) -> httpx.Response:
    """Send until there is an answer that another attempt would not better.

    Raises:
        ApiError: the last attempt got no answer at all.
    """
    pause = _FIRST_PAUSE_SECONDS
    for attempt in range(_ATTEMPTS):
        is_last = attempt == _ATTEMPTS - 1
        try:
            answer = send()
        except httpx.TransportError as error:
            if is_last:
                raise ApiError(f"no answer after {_ATTEMPTS} attempts: {_describe(error)}") from error
        else:
            if is_last or not _may_do_better(answer):
                return answer
            pause = max(pause, _read_retry_after(answer) or 0.0)
        sleep(min(pause, _LONGEST_PAUSE_SECONDS))
        pause *= 2
    raise AssertionError  # the last attempt returns or raises


def _may_do_better(answer: httpx.Response) -> bool:
    """Whether another attempt may do better: a day's quota that is used up, a few seconds do not mend."""
    if answer.status_code == httpx.codes.CONFLICT:
        return _UNDER_WAY in answer.text
    return answer.status_code in _AGAIN and _read_document(answer).get("type") != _QUOTA


def _read_retry_after(answer: httpx.Response) -> float | None:
    text = answer.headers.get("Retry-After", "")
    return float(text) if text.isdigit() else None


def _describe(error: httpx.TransportError) -> str:
    return str(error) or type(error).__name__


def _read_document(answer: httpx.Response) -> dict[str, Any]:
    if not answer.headers.get("Content-Type", "").startswith("application/problem+json"):
        return {}
    document: dict[str, Any] = answer.json()
    return document


def _build_error(answer: httpx.Response) -> ApiError:
    document = _read_document(answer)
    url = answer.request.url.copy_with(query=None)
    if not document:
        return ApiError(f"{url} answered {answer.status_code}: {answer.text[:200]}", answer.status_code)
    texts = [document["detail"], *(each["detail"] for each in document.get("errors", ()))]
    told = "; ".join(dict.fromkeys(text for text in texts if text))
    request_id = document.get("request_id")
    return ApiError(
        f"{document['title']}: {told}" + (f" (request {request_id})" if request_id else ""),
        answer.status_code,
        document["type"],
    )
