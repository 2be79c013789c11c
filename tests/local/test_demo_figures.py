import io
from datetime import UTC, datetime, timedelta

import boto3
import pyarrow as pa
import pytest
from moto import mock_aws
from pyarrow import parquet
from rich.console import Console

from sparkdrop.client.following import Followed
from sparkdrop_local.demo_figures import Sample, Times, compute_figures, find_steps
from sparkdrop_local.demo_report import build_sample_table, describe_times, print_figures
from sparkdrop_local.demo_results import read_sample, read_samples, read_step_starts

LANDED = datetime(2026, 1, 1, tzinfo=UTC)
EXPECTED = {"flights": 30, "weather": 5}
TIMES = Times(ready=21.0, upload=1.5, total=61.25)
STARTS = {("j-1", "s-1"): LANDED + timedelta(seconds=9), ("j-1", "s-2"): LANDED + timedelta(seconds=30)}


def track(key, rows, *, after=0.0, ended=20.0, step="s-1", **changes):
    pipeline = key.split("/")[0]
    landed = (LANDED + timedelta(seconds=after)).isoformat()
    upload = Followed("an id", key, pipeline, ended=True)
    upload.view = {
        "state": "SUCCEEDED",
        "size": 100,
        "history": [{"state": "AWAITING_UPLOAD", "at": "x"}, {"state": "PENDING", "at": landed}],
        "batch_id": f"batch-{step}",
        "job_flow_id": "j-1",
        "step_id": step,
        "rows_in": rows,
        "rows_out": rows,
        "rows_rejected": 0,
        "output": f"s3://curated/{pipeline}/batch={step}",
        "updated_at": (LANDED + timedelta(seconds=ended)).isoformat(),
    } | changes
    return upload


def year():
    return [
        track("flights/1.csv", 10),
        track("flights/2.csv", 20, after=0.5, ended=44.5, step="s-2"),
        track("weather/w.csv", 5, after=2, ended=32, step="s-2"),
    ]


def compute(uploads, *, starts=None, read_back=(30, 5)):
    samples = {
        "flights": Sample(read_back[0], "s3://x/1.parquet", [{"year": 2013}]),
        "weather": Sample(read_back[1]),
    }
    return compute_figures(
        uploads,
        rows_expected=EXPECTED,
        step_starts=STARTS if starts is None else starts,
        samples=samples,
        times=TIMES,
    )


def test_figures_of_a_run_where_all_is_well():
    figures = compute(year())
    record = figures.to_record()
    assert (record["succeeded"], record["problems"]) == (True, [])
    assert (record["rows_in"], record["rows_out"], record["rows_rejected"]) == (35, 35, 0)
    assert (record["rows_expected"], record["rows_read_back"], record["files"]) == (35, 35, 3)
    assert (record["ready_seconds"], record["upload_seconds"], record["total_seconds"]) == (21.0, 1.5, 61.25)
    assert (record["step_seconds"], record["result_seconds"]) == (9.0, 44.5)
    flights, weather = record["pipelines"]["flights"], record["pipelines"]["weather"]
    assert (flights["batches"], flights["step_seconds"], flights["result_seconds"]) == (2, 9.0, 44.5)
    assert (weather["batches"], weather["step_seconds"], weather["result_seconds"]) == (1, 28.0, 30.0)
    assert record["first_rows"] == {"flights": [{"year": 2013}], "weather": []}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"rows_in": 9, "rows_out": 9}, "flights: 29 rows in, 30 expected"),
        ({"rows_out": 8, "rows_rejected": 2}, "flights: 2 rows rejected, 0 expected"),
        ({"state": "FAILED", "reason": "exit code 1"}, "flights/1.csv: FAILED: exit code 1"),
        ({"state": "QUARANTINED", "reason": "no CSV"}, "flights/1.csv: QUARANTINED: no CSV"),
        ({"state": "EXPIRED"}, "flights/1.csv: EXPIRED: no reason is on record"),
        ({"state": "RUNNING"}, "flights/1.csv: still RUNNING when the time was up"),
        ({"state": None}, "flights/1.csv: still unknown to the API when the time was up"),
    ],
)
def test_whatever_is_not_as_it_should_be_is_a_problem(changes, problem):
    uploads = year()
    uploads[0].view |= changes
    uploads[0].ended = "still" not in problem
    record = compute(uploads).to_record()
    assert not record["succeeded"]
    assert any(found.startswith(problem) for found in record["problems"])


