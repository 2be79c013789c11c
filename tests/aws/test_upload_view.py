"""What the API tells of uploads: before anything landed, while it is processed, and when it is over."""

from dataclasses import replace
from datetime import timedelta

import pytest

from sparkdrop.aws.claims import claim_batch
from sparkdrop.aws.intake import record_arrivals
from sparkdrop.aws.items import BatchState
from sparkdrop.aws.links import Links
from sparkdrop.aws.records import UploadOutcome
from sparkdrop.aws.upload_view import FIELDS, list_own_views, list_pipeline_views, read_view
from sparkdrop.core.links import LinkKind, make_link_id
from sparkdrop.core.uploads import UNROUTED, UploadState

from .conftest import PLENTY, START, make_entry, make_run
from .test_upload_links import ALICE, BOB, make_arrival, make_link, route
from .test_upload_links import PLENTY as ROOM

PIPELINES = ["flights", "weather"]


class Api:
    """Asks as the API does, and plays those who upload and process."""

    def __init__(self, ledger, clock):
        self.ledger, self.clock = ledger, clock
        self.links = Links(ledger.table, clock)

    def open(self, at=START, **changes):
        link = make_link(at, **changes)
        self.links.open(link, ROOM)
        return link

    def land(self, *links, to=route):
        record_arrivals(self.ledger, to, [make_arrival(link) for link in links])

    def claim(self, name="one", pipeline="flights"):
        return claim_batch(self.ledger, make_run(name, pipeline), PLENTY)

    def end(self, claim, state, *, log_excerpt=None, **facts):
        retry_at = self.clock() + timedelta(minutes=5)
        outcomes = [UploadOutcome(entry, state, facts, retry_at) for entry in claim.entries]
        self.ledger.settle(claim.head, outcomes)
        self.ledger.close_batch(claim.head.batch_id, BatchState.FAILED, log_excerpt=log_excerpt)

    def read(self, upload_id):
        return read_view(self.ledger, self.links.read(upload_id), upload_id, PIPELINES)

    def list_own(self, caller=ALICE, *, pipeline=None, state=None, since=None, before=None, limit=50):
        return list_own_views(
            self.ledger,
            self.links,
            caller,
            pipeline=pipeline,
            state=state,
            since=since,
            before=before,
            limit=limit,
        )

    def list_pipeline(self, pipeline="flights", *, state=None, since=None, before=None, limit=50):
        return list_pipeline_views(
            self.ledger, self.links, pipeline, state=state, since=since, before=before, limit=limit
        )

    def states(self, upload_id):
        return [move["state"] for move in self.read(upload_id)["history"]]


@pytest.fixture
def api(ledger, clock):
    return Api(ledger, clock)


def read_all(ask, **kwargs):
    """All pages of a list: their sizes, and the ids in their order."""
    sizes, ids, before = [], [], None
    while True:
        views, before = ask(before=before, **kwargs)
        sizes.append(len(views))
        ids += [view["upload_id"] for view in views]
        if before is None:
            return sizes, ids


def test_a_link_is_told_before_anything_landed(api):
    link = api.open()
    view = api.read(link.upload_id)
    assert tuple(view) == (*FIELDS, "history")
    assert {name: value for name, value in view.items() if value is not None} == {
        "upload_id": link.upload_id,
        "pipeline": "flights",
        "filename": "jän.csv",
        "key": link.key,
        "bucket": "sd-uploads",
        "size": 100,
        "state": "AWAITING_UPLOAD",
        "owner": ALICE,
        "created_at": "2026-03-01T12:00:00+00:00",
        "updated_at": "2026-03-01T12:00:00+00:00",
        "expires_at": "2026-03-01T12:15:00+00:00",
        "history": [{"state": "AWAITING_UPLOAD", "at": "2026-03-01T12:00:00+00:00", "batch_id": None}],
    }


def test_an_upload_is_followed_from_its_link_to_its_result(api, clock):
    link = api.open()
    clock.move(seconds=9)
    api.land(link)
    assert (api.read(link.upload_id)["state"], api.states(link.upload_id)) == (
        "PENDING",
        ["AWAITING_UPLOAD", "PENDING"],
    )
    claim = api.claim()
    assert api.read(link.upload_id)["state"] == "CLAIMED"
    api.ledger.announce_step(claim.head.batch_id, "j-1", "name")
    api.ledger.start_batch(claim.head.batch_id, "s-1")
    running = api.read(link.upload_id)
    assert (running["state"], running["job_flow_id"], running["step_id"]) == ("RUNNING", "j-1", "s-1")
    assert running["slow_since"] is None
    api.ledger.note_slow(claim.head.batch_id)
    assert api.read(link.upload_id)["slow_since"] == "2026-03-01T12:00:09+00:00"
    clock.move(seconds=9)
    api.end(
        claim, UploadState.SUCCEEDED, output="s3://c/o", rows_in=3, rows_out=2, rows_rejected=1, rejects="r/"
    )
    view = api.read(link.upload_id)
    assert view["slow_since"] is None
    told = ("state", "output", "rows_in", "rows_out", "rows_rejected", "rejects", "cost", "run_id", "owner")
    assert [view[name] for name in told] == ["SUCCEEDED", "s3://c/o", 3, 2, 1, "r/", None, "one", ALICE]
    assert (view["created_at"], view["updated_at"]) == (
        "2026-03-01T12:00:00+00:00",
        "2026-03-01T12:00:18+00:00",
    )
    assert [(move["state"], move["at"][17:19], move["batch_id"]) for move in view["history"]] == [
        ("AWAITING_UPLOAD", "00", None),
        ("PENDING", "05", None),
        ("CLAIMED", "09", claim.head.batch_id),
        ("SUCCEEDED", "18", None),
    ]


