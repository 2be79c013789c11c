"""The page by axe, by the keyboard alone, on a phone, and for those whom motion makes ill.

https://github.com/dequelabs/axe-core; its rules cover WCAG 2.2 AA and practices beyond.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.api_process import REPOSITORY
from tests.browser.visit import write_table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.browser.backstage import Backstage
    from tests.browser.people import Person
    from tests.browser.visit import Visit

AXE = REPOSITORY / "web" / "node_modules" / "axe-core" / "axe.min.js"
PHONE = {"width": 360, "height": 740}
LONG_NAME = f"{'departures_of_all_carriers_' * 4}2013-01.csv"


def find_violations(page: Page) -> list[str]:
    """What axe finds in light and in dark."""
    found = []
    # evaluated by the browser's tools, so that the page's content security policy stands as it is
    page.evaluate(AXE.read_text())
    for scheme in ("light", "dark"):
        page.emulate_media(
            color_scheme=scheme, reduced_motion="reduce"
        )  # colours change without a transition
        result: dict[str, Any] = page.evaluate("() => window.axe.run()")
        found += [
            f"{scheme}: {one['id']}: {node['html']}" for one in result["violations"] for node in one["nodes"]
        ]
    return found


@pytest.mark.parametrize("viewport", [{"width": 1200, "height": 900}, PHONE], ids=["desk", "phone"])
def test_axe_finds_nothing_in_any_state(
    begin_visit: Callable[..., Visit],
    person: Person,
    flights: Backstage,
    tmp_path: Path,
    viewport: dict[str, int],
) -> None:
    good, bad, moving = write_table(tmp_path, ["2013-01.csv", "2013-02.csv", "2013-03.csv"])
    wrong = tmp_path / "report.pdf"
    wrong.write_text("no table")
    visit = begin_visit(viewport=viewport).open()
    found = {"signed out": find_violations(visit.page)}
    visit.page.get_by_role("button", name="Sign in").click()
    expect(visit.page.get_by_label("Email address")).to_be_visible()
    found["the sign-in"] = find_violations(visit.page)
    visit.sign_in(person)
    expect(visit.page.get_by_text("Nothing has been uploaded yet.")).to_be_visible()
    found["empty"] = find_violations(visit.page)
    visit.upload("flights", good)
    flights.notice()
    flights.finish(rows_rejected=4, rejects="s3://curated/_rejects/1/")
    visit.expect_state(good.name, "Result ready")
    visit.open_details(good.name)
    found["finished"] = find_violations(visit.page)
    visit.add(bad)
    flights.notice()
    flights.claim()
    visit.expect_state(bad.name, "Claimed")
    flights.fail("The program ended with exit code 1", "Traceback", "s3://logs/")
    visit.expect_state(bad.name, "Run failed")
    visit.open_details(bad.name)
    expect(visit.row(bad.name).get_by_text("Traceback")).to_be_visible()
    visit.add(wrong)
    found["failed"] = find_violations(visit.page)
    visit.hold_storage()
    visit.add(moving)
    visit.expect_state(moving.name, "Uploading 0%")
    found["uploading"] = find_violations(visit.page)
    assert {state: violations for state, violations in found.items() if violations} == {}


def test_the_keyboard_is_enough(
    begin_visit: Callable[..., Visit], person: Person, flights: Backstage, tmp_path: Path
) -> None:
    (file,) = write_table(tmp_path, ["2013-05.csv"])
    visit = begin_visit().open()
    page = visit.page
    page.on("filechooser", lambda _: None)  # Playwright takes choosers over only a while after it is asked to
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    go_to(page, "Sign in")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Email address")).to_be_focused()
    page.keyboard.type(person.user)
    page.keyboard.press("Tab")
    page.keyboard.type(person.password)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Upload files")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the files")).to_be_focused()
    page.keyboard.press("Enter")
    while not page.get_by_role("radio", name="flights").is_checked():
        page.keyboard.press("ArrowDown") if is_radio(page) else page.keyboard.press("Tab")
    go_to(page, "Choose files")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(file)
    flights.notice()
    flights.finish()
    visit.expect_state(file.name, "Result ready")
    go_to(page, file.name)
    page.keyboard.press("Enter")
    expect(visit.row(file.name).locator(".details")).to_contain_text(flights.output)
    go_to(page, "Clear ended", key="Shift+Tab")
    page.keyboard.press("Enter")
    expect(visit.files).to_have_count(0)
    assert page.evaluate("() => document.activeElement !== document.body"), "the focus is not lost"


def is_radio(page: Page) -> bool:
    return bool(page.evaluate("() => document.activeElement?.type === 'radio'"))


def go_to(page: Page, name: str, key: str = "Tab", most: int = 40) -> None:
    """Press a key until the focus is on what has this name; each stop on the way can be seen."""
    for _ in range(most):
        page.keyboard.press(key)
        words, is_seen = page.evaluate(
            """() => {
              const focused = document.activeElement;
              // nothing is focused: what the whole page says is no name
              if (focused === document.body) return ["", true];
              const label = focused.closest("label");
              const drawn = [focused, label, label?.querySelector("span")].filter(Boolean)
                .some((one) => getComputedStyle(one).outlineStyle !== "none");
              const words = `${focused.ariaLabel ?? ""} ${label?.textContent ?? ""} ${focused.textContent}`;
              return [words, drawn];
            }"""
        )
        assert is_seen, f"nobody sees that the focus is on {words!r}"
        if name in words:
            return
    raise AssertionError(f"{key} does not lead to {name!r}")


def test_nothing_is_wider_than_a_phone(
    begin_visit: Callable[..., Visit], person: Person, flights: Backstage, tmp_path: Path
) -> None:
    (file,) = write_table(tmp_path, [LONG_NAME])
    visit = begin_visit(viewport=PHONE).open()
    assert measure_width(visit.page) == PHONE["width"]
    visit.sign_in(person)
    assert measure_width(visit.page) == PHONE["width"]
    visit.upload("flights", file)
    flights.notice()
    flights.finish(rows_rejected=4, rejects=f"s3://sparkdrop-curated/flights/_rejects/batch={'1' * 80}/")
    visit.expect_state(file.name, "Result ready")
    visit.open_details(file.name)
    expect(visit.row(file.name).get_by_role("list", name="What happened")).to_be_visible()
    assert measure_width(visit.page) == PHONE["width"]


def measure_width(page: Page) -> int:
    width: int = page.evaluate("() => document.documentElement.scrollWidth")
    return width


def test_nothing_moves_for_those_who_ask_for_that(
    begin_visit: Callable[..., Visit], person: Person, flights: Backstage, tmp_path: Path
) -> None:
    (file,) = write_table(tmp_path, ["2013-06.csv"])
    visit = begin_visit().sign_in(person).upload("flights", file)
    flights.notice()
    flights.claim()
    visit.expect_state(file.name, "Claimed")
    count = "() => document.getAnimations().filter(({ playState }) => playState === 'running').length"
    assert visit.page.evaluate(count) > 0
    visit.page.emulate_media(reduced_motion="reduce")
    assert visit.page.evaluate(count) == 0
