"""A request that a link allows, and what whoever holds the link may make of it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit
from xml.etree import ElementTree as ET

import httpx


@dataclass
class Sending:
    """One request to S3, not sent yet."""

    url: str
    headers: dict[str, str]
    body: bytes
    method: str = "PUT"

    def copy(self) -> Sending:
        return Sending(self.url, dict(self.headers), self.body, self.method)

    def send(self) -> httpx.Response:
        return httpx.request(
            self.method, self.url, headers=self.headers, content=self.body, timeout=30, trust_env=False
        )

    def send_preflight(self, origin: str) -> httpx.Response:
        """Ask as a browser does before a page of that origin may send it."""
        asked = {
            "Origin": origin,
            "Access-Control-Request-Method": self.method,
            "Access-Control-Request-Headers": ",".join(sorted(name.lower() for name in self.headers)),
        }
        return httpx.options(self.url, headers=asked, timeout=30, trust_env=False)

    def change_query(self, **changes: str) -> None:
        parts = urlsplit(self.url)
        query = dict(parse_qsl(parts.query)) | changes
        self.url = urlunsplit(parts._replace(query=urlencode(query, quote_via=quote)))


def read_error(answer: httpx.Response) -> tuple[int, str]:
    """Read S3's status and code; what is no error has no code."""
    if answer.is_success:
        return answer.status_code, ""
    return answer.status_code, ET.fromstring(answer.content).findtext("Code") or ""  # noqa: S314 - our own
