"""Which share of its rows quarantines a file."""

from __future__ import annotations

import pytest
from ingest_parts.manifest import RejectLimits
from ingest_parts.passes import judge_tally
from ingest_parts.task import Tally


@pytest.mark.parametrize("percent", range(1, 100))
def test_a_share_that_is_just_reached_is_not_exceeded(percent: int) -> None:
    limits = RejectLimits(max_share=percent / 100)
    assert judge_tally(Tally(rows=100 - percent, rejected=percent), limits, None) is None
    reason = judge_tally(Tally(rows=99 - percent, rejected=percent + 1), limits, None) or ""
    assert percent == 99 or f"more than rejects.max_share ({percent}%)" in reason


@pytest.mark.parametrize(("share", "text"), [(0.004, "(0.4%)"), (0.0, "(0%)"), (0.00001, "(0.001%)")])
def test_a_share_is_told_as_it_was_written(share: float, text: str) -> None:
    assert text in (judge_tally(Tally(rows=1, rejected=1), RejectLimits(max_share=share), None) or "")
