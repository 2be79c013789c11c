"""Files that go up in parts: over a network that goes away, and over a reload."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Response, Route

    from tests.api_process import Api
    from tests.browser.backstage import Backstage
    from tests.browser.visit import Visit

MEBIBYTE = 1024 * 1024
PART_BYTES = 8 * MEBIBYTE
PART = r"partNumber=\d+"


def write_large(file: Path, mebibytes: int) -> Path:
    """Write a file whose every mebibyte is another one, and which takes little of the disk."""
    with file.open("wb") as out:
        for number in range(mebibytes):
            out.seek(number * MEBIBYTE)
            out.write(f"{file.name},{number}\n".encode())
        out.truncate(mebibytes * MEBIBYTE)
    return file


def hash_object(api: Api, visit: Visit, name: str) -> str:
    """The SHA-256 of what lies in the bucket, where the row of the file says."""
    visit.open_details(name)
    key = visit.row(name).locator(".ids div").filter(has_text="Key").locator("code").inner_text()
    body = api.aws("s3").get_object(Bucket=api.environment["SPARKDROP_UPLOADS_BUCKET"], Key=key)["Body"]
    digest = hashlib.sha256()
    for chunk in body.iter_chunks(MEBIBYTE):
        digest.update(chunk)
    return digest.hexdigest()


def hash_file(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def is_stored_part(answer: Response) -> bool:
    return answer.request.method == "PUT" and answer.ok and re.search(PART, answer.url) is not None


def test_three_hundred_megabytes_arrive_whole_though_the_network_goes_away(
    visit: Visit, flights: Backstage, api: Api, tmp_path: Path
) -> None:
    file = write_large(tmp_path / "2013.csv", 300)
    visit.allow("ERR_INTERNET_DISCONNECTED", "ERR_NETWORK_CHANGED")
    with visit.page.expect_response(is_stored_part):
        visit.upload("flights", file)
    visit.page.context.set_offline(True)
    expect(visit.page.get_by_text("You are offline.")).to_be_visible()
    sent = visit.row(file.name).locator(".row-label")
    expect(sent).to_have_text(re.compile(r"Uploading \d\d?%"))
    assert "100" not in sent.inner_text()
    visit.page.context.set_offline(False)
    expect(visit.page.get_by_text("You are offline.")).to_have_count(0)
    visit.expect_state(file.name, "Uploaded")
    flights.notice()
    flights.finish()
    visit.expect_state(file.name, "Result ready")
    assert hash_object(api, visit, file.name) == hash_file(file)


def test_a_reload_costs_only_the_parts_that_had_not_arrived(
    visit: Visit, flights: Backstage, api: Api, tmp_path: Path
) -> None:
    file, page = write_large(tmp_path / "2014.csv", 101), visit.page
    arrived = 5
    let_through = iter(range(arrived))

    def pass_some(route: Route) -> None:
        if route.request.method != "PUT" or next(let_through, None) is not None:
            route.continue_()  # the others get no answer

    page.route(f"{visit.storage}/**", pass_some)
    stored: list[Response] = []
    page.on("response", lambda answer: stored.append(answer) if is_stored_part(answer) else None)
    visit.upload("flights", file)
    share = arrived * PART_BYTES * 100 // (101 * MEBIBYTE)
    visit.expect_state(file.name, f"Uploading {share}%")
    assert len(stored) == arrived
    asked_to_stay = reload(visit)
    page.unroute_all()
    assert asked_to_stay, "somebody who leaves in the middle is asked"
    expect(page.get_by_role("heading", name="Unfinished uploads")).to_be_visible()
    expect(page.get_by_text(f"{share}% is there")).to_be_visible()
    page.get_by_label(f"Choose {file.name}").set_input_files(file)
    visit.expect_state(file.name, "Uploaded")
    expect(page.get_by_role("heading", name="Unfinished uploads")).to_have_count(0)
    numbers = [re.search(PART, answer.url).group() for answer in stored]  # type: ignore[union-attr]
    assert sorted(numbers) == sorted(f"partNumber={number}" for number in range(1, 14)), "each went up once"
    flights.notice()
    flights.finish()
    visit.expect_state(file.name, "Result ready")
    assert hash_object(api, visit, file.name) == hash_file(file)


def reload(visit: Visit) -> list[Any]:
    """Load the page again, and leave it though it asks; gives back what it asked."""
    asked: list[Any] = []

    def leave(dialog: Any) -> None:
        asked.append(dialog.type)
        dialog.accept()

    visit.page.on("dialog", leave)
    visit.page.reload()
    return asked
