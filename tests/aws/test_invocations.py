"""Invocations: recorded once, taken up in turn, each object once, with their arguments to the end."""

from datetime import timedelta
from itertools import count

import pytest

from sparkdrop.aws.catalog import CatalogReader, publish_pipelines
from sparkdrop.aws.claims import claim_batch
from sparkdrop.aws.invocation_claims import InvocationSource
from sparkdrop.aws.invocation_view import read_invocation
from sparkdrop.aws.invocations import Progress
from sparkdrop.aws.items import BatchState, invocation_key
from sparkdrop.aws.records import UploadOutcome
from sparkdrop.aws.settlement import BatchSettler
from sparkdrop.core.batch import BatchLimits, InboxEntry
from sparkdrop.core.catalog import CATALOG_KEY
from sparkdrop.core.errors import InvocationConflictError, StorageError
from sparkdrop.core.invocation import Invocation
from sparkdrop.core.uploads import UploadState

from .conftest import PLENTY, make_pipeline, make_run

TWO = BatchLimits(max_files=2)


@pytest.fixture
def source(storage):
    def route(bucket, key):
        assert bucket == "sd-uploads"
        return {"weather": "weather", "lookup.json": "_companion"}.get(key.rpartition("/")[2])

    return InvocationSource(storage, route)


def put(source, *keys, body=b"a\n1\n"):
    for key in keys:
        source.storage.client.put_object(Bucket="sd-uploads", Key=key, Body=body)


def land(source, ledger, key):
    """An object whose event has arrived."""
    put(source, key)
    arrival = source.storage.read_arrival("sd-uploads", key)
    ledger.record("flights", [InboxEntry(arrival.upload_id, arrival)])


def invoke(ledger, place, *arguments, key="k", pipeline="flights", caller="me"):
    request = Invocation(
        pipeline=pipeline, input=f"s3://sd-uploads/{place}", arguments=arguments, idempotency_key=key
    )
    return ledger.invocations.record(request, caller)[0]


runs = count()


def claim(ledger, source, limits=PLENTY, run=None, **more):
    return claim_batch(ledger, run or make_run(f"run{next(runs)}"), limits, invocations=source, **more)


def keys(claimed):
    return [entry.arrival.key for entry in claimed.entries]


def settle(ledger, claimed, *states):
    """End a batch: the uploads in these states, the rest SUCCEEDED; PENDING may be tried again at once."""
    ends = [*states, *[UploadState.SUCCEEDED] * len(claimed.entries)]
    outcomes = [UploadOutcome(entry, end, {}) for entry, end in zip(claimed.entries, ends, strict=False)]
    ledger.settle(claimed.head, outcomes)
    ledger.close_batch(claimed.head.batch_id, BatchState.SUCCEEDED, ledger.count_ends(claimed.head, outcomes))


def view(ledger, record):
    told = read_invocation(ledger, record.invocation_id)
    return told["state"], told["files"]["succeeded"], len(told["batches"])


# recording


def test_the_same_request_again_is_the_same_invocation(ledger, clock):
    first = invoke(ledger, "a.csv", "x")
    clock.move(hours=30)
    assert invoke(ledger, "a.csv", "x") == first
    (marker,) = [item for page in ledger.table.query_pages("invocations#flights") for item in page]
    assert marker["invocation_id"] == first.invocation_id


def test_a_request_again_after_its_end_changes_nothing(ledger, source):
    put(source, "a.csv")
    record = invoke(ledger, "a.csv")
    settle(ledger, claim(ledger, source))
    assert invoke(ledger, "a.csv").invocation_id == record.invocation_id
    assert not ledger.is_waiting("flights")
    assert claim(ledger, source).head is None


@pytest.mark.parametrize(("place", "arguments"), [("b.csv", ("x",)), ("a.csv", ("y",)), ("a.csv", ())])
def test_a_key_used_for_something_else_is_a_conflict(ledger, place, arguments):
    invoke(ledger, "a.csv", "x")
    with pytest.raises(InvocationConflictError, match="'k' was used on 2026-03-01T12:00:00"):
        invoke(ledger, place, *arguments)


