"""What the tests of links ask the running API for."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from tests.links.sending import Sending

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api_process import Api

BODY = b"year,month,day\n2013,1,1\n"


@pytest.fixture(scope="session")
def token(api: Api) -> str:
    token: str = api.sign_in()["id_token"]
    return token


@pytest.fixture
def make_link(api: Api, token: str) -> Callable[[], tuple[str, Sending]]:
    """Ask for a link to send :data:`BODY`: the upload's id, and the request as the link has it."""

    def make() -> tuple[str, Sending]:
        asked = {
            "pipeline": "flights",
            "filename": "day.csv",
            "size": str(len(BODY)),
            "sha256": hashlib.sha256(BODY).hexdigest(),
            "content_type": "text/csv",
        }
        answer = api.call("GET", "/upload-url", token=token, params=asked)
        assert answer.status_code == 200, answer.text
        link = answer.json()
        return link["upload_id"], Sending(link["url"], link["headers"], BODY)

    return make


@pytest.fixture
def read_upload(api: Api, token: str) -> Callable[[str], dict[str, Any]]:
    def read(upload_id: str) -> dict[str, Any]:
        answer = api.call("GET", f"/uploads/{upload_id}", token=token)
        assert answer.status_code == 200, answer.text
        view: dict[str, Any] = answer.json()
        return view

    return read