def test_parquet_that_holds_other_rows_than_the_report_says_is_a_problem():
    problems = compute(year(), read_back=(29, 5)).problems
    assert problems == ["flights: 29 rows read back from the Parquet, 30 expected"]


def test_where_nothing_ran_there_are_no_times():
    uploads = [Followed("an id", each.name, each.pipeline) for each in year()]
    figures = compute(uploads, starts={}, read_back=(0, 0))
    assert (figures.step_seconds, figures.result_seconds, find_steps(uploads)) == (None, None, set())
    assert "upload → Spark step running  never" in describe_times(figures)
    assert len(figures.problems) == 3 + 6


class StandInEmr:
    def describe_step(self, **names):
        start = STARTS.get((names["ClusterId"], names["StepId"]))
        return {"Step": {"Status": {"Timeline": {"StartDateTime": start} if start else {}}}}


def test_step_starts_are_emr_s_own():
    uploads = [*year(), track("flights/3.csv", 1, step="s-never-ran")]
    assert read_step_starts(StandInEmr(), find_steps(uploads)) == STARTS


def write_parquet(key, **columns):
    out = io.BytesIO()
    parquet.write_table(pa.table(columns), out)
    boto3.client("s3", "us-east-1").put_object(Bucket="curated", Key=key, Body=out.getvalue())


@pytest.fixture
def s3(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        client = boto3.client("s3", "us-east-1")
        client.create_bucket(Bucket="curated")
        write_parquet("flights/batch=s-1/month=1/a.parquet", carrier=[])
        write_parquet("flights/batch=s-1/month=2/a.parquet", carrier=[*"ABCDEFG"])
        write_parquet("flights/batch=s-10/month=2/a.parquet", carrier=["another batch"])
        write_parquet("flights/batch=s-2/month=3/b.parquet", carrier=["X", "Y"])
        client.put_object(Bucket="curated", Key="flights/batch=s-1/_SUCCESS", Body=b"")
        yield client


def test_the_parquet_of_every_batch_is_read_back(s3):
    sample = read_sample(s3, ["s3://curated/flights/batch=s-2", "s3://curated/flights/batch=s-1"])
    assert sample.rows == 9
    assert sample.uri == "s3://curated/flights/batch=s-1/month=2/a.parquet"
    assert sample.first_rows == [{"month": "2", "carrier": carrier} for carrier in "ABCDE"]


def test_only_what_succeeded_is_read_back(s3):
    uploads = year()
    uploads[0].view["state"] = "FAILED"
    samples = read_samples(s3, uploads)
    assert {name: sample.rows for name, sample in samples.items()} == {"flights": 2, "weather": 0}


def render(print_it, width=120):
    console = Console(file=io.StringIO(), width=width)
    print_it(console)
    return console.file.getvalue()


def test_the_report_shows_rows_times_and_first_rows():
    text = render(lambda out: print_figures(compute(year()), out=out, problems=out))
    assert "flights       2       30        30         0              30        2" in text
    assert "system ready after           21.0 s" in text
    assert "upload → Spark step running  9.0 s" in text
    assert "upload → last result         44.5 s" in text
    assert "The first rows of flights, from s3://x/1.parquet" in text
    assert "error" not in text


def test_the_report_names_every_problem():
    text = render(lambda out: print_figures(compute(year(), read_back=(0, 5)), out=out, problems=out))
    assert "error: flights: 0 rows read back from the Parquet, 30 expected" in text


def test_a_wide_table_shows_whole_columns_and_says_how_many_it_leaves_out():
    row = {f"c{number}": None if number else "[red]" for number in range(14)} | {"_source_key": "hidden"}
    sample = Sample(1, "s3://x", [row])
    lines = render(lambda out: out.print(build_sample_table(sample, out.width)), width=23).splitlines()
    assert [line.split() for line in lines] == [
        ["c0", "c1", "c2", "c3", "c4"],
        ["[red]"],
        ["and", "9", "columns", "more"],
    ]
    assert "c13" in render(lambda out: out.print(build_sample_table(sample, out.width)))
    first = render(
        lambda out: out.print(build_sample_table(Sample(1, "x", [{"long": "a" * 50}]), out.width)), 20
    )
    assert "long" in first
