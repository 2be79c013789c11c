"""EMR's time: timers come in order and once, however the clock is moved."""

import threading
import time
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkdrop_local.emr.clock import Clock, Setting

START = 1_700_000_000.0
# whole seconds, so that sums are exact
SECONDS = st.integers(0, 50)


@contextmanager
def running_clock(rate=0.0, **options):
    clock = Clock(threading.RLock(), rate, start=START, **options)
    try:
        yield clock
    finally:
        clock.close()


@given(
    dues=st.lists(SECONDS, max_size=20),
    steps=st.lists(SECONDS, max_size=8),
    cancelled=st.sets(st.integers(0, 19)),
)
def test_a_stepped_clock_calls_each_timer_once_in_order_and_at_its_time(dues, steps, cancelled):
    called = []
    with running_clock() as clock:
        with clock.lock:
            timers = [
                clock.call_at(START + due, lambda n=n: called.append((n, clock.now())))
                for n, due in enumerate(dues)
            ]
            for n in cancelled & set(range(len(timers))):
                timers[n].cancel()
            for step in [0, *steps]:
                clock.step(step)
        assert clock.now() == START + sum(steps)
    expected = sorted((due, n) for n, due in enumerate(dues) if n not in cancelled and due <= sum(steps))
    assert called == [(n, START + due) for due, n in expected]


@given(first=SECONDS, more=st.lists(st.integers(1, 10), max_size=10), total=st.integers(0, 100))
def test_a_timer_may_set_the_next_and_one_step_passes_them_all(first, more, total):
    called, left = [], list(more)
    with running_clock() as clock:

        def tick():
            called.append(clock.now() - START)
            if left:
                clock.call_at(clock.now() + left.pop(0), tick)

        with clock.lock:
            clock.call_at(START + first, tick)
            clock.step(total)
    times = [first + sum(more[:n]) for n in range(len(more) + 1)]
    assert called == [due for due in times if due <= total]


@given(dues=st.lists(st.integers(0, 30), min_size=1, max_size=20))
def test_a_running_clock_calls_in_order_and_never_early(dues):
    called, all_called = [], threading.Event()
    with running_clock() as clock:

        def call(n, due):
            called.append((due, n, clock.now() >= START + due))
            if len(called) == len(dues):
                all_called.set()

        with clock.lock:
            for n, due in enumerate(dues):
                clock.call_at(START + due, lambda n=n, due=due: call(n, due))
            clock.set_rate(10_000)
        assert all_called.wait(30)
    assert called == [(due, n, True) for due, n in sorted((due, n) for n, due in enumerate(dues))]


@given(rates=st.lists(st.sampled_from([0, 0.5, 1, 60, 3600]), max_size=10))
def test_time_never_goes_back_when_the_rate_changes(rates):
    with running_clock() as clock:
        seen = [clock.now()]
        for rate in rates:
            clock.set_rate(rate)
            seen += [clock.now(), clock.now()]
    assert seen == sorted(seen)


def test_a_clock_that_stands_still_calls_nothing_until_it_runs():
    called = threading.Event()
    with running_clock() as clock:
        with clock.lock:
            clock.call_at(START + 1, called.set)
        assert clock.now() == clock.now() == START
        assert not called.is_set()
        clock.set_rate(1_000_000)
        assert called.wait(30)


def test_a_timer_that_is_due_already_is_called_at_once():
    called = threading.Event()
    with running_clock() as clock:
        with clock.lock:
            clock.call_at(START - 5, called.set)
        assert called.wait(30)


def test_a_failing_timer_stops_no_other(caplog):
    called = []
    with running_clock() as clock, clock.lock:
        clock.call_at(START + 1, lambda: 1 / 0)
        clock.call_at(START + 2, lambda: called.append(2))
        clock.step(5)
    assert called == [2]
    assert "a timer of the local EMR failed" in caplog.text


def test_a_closed_clock_calls_nothing_more():
    called = []
    with running_clock() as clock, clock.lock:
        clock.call_at(START + 1, lambda: called.append(1))
    clock.step(10)
    clock.close()
    assert called == []


def test_cancelled_timers_do_not_pile_up():
    with running_clock() as clock, clock.lock:
        kept = clock.call_at(START + 7, lambda: None)
        for _ in range(5_000):
            clock.call_at(START + 3_600, lambda: None).cancel()
        assert clock.pending == 1
        assert len(clock._timers) < 1_000
        assert kept.callback is not None


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf")])
def test_impossible_rates_steps_and_times_are_refused(value):
    with running_clock() as clock, clock.lock:
        with pytest.raises(ValueError, match="0 to 1000000"):
            clock.set_rate(value)
        with pytest.raises(ValueError, match="stepped forward"):
            clock.step(value)
        if value != -1:
            with pytest.raises(ValueError, match="due at a time"):
                clock.call_at(value, lambda: None)
        assert clock.now() == START


def test_whoever_keeps_the_clock_is_told_how_it_is_set():
    settings = []
    with running_clock(on_set=settings.append) as clock:
        clock.step(60)
        clock.set_rate(30)
    *told, closed = [(one.shown, one.rate) for one in settings]
    assert told == [(START, 0), (START + 60, 0), (START + 60, 30)]
    assert (closed[0] >= START + 60, closed[1]) == (True, 0)  # nothing passes until it is opened again


@pytest.mark.parametrize(("rate", "down", "shown"), [(0, 100, 0), (1, 100, 100), (60, 10, 600), (1, -100, 0)])
def test_a_clock_is_read_again_as_if_it_had_run_on(rate, down, shown, monkeypatch):
    setting = Setting(START, rate, machine=5_000.0)
    monkeypatch.setattr(time, "time", lambda: 5_000.0 + down)
    assert setting.read() == START + shown