def test_callers_and_pipelines_share_no_keys(ledger):
    ids = {
        invoke(ledger, "a.csv").invocation_id,
        invoke(ledger, "b.csv", caller="you").invocation_id,
        invoke(ledger, "c.csv", pipeline="weather").invocation_id,
    }
    assert len(ids) == 3
    assert [ledger.is_waiting(name) for name in ("flights", "weather", "airports")] == [True, True, False]


# one object


def test_an_object_is_a_batch_with_the_arguments(ledger, source):
    put(source, "a.csv", "b.csv")
    record = invoke(ledger, "a.csv", "--day", "1")
    assert view(ledger, record) == ("PENDING", 0, 0)
    claimed = claim(ledger, source)
    assert (keys(claimed), claimed.more) == (["a.csv"], False)
    assert (claimed.head.invocation_id, claimed.head.arguments) == (record.invocation_id, ("--day", "1"))
    assert view(ledger, record) == ("RUNNING", 0, 1)
    settle(ledger, claimed)
    assert view(ledger, record) == ("SUCCEEDED", 1, 1)


def test_what_was_processed_before_is_processed_again_as_another_attempt(ledger, source):
    land(source, ledger, "a.csv")
    settle(ledger, claim(ledger, source))
    invoke(ledger, "a.csv")
    (entry,) = claim(ledger, source).entries
    assert entry.attempt == 2


def test_a_claim_done_again_is_the_same_batch(ledger, source):
    put(source, "a.csv")
    invoke(ledger, "a.csv", "x")
    run = make_run("again")
    first = claim(ledger, source, run=run)
    put(source, "b.csv")
    invoke(ledger, "b.csv", key="other")
    second = claim(ledger, source, run=run)
    assert (second.entries, second.head.arguments, second.more) == (first.entries, ("x",), True)


def test_a_key_that_is_not_there_fails_and_lets_the_next_through(ledger, source):
    lost = invoke(ledger, "lost.csv")
    empty = invoke(ledger, "lost/", key="empty")
    put(source, "a.csv")
    found = invoke(ledger, "a.csv", key="found")
    assert keys(claim(ledger, source)) == ["a.csv"]
    for record in (lost, empty):
        told = read_invocation(ledger, record.invocation_id)
        assert (told["state"], told["reason"]) == ("FAILED", f"there is no object {record.request.input}")
    assert view(ledger, found)[0] == "RUNNING"


def test_invocations_are_left_waiting_by_whoever_cannot_find_their_objects(ledger, source):
    put(source, "a.csv")
    invoke(ledger, "a.csv")
    assert claim(ledger, None).head is None
    assert ledger.is_waiting("flights")


# what fails


def test_another_attempt_has_the_arguments_too_and_ends_the_invocation(ledger, source, deployment, clock):
    pipeline = make_pipeline(retries={"attempts": 2, "delay": "5m"})
    settler = BatchSettler(ledger, source.storage, deployment)
    put(source, "a.csv")
    record = invoke(ledger, "a.csv", "x")
    settler.fail(pipeline, claim(ledger, source).head, "the cluster died")
    assert view(ledger, record) == ("RUNNING", 0, 1), "it waits for its next attempt"
    assert claim(ledger, source).head is None
    clock.move(minutes=5)
    land(source, ledger, "b.csv")
    assert ledger.is_waiting("flights", invoked_only=True)
    claimed = claim(ledger, source, invoked_only=True)
    assert (keys(claimed), claimed.head.arguments, claimed.more) == (["a.csv"], ("x",), False)
    assert ledger.is_waiting("flights")
    assert view(ledger, record) == ("RUNNING", 0, 2)
    settler.fail(pipeline, claimed.head, "the cluster died")
    settler.fail(pipeline, claimed.head, "the cluster died")  # a settlement that was done twice
    told = read_invocation(ledger, record.invocation_id)
    assert (told["state"], told["files"]) == ("FAILED", {"succeeded": 0, "failed": 1, "quarantined": 0})
    assert told["reason"] == "1 of 1 files did not succeed; each upload tells why"
    assert not ledger.is_waiting("flights", invoked_only=True)


