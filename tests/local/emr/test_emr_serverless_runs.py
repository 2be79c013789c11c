"""EMR Serverless's job runs as boto3 sees them; what they run is bash, by a Spark that is a script."""

import pytest

from tests.local.emr.serverless import ONE_WORKER, RELEASE, ROLE, refuse


def test_a_job_run_starts_its_application_runs_and_leaves_its_logs(serverless, events):
    application = serverless.create(
        name="etl", monitoringConfiguration={"s3MonitoringConfiguration": {"logUri": "s3://logs/app/"}}
    )
    run = serverless.start(
        application,
        'echo "$1 $GREETING"; echo oops >&2',
        "hello",
        parameters="--conf spark.emr-serverless.driverEnv.GREETING='big world'",
        name="words",
        tags={"team": "data"},
    )
    found = serverless.wait(application, run, "SUCCESS")
    assert serverless.application(application)["state"] == "STARTED"
    folder = f"app/applications/{application}/jobs/{run}/SPARK_DRIVER"
    assert serverless.log(f"{folder}/stdout.gz") == "hello big world\n"
    assert serverless.log(f"{folder}/stderr.gz") == "oops\n"
    assert found["arn"] == f"{serverless.application(application)['arn']}/jobruns/{run}"
    assert (found["name"], found["mode"], found["attempt"]) == ("words", "BATCH", 1)
    assert (found["executionRole"], found["executionTimeoutMinutes"]) == (ROLE, 720)
    assert (found["tags"], found["releaseLabel"]) == ({"team": "data"}, RELEASE)
    assert found["jobDriver"]["sparkSubmit"]["entryPointArguments"] == ["hello"]
    assert found["createdAt"] <= found["startedAt"] <= found["endedAt"]
    of_run = events(run, 5)
    assert [(event["detail"].get("previousState"), event["detail"]["state"]) for event in of_run] == [
        (None, "SUBMITTED"),
        ("SUBMITTED", "PENDING"),
        ("PENDING", "SCHEDULED"),
        ("SCHEDULED", "RUNNING"),
        ("RUNNING", "SUCCESS"),
    ]
    assert {event["detail-type"] for event in of_run} == {"EMR Serverless Job Run State Change"}
    of_application = [event for event in events(application, 9) if "jobRunId" not in event["detail"]]
    assert [event["detail"]["state"] for event in of_application] == [
        "CREATING", "CREATED", "STARTING", "STARTED",
    ]  # fmt: skip
    detail = of_application[0]["detail"]
    assert (detail["applicationName"], detail["type"]) == ("etl", "SPARK")
    assert (detail["autoStopConfig"], detail["autoStartConfig"]) == (
        {"enabled": True, "idleTimeout": 15},
        {"enabled": True},
    )


def test_a_job_run_that_fails_says_why(serverless):
    application = serverless.create()
    overrides = {"monitoringConfiguration": {"s3MonitoringConfiguration": {"logUri": "s3://logs/run"}}}
    run = serverless.start(
        application,
        "printf 'Traceback (most recent call last):\\nValueError: no good\\n' >&2; exit 7",
        configurationOverrides=overrides,
    )
    found = serverless.wait(application, run, "FAILED")
    assert found["stateDetails"] == (
        "Job failed, please check complete logs in configured logging destination. ExitCode: 7. "
        "Last few exceptions: ValueError: no good"
    )
    assert found["configurationOverrides"] == overrides
    assert "no good" in serverless.log(f"run/applications/{application}/jobs/{run}/SPARK_DRIVER/stderr.gz")


@pytest.mark.parametrize(
    ("submit", "message"),
    [
        ({"entryPoint": "s3://code/none.py"}, "specified key does not exist"),
        ({"entryPoint": "x.py", "sparkSubmitParameters": "--conf 'a"}, "No closing quotation in sparkSubmit"),
        ({"entryPoint": "x.py", "sparkSubmitParameters": "--wrong 1"}, "unrecognized option: --wrong"),
    ],
)
def test_a_job_run_that_cannot_be_started_says_why(serverless, submit, message):
    application = serverless.create()
    run = serverless.client.start_job_run(
        applicationId=application, executionRoleArn=ROLE, jobDriver={"sparkSubmit": submit}
    )["jobRunId"]
    assert message in serverless.wait(application, run, "FAILED")["stateDetails"]


