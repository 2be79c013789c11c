"""Whose uploads somebody sees: their own, and a pipeline's where its file names their group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.backstage import Backstage
from tests.browser.people import invite
from tests.browser.visit import write_table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.api_process import Api
    from tests.browser.visit import Visit


def test_nobody_sees_the_uploads_of_another_but_who_may_by_the_pipeline(
    begin_visit: Callable[..., Visit], api: Api, tmp_path: Path
) -> None:
    ada, bob, eve = invite(api, "ada"), invite(api, "bob"), invite(api, "eve", "auditors")
    (file,) = write_table(tmp_path, ["claim-4711.csv"])
    claims = Backstage(api, "claims")
    claims.forget_arrivals()
    of_ada = begin_visit().sign_in(ada).upload("claims", file)
    claims.notice()
    claims.finish()
    of_ada.expect_state(file.name, "Result ready")
    details = of_ada.open_details(file.name)
    upload_id = details.locator(".ids div").filter(has_text="Upload").locator("code").inner_text()

    of_bob = begin_visit().sign_in(bob)
    of_bob.page.get_by_label("Pipeline").select_option("claims")
    expect(of_bob.page.get_by_text("No uploads are like that.")).to_be_visible()
    expect(of_bob.past).to_have_count(0)
    token = api.sign_in(bob.user, bob.password)["id_token"]
    for method, path in (("GET", ""), ("GET", "/parts"), ("DELETE", ""), ("POST", "/complete")):
        assert api.call(method, f"/uploads/{upload_id}{path}", token=token).status_code == 404

    of_eve = begin_visit().sign_in(eve)
    expect(of_eve.page.get_by_text("Nothing has been uploaded yet.")).to_be_visible()
    of_eve.page.get_by_label("Pipeline").select_option("claims")
    seen = of_eve.past.filter(has_text=file.name)
    expect(seen).to_contain_text("by cognito:")
    expect(seen.locator(".row-label")).to_have_text("Result ready")


def test_a_pipeline_of_others_is_not_there(begin_visit: Callable[..., Visit], api: Api) -> None:
    visit = begin_visit().sign_in(invite(api, "bob"))
    expect(visit.page.get_by_role("radio", name="flights")).to_be_visible()
    expect(visit.page.get_by_role("radio", name="payroll")).to_have_count(0)
    expect(visit.page.get_by_role("radio", name="planes_daily")).to_have_count(0)  # it hears of no upload
    of_paymaster = begin_visit().sign_in(invite(api, "pat", "paymasters"))
    expect(of_paymaster.page.get_by_role("radio", name="payroll")).to_be_visible()


def test_past_uploads_are_there_in_another_visit_and_can_be_sifted(
    begin_visit: Callable[..., Visit], api: Api, flights: Backstage, tmp_path: Path
) -> None:
    ada = invite(api, "ada")
    first, second = write_table(tmp_path, ["2013-03.csv", "2013-04.csv"])
    visit = begin_visit().sign_in(ada)
    visit.upload("flights", first)
    flights.notice()
    flights.finish()
    visit.expect_state(first.name, "Result ready")
    visit.add(second)
    flights.notice()
    visit.expect_state(second.name, "Waiting")

    again = begin_visit().sign_in(ada)
    expect(again.past.locator(".row-file")).to_have_text([second.name, first.name])
    again.page.get_by_label("State").select_option("Result ready")
    expect(again.past.locator(".row-file")).to_have_text([first.name])
    again.past.locator(".row-name").click()
    expect(again.past.locator(".details")).to_contain_text(flights.output)
    again.page.get_by_label("State").select_option("Any")
    flights.finish()
    expect(again.past.filter(has_text=second.name).locator(".row-label")).to_have_text("Result ready")
