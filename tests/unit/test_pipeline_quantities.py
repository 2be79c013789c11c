from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkdrop.core.quantities import format_duration, format_size, parse_duration, parse_size


@given(st.integers(min_value=0, max_value=2**60))
def test_sizes_round_trip(size_bytes):
    assert parse_size(format_size(size_bytes)) == size_bytes


@given(st.integers(min_value=0, max_value=10**11).map(lambda ms: timedelta(milliseconds=ms)))
def test_durations_round_trip(duration):
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("10 GiB", 10 * 2**30),
        ("128MiB", 2**27),
        ("1.5 KiB", 1536),
        ("2 GB", 2 * 10**9),
        (" 7 B ", 7),
        ("0 B", 0),
    ],
)
def test_sizes(text, size_bytes):
    assert parse_size(text) == size_bytes


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0s", 0), ("15s", 15), ("5m", 300), ("1h30m", 5400), ("1h 30m", 5400), ("2d", 172_800), ("500ms", 0.5)],
)
def test_durations(text, seconds):
    assert parse_duration(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["10", "10 gib", "GiB", "-1 B", "1.5 B", "10 GiB x", "", "1e3 B"])
def test_no_size(text):
    with pytest.raises(ValueError, match="accepted: a size such as"):
        parse_size(text)


@pytest.mark.parametrize("text", ["10", "s", "", "30m1h", "1h1h", "-5m", "5 m", "1.5h", "99999d"])
def test_no_duration(text):
    with pytest.raises(ValueError, match="accepted: a duration such as"):
        parse_duration(text)
