"""The built page and its configuration, served as CloudFront serves them."""

from __future__ import annotations

import hashlib
import json
import mimetypes
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from sparkdrop_local.api.messages import Answer
from sparkdrop_local.system import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sparkdrop_local.api.messages import Request

# where `make web` builds it, and where a wheel holds it
FOLDERS = (REPOSITORY / "web" / "dist", Path(__file__).resolve().parent.parent / "web")
INDEX = "index.html"
# what the build names after its content
_ASSETS = "assets/"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}
_NONE = b"There is no such file.\n"
_NOT_BUILT = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Sparkdrop</title></head>
<body><main>
<h1>The page is not built</h1>
<p>Build it with <code>make web</code>, then load this page again. The API is at <code>/api</code>.</p>
</main></body>
</html>
"""


class Page:
    """The page.

    Args:
        headers: On every answer.
        folders: Where it may lie; the first that is there counts, also when it comes later.
    """

    def __init__(self, headers: Iterable[tuple[str, str]], folders: Iterable[Path] = FOLDERS) -> None:
        self._folders = tuple(folders)
        self._headers = tuple(headers)

    def answer(self, request: Request) -> Answer:
        """Answer with a file of the page."""
        if request.method not in {"GET", "HEAD"}:
            return Answer(405, (("Allow", "GET, HEAD"), *self._headers))
        folder = next((folder for folder in self._folders if (folder / INDEX).is_file()), None)
        name = unquote(request.path).lstrip("/")
        if "." not in name.rpartition("/")[2]:
            name = INDEX  # an address inside of the page, as CloudFront's function has it
        if folder is None:
            return self._show(request, INDEX, _NOT_BUILT.encode(), status=200 if name == INDEX else 404)
        if "\0" in name:  # which no file's name can hold
            return self._show(request, "none.txt", _NONE, status=404)
        file = (folder / name).resolve()
        if not file.is_relative_to(folder.resolve()) or not file.is_file():
            return self._show(request, "none.txt", _NONE, status=404)
        return self._show(request, name, file.read_bytes())

    def configure(self, origin: str, client_id: str) -> Answer:
        """The page's configuration: where the API is, and where to sign in."""
        document = {
            "api_url": f"{origin}/api",
            "auth": {"authority": origin, "client_id": client_id, "sign_in_url": origin},
        }
        headers = (("Content-Type", "application/json"), ("Cache-Control", "no-cache"), *self._headers)
        return Answer(200, headers, json.dumps(document).encode())

    def _show(self, request: Request, name: str, content: bytes, *, status: int = 200) -> Answer:
        tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        lasting = name.startswith(_ASSETS) and status == 200  # noqa: PLR2004 - OK
        headers = (
            ("ETag", tag),
            ("Cache-Control", "public, max-age=31536000, immutable" if lasting else "no-cache"),
            *self._headers,
        )
        if status == 200 and tag in (request.header("If-None-Match") or ""):  # noqa: PLR2004 - OK
            return Answer(304, headers)
        suffix = Path(name).suffix
        kind = _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
        return Answer(status, (("Content-Type", kind), *headers), content)
