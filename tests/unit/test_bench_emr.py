"""What the bench of the local EMR makes of its measurements."""

from bench.emr import _render
from bench.figures import summarise


def test_goals_are_judged_by_what_was_measured() -> None:
    call = {name: summarise([2.0]) for name in ("RunJobFlow", "DescribeCluster", "AddJobFlowSteps")}
    slow = {name: summarise([8.0]) for name in call}
    calls = {"in process": call, "over HTTP": call, "moto's own, over HTTP": slow}
    seconds = {"step of the local EMR": summarise([6.0]), "spark-submit": summarise([5.25])}
    text = _render(
        calls, {"ListSteps": summarise([60.0])}, {"start_ms": summarise([120.0]), "seconds": seconds}
    )
    assert "4.0 x" in text
    assert "Goal: call <= 5 ms p50 in process: reached." in text
    assert "Goal: page <= 50 ms: missed." in text
    assert (
        "start <= 300 ms: reached; a step's p50 is +0.75 s beside spark-submit's, goal <= 0.5 s: missed."
        in text
    )
