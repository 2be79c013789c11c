"""From the page to Parquet: a file is dropped, real Spark reads it, and the page says where its rows are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.chromium import ChromiumNotFoundError, launch_chromium
from tests.browser.people import Person
from tests.browser.visit import Visit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.system import System

pytestmark = pytest.mark.e2e
PEOPLE = "name,age,city\nAda,36,London\nGrace,thirty,New York\nLinus,21,Helsinki\n"
RUN_MILLISECONDS = 240_000


# of this module and no longer: while it is there, Playwright's event loop is that of the thread
@pytest.fixture(scope="module")
def visit(system: System) -> Iterator[Visit]:
    """A visit of the user whom `local up` makes, signed in."""
    try:
        with launch_chromium() as browser:
            page = browser.new_page()
            visit = Visit(page, system.api["page_url"].rstrip("/"), system.environment["AWS_ENDPOINT_URL"])
            yield visit.sign_in(Person(system.api["user"], system.api["password"]))
            visit.check()
    except ChromiumNotFoundError as error:
        pytest.fail(str(error), pytrace=False)


def test_a_file_of_the_page_becomes_parquet_and_its_bad_rows_are_told(
    system: System, visit: Visit, tmp_path: Path
) -> None:
    file = tmp_path / "Bürgerliste.csv"
    file.write_text(PEOPLE)
    visit.upload("people", file)
    expect(visit.row(file.name).locator(".row-label")).to_have_text("Result ready", timeout=RUN_MILLISECONDS)
    visit.expect_state(file.name, "Result ready", "2 rows, 1 rejected")
    details = visit.open_details(file.name)
    key = details.locator(".ids div").filter(has_text="Key").locator("code").inner_text()
    output = details.locator(".place").filter(has_text="Result").locator("code").first.inner_text()
    bucket, _, prefix = output.removeprefix("s3://").partition("/")
    assert bucket == system["CURATED_BUCKET"]
    rows = [row for row in system.read_rows(prefix) if row["_source_key"] == key]
    assert sorted(row["name"] for row in rows) == ["Ada", "Linus"]
    rejects = details.locator(".place").filter(has_text="Rejected rows").locator("code").inner_text()
    (rejected,) = system.read_rejects(rejects.removeprefix(f"s3://{bucket}/"))
    assert "Grace" in str(rejected)