def test_a_run_is_retried_by_its_policy_with_logs_for_each_attempt(serverless, tmp_path, events):
    application = serverless.create()
    marks = tmp_path / "marks"
    overrides = {"monitoringConfiguration": {"s3MonitoringConfiguration": {"logUri": "s3://logs/retry"}}}
    run = serverless.start(
        application,
        f"echo mark >> {marks}; wc -l < {marks}; [ $(wc -l < {marks}) -ge 2 ]",
        configurationOverrides=overrides,
        retryPolicy={"maxAttempts": 3},
    )
    found = serverless.wait(application, run, "SUCCESS")
    assert found["attempt"] == 2
    first = serverless.run(application, run, attempt=1)
    assert (first["state"], first["attempt"]) == ("FAILED", 1)
    attempts = serverless.client.list_job_run_attempts(applicationId=application, jobRunId=run)
    assert [(item["attempt"], item["state"]) for item in attempts["jobRunAttempts"]] == [
        (1, "FAILED"),
        (2, "SUCCESS"),
    ]
    pages = serverless.client.get_paginator("list_job_run_attempts").paginate(
        applicationId=application, jobRunId=run, PaginationConfig={"PageSize": 1}
    )
    assert [len(page["jobRunAttempts"]) for page in pages] == [1, 1]
    for number in (1, 2):
        folder = f"retry/applications/{application}/jobs/{run}/attempts/{number}/SPARK_DRIVER"
        assert serverless.log(f"{folder}/stdout.gz").strip() == str(number)
    code, message = refuse(serverless.client.get_job_run, applicationId=application, jobRunId=run, attempt=3)
    assert (code, message) == ("ResourceNotFoundException", f"Attempt 3 of JobRun {run} does not exist")
    (retry,) = [event for event in events(run, 8) if event["detail-type"].endswith("Retry")]
    assert (retry["detail"]["previousAttempt"], retry["detail"]["newAttempt"]) == (1, 2)
    assert retry["detail"]["previousAttemptState"] == "FAILED"
    assert "FAILED" not in [event["detail"].get("state") for event in events(run, 8)]


def test_a_streaming_run_is_retried_until_it_fails_too_often_within_an_hour(serverless):
    application = serverless.create()
    run = serverless.start(
        application, "exit 1", mode="STREAMING", retryPolicy={"maxFailedAttemptsPerHour": 3}
    )
    found = serverless.wait(application, run, "FAILED")
    assert (found["attempt"], found["executionTimeoutMinutes"]) == (3, 0)


def test_a_run_that_takes_too_long_is_cancelled_by_the_clock(serverless, tmp_path):
    application, started = serverless.create(), tmp_path / "started"
    run = serverless.start(application, f"touch {started}; sleep 600", executionTimeoutMinutes=5)
    serverless.emr.until(started.exists)
    serverless.emr.step_clock(299)
    assert serverless.state(application, run) == "RUNNING"
    serverless.emr.step_clock(1)
    details = serverless.wait(application, run, "CANCELLED")["stateDetails"]
    assert "exceeded its execution timeout of 5 minutes" in details


