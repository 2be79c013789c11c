"""A job's report is believed only where its numbers agree with each other."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sparkdrop.core.report import BatchReport
from sparkdrop.core.uploads import UploadState

counts = st.integers(0, 10**6)


def make_report(rows, **changes):
    """A report of files with (rows out, rows rejected) each."""
    files = [
        {
            "upload_id": f"u{number}",
            "key": f"k{number}",
            "state": "SUCCEEDED" if out else "QUARANTINED",
            "rows_in": out + rejected,
            "rows_out": out,
            "rows_rejected": rejected,
            "reason": None,
        }
        for number, (out, rejected) in enumerate(rows)
    ]
    totals = {name: sum(file[name] for file in files) for name in ("rows_in", "rows_out", "rows_rejected")}
    body = {
        "version": 1,
        "batch_id": "B",
        "output": "s3://c/o",
        "bytes_in": 1,
        "seconds": 0.5,
        "files": files,
    }
    return body | totals | changes


def parse(report):
    return BatchReport.model_validate_json(json.dumps(report))


@given(st.lists(st.tuples(counts, counts), max_size=5))
def test_a_report_whose_numbers_agree_is_read(rows):
    report = parse(make_report(rows))
    assert report.rows_out == sum(out for out, _ in rows)
    assert report.rows_rejected == sum(rejected for _, rejected in rows)
    assert {file.state for file in report.files} <= {UploadState.SUCCEEDED, UploadState.QUARANTINED}


@given(
    st.lists(st.tuples(counts, counts), min_size=1, max_size=4),
    st.sampled_from(["rows_in", "rows_out", "rows_rejected"]),
    st.integers(1, 1000),
)
def test_lost_or_doubled_rows_are_found(rows, name, many):
    report = make_report(rows)
    with pytest.raises(ValidationError, match=r"lost rows or counted them twice"):
        parse(report | {name: report[name] + many})
    report["files"][0][name] += many
    with pytest.raises(ValidationError, match=r"lost rows or counted them twice"):
        parse(report)


def test_totals_that_are_not_the_files_are_found():
    with pytest.raises(ValidationError, match=r"rows_in is 9, but the files' add up to 8"):
        parse(make_report([(5, 3)], rows_in=9, rows_out=6))


@pytest.mark.parametrize(
    "change", [{"version": 2}, {"seconds": -1}, {"bytes_in": -1}, {"files": None}, {"rows_in": None}]
)
def test_other_shapes_are_refused(change):
    with pytest.raises(ValidationError):
        parse(make_report([(1, 0)], **change))


@pytest.mark.parametrize("state", ["FAILED", "PENDING", "", None])
def test_a_file_ends_in_one_of_two_states(state):
    report = make_report([(1, 0)])
    report["files"][0]["state"] = state
    with pytest.raises(ValidationError):
        parse(report)


@given(st.binary(max_size=40))
def test_rubbish_is_a_validation_error(body):
    with pytest.raises(ValidationError):
        BatchReport.model_validate_json(body)


def test_a_report_may_say_more_of_columns():
    report = make_report([(1, 0)], output=None, schema="a INT")
    report["files"][0] |= {"missing_columns": ["b"], "extra_columns": ["c", "d"]}
    read = parse(report)
    assert (read.output, read.schema_) == (None, "a INT")
    assert (read.files[0].missing_columns, read.files[0].extra_columns) == (("b",), ("c", "d"))


def test_a_report_of_a_program_of_ones_own_need_not():
    read = parse(make_report([(1, 0)]))
    assert (read.output, read.schema_) == ("s3://c/o", None)
    assert (read.files[0].missing_columns, read.files[0].extra_columns) == ((), ())