def test_both_ids_tell_the_same(api):
    link = api.open()
    api.land(link)
    arrival = make_arrival(link)
    for _ in range(2):  # in the inbox, and claimed
        assert api.read(arrival.upload_id) == api.read(link.upload_id)
        assert api.read(arrival.upload_id)["upload_id"] == link.upload_id
        api.claim()


def test_a_direct_drop_has_no_owner_and_its_key_names_the_file(api):
    entry = make_entry(3, key="flights/daily/jan 1.csv")
    api.ledger.record("flights", [entry])
    view = api.read(entry.upload_id)
    assert (view["owner"], view["filename"], view["size"]) == (None, "jan 1.csv", 10)
    assert (view["upload_id"], view["expires_at"]) == (entry.upload_id, None)
    assert api.states(entry.upload_id) == ["PENDING"]


@pytest.mark.parametrize(
    "upload_id", [make_link_id(START), "", "x", "0" * 10], ids=["ulid", "none", "x", "0"]
)
def test_what_is_not_there(api, upload_id):
    api.ledger.record("flights", [make_entry(1)])
    assert api.read(upload_id) is None


def test_a_link_expires_and_tells_when(api, clock):
    link = api.open(bytes=10)
    clock.move(minutes=15, seconds=10)
    assert api.read(link.upload_id)["state"] == "AWAITING_UPLOAD"
    clock.move(seconds=1)
    view = api.read(link.upload_id)
    assert (view["state"], view["updated_at"]) == ("EXPIRED", "2026-03-01T12:15:00+00:00")
    assert api.states(link.upload_id) == ["AWAITING_UPLOAD", "EXPIRED"]
    api.land(link)
    assert api.states(link.upload_id) == ["AWAITING_UPLOAD", "PENDING"]


def test_a_completed_upload_waits_for_its_event_and_not_for_ever(api, clock):
    link = api.open(kind=LinkKind.MULTIPART, multipart_id="m", part_bytes=8 * 2**20)
    clock.move(minutes=1)
    api.links.complete(link.upload_id)
    clock.move(minutes=74)
    assert api.read(link.upload_id)["state"] == "PENDING"
    assert api.read(link.upload_id)["updated_at"] == "2026-03-01T12:01:00+00:00"
    clock.move(minutes=1)
    assert api.states(link.upload_id) == ["AWAITING_UPLOAD", "EXPIRED"]
    api.land(link)
    assert api.read(link.upload_id)["state"] == "PENDING"


def test_a_cancelled_link_says_so_until_something_lands_all_the_same(api, clock):
    link = api.open()
    clock.move(minutes=1)
    api.links.cancel(link.upload_id)
    view = api.read(link.upload_id)
    assert (view["state"], view["updated_at"]) == ("CANCELLED", "2026-03-01T12:01:00+00:00")
    assert api.states(link.upload_id) == ["AWAITING_UPLOAD", "CANCELLED"]
    api.land(link)
    assert api.read(link.upload_id)["state"] == "PENDING"


def test_what_no_pattern_matches_any_more_stays_with_its_pipeline(api):
    link = api.open()
    api.land(link, to=lambda *_: None)
    view = api.read(link.upload_id)
    assert (view["state"], view["pipeline"]) == ("UNROUTED", "flights")
    assert api.states(link.upload_id) == ["AWAITING_UPLOAD", "UNROUTED"]
    assert api.list_own()[0][0]["state"] == "UNROUTED"
    drop = make_entry(1, key="elsewhere/a.csv")
    api.ledger.record(UNROUTED, [drop])
    assert api.read(drop.upload_id)["pipeline"] == UNROUTED


def test_a_failed_upload_shows_the_end_of_its_log_and_one_that_waits_for_another_attempt_the_reason(api):
    link = api.open()
    api.land(link)
    claim = api.claim()
    api.end(claim, UploadState.PENDING, reason="no memory", log_excerpt="a\nb")
    view = api.read(link.upload_id)
    assert (view["state"], view["reason"], view["log_excerpt"]) == ("PENDING", "no memory", None)
    api.clock.move(minutes=6)
    api.end(api.claim("two"), UploadState.FAILED, reason="no memory", log_excerpt="c\nd")
    view = api.read(link.upload_id)
    assert (view["state"], view["reason"], view["log_excerpt"]) == ("FAILED", "no memory", "c\nd")
    assert api.list_own()[0] == [{name: view[name] for name in FIELDS}]


