"""What a step asks for, why it failed, and the pages of a list: the pure parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkdrop_local.emr.errors import EmrError
from sparkdrop_local.emr.jobs.commands import (
    CommandError,
    PlainCommand,
    Script,
    SparkSubmission,
    is_local_conf,
    parse_command,
    parse_submission,
)
from sparkdrop_local.emr.jobs.failures import find_cause
from sparkdrop_local.emr.paging import take_page
from sparkdrop_local.emr.storage import split_s3_uri

words = st.text(st.characters(codec="ascii", categories=("L", "N", "P")), min_size=1, max_size=12)


def test_a_submission_keeps_what_is_the_programs_and_drops_what_is_the_clusters():
    arguments = [
        "spark-submit", "--master", "yarn", "--deploy-mode=cluster",
        "--conf", "spark.executor.instances=40",
        "-c", "spark.sql.shuffle.partitions=8", "--conf", "spark.yarn.maxAppAttempts=1",
        "--num-executors", "9",
        "--driver-memory", "64g", "--name", "flights", "--py-files", "s3://code/a.zip,s3://code/b.py",
        "--verbose",
        "--conf", "spark.driver.extraJavaOptions=-Xmx64g -Dx='a b'", "--driver-class-path", "/x:/y",
        "s3://code/p.py", "--manifest", "s3://m", "--conf", "mine",
    ]  # fmt: skip
    assert parse_command({"Jar": "command-runner.jar", "Args": arguments}) == SparkSubmission(
        program="s3://code/p.py",
        arguments=("--manifest", "s3://m", "--conf", "mine"),
        options=(("--name", "flights"),),
        conf={"spark.sql.shuffle.partitions": "8"},
        files={"--py-files": ("s3://code/a.zip", "s3://code/b.py")},
        java_options=("-Dx=a b",),
        class_path=("/x", "/y"),
    )


@given(st.lists(words))
def test_whatever_follows_the_program_is_the_programs(arguments):
    submission = parse_submission(["--deploy-mode", "cluster", "p.py", *arguments])
    assert (submission.program, submission.arguments) == ("p.py", tuple(arguments))


@given(st.dictionaries(words.map(lambda word: f"spark.sql.{word.replace('=', '')}"), words))
def test_settings_of_spark_sql_come_through_as_they_are(conf):
    arguments = [part for key, value in conf.items() for part in ("--conf", f"{key}={value}")]
    assert parse_submission([*arguments, "p.py"]).conf == conf


@pytest.mark.parametrize(
    "key", ["spark.master", "spark.executor.memory", "spark.driver.host", "spark.local.dir"]
)
def test_no_setting_moves_a_run_off_this_machine(key):
    assert not is_local_conf(key)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"Jar": "command-runner.jar", "Args": ["bash", "-c", "a b"]}, PlainCommand(("bash", "-c", "a b"))),
        ({"Jar": "command-runner.jar", "Args": ["echo 'a b' c"]}, PlainCommand(("echo", "a b", "c"))),
        ({"Jar": "/var/lib/aws/emr/command-runner.jar", "Args": ["true"]}, PlainCommand(("true",))),
        ({"Jar": "command-runner.jar", "Args": ["state-pusher-script"]}, PlainCommand(("true",))),
        ({"Jar": "s3://r/script-runner.jar", "Args": ["s3://c/x.sh", "a"]}, Script("s3://c/x.sh", ("a",))),
    ],
)
def test_a_jars_arguments_are_a_command(config, expected):
    assert parse_command(config) == expected


@pytest.mark.parametrize(
    "config",
    [{"Jar": "x.jar"}, {"Jar": "script-runner.jar"}, {"Jar": "command-runner.jar", "Args": ["spark-submit"]}],
)
def test_what_makes_no_command_is_an_error(config):
    with pytest.raises(CommandError):
        parse_command(config)


TRACEBACK = """26/11/24 00:04:55 INFO SparkContext: Running Spark version 4.0.2
Traceback (most recent call last):
  File "/home/hadoop/p.py", line 4, in <module>
    main()
  File "/home/hadoop/p.py", line 2, in main
    raise ValueError("first line\\nsecond line")
ValueError: first line
second line
26/11/24 00:05:01 INFO SparkContext: SparkContext is stopping with exitCode 0
26/11/24 00:05:01 INFO ShutdownHookManager: Shutdown hook called
"""


@pytest.mark.parametrize(
    ("stderr", "reason", "message"),
    [
        (TRACEBACK, "Unknown Error.", "ValueError: first line\nsecond line"),
        (
            'Exception in thread "main" java.lang.ClassNotFoundException: com.x.Main\n\tat a.b(C.java:1)\n',
            "Main Class not found",
            "java.lang.ClassNotFoundException: com.x.Main",
        ),
        ("26/11/24 00:05:01 INFO X: fine\none\n\ntwo\nthree\nfour\n", "Unknown Error.", "two\nthree\nfour"),
        ("", "Unknown Error.", ""),
    ],
)
def test_the_cause_is_found_among_the_log_lines(stderr, reason, message):
    assert find_cause(stderr) == (reason, message)


@given(st.text())
def test_any_output_has_a_cause_of_bounded_length(stderr):
    reason, message = find_cause(stderr)
    assert reason
    assert len(message) <= 1_000


@given(st.lists(words, unique=True), st.integers(1, 7), st.data())
def test_pages_give_every_match_once_in_order_though_others_come_and_go(items, size, data):
    matches = data.draw(st.sets(st.sampled_from(items))) if items else set()
    found, marker = [], None
    while True:
        page, marker = take_page(items, marker, str, matches=matches.__contains__, size=size)
        found += page
        assert len(page) == size or marker is None
        if marker is None:
            break
        matches.discard(page[-1])  # what the marker names may stop matching
        items = [f"new {len(found)}", *items]
    assert found == [item for item in items if item in set(found)]
    assert matches <= set(found)


def test_a_marker_of_another_list_is_refused():
    _, marker = take_page(["a", "b"], None, str, size=1)
    with pytest.raises(EmrError, match="is not valid"):
        take_page(["x"], marker, str)


@pytest.mark.parametrize(
    ("uri", "parts"),
    [("s3://b/a%20b+c/d", ("b", "a%20b+c/d")), ("s3a://b/k", ("b", "k")), ("s3://b", ("b", ""))],
)
def test_a_key_is_taken_as_it_is(uri, parts):
    assert split_s3_uri(uri) == parts
