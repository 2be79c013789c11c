"""Schedules are drawn: the same seed gives the same one, and each is one that can be run."""

from collections import Counter
from pathlib import Path

import pytest
import yaml

from tests.faults.drawing import FAULTS, LASTING, PIPELINES, Kind, draw_schedule
from tests.faults.dropping import build_body, build_rows
from tests.faults.injuries import JOB_TIMEOUT_SECONDS

SEEDS = range(200)


def test_the_same_seed_draws_the_same_schedule_and_another_one_does_not() -> None:
    assert draw_schedule(7) == draw_schedule(7)
    assert draw_schedule(7) != draw_schedule(8)


@pytest.mark.parametrize("seed", SEEDS[:20])
def test_a_schedule_can_be_run(seed: int) -> None:
    schedule = draw_schedule(seed)

    times = [drop.at for drop in schedule.drops]
    assert times == sorted(times)
    assert min(times) >= 0
    numbers = {drop.number: drop for drop in schedule.drops}
    assert len(numbers) == len(schedule.drops)
    for injury in schedule.injuries:
        assert numbers[injury.drop].at <= injury.at, "what it is about lands before it"
        assert injury.pipeline in PIPELINES
        assert (injury.seconds > 0) is (injury.kind in LASTING)
        if injury.kind in {Kind.OVERWRITE, Kind.OUT_OF_ORDER}:
            versions = [drop for drop in schedule.drops if drop.key == numbers[injury.drop].key]
            assert len(versions) == 2


def test_no_fault_is_drawn_twice_in_a_schedule_and_all_are_drawn_in_many() -> None:
    drawn = Counter((one.kind, one.target) for seed in SEEDS for one in draw_schedule(seed).injuries)
    each = [Counter((one.kind, one.target) for one in draw_schedule(seed).injuries) for seed in SEEDS]

    assert set(drawn) == set(FAULTS)
    assert all(count == 1 for counts in each for count in counts.values())


def test_no_two_uploads_have_a_row_in_common() -> None:
    drops = draw_schedule(3).drops
    rows = [row for drop in drops for row in build_rows(3, drop)]

    assert len(rows) == len(set(rows)) > 0


@pytest.mark.parametrize("name", PIPELINES)
def test_a_pipeline_s_job_ends_when_a_hanging_step_is_said_to(name: str) -> None:
    text = (Path(__file__).parent / "pipelines" / f"{name}.yaml").read_text(encoding="utf-8")

    assert yaml.safe_load(text)["job"]["timeout"] == f"{JOB_TIMEOUT_SECONDS}s"


def test_a_file_holds_its_rows_and_its_bad_ones() -> None:
    drop = next(one for seed in SEEDS for one in draw_schedule(seed).drops if one.rows and one.bad)

    lines = build_body(5, drop).splitlines()

    assert len(lines) == 1 + drop.rows + drop.bad
    assert sum(line.endswith(",many") for line in lines) == drop.bad
