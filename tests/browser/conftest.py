"""The built page on the running API, in Chromium; every visit is checked for faults when its test is over."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.api_process import REPOSITORY, SHIPPED, run_api
from tests.browser.backstage import Backstage
from tests.browser.chromium import ChromiumNotFoundError, launch_chromium
from tests.browser.people import Person, invite
from tests.browser.visit import Visit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser

    from tests.api_process import Api

PIPELINES = Path(__file__).with_name("pipelines")


# Of this package and no longer: while it is there, Playwright's event loop is that of the thread.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    if not (REPOSITORY / "web" / "dist" / "index.html").is_file():
        pytest.fail("the page is not built: `make web`", pytrace=False)
    try:
        with launch_chromium() as launched:
            yield launched
    except ChromiumNotFoundError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="package")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with run_api(tmp_path_factory.mktemp("api"), (SHIPPED, PIPELINES)) as running:
        yield running


@pytest.fixture
def begin_visit(api: Api, browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Make visits, each in a browser profile of its own; the options are Playwright's of a context."""
    visits: list[Visit] = []

    def begin(**options: Any) -> Visit:
        page = browser.new_context(**options).new_page()
        visits.append(Visit(page, api.origin, api.environment["AWS_ENDPOINT_URL"]))
        return visits[-1]

    yield begin
    for visit in visits:
        visit.page.context.close()
    for visit in visits:
        visit.check()


@pytest.fixture
def person(api: Api) -> Person:
    """Somebody who has uploaded nothing yet."""
    return invite(api, "ada")


@pytest.fixture
def visit(begin_visit: Callable[..., Visit], person: Person) -> Visit:
    """A visit of theirs, signed in."""
    return begin_visit().sign_in(person)


@pytest.fixture
def flights(api: Api) -> Backstage:
    """The runs of the pipeline that most tests upload to."""
    backstage = Backstage(api, "flights")
    backstage.forget_arrivals()
    return backstage
