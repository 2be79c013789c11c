"""What all tests share."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from tests.leftovers import guard_this_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.api_process import Api

# Time is measured in bench/ and asserted nowhere: a machine with other work to do is slow, not wrong.
settings.register_profile("sparkdrop", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("sparkdrop")


# What shares a costly fixture (a local system, the templates, a browser) stays in one process, the longest
# first; all other tests go by their files.
_TOGETHER = ("e2e", "infra", "local/emr_clients", "local/api", "links", "browser", "local", "images", "spark")
_TESTS = Path(__file__).parent


def pytest_configure() -> None:
    """Begin to guard the run: a killed one leaves nothing running."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what runs in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)
    guard_this_run()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the groups that take longest: two processes then end at about the same time."""
    items.sort(key=lambda item: _find_group(item.path.relative_to(_TESTS)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Share the groups out to the processes of `pytest --numprocesses`.

    xdist's own way to name groups, a marker, writes into an attribute that pytest 9 does not read any more.
    """
    from xdist.scheduler import LoadScopeScheduling

    class LoadGroups(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = Path(nodeid.partition("::")[0])
            return _find_group(file.relative_to("tests"))[1]

    return LoadGroups(config, log)


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
