"""What is kept prepared while the page is used."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from sparkdrop_local.api.preparation import CatalogPublisher

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "error",
    [
        OSError("gone"),
        ClientError({"Error": {"Code": "InternalError"}}, "PutObject"),
        EndpointConnectionError(endpoint_url="http://127.0.0.1:1"),
    ],
    ids=["file", "refused", "unreachable"],
)
def test_what_fails_once_is_published_at_the_next_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    looks: list[bool] = []
    publisher = CatalogPublisher(lambda _: None, "artifacts", configs=tmp_path, jobs=tmp_path)

    def publish() -> bool:
        looks.append(True)
        if len(looks) == 1:
            raise error
        return True

    class Stopping(threading.Event):
        """Set after the second look."""

        def wait(self, timeout: float | None = None) -> bool:
            del timeout
            return len(looks) > 1

    monkeypatch.setattr(publisher, "publish", publish)
    publisher.watch(Stopping())
    assert len(looks) == 2
