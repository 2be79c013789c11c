"""What EMR Serverless knows after its process has gone, and what it leaves running when it is closed."""

import os
import sqlite3

import pytest
from botocore.exceptions import ClientError

from sparkdrop_local.emr import NO_DELAYS
from tests.local.emr.fake_spark import make_fake_spark

LOST = "The local EMR was stopped while the job run ran."
ROLE = "arn:aws:iam::123456789012:role/job"


@pytest.fixture
def serve(make_emr, tmp_path):
    """Make a local EMR with a state file and a Spark that is a script; all are closed at the end."""
    spark, made = make_fake_spark(tmp_path), []

    def make(name, state_file, **settings):
        emr = make_emr(
            scratch_dir=tmp_path / name,
            state_file=state_file,
            spark=spark,
            delays=NO_DELAYS,
            stop_grace_seconds=0.5,
            **settings,
        )
        client = emr.make_client("emr-serverless")
        made.append((emr, client))
        return emr, client

    yield make
    for emr, client in made:
        client.close()
        emr.close()


def start(emr, client, application, script, **more):
    key = f"{abs(hash(script))}.sh"  # a run downloads it when it likes: no other run's may take its place
    emr.s3.put_object(Bucket="code", Key=key, Body=script.encode())
    driver = {"sparkSubmit": {"entryPoint": f"s3://code/{key}"}}
    return client.start_job_run(applicationId=application, executionRoleArn=ROLE, jobDriver=driver, **more)[
        "jobRunId"
    ]


def read(client, application, run):
    return client.get_job_run(applicationId=application, jobRunId=run)["jobRun"]


def create(emr, client, **more):
    request = {"releaseLabel": "emr-7.13.0", "type": "SPARK", **more}
    application = client.create_application(**request)["applicationId"]
    emr.until(lambda: client.get_application(applicationId=application)["application"]["state"] == "CREATED")
    return application


def copy_state(source, target):
    """Take the state as a process that is killed now would leave it."""
    with sqlite3.connect(source) as old, sqlite3.connect(target) as new:
        old.backup(new)
    old.close()
    new.close()


def test_after_a_kill_all_is_known_and_what_ran_has_failed_or_runs_again(serve, tmp_path):
    emr, client = serve("before", tmp_path / "state.sqlite")
    application = create(
        emr, client, schedulerConfiguration={"maxConcurrentRuns": 3}, clientToken="app", tags={"a": "b"}
    )
    go = tmp_path / "go"
    waits = f"until [ -e {go} ]; do sleep 0.05; done"
    done = start(emr, client, application, "true")
    emr.until(lambda: read(client, application, done)["state"] == "SUCCESS")
    lost = start(emr, client, application, waits, clientToken="lost")
    retried = start(emr, client, application, waits, retryPolicy={"maxAttempts": 2})
    stopping = start(emr, client, application, f"trap '' TERM; touch {tmp_path}/on; {waits}")
    queued = start(emr, client, application, waits)
    emr.until((tmp_path / "on").exists)
    client.cancel_job_run(applicationId=application, jobRunId=stopping, shutdownGracePeriodInSeconds=900)
    before = read(client, application, done)
    copy_state(tmp_path / "state.sqlite", tmp_path / "left.sqlite")

    later, again = serve("after", tmp_path / "left.sqlite")
    go.touch()
    assert read(again, application, done) == before
    found = read(again, application, lost)
    assert (found["state"], found["stateDetails"]) == ("FAILED", LOST)
    assert read(again, application, stopping)["state"] == "CANCELLED"
    for run, attempt in ((retried, 2), (queued, 1)):
        later.until(lambda run=run: read(again, application, run)["state"] == "SUCCESS")
        assert read(again, application, run)["attempt"] == attempt
    assert len(again.list_job_runs(applicationId=application)["jobRuns"]) == 5
    known = again.get_application(applicationId=application)["application"]
    assert (known["state"], known["tags"]) == ("STARTED", {"a": "b"})
    request = {"releaseLabel": "emr-7.13.0", "type": "SPARK", "clientToken": "app", "tags": {"a": "b"}}
    same = again.create_application(**request, schedulerConfiguration={"maxConcurrentRuns": 3})
    assert same["applicationId"] == application


def test_an_application_is_idle_since_its_last_run_over_a_restart_too(serve, tmp_path):
    emr, client = serve("before", tmp_path / "state.sqlite", clock_rate=0)
    application = create(emr, client, autoStopConfiguration={"enabled": True, "idleTimeoutMinutes": 100})
    go = tmp_path / "go"
    run = start(emr, client, application, f"until [ -e {go} ]; do sleep 0.02; done")
    emr.step_clock(600)
    go.touch()
    emr.until(lambda: read(client, application, run)["state"] == "SUCCESS")
    ended = read(client, application, run)["endedAt"].timestamp()
    copy_state(tmp_path / "state.sqlite", tmp_path / "left.sqlite")

    later, again = serve("after", tmp_path / "left.sqlite", clock_rate=0)
    later.step_clock(ended + 5_990 - later.app.context.clock.now())
    assert again.get_application(applicationId=application)["application"]["state"] == "STARTED"
    later.step_clock(11)
    assert again.get_application(applicationId=application)["application"]["state"] == "STOPPED"


def test_closing_stops_every_job_run_and_takes_no_more(serve, tmp_path):
    emr, client = serve("closing", tmp_path / "state.sqlite")
    application = create(emr, client)
    pid = tmp_path / "pid"
    script = f"trap '' TERM; echo $$ > {pid}.part; mv {pid}.part {pid}; while :; do sleep 0.05; done"
    run = start(emr, client, application, script, retryPolicy={"maxAttempts": 3})
    emr.until(pid.exists)
    emr.app.close()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
    with pytest.raises(ClientError):
        client.create_application(releaseLabel="emr-7.13.0", type="SPARK")
    _, again = serve("again", tmp_path / "state.sqlite")
    found = read(again, application, run)
    assert (found["state"], found["stateDetails"], found["attempt"]) == ("FAILED", LOST, 1)
