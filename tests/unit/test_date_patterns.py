"""Patterns of dates and times: Spark's letters, each checked before a cluster is started."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkdrop.core.date_patterns import Part, check_date_pattern, check_timestamp_pattern, parse_pattern


@pytest.mark.parametrize(
    "pattern",
    ["yyyy-MM-dd", "dd.MM.yyyy", "d/M/yy", "yyyyMMdd", "d 'of' MMM yyyy", "yyyy年M月d日", "dMMMyyyy"],
)
def test_dates(pattern):
    assert check_date_pattern(pattern) == pattern


@pytest.mark.parametrize(
    "pattern",
    [
        "yyyy-MM-dd'T'HH:mm",
        "yyyy-MM-dd HH:mm:ss.SSSSSS",
        "dd.MM.yyyy H:mm",
        "yyyyMMddHHmmssSSS",
        "M/d/yy h:mm a",
        "yyyy-MM-dd'T'HH:mm:ssXXX",
        "dd/MMM/yyyy:HH:mm:ss Z",
        "yyyy-MM-dd H:mX",
    ],
)
def test_timestamps(pattern):
    assert check_timestamp_pattern(pattern) == pattern


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("", "has no year, month, day"),
        ("yyyy-MM", "has no day"),
        ("dd.mm.yyyy", "has no month; accepted: a date, whole (M is a month, m a minute)"),
        ("yyyy-MM-dd HH:mm", "has hour, minute; accepted: a date alone"),
        ("yyyy-MM-ddX", "has zone"),
        ("YYYY-MM-dd", "found 'YYYY'"),
        ("yyyy-MM-DD", "found 'DD'"),
        ("yyy-MM-dd", "found 'yyy'"),
        ("yyyy-MMMM-dd", "found 'MMMM'"),
        ("EEE yyyy-MM-dd", "found 'EEE'"),
        ("yyyy-MM-dd'T", "a single quote has no end"),
        ("yyyy-MM-dd[X]", "found '['"),
        ("yyyy-MM-dd dd", "names the day twice"),
        ("yy-MM-dd yyyy", "names the year twice"),
        ("dMyyyy", "found 'dM' in 'dMyyyy': where does the day end? accepted: dd"),
        ("yyyyMd", "found 'Md'"),
        ("yyyy-M'0'dd", "where does the month end"),
    ],
)
def test_no_dates(pattern, said):
    with pytest.raises(ValueError, match="found") as caught:
        check_date_pattern(pattern)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("yyyy-MM-dd", "has no hour, minute"),
        ("HH:mm:ss", "has no year, month, day"),
        ("yyyy-MM-dd HH", "has no minute"),
        ("yyyy-MM-dd HH:mm.SSS", "has no second"),
        ("yyyy-MM-dd HH:mm:ss.SSSSSSSSSS", "found 'SSSSSSSSSS'"),
        ("yyyy-MM-dd hh:mm", "h or hh together with a"),
        ("yyyy-MM-dd HH:mm a", "h or hh together with a"),
        ("yyyy-MM-dd HH:mm VV", "found 'VV'"),
        ("yyyy-MM-dd HH:mm XXXX", "found 'XXXX'"),
        ("yyyy-MM-ddTHH:mm", "found 'T'"),
    ],
)
def test_no_timestamps(pattern, said):
    with pytest.raises(ValueError, match="found") as caught:
        check_timestamp_pattern(pattern)
    assert said in str(caught.value)


def test_quotes():
    assert parse_pattern("yyyy'T''s'MM") == (Part("yyyy", "year"), Part("T's"), Part("MM", "month"))
    assert parse_pattern("''yy") == (Part("'"), Part("yy", "year"))
    assert parse_pattern("''''") == (Part("'"),)
    assert parse_pattern("'''a'") == (Part("'a"),)


@given(st.text(max_size=12))
def test_any_text_in_quotes_stands_for_itself(text):
    quoted = "'" + text.replace("'", "''") + "'" if text else ""
    assert parse_pattern(f"yyyy{quoted}MM") == (
        Part("yyyy", "year"), *((Part(text),) if text else ()), Part("MM", "month"),
    )  # fmt: skip


@given(st.text("yMdHhmsSaXZ'-: .[", max_size=20))
def test_a_pattern_is_taken_apart_or_refused(pattern):
    try:
        parts = parse_pattern(pattern)
    except ValueError:
        return
    if "'" not in pattern:
        assert "".join(part.text for part in parts) == pattern
    fields = [part.field for part in parts if part.field]
    assert len(fields) == len(set(fields))