def test_an_attempt_that_goes_well_makes_the_invocation_go_well(ledger, source):
    put(source, "f/1", "f/2")
    record = invoke(ledger, "f/", "x")
    settle(ledger, claim(ledger, source), UploadState.PENDING)
    assert view(ledger, record) == ("RUNNING", 1, 1)
    settle(ledger, claim(ledger, source))
    assert view(ledger, record) == ("SUCCEEDED", 2, 2)


def test_one_bad_file_of_a_folder_is_told(ledger, source):
    put(source, "f/1", "f/2")
    record = invoke(ledger, "f/")
    settle(ledger, claim(ledger, source), UploadState.QUARANTINED)
    told = read_invocation(ledger, record.invocation_id)
    assert (told["state"], told["files"]) == ("FAILED", {"succeeded": 1, "failed": 0, "quarantined": 1})


def test_an_upload_that_is_processed_later_forgets_the_invocation(ledger, source):
    put(source, "a.csv")
    invoke(ledger, "a.csv")
    settle(ledger, claim(ledger, source), UploadState.FAILED)
    arrival = source.storage.read_arrival("sd-uploads", "a.csv")
    ledger.record("flights", [InboxEntry(arrival.upload_id, arrival, 2)])
    claimed = claim(ledger, source)
    assert claimed.head.invocation_id is None
    assert "invocation_id" not in ledger.read_uploads([arrival.upload_id])[0]


# folders


def test_a_folder_is_taken_piece_by_piece_each_object_once(ledger, source):
    names = [f"f/{number}" for number in range(5)]
    put(source, *names, "g/1")
    put(source, "f/", body=b"")
    record = invoke(ledger, "f/", "x")
    claims = [claim(ledger, source, TWO) for _ in range(3)]
    assert [keys(claimed) for claimed in claims] == [names[:2], names[2:4], names[4:]]
    assert [claimed.more for claimed in claims] == [True, True, False]
    assert {claimed.head.arguments for claimed in claims} == {("x",)}
    assert view(ledger, record) == ("RUNNING", 0, 3)
    for claimed in claims:
        settle(ledger, claimed)
    assert view(ledger, record) == ("SUCCEEDED", 5, 3)
    assert claim(ledger, source).head is None


def test_a_piece_holds_no_more_bytes_than_a_batch_may(ledger, source):
    for size, name in enumerate(["f/1", "f/2", "f/3"], start=3):
        put(source, name, body=b"x" * size)
    invoke(ledger, "f/")
    limits = BatchLimits(max_files=9, max_bytes=7)
    assert [keys(claim(ledger, source, limits)) for _ in range(2)] == [["f/1", "f/2"], ["f/3"]]


def test_an_object_over_the_limit_is_a_batch_of_its_own(ledger, source):
    put(source, "f/1", "f/2", body=b"x" * 9)
    invoke(ledger, "f/")
    limits = BatchLimits(max_files=9, max_bytes=7)
    assert [keys(claim(ledger, source, limits)) for _ in range(2)] == [["f/1"], ["f/2"]]


def test_others_files_and_companions_are_left_out_of_a_folder(ledger, source):
    put(source, "f/1", "f/weather", "f/lookup.json", "f/2")
    invoke(ledger, "f/")
    assert keys(claim(ledger, source)) == ["f/1", "f/2"]


def test_a_folder_of_others_files_fails_with_the_reason(ledger, source):
    put(source, "f/a/weather", "f/b/weather", "f/c/weather")
    record = invoke(ledger, "f/")
    assert claim(ledger, source, TWO).head is None
    told = read_invocation(ledger, record.invocation_id)
    assert (told["state"], "belong to other pipelines" in told["reason"]) == ("FAILED", True)
    assert not ledger.is_waiting("flights")


