"""How many rows may not fit: a share in percent, and a number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sparkdrop.core.rejects import RejectSettings, format_share, parse_share


def test_without_limits():
    assert RejectSettings().describe("s3://c/r") == {"uri": "s3://c/r", "max_share": 1.0, "max_rows": None}


@pytest.mark.parametrize(
    ("text", "share"), [("10%", 0.1), ("0%", 0), ("100%", 1), ("0.5 %", 0.005), (" 33.3% ", 0.333)]
)
def test_shares(text, share):
    assert RejectSettings(max_share=text).max_share == share


@pytest.mark.parametrize(
    "share", ["10", "0.1", "101%", "-1%", "%", "ten %", "1e1%", "100.000001%", 10, 0.1, True]
)
def test_no_shares(share):
    with pytest.raises(ValidationError, match=r'accepted: a share .*from "0%" to "100%"'):
        RejectSettings(max_share=share)


@pytest.mark.parametrize(("given", "rows"), [(0, 0), (1000, 1000), ("none", None), (None, None)])
def test_rows(given, rows):
    assert RejectSettings(max_rows=given).max_rows == rows


@pytest.mark.parametrize("rows", [-1, 1.5, "1000", True])
def test_no_rows(rows):
    with pytest.raises(ValidationError):
        RejectSettings(max_rows=rows)


@given(st.decimals(0, 100, places=6))
def test_what_is_written_reads_back(percent):
    share = parse_share(f"{percent}%")
    assert abs(share - float(percent) / 100) < 1e-12
    assert parse_share(format_share(share)) == share
