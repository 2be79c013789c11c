"""The little of Velocity that the API's mock integrations speak."""

from __future__ import annotations

import pytest

from sparkdrop_local.api.velocity import render
from sparkdrop_local.aws.errors import EmulationError


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('{"id": "$context.requestId"}', '{"id": "r1"}'),
        ("$unknown costs $5", "$unknown costs $5"),
        ('#set($a = "x")$a', "x"),
        ('#if($context.requestId == "r1")yes#end!', "yes!"),
        ('#if($context.requestId != "r1")yes#end!', "!"),
        ('#if(!$nobody || $nobody == "")none#end', "none"),
        ('#if($context.requestId == "r2")#if($context.requestId)deep#end#set($a = "y")#end-$a', "-$a"),
        ('#set($h = $input.params().header.get("Origin"))<$h>', "<http://here>"),
        ('#set($h = $input.params().header.get("origin"))<$h>', "<>"),
    ],
)
def test_a_template_is_filled(template: str, expected: str) -> None:
    values = {"context.requestId": "r1"}
    assert render(template, values, {"Origin": "http://here"})[0] == expected


def test_what_a_template_sets_is_told() -> None:
    template = '#set($context.responseOverride.header.Access-Control-Allow-Origin = "o")'
    assert render(template, {}, {})[1] == {"context.responseOverride.header.Access-Control-Allow-Origin": "o"}


@pytest.mark.parametrize(
    "template",
    [
        "#foreach($a in $b)$a#end",
        "#if($a)no end",
        "too many#end",
        '#set($a = $input.path("$.x"))',
        "$input.json('$')",
        "$util.escapeJavaScript($a)",
        "#if($a > 1)x#end",
        "#if($a && $b)x#end",
        "#if($a)$util.x()#end",
    ],
)
def test_what_is_not_known_is_refused_and_not_passed_over(template: str) -> None:
    with pytest.raises(EmulationError, match="mapping template"):
        render(template, {}, {})
