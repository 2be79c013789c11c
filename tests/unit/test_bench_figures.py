"""What the benches make of their measurements."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.figures import count_times, render_table, replace_block, summarise
from bench.idle import count_cpu
from bench.latency import Drop, find_parts
from bench.parse import sum_imports
from bench.synth import count_assembly, render

TIMES = st.lists(st.floats(0, 1e4), min_size=1, max_size=50)


@given(TIMES)
def test_a_spread_is_ordered_and_its_p90_was_measured(seconds: list[float]) -> None:
    spread = summarise(seconds)
    assert spread.count == len(seconds)
    assert spread.p50 <= spread.p90 + 1e-3
    assert spread.p90 <= spread.longest + 1e-3
    assert any(abs(spread.p90 - one) <= 1e-3 for one in seconds)
    assert spread.longest == max(seconds)


def test_nine_of_ten_are_at_most_p90() -> None:
    spread = summarise([9, 1, 2, 3, 4, 5, 6, 7, 8, 10])
    assert (spread.p50, spread.p90, spread.longest) == (5.5, 9, 10)


def test_nothing_measured_is_no_figure() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        summarise([])


def test_a_ratio_says_how_much_longer_the_other_takes() -> None:
    assert count_times(2.0, 8.0) == "4.0 x"
    assert count_times(0.0, 8.0) == "-"


def test_a_table_is_markdown_in_columns() -> None:
    assert render_table(("what", "seconds"), [("a longer name", 1.234), ("b", 10)]).splitlines() == [
        "| what          | seconds |",
        "| ------------- | ------: |",
        "| a longer name |    1.23 |",
        "| b             |      10 |",
    ]


def test_a_table_without_rows_is_its_header() -> None:
    assert render_table(("a", "b"), []).splitlines() == ["| a   |   b |", "| --- | --: |"]


def test_new_figures_replace_old_ones_and_nothing_else() -> None:
    text = "before\n<!-- idle -->\nold\n<!-- /idle -->\nafter <!-- parse -->\n<!-- /parse -->"
    once = replace_block(text, "idle", "\nnew\n")
    assert once == "before\n<!-- idle -->\nnew\n<!-- /idle -->\nafter <!-- parse -->\n<!-- /parse -->"
    assert replace_block(once, "idle", "new") == once


@pytest.mark.parametrize("text", ["", "<!-- idle -->", "<!-- /idle -->"])
def test_a_document_without_a_place_for_them_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="no place for 'idle'"):
        replace_block(text, "idle", "new")


def test_cpu_counts_new_children_whole_and_not_what_was_before() -> None:
    assert count_cpu({1: 10.0, 2: 3.0}, {1: 12.5, 3: 0.5}) == 3.0


def test_parts_are_medians_of_what_every_drop_has() -> None:
    drops = [
        Drop(3, 5, {"made": 1, "only once": 9, "step": 3}),
        Drop(4, 6, {"made": 2, "step": 4}),
        Drop(8, 9, {"made": 6, "step": 8}),
    ]
    assert find_parts(drops) == {"made": 2, "step": 4}


def test_imports_are_summed_by_whose_they_are() -> None:
    entries = [
        ("airflow", 1_000_000),
        ("airflow.sdk.bases.operator", 2_000_000),
        ("airflow.sdk", 500_000),
        ("airflow.providers.amazon.aws.hooks", 4_000_000),
        ("sparkdrop.core", 100_000),
        ("sparkdrop", 50_000),
    ]
    assert sum_imports(entries) == {
        "airflow.providers.amazon": 4.0,
        "airflow.sdk": 2.5,
        "airflow": 1.0,
        "sparkdrop": 0.15,
    }


def test_an_assembly_is_counted_by_its_templates(tmp_path: Path) -> None:
    for name, count in {"S3Stack": 2, "EcrStack": 1}.items():
        body = {"Resources": {f"R{number}": {} for number in range(count)}}
        (tmp_path / f"{name}.template.json").write_text(json.dumps(body))
    (tmp_path / "manifest.json").write_text("{}")
    (tmp_path / "Empty.template.json").write_text("{}")
    assert count_assembly(tmp_path) == (3, 3)


def test_a_synthesis_is_a_row() -> None:
    table = render({"stage dev": (10, 200)}, {"stage dev": summarise([1.0, 3.0, 2.004])})
    cells = [cell.strip() for cell in table.splitlines()[-1].split("|")[1:-1]]
    assert cells == ["stage dev", "10", "200", "2.00", "3.00"]
