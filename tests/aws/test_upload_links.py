"""Links in the ledger: a caller's day, what may happen to a link, and what landed of it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sparkdrop.aws.intake import record_arrivals, route_again
from sparkdrop.aws.items import TTL, link_key, quota_key
from sparkdrop.aws.links import Links, Quota
from sparkdrop.aws.watch import BucketWatch, reconcile_bucket
from sparkdrop.core.errors import LinkConflictError, QuotaExceededError, TooLargeError, UnknownUploadError
from sparkdrop.core.links import Link, LinkKind, LinkState, make_link_id
from sparkdrop.core.uploads import UNROUTED, Arrival

from .conftest import START

PLENTY = Quota(uploads=1_000, bytes=10**15)
ALICE, BOB = "cognito:alice", "cognito:bob"


def make_link(at=START, **changes):
    upload_id = make_link_id(at)
    link = Link(
        upload_id=upload_id,
        caller=ALICE,
        pipeline="flights",
        filename="jän.csv",
        bytes=100,
        sha256="ab" * 32,
        content_type="text/csv",
        bucket="sd-uploads",
        key=f"flights/{upload_id}/jan.csv",
        kind=LinkKind.SINGLE,
        multipart_id=None,
        part_bytes=None,
        state=LinkState.OPEN,
        created_at=at,
        expires_at=at + timedelta(minutes=15),
    )
    return replace(link, **changes)


def make_arrival(link, *, seconds=5, version="v1", key=None):
    at = link.created_at + timedelta(seconds=seconds)
    return Arrival(link.bucket, key or link.key, version, "etag", link.bytes, at)


def route(_, key):
    return "flights" if key.startswith("flights/") else None


@pytest.fixture
def links(ledger):
    return Links(ledger.table, ledger.now)


def opened(links, at=START, **changes):
    link = make_link(at, **changes)
    links.open(link, PLENTY)
    return link


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"sha256": None, "kind": LinkKind.MULTIPART, "multipart_id": "m-1", "part_bytes": 8 * 2**20},
        {"caller": "arn:aws:sts::123456789012:assumed-role/Exports"},
    ],
    ids=["single", "multipart", "role"],
)
def test_a_link_is_read_as_it_was_written(links, changes):
    link = opened(links, **changes)
    found = links.read(link.upload_id)
    assert (found.link, found.landing, found.landed_pipeline) == (link, None, None)
    assert links.read(make_link_id(START)) is None


def test_links_are_no_uploads_and_go_after_ninety_days(ledger, links):
    link = opened(links)
    links.complete(link.upload_id)
    record_arrivals(ledger, lambda *_: None, [make_arrival(link)])
    items = ledger.table.client.scan(TableName=ledger.table.name)["Items"]
    indexed = [item for item in items if "upload_id" in item and {"pipeline", "state"} & item.keys()]
    assert [item["pk"]["S"].partition("#")[0] for item in indexed] == ["inbox"]
    kept = {item["pk"]["S"].partition("#")[0]: item[TTL]["N"] for item in items if item not in indexed}
    in_90_days = str(int((START + timedelta(days=90)).timestamp()))
    in_2_days = str(int((START + timedelta(days=2)).timestamp()))
    assert kept == {"link": in_90_days, "links": in_90_days, "quota": in_2_days}


@pytest.mark.parametrize(
    ("quota", "told"),
    [
        (Quota(uploads=2, bytes=1_000), "2 of 2 uploads"),
        (Quota(uploads=9, bytes=250), "200 B of 250 B"),
    ],
    ids=["uploads", "bytes"],
)
def test_a_day_has_an_end(ledger, links, clock, quota, told):
    clock.at = datetime(2026, 3, 1, 23, 59, 30, tzinfo=UTC)
    for _ in range(2):
        links.open(make_link(), quota)
    refused = make_link()
    with pytest.raises(QuotaExceededError, match=told) as error:
        links.open(refused, quota)
    assert error.value.retry_seconds == 31
    assert links.read(refused.upload_id) is None
    assert len(links.list_own(ALICE, limit=9)) == 2
    links.open(make_link(caller=BOB), quota)
    clock.move(seconds=31)
    links.open(refused, quota)
    assert ledger.table.get(quota_key(ALICE, "2026-03-02"))["bytes"] == 100


def test_a_day_without_uploads_takes_none(links):
    with pytest.raises(QuotaExceededError, match=r"today 0 of .* 0 B of"):
        links.open(make_link(), Quota(uploads=0, bytes=1_000))


def test_a_file_that_no_day_takes_is_too_large_on_each(links):
    quota = Quota(uploads=9, bytes=99)
    with pytest.raises(TooLargeError, match="day takes 99 B, this file has 100 B"):
        links.open(make_link(), quota)
    assert links.list_own(ALICE, limit=9) == []
    links.open(make_link(bytes=10), quota)
    with pytest.raises(TooLargeError):
        links.open(make_link(), quota)


def test_many_at_once_get_no_more_than_the_day_has(ledger, links):
    quota = Quota(uploads=7, bytes=10**6)

    def ask(_):
        try:
            links.open(make_link(), quota)
        except QuotaExceededError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(20))) == 7
    assert len(links.list_own(ALICE, limit=99)) == 7
    assert ledger.table.get(quota_key(ALICE, "2026-03-01"))["uploads"] == 7


@pytest.mark.parametrize(
    ("move", "other", "state"),
    [("complete", "cancel", LinkState.COMPLETED), ("cancel", "complete", LinkState.CANCELLED)],
)
def test_a_link_ends_once_and_saying_so_again_is_harmless(links, clock, move, other, state):
    link = opened(links)
    clock.move(seconds=3)
    moved = getattr(links, move)(link.upload_id)
    assert moved == replace(link, state=state, updated_at=clock())
    clock.move(seconds=3)
    assert getattr(links, move)(link.upload_id) == moved
    with pytest.raises(LinkConflictError, match=f"{state} already"):
        getattr(links, other)(link.upload_id)
    assert links.read(link.upload_id).link == moved


def test_who_completes_and_who_cancels_at_once_do_not_both_succeed(links):
    for _ in range(5):
        link = opened(links)

        def try_to(move, link=link):
            try:
                return getattr(links, move)(link.upload_id).state
            except LinkConflictError:
                return None

        with ThreadPoolExecutor(4) as pool:
            ends = set(pool.map(try_to, ["complete", "cancel"] * 2)) - {None}
        assert ends == {links.read(link.upload_id).link.state}


@pytest.mark.parametrize("move", ["complete", "cancel"])
def test_no_link_is_made_by_ending_it(ledger, links, move):
    unknown = make_link_id(START)
    with pytest.raises(UnknownUploadError, match=unknown):
        getattr(links, move)(unknown)
    assert ledger.table.get(link_key(unknown)) is None


def test_what_lands_is_found_by_the_link(ledger, links):
    link = opened(links)
    arrival = make_arrival(link)
    for _ in range(2):  # events come at least once
        record_arrivals(ledger, route, [arrival, arrival])
    found = links.read(link.upload_id)
    assert (found.landing, found.landed_pipeline) == (arrival.upload_id, "flights")


def test_what_lands_before_its_link_is_on_record_is_found_too(ledger, links):
    link = make_link()
    record_arrivals(ledger, route, [make_arrival(link)])
    assert links.read(link.upload_id) is None
    links.open(link, PLENTY)
    assert links.read(link.upload_id).landing == make_arrival(link).upload_id


def test_a_copy_under_another_key_is_not_what_landed(ledger, links):
    link = opened(links)
    for key in (link.key.replace("jan", "feb"), link.key.replace("flights/", "weather/")):
        record_arrivals(ledger, route, [make_arrival(link, key=key)])
    assert links.read(link.upload_id).landing is None


def test_direct_drops_leave_no_notes(ledger):
    link = make_link(key="flights/jan.csv")
    record_arrivals(ledger, route, [make_arrival(link)])
    items = ledger.table.client.scan(TableName=ledger.table.name)["Items"]
    assert [item["pk"]["S"].partition("#")[0] for item in items] == ["inbox"]


def test_what_no_pattern_matched_is_found_where_it_went_in_the_end(ledger, links):
    link = opened(links)
    record_arrivals(ledger, lambda *_: None, [make_arrival(link)])
    assert links.read(link.upload_id).landed_pipeline == UNROUTED
    route_again(ledger, route, 9)
    assert links.read(link.upload_id).landed_pipeline == "flights"


@pytest.mark.parametrize("how", ["sweep", "sensor"])
def test_what_no_event_told_of_is_found_by_the_link(ledger, storage, links, clock, how):
    link = opened(links)
    storage.client.put_object(Bucket=link.bucket, Key=link.key, Body=b"a\n")
    clock.at = datetime.now(UTC) + timedelta(hours=1)
    if how == "sweep":
        reconcile_bucket(ledger, storage, route, link.bucket, older_than=timedelta(minutes=1))
    else:
        BucketWatch(
            ledger, storage, pipeline="flights", bucket=link.bucket, patterns=["flights/*.csv"]
        ).look()
    (arrival,) = storage.list_arrivals(link.bucket, "")
    assert links.read(link.upload_id).landing == arrival.upload_id


def test_more_arrivals_than_one_request_takes_are_all_noted(ledger, links):
    made = [make_link(START + timedelta(milliseconds=number)) for number in range(60)]
    record_arrivals(ledger, route, [make_arrival(link) for link in made])
    for link in made:
        links.open(link, PLENTY)
    found = links.read_many([link.upload_id for link in made])
    assert [one.landing for one in found] == [make_arrival(link).upload_id for link in made]


@pytest.fixture
def own(links):
    """250 links of Alice's, a second apart, every tenth to another pipeline; and one of Bob's."""
    made = [
        opened(
            links, START + timedelta(seconds=number), pipeline="weather" if number % 10 == 0 else "flights"
        )
        for number in range(250)
    ]
    opened(links, caller=BOB)
    return made


def test_a_caller_lists_its_own_page_by_page(links, own):
    pages, before = [], None
    while page := links.list_own(ALICE, before=before, limit=100):
        pages.append(page)
        before = page[-1].link.upload_id
    assert [len(page) for page in pages] == [100, 100, 50]
    assert [found.link for page in pages for found in page] == own[::-1]


def test_a_list_is_narrowed(links, own):
    weather = [link for link in own if link.pipeline == "weather"]
    found = links.list_own(ALICE, limit=99, pipeline="weather")
    assert [one.link for one in found] == weather[::-1]
    since = START + timedelta(seconds=200)
    assert [one.link for one in links.list_own(ALICE, limit=99, since=since)] == own[:199:-1]
    before = own[205].upload_id
    assert [one.link for one in links.list_own(ALICE, limit=99, since=since, before=before)] == own[
        204:199:-1
    ]
    assert links.list_own(ALICE, limit=99, since=since, before=own[3].upload_id) == []
    assert links.list_own("cognito:nobody", limit=99) == []
