"""The page refuses files by the pipelines' patterns before it asks: its rules have to be these."""

import json
from pathlib import Path

import pytest

from sparkdrop.core.patterns import compile_pattern

CASES = json.loads((Path(__file__).parents[2] / "web/test/pattern-cases.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("pattern", "key", "matches"), CASES)
def test_a_pattern_takes_what_the_page_says_it_takes(pattern, key, matches):
    assert (compile_pattern(pattern).fullmatch(key) is not None) is matches
