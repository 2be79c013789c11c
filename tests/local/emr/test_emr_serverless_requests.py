"""What may be asked of EMR Serverless's job runs, as boto3 sees it."""

import pytest
from botocore.exceptions import ClientError

from sparkdrop_local.emr import Delays
from tests.local.emr.serverless import ROLE, make, refuse


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
