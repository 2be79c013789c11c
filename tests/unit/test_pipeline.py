from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sparkdrop.core.pipeline import Pipeline
from sparkdrop.core.values import check_name, suggest_name


def make(**settings):
    return Pipeline.model_validate({"name": "sales", "arrival": {"keys": ["sales/*.csv"]}, **settings})


def messages(**settings):
    with pytest.raises(ValidationError) as caught:
        make(**settings)
    return [error["msg"] for error in caught.value.errors()]


def test_two_lines_are_a_pipeline():
    pipeline = make()
    assert pipeline.input.format == "csv"
    assert (pipeline.input.header, pipeline.input.separator, pipeline.input.columns) == (True, None, "exact")
    assert pipeline.output.prefix == "sales/"
    assert pipeline.arrival.mode == "events"
    assert pipeline.schedule is None
    assert pipeline.compute.reuse == "never"
    assert pipeline.compute.poll_interval == timedelta(seconds=15)


def test_a_pipeline_is_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        make().owner = "someone"


@pytest.mark.parametrize(
    ("keys", "kind"),
    [
        (["a/*.csv", "a/*.csv.gz"], "csv"),
        (["a/*.jsonl"], "json"),
        (["a/**.parquet"], "parquet"),
    ],
)
def test_the_format_follows_from_the_endings(keys, kind):
    assert make(arrival={"keys": keys}).input.format == kind


@pytest.mark.parametrize("keys", [["a/*"], ["a/*.csv", "a/*.json"]])
def test_endings_that_do_not_say_the_format(keys):
    assert messages(arrival={"keys": keys}) == ["Field required"]
    assert make(arrival={"keys": keys}, input={"format": "json"}).input.format == "json"


def test_plain_values_are_written_as_spark_wants_them():
    pipeline = make(job={"spark": {"spark.sql.shuffle.partitions": 8}, "arguments": [1, "x", True]})
    assert pipeline.job.spark == {"spark.sql.shuffle.partitions": "8"}
    assert pipeline.job.arguments == ("1", "x", "true")


@pytest.mark.parametrize("schedule", ["0 6 * * *", "@daily", "*/15 * * * 1-5", None, "none"])
def test_schedules(schedule):
    assert make(schedule=schedule).schedule == (None if schedule == "none" else schedule)


@pytest.mark.parametrize("schedule", ["0 6 * *", "daily", "@dayly", "61 * * * *", "* * * * * *"])
def test_no_schedules(schedule):
    assert "five cron fields" in messages(schedule=schedule)[0]


@pytest.mark.parametrize(
    "key",
    ["reference/airlines.csv", "daily/{{ ds }}/_SUCCESS", "s3://partner-x/a b.csv", "{{ 'a*' }}/x", "[a]/b"],
)
def test_keys_to_wait_for(key):
    assert make(wait_for=[key]).wait_for == (key,)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("daily/*.csv", "one exact key"),
        ("daily/?.csv", "one exact key"),
        ("/daily", "accepted: s3://bucket/key"),
        ("s3://onlybucket", "accepted: s3://bucket/key"),
        ("s3://Bad_Bucket/key", "bucket's bare name"),
        ("a/{{ ds", "do not close"),
        ("", "accepted: s3://bucket/key"),
    ],
)
def test_no_keys_to_wait_for(key, said):
    assert said in messages(wait_for=[key])[0]


@pytest.mark.parametrize("value", ["emr-7.13.0", "emr-spark-8.0.0", "emr-6.15.0"])
def test_releases(value):
    assert make(compute={"release": value}).compute.release == value


@pytest.mark.parametrize(
    ("compute", "said"),
    [
        ({"release": "8.0.0"}, "emr-spark-8.0.0"),
        ({"release": "emr-8"}, "emr-spark-8.0.0"),
        ({"reuse": "pool"}, "do not exist yet"),
        ({"reuse": "J-abc"}, "'never' or a job flow id"),
        ({"idle_timeout": "30s"}, "60s to 7d"),
        ({"idle_timeout": "8d"}, "60s to 7d"),
        ({"poll_interval": "500ms"}, "whole seconds"),
        ({"core_nodes": {"min": 5, "max": 2}}, "min (5) is more than max (2)"),
        ({"kind": "emr_serverless"}, "Input should be 'emr_ec2'"),
        (
            {"instance_groups": [{"InstanceRole": "CORE", "InstanceType": "m7g.xlarge", "InstanceCount": 1}]},
            "MASTER",
        ),
        (
            {"instance_groups": [{"InstanceRole": "MASTER", "InstanceType": "m", "InstanceCount": "1"}]},
            "integer",
        ),
    ],
)
def test_what_compute_refuses(compute, said):
    assert said in messages(compute=compute)[0]