def test_what_another_batch_holds_follows_when_that_is_over(ledger, source):
    land(source, ledger, "f/1")
    held = claim(ledger, source)
    put(source, "f/2")
    record = invoke(ledger, "f/", "x")
    first = claim(ledger, source)
    settle(ledger, first)
    assert keys(first) == ["f/2"]
    settle(ledger, held)
    second = claim(ledger, source)
    assert (keys(second), second.head.arguments) == (["f/1"], ("x",))
    settle(ledger, second)
    assert view(ledger, record) == ("SUCCEEDED", 2, 2)


def test_what_is_left_of_a_folder_lets_older_arrivals_through_and_no_newer(ledger, source, clock):
    put(source, "f/1", "f/2", "f/3")
    clock.at = source.storage.read_arrival("sd-uploads", "f/3").arrived_at
    invoke(ledger, "f/")
    land(source, ledger, "a.csv")
    clock.move(seconds=5)
    one = BatchLimits(1)
    assert [keys(claim(ledger, source, one)) for _ in range(4)] == [["f/1"], ["a.csv"], ["f/2"], ["f/3"]]


def test_arrivals_that_wait_for_company_do_not_hold_up_an_invocation(ledger, source, clock):
    land(source, ledger, "a.csv")
    clock.at = source.storage.read_arrival("sd-uploads", "a.csv").arrived_at
    put(source, "f/1", "f/2")
    invoke(ledger, "f/")
    limits = BatchLimits(1, max_wait=timedelta(hours=1))
    more = BatchLimits(9, max_wait=timedelta(hours=1))
    assert keys(claim(ledger, source, limits)) == ["f/1"]
    assert keys(claim(ledger, source, more)) == ["f/2"]
    assert claim(ledger, source, more).wait_until is not None


# crashes


class DiedError(Exception):
    """The process is killed here."""


class Dying:
    """A client whose process dies right before or right after its n-th write."""

    WRITES = ("put_item", "update_item", "delete_item", "batch_write_item", "transact_write_items")

    def __init__(self, client, at, *, after):
        self._client, self._left, self._after = client, at, after

    def __getattr__(self, name):
        call = getattr(self._client, name)
        if name not in self.WRITES:
            return call

        def write(**request):
            self._left -= 1
            if self._left == 0 and not self._after:
                raise DiedError
            answer = call(**request)
            if self._left == 0:
                raise DiedError
            return answer

        return write


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(1, 7))
@pytest.mark.parametrize("retried", [True, False], ids=["retried", "another-run"])
def test_a_claim_that_dies_anywhere_loses_and_doubles_nothing(ledger, source, at, after, retried):
    names = [f"f/{number}" for number in range(5)]
    put(source, *names)
    record = invoke(ledger, "f/", "x")
    client, run = ledger.table.client, make_run("dies")
    ledger.table.client = Dying(client, at, after=after)
    with pytest.raises(DiedError):
        claim(ledger, source, TWO, run=run)
    ledger.table.client = client
    claims = [claim(ledger, source, TWO, run=run)] if retried else []
    claims += [claim(ledger, source, TWO) for _ in range(4)]
    if not retried:  # the sweep settles what the dead run holds, and another run takes it up
        for head in ledger.read_open_batches():
            if head.batch_id == run.batch_id:
                entries = ledger.read_batch_entries(head)
                ledger.settle(head, [UploadOutcome(entry, UploadState.PENDING, {}) for entry in entries])
                ledger.close_batch(head.batch_id, BatchState.FAILED)
        claims += [claim(ledger, source, TWO) for _ in range(2)]
    taken = [claimed for claimed in claims if claimed.head]
    assert sorted(key for claimed in taken for key in keys(claimed)) == names
    assert {claimed.head.arguments for claimed in taken} == {("x",)}
    assert ledger.invocations.read(record.invocation_id).turn is None


