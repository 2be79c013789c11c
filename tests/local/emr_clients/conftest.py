"""One running emulation for all clients: each makes its own clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sparkdrop_local.emr.settings import DELAYS_VARIABLE
from tests.local.emr_clients.server import Server, run_server

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An EMR without delays of its own: a client's waiters sleep half a minute where the first look fails."""
    with run_server(tmp_path_factory.mktemp("emr_clients"), **{DELAYS_VARIABLE: "none"}) as running:
        yield running


@pytest.fixture(scope="session")
def emr(server: Server) -> Any:
    return server.make_client("emr")


@pytest.fixture(scope="session")
def serverless(server: Server) -> Any:
    return server.make_client("emr-serverless")
