"""What a step asks for, why it failed, and the pages of a list: the pure parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkdrop_local.emr.errors import EmrError
from sparkdrop_local.emr.jobs.commands import (
    CommandError,
    CustomJar,
    PlainCommand,
    Script,
    SparkSubmission,
    parse_command,
)
from sparkdrop_local.emr.jobs.examples import EXAMPLES_FOLDER
from sparkdrop_local.emr.jobs.failures import find_cause
from sparkdrop_local.emr.paging import take_page
from sparkdrop_local.emr.storage import split_s3_uri

words = st.text(st.characters(codec="ascii", categories=("L", "N", "P")), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"Jar": "command-runner.jar", "Args": ["bash", "-c", "a b"]}, PlainCommand(("bash", "-c", "a b"))),
        ({"Jar": "command-runner.jar", "Args": ["echo 'a b' c"]}, PlainCommand(("echo", "a b", "c"))),
        ({"Jar": "/var/lib/aws/emr/command-runner.jar", "Args": ["true"]}, PlainCommand(("true",))),
        ({"Jar": "command-runner.jar", "Args": ["state-pusher-script"]}, PlainCommand(("true",))),
        ({"Jar": "s3://r/script-runner.jar", "Args": ["s3://c/x.sh", "a"]}, Script("s3://c/x.sh", ("a",))),
        (
            {"Jar": "command-runner.jar", "Args": ["/usr/lib/spark/bin/run-example", "SparkPi", "10"]},
            SparkSubmission(program=f"{EXAMPLES_FOLDER}/pi.py", arguments=("10",)),
        ),
        (
            {"Jar": "command-runner.jar", "Args": ["/usr/bin/spark-submit", "p.py", "--x"]},
            SparkSubmission(program="p.py", arguments=("--x",)),
        ),
        (
            {"Jar": "s3://r/app.jar", "Args": ["a.Main", "b"]},
            CustomJar("s3://r/app.jar", None, ("a.Main", "b")),
        ),
        (
            {
                "Jar": "/x/app.jar",
                "MainClass": "a.B",
                "Properties": [{"Key": "k", "Value": "v"}, {"Key": "l"}],
            },
            CustomJar("/x/app.jar", "a.B", (), {"k": "v", "l": ""}),
        ),
    ],
)
def test_a_jars_arguments_are_a_command(config, expected):
    assert parse_command(config) == expected


@pytest.mark.parametrize(
    "config",
    [
        {"Jar": "script-runner.jar"},
        {"Jar": "command-runner.jar", "Args": ["spark-submit"]},
        {"Jar": "command-runner.jar", "Args": ["spark-example"]},
        {"Jar": "command-runner.jar", "Args": ["echo 'a b"]},
    ],
)
def test_what_makes_no_command_is_an_error(config):
    with pytest.raises(CommandError):
        parse_command(config)


@pytest.mark.parametrize(
    "config",
    [
        {"Jar": "command-runner.jar", "Args": ["hadoop-streaming", "-files", "s3://x"]},
        {"Jar": "command-runner.jar", "Args": ["/usr/bin/hive", "-f", "s3://x"]},
        {"Jar": "command-runner.jar", "Args": ["s3-dist-cp --src s3://a --dest hdfs:///b"]},
        {"Jar": "/usr/lib/hadoop-mapreduce/hadoop-streaming.jar", "Args": ["-input", "s3://x"]},
    ],
)
def test_a_program_of_emr_that_is_not_here_says_so_and_what_does_its_work(config):
    with pytest.raises(CommandError, match=r"is not here: the local EMR has Spark alone; \w+"):
        parse_command(config)


YARN_FAILURE = (
    'Exception in thread "main" org.apache.spark.SparkException:'
    " Application application_1_0001 finished with failed status"
)
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
            "Main Class not found.",
            'Exception in thread "main" java.lang.ClassNotFoundException: com.x.Main',
        ),
        (
            "Error: Could not find or load main class a.B\nCaused by: a.C: a.B\n",
            "Main Class not found.",
            "Error: Could not find or load main class a.B",
        ),
        (
            'Exception in thread "main" java.lang.IllegalArgumentException: no\n\tat a.b(C.java:1)\n',
            "Illegal Argument.",
            'Exception in thread "main" java.lang.IllegalArgumentException: no',
        ),
        (
            f"{TRACEBACK}{YARN_FAILURE}\n\tat org.apache.spark.deploy.yarn.Client.run(Client.scala)\n",
            "Unknown Error.",
            YARN_FAILURE,
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