def test_groups_and_fleets_exclude_each_other():
    group = {"InstanceRole": "MASTER", "InstanceType": "m7g.xlarge", "InstanceCount": 1}
    fleet = {"InstanceFleetType": "MASTER", "InstanceTypeConfigs": [{"InstanceType": "m7g.xlarge"}]}
    assert "exclude" in messages(compute={"instance_groups": [group], "instance_fleets": [fleet]})[0]


@pytest.mark.parametrize("reuse", ["never", "j-1ABC2DEF"])
def test_reuse(reuse):
    assert make(compute={"reuse": reuse}).compute.reuse == reuse


@given(st.integers(0, 10**15), st.integers(1, 50), st.integers(0, 50), st.integers(1, 10**13))
def test_nodes_follow_bytes_within_limits(batch_bytes, least, more, per_node):
    sizes = {"min": least, "max": least + more, "bytes_per_node": f"{per_node} B"}
    count = make(compute={"core_nodes": sizes}).compute.core_nodes.count_for(batch_bytes)
    assert least <= count <= least + more
    assert count == least + more or count * per_node >= batch_bytes
    assert count == least or (count - 1) * per_node < batch_bytes


@pytest.mark.parametrize("prefix", ["/a", "s3://b/a", "_rejects/", "a//b", "/", ""])
def test_no_prefixes(prefix):
    assert "accepted: a folder" in messages(output={"prefix": prefix})[0]


def test_a_prefix_ends_in_a_slash():
    assert make(output={"prefix": "a/b"}).output.prefix == "a/b/"


def test_partitions_are_columns_of_the_schema():
    schema = {"schema": "year INT, month INT"}
    assert make(input=schema, output={"partition_by": ["YEAR", "_batch_id"]})
    said = messages(input=schema, output={"partition_by": ["yaer"]})
    assert said == [
        "found yaer, not in input.schema; accepted: year, month, _source_key, _upload_id, _batch_id"
    ]


def test_csv_holds_no_nested_types():
    assert "CSV cannot hold" in messages(input={"schema": "a ARRAY<INT>"})[0]
    assert make(input={"format": "json", "schema": "a ARRAY<INT>"})


@pytest.mark.parametrize("program", ["ingest.py", "team/clean.py", "app.jar", "s3://code-x/app.py"])
def test_programs(program):
    assert make(job={"program": program}).job.is_shipped is not program.startswith("s3")


@pytest.mark.parametrize("program", ["../x.py", "/x.py", "ingest", "s3://x", "https://x/y.py", "a b.py"])
def test_no_programs(program):
    assert "accepted: a .py or .jar" in messages(job={"program": program})[0]


@pytest.mark.parametrize("pattern", ["", "/a.csv", "s3://bucket/a.csv", "ü" * 600])
def test_no_patterns(pattern):
    assert messages(arrival={"keys": [pattern]})[0].startswith("Value error, found ")


@pytest.mark.parametrize("bucket", ["ab", "Upper", "under_score", "a..b", "-a-", "s3://bucket"])
def test_no_buckets(bucket):
    assert "bucket's bare name" in messages(arrival={"keys": ["a/*.csv"], "bucket": bucket})[0]


@pytest.mark.parametrize("name", ["a", "daily_sales", "a1_b2", "x" * 64])
def test_names(name):
    assert check_name(name) == name


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("Daily-Sales", "daily_sales"),
        ("dailySales", "daily_sales"),
        ("2013 flights", "p_2013_flights"),
        ("a__b", "a_b"),
        ("maintenance", "maintenance_files"),
    ],
)
def test_no_names(name, near):
    with pytest.raises(ValueError, match=f"try '{near}'"):
        check_name(name)


@given(st.text(max_size=100))
def test_what_is_suggested_is_valid(text):
    near = suggest_name(text)
    assert not near or check_name(near) == near


def test_what_arrivals_and_jobs_are_held_to():
    pipeline = make()
    assert (pipeline.arrival.hidden, pipeline.arrival.same_content) == ("skip", "skip")
    assert pipeline.job.timeout == timedelta(hours=2)
    assert make(job={"timeout": "1s"}).job.timeout == timedelta(seconds=1)
    assert "accepted: more than nothing" in messages(job={"timeout": "0s"})[0]


def test_a_pipeline_round_trips():
    pipeline = make(
        schedule="@daily",
        batch={"max_wait": "1h30m", "max_bytes": "3 MB"},
        compute={"reuse": "j-1A"},
        rejects={"max_share": "0.5%"},
        job={"timeout": "90s"},
    )
    assert Pipeline.model_validate(pipeline.model_dump(mode="json", by_alias=True)) == pipeline
