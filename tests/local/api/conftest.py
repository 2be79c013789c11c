"""The API as the local system starts it: a process beside the AWS emulation's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sparkdrop_local.aws.templates import StackTemplate, load_templates
from tests.local.api.running import Api, run_api

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with run_api(tmp_path_factory.mktemp("api")) as running:
        yield running


@pytest.fixture(scope="session")
def templates() -> list[StackTemplate]:
    return load_templates()
