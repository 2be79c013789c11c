"""Steps as boto3 sees them: their order, their logs, and how they are stopped."""

import itertools
import threading
import time
from dataclasses import replace
from unittest.mock import Mock

import psutil
import pytest
from botocore.exceptions import ClientError

from sparkdrop_local.emr import NO_DELAYS
from sparkdrop_local.emr.faults import Fault, FaultKind
from sparkdrop_local.emr.jobs.uploads import LogUploads


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended but is not reaped yet does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_steps_run_one_after_the_other_and_are_listed_newest_first(emr):
    cluster = emr.run(*(emr.bash("sleep 0.05", name=f"step {number}") for number in range(4)))
    emr.until(lambda: emr.states(cluster) == ["COMPLETED"] * 4)
    listed = emr.client.list_steps(ClusterId=cluster)["Steps"]
    assert [step["Name"] for step in listed] == ["step 3", "step 2", "step 1", "step 0"]
    timelines = [step["Status"]["Timeline"] for step in listed[::-1]]
    for earlier, later in itertools.pairwise(timelines):
        assert earlier["EndDateTime"] <= later["StartDateTime"]


def test_steps_run_at_once_where_the_cluster_allows_it(emr, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    meet = "touch {mine}; until [ -e {other} ]; do sleep 0.01; done"
    cluster = emr.run(
        emr.bash(meet.format(mine=first, other=second)), emr.bash(meet.format(mine=second, other=first))
    )
    emr.until(first.exists)
    assert not second.exists()
    assert emr.states(cluster) == ["RUNNING", "PENDING"]
    answer = emr.client.modify_cluster(ClusterId=cluster, StepConcurrencyLevel=2)
    assert answer["StepConcurrencyLevel"] == 2
    emr.until(lambda: emr.states(cluster) == ["COMPLETED", "COMPLETED"])


def test_a_step_leaves_its_logs_under_log_uri(emr):
    cluster = emr.run(emr.bash("echo out; echo oops >&2; exit 3"), emr.bash("echo $EMR_STEP_ID"))
    failed, good = (step["Id"] for step in emr.steps(cluster))
    status = emr.wait_step(cluster, failed, "FAILED")
    assert status["FailureDetails"] == {
        "Reason": "Unknown Error.",
        "Message": "oops",
        "LogFile": f"s3://logs/emr/{cluster}/steps/{failed}/stderr.gz",
    }
    assert (emr.log(cluster, failed, "stdout"), emr.log(cluster, failed, "stderr")) == ("out\n", "oops\n")
    assert "Step failed with exitCode 3" in emr.log(cluster, failed, "controller")
    assert emr.log(cluster, failed, "syslog") == ""
    emr.wait_step(cluster, good, "COMPLETED")
    assert emr.log(cluster, good, "stdout") == f"{good}\n"
    assert "Step succeeded with exitCode 0" in emr.log(cluster, good, "controller")


def test_a_bucket_that_is_not_there_costs_the_logs_and_not_the_step(emr):
    cluster = emr.run(emr.bash("true"), LogUri="s3://no-such-bucket/logs")
    emr.until(lambda: emr.states(cluster) == ["COMPLETED"])


@pytest.mark.parametrize(
    ("jar_step", "message"),
    [
        ({"Jar": "command-runner.jar", "Args": ["no-such-command"]}, 'Cannot run program "no-such-command"'),
        ({"Jar": "command-runner.jar"}, "needs a command"),
        ({"Jar": "s3://code/app.jar"}, "specified key does not exist"),
        (
            {"Jar": "command-runner.jar", "Args": ["spark-submit", "--conf", "x"]},
            "missing application resource",
        ),
        (
            {"Jar": "command-runner.jar", "Args": ["spark-submit", "--wrong", "x"]},
            "unrecognized option: --wrong",
        ),
        ({"Jar": "script-runner.jar", "Args": ["s3://code/no-such.sh"]}, "specified key does not exist"),
    ],
)
def test_a_step_that_cannot_be_started_says_why(emr, jar_step, message):
    cluster = emr.run({"Name": "bad", "ActionOnFailure": "CONTINUE", "HadoopJarStep": jar_step})
    (step,) = emr.steps(cluster)
    status = emr.wait_step(cluster, step["Id"], "FAILED")
    assert message in status["FailureDetails"]["Message"]
    assert message in emr.log(cluster, step["Id"], "stderr")


@pytest.fixture(scope="module")
def late(make_emr, tmp_path_factory):
    """An EMR that brings logs 300 s after a step's end, by a clock that is stepped."""
    delays = replace(NO_DELAYS, logs=300)
    local = make_emr(scratch_dir=tmp_path_factory.mktemp("late"), delays=delays, clock_rate=0)
    yield local
    local.close()


def has_logs(emr, cluster, step):
    found = emr.s3.list_objects_v2(Bucket="logs", Prefix=f"emr/{cluster}/steps/{step}/")
    return found["KeyCount"] == 4


def test_logs_follow_a_step_at_emrs_pace(late):
    cluster = late.run(late.bash("echo out"))
    (step,) = (step["Id"] for step in late.steps(cluster))
    late.wait_step(cluster, step, "COMPLETED")
    late.step_clock(299)
    assert not has_logs(late, cluster, step)
    late.step_clock(1)
    late.until(lambda: has_logs(late, cluster, step))
    assert late.log(cluster, step, "stdout") == "out\n"


def test_logs_of_a_step_that_runs_are_brought_as_far_as_they_are(late, tmp_path):
    said, go = tmp_path / "said", tmp_path / "go"
    wait = f"touch {said}; until [ -e {go} ]; do sleep 0.01; done"
    cluster = late.run(late.bash(f"echo one; {wait}; echo two"))
    (step,) = (step["Id"] for step in late.steps(cluster))
    late.until(said.exists)
    for _ in range(2):
        late.step_clock(300)
        late.until(lambda: has_logs(late, cluster, step))
        assert late.log(cluster, step, "stdout") == "one\n"
        late.s3.delete_object(Bucket="logs", Key=f"emr/{cluster}/steps/{step}/stdout.gz")
    go.touch()
    late.wait_step(cluster, step, "COMPLETED")
    late.step_clock(299)
    assert not has_logs(late, cluster, step)
    late.step_clock(1)
    late.until(lambda: has_logs(late, cluster, step))
    assert late.log(cluster, step, "stdout") == "one\ntwo\n"


def test_a_slow_s3_does_not_get_one_upload_more_each_time_and_the_last_one_all_the_same(late):
    begun, go, made = threading.Event(), threading.Event(), []

    def upload(storage):
        begun.set()
        go.wait(60)
        made.append(storage)

    logs = Mock(upload=upload)
    uploads = LogUploads(late.app.context)
    uploads.follow(logs)
    late.step_clock(300)
    assert begun.wait(60)
    for _ in range(3):
        late.step_clock(300)
    uploads.add(logs, ())
    late.step_clock(300)
    go.set()
    uploads.close()
    assert len(made) == 2


def test_slow_logs_are_slower_by_what_was_ordered(late):
    late.app.context.faults.add(Fault(kind=FaultKind.SLOW_LOGS, match="slow", seconds=100))
    cluster = late.run(late.bash("true", name="slow"), late.bash("true"))
    slow, plain = (step["Id"] for step in late.steps(cluster))
    late.wait_step(cluster, plain, "COMPLETED")
    late.step_clock(300)
    late.until(lambda: has_logs(late, cluster, plain))
    late.step_clock(99)
    assert not has_logs(late, cluster, slow)
    late.step_clock(1)
    late.until(lambda: has_logs(late, cluster, slow))


def test_slow_logs_can_be_ordered_where_logs_come_at_once(stepped):
    stepped.app.context.faults.add(Fault(kind=FaultKind.SLOW_LOGS, match="slow", seconds=10))
    cluster = stepped.run(stepped.bash("true", name="slow"), stepped.bash("true"))
    slow, plain = (step["Id"] for step in stepped.steps(cluster))
    stepped.wait_step(cluster, plain, "COMPLETED")
    assert has_logs(stepped, cluster, plain)
    assert not has_logs(stepped, cluster, slow)
    stepped.step_clock(10)
    stepped.until(lambda: has_logs(stepped, cluster, slow))


def test_closing_uploads_the_logs_that_are_not_due_yet(make_emr, tmp_path):
    emr = make_emr(scratch_dir=tmp_path, delays=replace(NO_DELAYS, logs=300), stop_grace_seconds=0.5)
    cluster = emr.run(emr.bash("true"), emr.bash("sleep 600"))
    ended, running = (step["Id"] for step in emr.steps(cluster))
    emr.wait_step(cluster, running, "RUNNING")
    emr.app.close()
    assert has_logs(emr, cluster, ended)
    assert has_logs(emr, cluster, running)
    emr.close()


def test_script_runner_runs_a_script_from_s3(emr):
    emr.s3.put_object(Bucket="code", Key="run.sh", Body=b'#!/bin/bash\necho "$2 $1"\n')
    jar = "s3://us-east-1.elasticmapreduce/libs/script-runner/script-runner.jar"
    step = {"Name": "script", "HadoopJarStep": {"Jar": jar, "Args": ["s3://code/run.sh", "a b", "c"]}}
    cluster = emr.run(step)
    (found,) = emr.steps(cluster)
    emr.wait_step(cluster, found["Id"], "COMPLETED")
    assert emr.log(cluster, found["Id"], "stdout") == "c a b\n"


def test_terminating_a_cluster_kills_a_step_that_will_not_stop(emr, tmp_path):
    pids = tmp_path / "pids"
    stubborn = (
        f"trap '' TERM; sleep 600 & echo $$ $! > {pids}.part; mv {pids}.part {pids}; while :; do wait; done"
    )
    cluster = emr.run(emr.bash(stubborn), emr.bash("true"))
    emr.until(pids.exists)
    emr.client.terminate_job_flows(JobFlowIds=[cluster])
    assert emr.wait_cluster(cluster, "TERMINATING", "TERMINATED")["State"] == "TERMINATING"
    emr.wait_cluster(cluster, "TERMINATED")
    assert emr.states(cluster) == ["CANCELLED", "CANCELLED"]
    assert not any(is_alive(int(pid)) for pid in pids.read_text().split())
    assert emr.log(cluster, emr.steps(cluster)[0]["Id"], "controller")


def test_what_a_step_leaves_running_ends_with_it(emr, tmp_path):
    pid = tmp_path / "pid"
    cluster = emr.run(emr.bash(f"sleep 600 & echo $! > {pid}"))
    emr.until(lambda: emr.states(cluster) == ["COMPLETED"])
    emr.until(lambda: not is_alive(int(pid.read_text())))


def test_pending_and_running_steps_can_be_cancelled(emr, tmp_path):
    started = tmp_path / "started"
    cluster = emr.run(emr.bash(f"touch {started}; sleep 600"), emr.bash("true"), emr.bash("echo last"))
    running, pending, last = (step["Id"] for step in emr.steps(cluster))
    emr.until(started.exists)
    answer = emr.client.cancel_steps(ClusterId=cluster, StepIds=[pending, running, "s-NONE"])
    infos = {info["StepId"]: info["Status"] for info in answer["CancelStepsInfoList"]}
    assert infos == {pending: "SUBMITTED", running: "SUBMITTED", "s-NONE": "FAILED"}
    emr.wait_step(cluster, last, "COMPLETED")
    assert emr.states(cluster) == ["CANCELLED", "CANCELLED", "COMPLETED"]
    (info,) = emr.client.cancel_steps(ClusterId=cluster, StepIds=[last])["CancelStepsInfoList"]
    assert (info["Status"], info["Reason"]) == ("FAILED", "Step cannot be cancelled in state COMPLETED.")


def test_a_step_that_ignores_the_interrupt_is_cancelled_by_force(emr, tmp_path):
    started = tmp_path / "started"
    stubborn = emr.bash(f"trap '' TERM; touch {started}; while :; do sleep 0.05; done")
    cluster = emr.run(stubborn)
    (step,) = (step["Id"] for step in emr.steps(cluster))
    emr.until(started.exists)
    emr.client.cancel_steps(ClusterId=cluster, StepIds=[step])
    assert emr.step(cluster, step)["Status"]["State"] == "CANCEL_PENDING"
    emr.client.cancel_steps(ClusterId=cluster, StepIds=[step], StepCancellationOption="TERMINATE_PROCESS")
    emr.wait_step(cluster, step, "CANCELLED")


def test_steps_are_listed_by_id_and_state_a_page_at_a_time(emr):
    cluster = emr.run()
    identifiers = emr.add(cluster, *(emr.bash("true", name=str(number)) for number in range(60)))
    emr.wait_step(cluster, identifiers[-1], "COMPLETED")
    pages = list(emr.client.get_paginator("list_steps").paginate(ClusterId=cluster))
    assert [len(page["Steps"]) for page in pages] == [50, 10]
    assert [step["Id"] for page in pages for step in page["Steps"]] == identifiers[::-1]
    asked = emr.client.list_steps(ClusterId=cluster, StepIds=identifiers[3:5])["Steps"]
    assert [step["Id"] for step in asked] == identifiers[3:5]
    assert emr.client.list_steps(ClusterId=cluster, StepStates=["FAILED"])["Steps"] == []


def test_closing_stops_every_running_step(make_emr, tmp_path):
    emr = make_emr(scratch_dir=tmp_path / "emr", delays=NO_DELAYS)
    pid = tmp_path / "pid"
    emr.run(emr.bash(f"echo $$ > {pid}.part; mv {pid}.part {pid}; exec sleep 600"))
    emr.until(pid.exists)
    emr.app.close()
    assert not is_alive(int(pid.read_text()))
    with pytest.raises(ClientError, match="shutting down"):
        emr.run()
    emr.close()


def test_a_step_starts_within_milliseconds_of_its_submission(emr):
    cluster = emr.run()
    emr.wait_cluster(cluster, "WAITING")
    waits = []
    for _ in range(5):
        (step,) = emr.add(cluster, emr.bash("date +%s.%N"))
        timeline = emr.wait_step(cluster, step, "COMPLETED")["Timeline"]
        waits.append(float(emr.log(cluster, step, "stdout")) - timeline["CreationDateTime"].timestamp())
    # the process's own clock, not ours; the best of five, since the machine may be busy
    assert min(waits) < 0.1


def test_a_cluster_without_log_uri_keeps_no_logs(emr):
    cluster = emr.run(emr.bash("exit 1"), keep_alive=False, LogUri="")
    emr.wait_cluster(cluster, "TERMINATED")
    (step,) = emr.steps(cluster)
    assert "LogFile" not in step["Status"]["FailureDetails"]
    assert time.time() >= step["Status"]["Timeline"]["EndDateTime"].timestamp()
