"""The Chromium that the page is tested in: Debian's, installed by apt where it is not there yet.

``python -m tests.browser.chromium`` prints its path; with ``--install`` a missing one is installed first.
Playwright's own builds come from no package registry, so it is told to drive this one:
https://playwright.dev/python/docs/api/class-browsertype#browser-type-launch-option-executable-path.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from playwright.sync_api import Browser, sync_playwright

from sparkdrop_local.java import _privileged_prefix

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NAMES = ("chromium", "google-chrome")
APT_PACKAGE = "chromium"
ADVICE = (
    f"the page is tested in Chromium: install it (Debian: apt-get install {APT_PACKAGE}), or `make browser`"
)


class ChromiumNotFoundError(Exception):
    """There is no Chromium here, and none could be installed."""


def find_chromium() -> str:
    """Find Chromium on the PATH.

    Raises:
        ChromiumNotFoundError: There is none; says what to install.
    """
    for name in NAMES:
        if path := shutil.which(name):
            return path
    raise ChromiumNotFoundError(ADVICE)


def install_chromium() -> str:
    """Install Debian's Chromium by apt, as root or by a sudo that asks nothing.

    Raises:
        ChromiumNotFoundError: There is no apt here, the user may not, or apt failed.
    """
    prefix = _privileged_prefix()
    if prefix is None:
        raise ChromiumNotFoundError(ADVICE)
    install = ("install", "-y", "-q", "--no-install-recommends", APT_PACKAGE)
    for arguments in (("update", "-q"), install):
        command = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
            raise ChromiumNotFoundError(f"apt-get {arguments[0]} failed ({' '.join(last)}): {ADVICE}")
    return find_chromium()


@contextmanager
def launch_chromium() -> Iterator[Browser]:
    """Start Chromium without a window; its sandbox does not work for root.

    Raises:
        ChromiumNotFoundError: There is none.
    """
    path = find_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, chromium_sandbox=os.geteuid() != 0)
        try:
            yield browser
        finally:
            browser.close()


def main(argv: Sequence[str] | None = None) -> int:
    """Print the path of Chromium; exit 1 with one line where there is none."""
    parser = argparse.ArgumentParser(prog="python -m tests.browser.chromium", description=main.__doc__)
    parser.add_argument("--install", action="store_true", help="install it by apt where there is none")
    arguments = parser.parse_args(argv)
    try:
        try:
            path = find_chromium()
        except ChromiumNotFoundError:
            if not arguments.install:
                raise
            path = install_chromium()
    except ChromiumNotFoundError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
