"""What all tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.api_process import Api

# Time is measured in bench/ and asserted nowhere: a machine with other work to do is slow, not wrong.
settings.register_profile("sparkdrop", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("sparkdrop")


# What shares a costly fixture (a local system, the templates, a browser) stays in one process, the longest
# first; all other tests go by their files. Only `pytest -n` reads it.
_TOGETHER = ("e2e", "infra", "local/api", "links", "browser", "local", "images", "spark")


# before xdist's own hook, which reads the groups
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the tests that belong together into groups, and the groups in the order of their length."""
    groups = {item: _find_group(item.path.relative_to(config.rootpath / "tests")) for item in items}
    for item, (_, name) in groups.items():
        item.add_marker(pytest.mark.xdist_group(name))
    items.sort(key=lambda item: groups[item][0])


def _find_group(path: Path) -> tuple[int, str]:
    """Place and name of a test file's group."""
    folders = [(place, name) for place, name in enumerate(_TOGETHER) if path.is_relative_to(name)]
    # of a folder in a folder, the inner one
    return max(folders, key=lambda one: len(one[1]), default=(len(_TOGETHER), str(path)))


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The API as the local system starts it, beside the AWS emulation; one for all tests."""
    from tests.api_process import run_api  # slow to import, and few tests need it

    with run_api(tmp_path_factory.mktemp("api")) as running:
        yield running
