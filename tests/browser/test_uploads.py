"""From a file to its result, and what is told where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.visit import write_table

if TYPE_CHECKING:
    from pathlib import Path

    from tests.api_process import Api
    from tests.browser.backstage import Backstage
    from tests.browser.visit import Visit

REASON = "The step s-3M8DXXXXXXXXX failed: the program ended with exit code 1"
EXCERPT = "AnalysisException: [PATH_NOT_FOUND] Path does not exist: s3://sparkdrop-uploads/flights/2013.csv"


def test_a_file_is_followed_to_its_result_and_nothing_moves(
    visit: Visit, flights: Backstage, api: Api, tmp_path: Path
) -> None:
    (file,) = write_table(tmp_path, ["Bürotag 2013-01.csv"])
    visit.upload("flights", file)
    visit.expect_state(file.name, "Uploaded", "arriving")
    visit.read_layout_shifts()
    flights.notice()
    visit.expect_state(file.name, "Waiting", "for the next batch")
    flights.claim()
    visit.expect_state(file.name, "Claimed", "its batch is about to start")
    flights.start()
    visit.expect_state(file.name, "Spark is running")
    flights.succeed(rows_in=27_004, rows_out=27_000, rows_rejected=4, rejects="s3://curated/_rejects/1/")
    visit.expect_state(file.name, "Result ready", "27,000 rows, 4 rejected")
    assert visit.read_layout_shifts() == []
    details = visit.open_details(file.name)
    for text in ("27,004", flights.output, "s3://curated/_rejects/1/", "Rejected rows, each with its reason"):
        expect(details).to_contain_text(text)
    history = details.get_by_role("list", name="What happened").get_by_role("listitem")
    expect(history).to_contain_text(["Link made", "Uploaded, waiting", "Claimed by a batch", "Result ready"])
    key = details.locator(".ids div").filter(has_text="Key").locator("code").inner_text()
    stored = api.aws("s3").get_object(Bucket=api.environment["SPARKDROP_UPLOADS_BUCKET"], Key=key)
    assert stored["Body"].read() == file.read_bytes()
    assert stored["ContentType"] == "text/csv"


def test_a_dropped_file_is_taken_like_a_chosen_one(visit: Visit, flights: Backstage) -> None:
    visit.choose_pipeline("flights")
    dropped = visit.page.evaluate_handle(
        """() => {
          const held = new DataTransfer();
          held.items.add(new File(["a,b\\n1,2\\n"], "dropped.csv", { type: "text/csv" }));
          return held;
        }"""
    )
    visit.page.dispatch_event("main", "drop", {"dataTransfer": dropped})
    visit.expect_state("dropped.csv", "Uploaded")
    flights.notice()
    flights.finish()
    visit.expect_state("dropped.csv", "Result ready", "27,004 rows")


def test_a_failed_run_tells_its_reason_and_the_end_of_its_log(
    visit: Visit, flights: Backstage, tmp_path: Path
) -> None:
    (file,) = write_table(tmp_path, ["2013-02.csv"])
    visit.upload("flights", file)
    flights.notice()
    flights.claim()
    flights.start()
    flights.fail(REASON, EXCERPT, "s3://sparkdrop-logs/j-2AXXXXXXGAPLF/steps/s-3M8DXXXXXXXXX/")
    visit.expect_state(file.name, "Run failed", REASON)
    visit.expect_tally("1 file: 1 to look at")
    details = visit.open_details(file.name)
    expect(details.get_by_text(REASON)).to_be_visible()
    expect(details.get_by_role("region", name="From the log")).to_have_text(EXCERPT)
    expect(details).to_contain_text("s3://sparkdrop-logs/j-2AXXXXXXGAPLF/steps/s-3M8DXXXXXXXXX/")


def test_what_a_pipeline_does_not_take_is_refused_before_anything_is_asked(
    visit: Visit, tmp_path: Path
) -> None:
    (large,) = write_table(tmp_path, ["year.csv"], rows=100_000)
    wrong = tmp_path / "report.pdf"
    wrong.write_bytes(b"%PDF-1.7")
    visit.choose_pipeline("meters")
    facts = visit.page.locator(".facts")
    expect(facts).to_contain_text("*.csv")
    expect(facts).to_contain_text("up to 1 MiB a file")
    expect(visit.past).to_have_count(0)
    before = len(visit.requests)
    visit.add(wrong, large)
    alert = visit.page.get_by_role("alert").filter(has_text="2 files not taken")
    expect(alert).to_contain_text("report.pdf meters takes *.csv.")
    expect(alert).to_contain_text("meters takes up to 1 MiB.")
    expect(visit.files).to_have_count(0)
    assert visit.requests[before:] == []
    alert.get_by_role("button", name="Dismiss").click()
    expect(alert).to_have_count(0)


def test_a_cancelled_file_leaves_nothing_behind(visit: Visit, tmp_path: Path) -> None:
    (file,) = write_table(tmp_path, ["cancelled.csv"])
    visit.hold_storage()
    visit.upload("flights", file)
    visit.expect_state(file.name, "Uploading 0%")
    with visit.page.expect_response(lambda answer: answer.request.method == "DELETE") as answer:
        visit.page.get_by_role("button", name=f"Cancel {file.name}").click()
    assert answer.value.status == 204
    visit.expect_state(file.name, "Cancelled")
    visit.page.unroute_all()
    visit.page.get_by_role("button", name=f"Retry {file.name}").click()
    visit.expect_state(file.name, "Uploaded")
