"""Events on their way to EventBridge: all of them, in order, and never in anyone's way."""

import json
import threading

import pytest

from sparkdrop_local.emr.events import Event, EventPublisher

LAST = 1_000_000


class Bus:
    """A storage whose EventBridge takes note, waits or fails as it is told."""

    def __init__(self):
        self.told = []
        self.sizes = []
        self.failures = 0
        self.go = threading.Event()
        self.go.set()
        self.asked = threading.Event()
        self.heard_last = threading.Event()

    def client(self, service):
        assert service == "events"
        return self

    def put_events(self, Entries):  # noqa: N803 - boto3's name
        self.asked.set()
        assert self.go.wait(30)
        if self.failures:
            self.failures -= 1
            raise ConnectionError("nobody is there")
        self.sizes.append(len(Entries))
        self.told += [json.loads(entry["Detail"])["number"] for entry in Entries]
        if LAST in self.told:
            self.heard_last.set()
        return {"FailedEntryCount": 0}


@pytest.fixture
def bus():
    return Bus()


@pytest.fixture
def publisher(bus):
    made = EventPublisher(bus)
    yield made
    made.close()


def publish(publisher, *numbers):
    for number in numbers:
        publisher.publish(Event("aws.emr", "EMR Step Status Change", {"number": number}, 1_700_000_000.0))


def test_all_are_told_in_order_ten_at_most_at_once(bus, publisher):
    publisher.start()
    publish(publisher, *range(95))
    publisher.close()
    assert bus.told == list(range(95))
    assert max(bus.sizes) <= 10


def test_what_is_published_before_the_bus_is_known_is_told_then(bus, publisher):
    publish(publisher, 1, 2)
    assert bus.told == []
    publisher.start()
    publisher.start()
    publish(publisher, 3)
    publisher.close()
    assert bus.told == [1, 2, 3]


def test_publishing_waits_for_nobody(bus, publisher):
    bus.go.clear()
    publisher.start()
    publish(publisher, 1)
    assert bus.asked.wait(30)
    publish(publisher, *range(2, 500))
    assert bus.told == []
    bus.go.set()
    publisher.close()
    assert bus.told == list(range(1, 500))


def test_a_batch_that_fails_silences_none_after_it(bus, publisher, caplog):
    bus.failures = 1
    bus.go.clear()
    publisher.start()
    publish(publisher, 1)
    assert bus.asked.wait(30)
    publish(publisher, *range(2, 14))
    publish(publisher, {"a set is no JSON"})
    publish(publisher, *range(14, 24), LAST)
    bus.go.set()
    assert bus.heard_last.wait(30)
    assert bus.told == [*range(2, 24), LAST]
    assert "1 events of EMR could not be told: nobody is there" in caplog.text
    assert "not JSON serializable" in caplog.text


def test_a_close_does_not_wait_for_a_bus_that_has_gone(bus, publisher):
    bus.failures = 1_000
    publish(publisher, *range(500))
    closing = threading.Thread(target=publisher.close)
    publisher._is_closing.set()
    publisher.start()
    closing.start()
    closing.join(30)
    assert bus.failures == 999


def test_one_that_was_never_started_is_closed_at_once(publisher):
    publish(publisher, 1)
    publisher.close()
