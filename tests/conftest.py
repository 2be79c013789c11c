"""What all tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.api_process import Api

# Time is measured in bench/ and asserted nowhere: a machine with other work to do is slow, not wrong.
settings.register_profile("sparkdrop", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("sparkdrop")


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The API as the local system starts it, beside the AWS emulation; one for all tests."""
    from tests.api_process import run_api  # slow to import, and few tests need it

    with run_api(tmp_path_factory.mktemp("api")) as running:
        yield running
