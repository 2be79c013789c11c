"""EMR Serverless's job runs as boto3 sees them; what they run is bash, by a Spark that is a script."""

import gzip
import json

import pytest
from botocore.exceptions import ClientError

from sparkdrop_local.emr import NO_DELAYS, Delays
from tests.local.emr.fake_spark import make_fake_spark

RELEASE = "emr-7.13.0"
ROLE = "arn:aws:iam::123456789012:role/job"
ONE_WORKER = "--conf spark.driver.cores=1 --conf spark.executor.cores=1 --num-executors 1"


class Serverless:
    """A local EMR with a Spark that is a script, its clock standing still."""

    def __init__(self, emr):
        self.emr = emr
        self.client = emr.make_client("emr-serverless")

    def create(self, **more):
        return self.client.create_application(**{"releaseLabel": RELEASE, "type": "SPARK", **more})[
            "applicationId"
        ]

    def start(self, application, script, *arguments, parameters=None, **more):
        """Start a job run of a script."""
        name = f"{abs(hash(script))}.sh"
        self.emr.s3.put_object(Bucket="code", Key=name, Body=script.encode())
        submit = {"entryPoint": f"s3://code/{name}", "entryPointArguments": list(arguments)}
        if parameters:
            submit["sparkSubmitParameters"] = parameters
        request = {
            "applicationId": application,
            "executionRoleArn": ROLE,
            "jobDriver": {"sparkSubmit": submit},
            **more,
        }
        return self.client.start_job_run(**request)["jobRunId"]

    def application(self, application):
        return self.client.get_application(applicationId=application)["application"]

    def run(self, application, run, **more):
        return self.client.get_job_run(applicationId=application, jobRunId=run, **more)["jobRun"]

    def state(self, application, run):
        return self.run(application, run)["state"]

    def wait(self, application, run, *states):
        self.emr.until(lambda: self.state(application, run) in states)
        return self.run(application, run)

    def cancel(self, application, run, **more):
        self.client.cancel_job_run(applicationId=application, jobRunId=run, **more)

    def log(self, key):
        return gzip.decompress(self.emr.s3.get_object(Bucket="logs", Key=key)["Body"].read()).decode()

    def close(self):
        self.client.close()
        self.emr.close()


def make(make_emr, folder, **settings):
    spark = make_fake_spark(folder)
    return Serverless(
        make_emr(scratch_dir=folder / "emr", spark=spark, clock_rate=0, stop_grace_seconds=0.5, **settings)
    )


@pytest.fixture(scope="module")
def serverless(make_emr, tmp_path_factory):
    found = make(make_emr, tmp_path_factory.mktemp("serverless"), delays=NO_DELAYS)
    yield found
    found.close()


@pytest.fixture(scope="module")
def events(serverless):
    """A queue that gets every event of EMR Serverless; read it by a function."""
    sqs, bus = serverless.emr.make_client("sqs"), serverless.emr.make_client("events")
    url = sqs.create_queue(QueueName="serverless")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    bus.put_rule(Name="serverless", EventPattern=json.dumps({"source": ["aws.emr-serverless"]}))
    bus.put_targets(Rule="serverless", Targets=[{"Id": "queue", "Arn": arn}])
    seen = []

    def read(identifier, count):
        """Wait for a number of events that tell of an application or a job run."""

        def found():
            return [
                event
                for event in seen
                if identifier in (event["detail"].get("jobRunId"), event["detail"]["applicationId"])
            ]

        def enough():
            answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
            for message in answer.get("Messages", []):
                seen.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            return len(found()) >= count

        serverless.emr.until(enough)
        return found()

    yield read
    sqs.close()
    bus.close()


def refuse(call, **parameters):
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


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


def test_a_client_token_starts_one_run(serverless):
    application = serverless.create()
    run = serverless.start(application, "true", clientToken="once")
    assert serverless.start(application, "true", clientToken="once") == run
    assert serverless.start(serverless.create(), "true", clientToken="once") != run
    with pytest.raises(ClientError, match=r"ConflictException.*with other parameters"):
        serverless.start(application, "true", "argument", clientToken="once")
    assert len(serverless.client.list_job_runs(applicationId=application)["jobRuns"]) == 1


def test_runs_are_listed_by_state_mode_and_time(serverless):
    application = serverless.create()
    runs = []
    for number in range(4):
        runs.append(serverless.start(application, "exit 0", mode="STREAMING" if number == 2 else "BATCH"))
        serverless.wait(application, runs[-1], "SUCCESS")
        serverless.emr.step_clock(10)

    def find(**more):
        pages = serverless.client.get_paginator("list_job_runs").paginate(
            applicationId=application, PaginationConfig={"PageSize": 3}, **more
        )
        return [run["id"] for page in pages for run in page["jobRuns"]]

    assert find() == runs[::-1]
    assert find(states=["SUCCESS", "FAILED"]) == runs[::-1]
    assert find(states=["RUNNING"]) == []
    assert find(mode="STREAMING") == [runs[2]]
    middle = serverless.run(application, runs[1])["createdAt"]
    assert find(createdAtAfter=middle) == runs[:0:-1]
    assert find(createdAtBefore=middle) == runs[1::-1]