def test_of_two_runs_at_the_same_turn_one_moves_the_invocation(ledger, source):
    put(source, "f/1", "f/2", "f/3")
    record = invoke(ledger, "f/")
    stale = ledger.invocations.read_next("flights")
    first = claim(ledger, source, TWO)
    progress = Progress(stale, "f/2", is_over=False)
    assert ledger.open_piece(make_run("stale"), first.entries, progress) is None
    assert ledger.read_batch(make_run("stale").batch_id) is None
    assert not ledger.invocations.advance(progress)
    assert not ledger.invocations.fail(stale, "so")
    assert ledger.invocations.read(record.invocation_id).position == "f/2"


def test_a_run_that_slept_through_a_piece_asks_for_nothing_of_it_again(ledger, source, monkeypatch):
    put(source, "f/1", "f/2", "f/3")
    record = invoke(ledger, "f/")
    stale = [ledger.invocations.read_next("flights")]
    settle(ledger, claim(ledger, source, TWO))
    read_next = ledger.invocations.read_next
    monkeypatch.setattr(
        ledger.invocations, "read_next", lambda name: stale.pop() if stale else read_next(name)
    )
    assert keys(claim(ledger, source, TWO)) == ["f/3"]
    assert ledger.read_inbox("flights", 9) == []
    assert len(ledger.invocations.read_batch_ids(record.invocation_id)) == 2


def test_what_two_invocations_wait_for_again_is_two_batches(ledger, source):
    put(source, "a.csv", "b.csv")
    for number, key in enumerate(["a.csv", "b.csv"]):
        invoke(ledger, key, str(number), key=key)
        settle(ledger, claim(ledger, source), UploadState.PENDING)
    claims = [claim(ledger, source) for _ in range(2)]
    found = {(*keys(claimed), *claimed.head.arguments) for claimed in claims}
    assert found == {("a.csv", "0"), ("b.csv", "1")}


def test_two_pieces_in_one_millisecond_have_two_turns(ledger, source):
    put(source, "f/1", "f/2", "f/3")
    record = invoke(ledger, "f/")
    turns = [record.turn]
    for _ in range(2):
        claim(ledger, source, BatchLimits(1))
        turns.append(ledger.invocations.read(record.invocation_id).turn)
    assert len(set(turns)) == 3


def test_there_is_no_view_of_what_nobody_asked_for(ledger):
    assert read_invocation(ledger, "nobody") is None
    assert invocation_key("nobody") == {"pk": "invocation#nobody", "sk": "invocation"}


# the catalog


def test_the_catalog_is_published_once_and_read_again_only_when_it_changes(storage):
    client = storage.client
    flights, weather = make_pipeline(), make_pipeline("weather")
    assert publish_pipelines(client, "sd-artifacts", [weather, flights]) == [
        "flights: added",
        "weather: added",
    ]
    written = client.head_object(Bucket="sd-artifacts", Key=CATALOG_KEY)["LastModified"]
    assert publish_pipelines(client, "sd-artifacts", [flights, weather]) == []
    assert client.head_object(Bucket="sd-artifacts", Key=CATALOG_KEY)["LastModified"] == written
    now = 0.0
    asked = []
    client.meta.events.register("before-call.s3.GetObject", lambda **_: asked.append(now))
    reader = CatalogReader(client, "sd-artifacts", clock=lambda: now)
    assert [pipeline.name for pipeline in reader.read().pipelines] == ["flights", "weather"]
    now = 4.0
    first = reader.read()
    now = 6.0
    assert reader.read() is first, "S3 says that nothing has changed"
    publish_pipelines(client, "sd-artifacts", [weather])
    now = 12.0
    assert [pipeline.name for pipeline in reader.read().pipelines] == ["weather"]
    assert [at for at in asked if at] == [6.0, 6.0, 12.0]  # one of them is the publisher's


def test_a_catalog_that_nobody_published_is_told(storage):
    with pytest.raises(StorageError, match="`sparkdrop pipelines publish` writes it"):
        CatalogReader(storage.client, "sd-artifacts").read()


def test_rubbish_in_place_of_the_catalog_is_replaced(storage):
    storage.client.put_object(Bucket="sd-artifacts", Key=CATALOG_KEY, Body=b"[")
    assert publish_pipelines(storage.client, "sd-artifacts", [make_pipeline()]) == ["flights: added"]
