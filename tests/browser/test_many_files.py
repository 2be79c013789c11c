"""A whole folder of files at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.visit import write_table

if TYPE_CHECKING:
    from pathlib import Path

    from tests.api_process import Api
    from tests.browser.backstage import Backstage
    from tests.browser.visit import Visit

COUNT = 200


def test_two_hundred_files_land_while_the_list_can_be_used(
    visit: Visit, flights: Backstage, api: Api, tmp_path: Path
) -> None:
    files = write_table(tmp_path, [f"day-{number:03}.csv" for number in range(COUNT)])
    visit.upload("flights", *files)
    expect(visit.files).to_have_count(COUNT)
    page, last = visit.page, visit.row(files[-1].name)
    expect(last.locator(".row-label")).to_have_text("Queued")
    # the list is used while nearly all of them are still to be sent
    details = visit.open_details(files[-1].name)
    expect(details).to_contain_text("Nothing is known yet")
    sieve = page.get_by_role("group", name="Show")
    sieve.get_by_text("Ready").click()
    expect(visit.files).to_have_count(0)
    sieve.get_by_text("Uploading").click()
    expect(last).to_be_visible()
    sieve.get_by_text("All").click()
    page.get_by_role("button", name=f"Cancel {files[-1].name}").click()
    visit.expect_state(files[-1].name, "Cancelled")
    visit.expect_tally(f"{COUNT} files: {COUNT - 1} being worked on")
    flights.notice(COUNT - 1)
    flights.finish()
    visit.expect_tally(f"{COUNT} files: {COUNT - 1} ready")
    page.get_by_role("button", name="Clear ended").click()
    expect(visit.files).to_have_count(0)
    assert read_contents(api, files) == {file.read_bytes() for file in files[:-1]}


def read_contents(api: Api, files: list[Path]) -> set[bytes]:
    """What lies in the bucket under these files' names."""
    s3, bucket = api.aws("s3"), api.environment["SPARKDROP_UPLOADS_BUCKET"]
    names = {file.name for file in files}
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="flights/")
    keys = [item["Key"] for one in pages for item in one.get("Contents", [])]
    return {
        s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        for key in keys
        if key.rpartition("/")[2] in names
    }