def test_an_application_with_runs_is_not_stopped_and_not_idle(serverless, tmp_path):
    application, go = serverless.create(), tmp_path / "go"
    run = serverless.start(application, f"until [ -e {go} ]; do sleep 0.02; done")
    code, message = refuse(serverless.client.stop_application, applicationId=application)
    assert (code, "has job runs that are not over" in message) == ("ValidationException", True)
    serverless.emr.step_clock(10_000)
    assert serverless.application(application)["state"] == "STARTED"
    go.touch()
    serverless.wait(application, run, "SUCCESS")
    serverless.emr.step_clock(899)
    assert serverless.application(application)["state"] == "STARTED"
    serverless.emr.step_clock(1)
    assert serverless.application(application)["state"] == "STOPPED"
    again = serverless.start(application, "true")
    serverless.wait(application, again, "SUCCESS")


def test_tags_of_a_run(serverless):
    application = serverless.create()
    run = serverless.start(application, "true", tags={"a": "1"})
    arn = serverless.run(application, run)["arn"]
    serverless.client.tag_resource(resourceArn=arn, tags={"b": "2"})
    serverless.client.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert serverless.client.list_tags_for_resource(resourceArn=arn)["tags"] == {"b": "2"}
    assert serverless.run(application, run)["tags"] == {"b": "2"}


def test_there_is_no_dashboard_to_open(serverless):
    application = serverless.create()
    run = serverless.start(application, "true")
    code, message = refuse(
        serverless.client.get_dashboard_for_job_run, applicationId=application, jobRunId=run
    )
    assert (code, "serves no Spark UI" in message) == ("ValidationException", True)


@pytest.mark.parametrize(
    ("application", "more", "message"),
    [
        (
            {"autoStartConfiguration": {"enabled": False}},
            {},
            "following statuses [STARTED]. Current status: CREATED",
        ),
        ({}, {"executionTimeoutMinutes": 3}, "RunTimeout must be at least 5 minutes."),
        ({}, {"executionTimeoutMinutes": 0}, "between 5 and 10080 minutes, not 0"),
        ({}, {"executionTimeoutMinutes": 10_081}, "between 5 and 10080 minutes, not 10081"),
        ({}, {"jobDriver": {"hive": {"query": "SELECT 1"}}}, "needs the job driver sparkSubmit, not hive"),
        ({}, {"executionRoleArn": "arn:aws:iam::1:role/short"}, "at 'executionRoleArn' failed to satisfy"),
        ({}, {"mode": "OFTEN"}, "enum value set: [BATCH, STREAMING]"),
    ],
)
def test_what_cannot_be_run_is_refused(serverless, application, more, message):
    with pytest.raises(ClientError) as refused:
        serverless.start(serverless.create(**application), "true", **more)
    error = refused.value.response["Error"]
    assert error["Code"] == "ValidationException"
    assert message in error["Message"]


def test_an_older_release_runs_without_a_timeout(serverless):
    application = serverless.create(releaseLabel="emr-7.10.0")
    run = serverless.start(application, "true", executionTimeoutMinutes=0)
    assert serverless.wait(application, run, "SUCCESS")["executionTimeoutMinutes"] == 0


def test_a_run_waits_for_its_application_and_its_workers(make_emr, tmp_path):
    serverless = make(make_emr, tmp_path, delays=Delays(application=60, job_run=20))
    try:
        application = serverless.create()
        code, _ = refuse(
            serverless.client.start_job_run,
            applicationId=application,
            executionRoleArn=ROLE,
            jobDriver={"sparkSubmit": {"entryPoint": "x.py"}},
        )
        assert code == "ValidationException"
        serverless.emr.step_clock(60)
        run = serverless.start(application, "true")
        cancelled = serverless.start(application, "true")
        seen = [serverless.state(application, run)]
        serverless.cancel(application, cancelled)
        assert serverless.state(application, cancelled) == "CANCELLED"
        for seconds in (60, 20):
            seen.append(serverless.application(application)["state"])
            serverless.emr.step_clock(seconds)
            seen.append(serverless.state(application, run))
        assert seen[:4] == ["PENDING", "STARTING", "SCHEDULED", "STARTED"]
        serverless.wait(application, run, "SUCCESS")
        assert "startedAt" not in serverless.run(application, cancelled)
    finally:
        serverless.close()
