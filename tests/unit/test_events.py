"""What the queue holds becomes arrivals, or one known error; whatever the message is."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkdrop.core.errors import NotAnArrivalError
from sparkdrop.core.events import parse_arrival


def event(*, detail=None, created=None, **fields):
    """An event as S3 sends it through EventBridge."""
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "111122223333",
        "time": "2026-03-01T10:20:30Z",
        "region": "us-east-1",
        "resources": ["arn:aws:s3:::uploads"],
        "detail": {
            "version": "0",
            "bucket": {"name": "uploads"},
            "object": {
                "key": "flights/jan.csv",
                "size": 5,
                "etag": "b1946ac92492d2347c6235b4d2611184",
                "version-id": "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e",
                "sequencer": "00617F08299329D189",
                **(created or {}),
            },
            "reason": "PutObject",
            **(detail or {}),
        },
        **fields,
    }


@pytest.mark.parametrize("reason", ["PutObject", "POST Object", "CopyObject", "CompleteMultipartUpload"])
def test_every_reason_of_creation_is_an_arrival(reason):
    arrival = parse_arrival(json.dumps(event(detail={"reason": reason})))
    assert arrival.bucket == "uploads"
    assert arrival.key == "flights/jan.csv"
    assert arrival.version_id == "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e"
    assert arrival.etag == "b1946ac92492d2347c6235b4d2611184"
    assert arrival.bytes == 5
    assert arrival.arrived_at == datetime(2026, 3, 1, 10, 20, 30, tzinfo=UTC)


def test_a_key_is_taken_as_it_is_without_decoding():
    keys = ["flights/a b+c%20d.csv", "flights/ünï/飛行機.csv", "flights/%C3%A9+é.csv", "flights/line\nfeed"]
    assert [parse_arrival(json.dumps(event(created={"key": key}))).key for key in keys] == keys


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=60))
def test_any_key_survives(key):
    assert parse_arrival(json.dumps(event(created={"key": key}))).key == key


def test_an_etag_loses_its_quotes_so_that_a_listing_and_an_event_meet():
    arrival = parse_arrival(json.dumps(event(created={"etag": '"abc"', "version-id": None})))
    assert (arrival.etag, arrival.version) == ("abc", "etag:abc")


@pytest.mark.parametrize(
    ("written", "hour"),
    [("2026-03-01T10:20:30", 10), ("2026-03-01T10:20:30+02:00", 8)],
    ids=["naive", "zone"],
)
def test_a_time_without_a_zone_is_utc(written, hour):
    assert parse_arrival(json.dumps(event(time=written))).arrived_at.astimezone(UTC).hour == hour


BAD = {
    "empty": "",
    "rubbish": "\x00\xff not json",
    "a list": "[]",
    "null": "null",
    "deep": "[" * 100_000,
    "long number": "1" * 5_000,
    "surrogate": json.dumps(event(created={"key": "flights/\ud800.csv"})),
    "another source": json.dumps(event(source="aws.ec2")),
    "deleted": json.dumps(event(**{"detail-type": "Object Deleted"})),
    "S3's own test": json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent"}),
    "classic notification": json.dumps({"Records": [{"eventSource": "aws:s3"}]}),
    "no detail": json.dumps({key: value for key, value in event().items() if key != "detail"}),
    "empty key": json.dumps(event(created={"key": ""})),
    "endless key": json.dumps(event(created={"key": "k" * 400_000})),
    "no version": json.dumps(event(created={"etag": None, "version-id": None})),
    "negative size": json.dumps(event(created={"size": -1})),
    "size over DynamoDB's numbers": json.dumps(event(created={"size": 10**40})),
    "not a time": json.dumps(event(time="yesterday")),
    "before ULIDs": json.dumps(event(time="0001-01-01T00:00:00+14:00")),
    "after UTC": json.dumps(event(time="9999-12-31T23:59:59-14:00")),
    "infinite time": json.dumps(event(time=1e400)),
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD.keys())
def test_what_is_no_arrival_says_so_in_a_short_message(body):
    with pytest.raises(NotAnArrivalError, match='not an S3 "Object Created" event: ') as caught:
        parse_arrival(body)
    assert len(str(caught.value)) < 1_000


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
near_events = st.builds(
    event,
    created=st.dictionaries(st.sampled_from(["key", "size", "etag", "version-id"]), json_values),
    detail=st.dictionaries(st.sampled_from(["bucket", "reason", "object"]), json_values, max_size=1),
    time=st.just("2026-03-01T10:20:30Z") | json_values | st.datetimes().map(datetime.isoformat),
)


@given(
    st.text(st.characters())
    | st.binary().map(lambda raw: raw.decode(errors="surrogateescape"))
    | json_values.map(json.dumps)
    | near_events.map(json.dumps)
)
def test_no_body_raises_anything_else_and_every_arrival_has_an_id(body):
    try:
        arrival = parse_arrival(body)
    except NotAnArrivalError:
        return
    assert len(arrival.upload_id) == 26
    assert arrival.arrived_at.astimezone(UTC).year >= 1970