def test_a_landing_whose_items_are_on_their_way_is_pending(api):
    link = api.open()
    api.land(link)
    api.ledger.drop("flights", [make_entry_of(link)])
    assert api.read(link.upload_id)["state"] == "PENDING"
    assert api.list_own()[0][0]["state"] == "PENDING"


def test_who_follows_an_upload_reads_no_inbox(api, monkeypatch):
    link = api.open()
    api.land(link)
    monkeypatch.setattr(api.ledger.table, "query_pages", None)
    assert api.read(link.upload_id)["state"] == "PENDING"


def make_entry_of(link):
    arrival = make_arrival(link)
    return replace(make_entry(0), upload_id=arrival.upload_id, arrival=arrival)


@pytest.fixture
def many(api):
    """60 links, a second apart: of every five the first succeeded, the second waits, the others are open."""
    made = [api.open(START + timedelta(seconds=number)) for number in range(60)]
    api.land(*made[::5])
    api.end(api.claim(), UploadState.SUCCEEDED)
    api.land(*made[1::5])
    return made


def ids(links):
    return [link.upload_id for link in links]


def test_a_caller_pages_through_its_own(api, many):
    assert read_all(api.list_own, limit=25) == ([25, 25, 10], ids(many[::-1]))
    assert read_all(api.list_own, limit=20) == ([20, 20, 20], ids(many[::-1]))
    assert read_all(api.list_own, caller=BOB) == ([0], [])


@pytest.mark.parametrize(
    ("state", "chosen"),
    [
        ("SUCCEEDED", slice(None, None, 5)),
        ("PENDING", slice(1, None, 5)),
        ("FAILED", slice(0)),
        ("CANCELLED", slice(0)),
    ],
)
def test_a_caller_asks_for_one_state(api, many, state, chosen):
    views, following = api.list_own(state=state, limit=100)
    assert ([view["upload_id"] for view in views], following) == (ids(many[chosen][::-1]), None)
    assert {view["state"] for view in views} <= {state}
    assert read_all(api.list_own, state=state, limit=5)[1] == ids(many[chosen][::-1])


def test_a_rare_state_ends_in_a_short_page_and_the_next_one_goes_on(api, monkeypatch):
    monkeypatch.setattr("sparkdrop.aws.upload_view._PAGES", 1)
    monkeypatch.setattr("sparkdrop.aws.upload_view._SMALLEST_PAGE", 10)
    made = [api.open(START + timedelta(seconds=number)) for number in range(15)]
    api.links.cancel(made[0].upload_id)
    assert read_all(api.list_own, state="CANCELLED", limit=5) == ([0, 1], [made[0].upload_id])


def test_lists_are_narrowed_by_time(api, many):
    since = START + timedelta(seconds=50)
    assert read_all(api.list_own, since=since) == ([10], ids(many[:49:-1]))
    # of what landed, the time of landing counts: five seconds later
    landed = [many[number] for number in (56, 55, 51, 50, 46, 45)]
    assert read_all(api.list_pipeline, since=since)[1] == ids(landed)


def test_viewers_page_through_all_that_landed(api, many):
    landed = sorted(ids(many[::5]) + ids(many[1::5]), reverse=True)
    drop = make_entry(1_000)
    api.ledger.record("flights", [drop])
    assert read_all(api.list_pipeline, limit=10) == ([10, 10, 5], [drop.upload_id, *landed])
    views, _ = api.list_pipeline(limit=3)
    assert [(view["owner"], view["filename"]) for view in views] == [
        (None, "1000.csv"),
        (ALICE, "jän.csv"),
        (ALICE, "jän.csv"),
    ]
    assert tuple(views[0]) == FIELDS
    assert api.list_pipeline("weather") == ([], None)


@pytest.mark.parametrize(
    ("state", "chosen"),
    [("SUCCEEDED", slice(None, None, 5)), ("PENDING", slice(1, None, 5)), ("EXPIRED", slice(0))],
)
def test_viewers_ask_for_one_state(api, many, state, chosen):
    assert read_all(api.list_pipeline, state=state, limit=5)[1] == ids(many[chosen][::-1])


def test_a_viewers_list_has_each_upload_once_and_as_it_is_read(api, many):
    api.land(*many[:20:5])  # redelivered
    views, _ = api.list_pipeline(limit=100)
    assert len({view["upload_id"] for view in views}) == len(views) == 24
    for view in views[-4:]:
        assert view | {"history": api.read(view["upload_id"])["history"]} == api.read(view["upload_id"])


def test_an_id_that_somebody_made_up_reads_no_inbox_to_its_end(api, ledger):
    ledger.record("flights", [make_entry(number) for number in range(40)])
    scanned = []
    ledger.table.client.meta.events.register(
        "after-call.dynamodb.Query", lambda parsed, **_: scanned.append(parsed["ScannedCount"])
    )
    waiting = make_entry(7).upload_id
    assert api.read(waiting)["state"] == "PENDING"
    assert sum(scanned) == 1
    scanned.clear()
    assert api.read(make_entry(99).upload_id) is None
    assert sum(scanned) == 0
    assert len(scanned) == len(PIPELINES) + 1
