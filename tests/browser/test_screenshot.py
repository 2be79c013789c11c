"""The README's picture of the page, with files in every stage; ``make screenshot`` keeps it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.backstage import Backstage
from tests.browser.people import Person
from tests.browser.test_large_files import write_large
from tests.browser.visit import write_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api_process import Api
    from tests.browser.visit import Visit

# where the picture is kept; without it the test only makes one
KEEP = "SPARKDROP_SCREENSHOT"
WIDTH = 1200
SLOW_BYTES_PER_SECOND = 12 * 1024 * 1024
REASON = "Not enough room for 8 executors"


def test_a_picture_shows_files_in_every_stage(
    begin_visit: Callable[..., Visit], api: Api, flights: Backstage, tmp_path: Path
) -> None:
    visit = begin_visit(viewport={"width": WIDTH, "height": 800})
    visit.sign_in(Person(api.user, api.password))
    upload_earlier(visit, flights, tmp_path)
    visit.page.reload()
    expect(visit.past).to_have_count(2)
    upload_now(visit, flights, Backstage(api, "weather"), tmp_path)
    visit.page.mouse.move(0, 0)  # away from what it would light up
    visit.page.locator(".picker-list").evaluate("(list) => list.scrollTo(0, 0)")
    folder = Path(os.environ.get(KEEP, tmp_path))
    visit.page.screenshot(path=folder / "page.png", full_page=True)
    assert (folder / "page.png").stat().st_size > 0


def upload_earlier(visit: Visit, flights: Backstage, folder: Path) -> None:
    """What the list of past uploads shows."""
    files = write_table(folder, ["departures-2012-11.csv", "departures-2012-12.csv"], rows=60_000)
    visit.upload("flights", files[0])
    flights.notice()
    flights.finish(rows_in=27_268, rows_out=27_268)
    visit.expect_state(files[0].name, "Result ready")
    visit.add(files[1])
    flights.notice()
    flights.finish(rows_in=28_135, rows_out=28_123, rows_rejected=12, rejects="s3://curated/_rejects/")
    visit.expect_state(files[1].name, "Result ready")


def upload_now(visit: Visit, flights: Backstage, weather: Backstage, folder: Path) -> None:
    """A file in each stage, the newest on its way up."""
    names = [f"departures-2013-{month:02}.csv" for month in range(1, 5)]
    january, february, march, april = write_table(folder, names, rows=60_000)
    (hourly,) = write_table(folder, ["weather-2013.csv"], rows=26_115)
    year = write_large(folder / "departures-2014.csv", 300)
    visit.upload("flights", january)
    flights.notice()
    flights.finish(rows_in=27_004, rows_out=27_004)
    visit.add(february)
    flights.notice()
    flights.claim()
    flights.fail(REASON, "", "s3://logs/")
    visit.upload("weather", hourly)
    weather.notice()
    weather.finish(rows_in=26_115, rows_out=26_112, rows_rejected=3, rejects="s3://curated/_rejects/")
    visit.upload("flights", march)
    flights.notice()
    flights.claim()
    flights.start()
    visit.add(april)
    flights.notice()
    slow_down(visit)
    visit.add(year)
    visit.expect_state(january.name, "Result ready", "27,004 rows")
    visit.expect_state(february.name, "Run failed", REASON)
    visit.expect_state(hourly.name, "Result ready", "26,112 rows, 3 rejected")
    visit.expect_state(march.name, "Spark is running")
    visit.expect_state(april.name, "Waiting")
    expect(visit.row(year.name).locator(".row-label")).to_have_text(re.compile(r"Uploading [3-9]\d%"))


def slow_down(visit: Visit) -> None:
    """Give the browser the uplink of an office."""
    session = visit.page.context.new_cdp_session(visit.page)
    session.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": 5,
            "downloadThroughput": -1,
            "uploadThroughput": SLOW_BYTES_PER_SECOND,
        },
    )