def test_a_run_that_is_cancelled_is_killed_at_once_or_after_its_grace(serverless, tmp_path):
    application = serverless.create()
    ready = tmp_path / "ready"
    stubborn = f"trap 'touch {tmp_path}/asked' TERM; touch {ready}; while :; do sleep 0.05; done"
    run = serverless.start(application, stubborn)
    serverless.emr.until(ready.exists)
    serverless.cancel(application, run, shutdownGracePeriodInSeconds=15)
    assert serverless.state(application, run) == "CANCELLING"
    serverless.emr.until((tmp_path / "asked").exists)
    serverless.cancel(application, run)
    serverless.emr.step_clock(14.9)
    assert serverless.state(application, run) == "CANCELLING"
    serverless.emr.step_clock(0.1)
    found = serverless.wait(application, run, "CANCELLED")
    assert found["stateDetails"] == "Job run was cancelled by the user."
    serverless.cancel(application, run)
    ready.unlink()
    other = serverless.start(application, stubborn)
    serverless.emr.until(ready.exists)
    serverless.cancel(application, other)
    serverless.wait(application, other, "CANCELLED")
    done = serverless.start(application, "true")
    serverless.wait(application, done, "SUCCESS")
    code, message = refuse(serverless.client.cancel_job_run, applicationId=application, jobRunId=done)
    assert (code, message) == ("ValidationException", f"JobRun {done} cannot be cancelled in state SUCCESS.")
    code, message = refuse(
        serverless.client.cancel_job_run,
        applicationId=application,
        jobRunId=run,
        shutdownGracePeriodInSeconds=5,
    )
    assert (code, "between 15 and 1800" in message) == ("ValidationException", True)


def test_runs_beyond_the_concurrency_wait_in_a_queue_with_a_timeout(serverless, tmp_path):
    application = serverless.create(
        schedulerConfiguration={"maxConcurrentRuns": 1, "queueTimeoutMinutes": 15}
    )
    go = tmp_path / "go"
    busy = serverless.start(application, f"until [ -e {go} ]; do sleep 0.02; done")
    late, next_ = serverless.start(application, "true"), None
    serverless.emr.step_clock(800)
    next_ = serverless.start(application, "true")
    assert [serverless.state(application, run) for run in (busy, late, next_)] == [
        "RUNNING", "QUEUED", "QUEUED",
    ]  # fmt: skip
    serverless.emr.step_clock(100)
    found = serverless.run(application, late)
    assert (found["state"], found["queuedDurationMilliseconds"]) == ("CANCELLED", 900_000)
    assert "exceeded the queue timeout of 15 minutes" in found["stateDetails"]
    go.touch()
    assert serverless.wait(application, next_, "SUCCESS")["queuedDurationMilliseconds"] >= 100_000


def test_runs_beyond_the_capacity_wait_or_fail(serverless, tmp_path):
    application = serverless.create(maximumCapacity={"cpu": "3 vCPU", "memory": "100 GB"})
    go = tmp_path / "go"
    busy = serverless.start(application, f"until [ -e {go} ]; do sleep 0.02; done", parameters=ONE_WORKER)
    waiting = serverless.start(application, "true", parameters=ONE_WORKER)
    assert serverless.state(application, busy) == "RUNNING"
    assert serverless.state(application, waiting) == "SCHEDULED"
    large = serverless.run(application, serverless.start(application, "true"))
    assert large["state"] == "FAILED"
    assert "has exceeded maximumCapacity settings: [cpu: 3 vCPU]" in large["stateDetails"]
    go.touch()
    serverless.wait(application, waiting, "SUCCESS")


def test_what_a_run_took_is_told_when_it_is_over(serverless, tmp_path):
    application, go = serverless.create(), tmp_path / "go"
    run = serverless.start(
        application,
        f"until [ -e {go} ]; do sleep 0.02; done",
        configurationOverrides={
            "applicationConfiguration": [
                {"classification": "spark-defaults", "properties": {"spark.executor.instances": "2"}}
            ]
        },
        parameters="--executor-cores 2 --executor-memory 7g --conf spark.emr-serverless.executor.disk=40g",
    )
    serverless.wait(application, run, "RUNNING")
    assert "totalResourceUtilization" not in serverless.run(application, run)
    serverless.emr.step_clock(1799.5)
    go.touch()
    found = serverless.wait(application, run, "SUCCESS")
    assert found["totalExecutionDurationSeconds"] == 1800
    # a driver of 4 vCPU, 16 GB, 20 GB and two executors of 2 vCPU, 8 GB, 40 GB for half an hour
    assert found["totalResourceUtilization"] == {"vCPUHour": 4.0, "memoryGBHour": 16.0, "storageGBHour": 50.0}
    assert found["billedResourceUtilization"] == {
        "vCPUHour": 4.0,
        "memoryGBHour": 16.0,
        "storageGBHour": 20.0,
    }
