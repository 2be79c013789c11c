"""One person's visit to the page: what they do, and what must not happen meanwhile."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from playwright.sync_api import ConsoleMessage, Locator, Page, Request

    from tests.browser.people import Person

# A busy machine is slow, not wrong: what is awaited comes within seconds otherwise.
PATIENCE_MILLISECONDS = 30_000
expect.set_options(timeout=PATIENCE_MILLISECONDS)

# Shifts that follow what somebody did are meant: https://web.dev/articles/cls#expected-vs-unexpected-layout-shifts
WATCH_SHIFTS = """
  window.layoutShifts = [];
  new PerformanceObserver((list) => {
    for (const { value, hadRecentInput, sources } of list.getEntries()) {
      if (!hadRecentInput) {
        window.layoutShifts.push([value, ...sources.map(({ node }) => node?.outerHTML?.slice(0, 120))]);
      }
    }
  }).observe({ type: "layout-shift", buffered: true });
"""


class Visit:
    """A tab with the page.

    Args:
        page: The tab, with nothing in it yet.
        origin: Where the page is.
        storage: Where its files go: the emulated S3.
    """

    def __init__(self, page: Page, origin: str, storage: str) -> None:
        self.page, self.origin, self.storage = page, origin, storage
        self.requests: list[Request] = []
        self._allowed: list[re.Pattern[str]] = []
        self._said: list[str] = []
        page.set_default_timeout(PATIENCE_MILLISECONDS)
        page.add_init_script(WATCH_SHIFTS)
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self._said.append(f"uncaught: {error}"))
        page.on("request", self._note)

    def _hear(self, message: ConsoleMessage) -> None:
        # a violation of the content security policy is an error of the console, too
        if message.type in {"error", "warning"}:
            self._said.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    def _note(self, request: Request) -> None:
        self.requests.append(request)  # Playwright marks what it calls, and a list's method takes no mark

    def allow(self, *patterns: str) -> None:
        """Let the console say something: a test breaks the network, and the browser tells of it."""
        self._allowed += [re.compile(pattern) for pattern in patterns]

    def check(self) -> None:
        """Fail where the console has told of a fault, or the page has asked somebody else for something."""
        unexpected = [
            text for text in self._said if not any(pattern.search(text) for pattern in self._allowed)
        ]
        assert not unexpected, "\n".join(unexpected)
        asked = {urlsplit(request.url)._replace(path="", query="", fragment="") for request in self.requests}
        foreign = {place.geturl() for place in asked if place.scheme != "blob"} - {self.origin, self.storage}
        assert not foreign, f"the page asked {foreign}"

    # signing in

    def open(self) -> Visit:
        """Open the page."""
        self.page.goto(self.origin)
        return self

    def sign_in(self, person: Person) -> Visit:
        """Open the page, and sign in as somebody does."""
        self.open()
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_label("Email address").fill(person.user)
        self.page.get_by_label("Password").fill(person.password)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("heading", name="Upload files")).to_be_visible()
        return self

    # uploading

    def choose_pipeline(self, name: str) -> Visit:
        self.page.get_by_role("radio", name=name).check()
        return self

    def add(self, *files: Path) -> Visit:
        """Choose files by the button."""
        self.page.get_by_label("Choose files").set_input_files(list(files))
        return self

    def upload(self, pipeline: str, *files: Path) -> Visit:
        return self.choose_pipeline(pipeline).add(*files)

    def hold_storage(self) -> None:
        """Let S3 answer nothing from now on, until the page's routes are given up."""
        self.page.route(f"{self.storage}/**", lambda _: None)

    # looking

    @property
    def files(self) -> Locator:
        """The rows of this visit."""
        return self.page.get_by_role("list", name="This visit").get_by_role("listitem")

    @property
    def past(self) -> Locator:
        """The rows of past uploads."""
        return self.page.get_by_role("list", name="Past uploads").get_by_role("listitem")

    def row(self, name: str) -> Locator:
        """The row of a file of this visit."""
        return self.files.filter(has=self.page.get_by_role("button", name=name, exact=False))

    def expect_state(self, name: str, label: str, note: str | None = None) -> None:
        """Wait until a file stands somewhere."""
        row = self.row(name)
        expect(row.locator(".row-label")).to_have_text(label)
        if note is not None:
            expect(row.locator(".row-note")).to_have_text(note)

    def expect_tally(self, sentence: str | re.Pattern[str]) -> None:
        expect(self.page.locator(".tally")).to_have_text(sentence)

    def open_details(self, name: str) -> Locator:
        """Open a row of this visit; gives back what it shows."""
        self.row(name).locator(".row-name").click()
        return self.row(name).locator(".details")

    def read_layout_shifts(self) -> list[Any]:
        """What has moved since the page was loaded, or since this was asked for last."""
        shifts: list[Any] = self.page.evaluate("() => window.layoutShifts.splice(0)")
        return shifts

    def asked(self, method: str, path: str) -> list[Request]:
        """The requests so far of one method, to addresses that match."""
        return [one for one in self.requests if one.method == method and re.search(path, one.url)]


def write_table(folder: Path, names: Iterable[str], rows: int = 3) -> list[Path]:
    """Write small CSV files, each with other rows."""
    files = [folder / name for name in names]
    for number, file in enumerate(files):
        lines = [f"{number},{row},{file.stem}" for row in range(rows)]
        file.write_text("\n".join(["batch,row,name", *lines, ""]))
    return files
