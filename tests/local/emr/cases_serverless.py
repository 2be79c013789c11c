"""EMR Serverless's operations: what the local EMR does with each, proven by a call."""

import contextlib
import itertools
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.emr.cases import Case, Verdict

RELEASE = "emr-7.13.0"
ROLE = "arn:aws:iam::123456789012:role/job"
# less than a driver and an executor take: such a run ends by itself, and no process is started
TOO_SMALL = {"cpu": "1 vCPU", "memory": "2 GB"}
_numbers = itertools.count(1)

CASES: list[Case] = []
Proof = Callable[[Any, Any], None]


def case(operation: str, verdict: Verdict, note: str) -> Callable[[Proof], Proof]:
    """Take a function for the proof of an operation; it gets a local EMR and a client of EMR Serverless."""

    def add(proof: Proof) -> Proof:
        def prove(emr: Any) -> None:
            with contextlib.closing(emr.make_client("emr-serverless")) as client:
                proof(emr, client)

        CASES.append(Case("emr-serverless", operation, verdict, note, prove))
        return proof

    return add


def create(emr: Any, client: Any, **more: Any) -> str:
    """Make an application and wait until it can be used."""
    request = {"releaseLabel": RELEASE, "type": "SPARK", "name": f"case-{next(_numbers)}", **more}
    application = str(client.create_application(**request)["applicationId"])
    wait(emr, client, application, "CREATED")
    return application


def wait(emr: Any, client: Any, application: str, state: str) -> None:
    emr.until(lambda: client.get_application(applicationId=application)["application"]["state"] == state)


def start(client: Any, application: str) -> dict[str, str]:
    """Start a job run; give what names it."""
    driver = {"sparkSubmit": {"entryPoint": "s3://code/none.py"}}
    answer = client.start_job_run(applicationId=application, executionRoleArn=ROLE, jobDriver=driver)
    return {"applicationId": application, "jobRunId": answer["jobRunId"]}


def refused(call: Callable[..., Any], code: str, **parameters: Any) -> None:
    with pytest.raises(ClientError) as error:
        call(**parameters)
    assert error.value.response["Error"]["Code"] == code


@case(
    "CreateApplication", "behaves", "Spark; Hive is refused. Capacity, network and images are kept and told"
)
def prove_create_application(emr: Any, client: Any) -> None:
    tokens = [uuid.uuid4().hex for _ in range(2)]
    assert len({create(emr, client, clientToken=token) for token in tokens}) == len(tokens)
    refused(client.create_application, "ValidationException", releaseLabel=RELEASE, type="HIVE")


@case("GetApplication", "behaves", "")
def prove_get_application(emr: Any, client: Any) -> None:
    application = create(emr, client, tags={"a": "b"})
    found = client.get_application(applicationId=application)["application"]
    assert (found["type"], found["tags"]) == ("Spark", {"a": "b"})


@case("ListApplications", "behaves", "newest first")
def prove_list_applications(emr: Any, client: Any) -> None:
    application = create(emr, client)
    (newest,) = client.list_applications(states=["CREATED"], maxResults=1)["applications"]
    assert newest["id"] == application


@case("UpdateApplication", "behaves", "")
def prove_update_application(emr: Any, client: Any) -> None:
    application = create(emr, client)
    changed = client.update_application(applicationId=application, maximumCapacity=TOO_SMALL)["application"]
    assert changed["maximumCapacity"] == TOO_SMALL


@case("DeleteApplication", "behaves", "")
def prove_delete_application(emr: Any, client: Any) -> None:
    application = create(emr, client)
    client.delete_application(applicationId=application)
    wait(emr, client, application, "TERMINATED")


@case("StartApplication", "behaves", "initial capacity counts, and is not there")
def prove_start_application(emr: Any, client: Any) -> None:
    application = create(emr, client)
    client.start_application(applicationId=application)
    wait(emr, client, application, "STARTED")


@case("StopApplication", "behaves", "")
def prove_stop_application(emr: Any, client: Any) -> None:
    application = create(emr, client)
    client.start_application(applicationId=application)
    wait(emr, client, application, "STARTED")
    client.stop_application(applicationId=application)
    wait(emr, client, application, "STOPPED")


@case("StartJobRun", "behaves", "runs spark-submit on this machine; the execution role is not assumed")
def prove_start_job_run(emr: Any, client: Any) -> None:
    run = start(client, create(emr, client))
    emr.until(lambda: client.get_job_run(**run)["jobRun"]["state"] == "FAILED")
    assert client.get_job_run(**run)["jobRun"]["stateDetails"].startswith("Job failed, please check")


@case("GetJobRun", "behaves", "utilization is that of the workers that were asked for")
def prove_get_job_run(emr: Any, client: Any) -> None:
    run = start(client, create(emr, client, maximumCapacity=TOO_SMALL))
    found = client.get_job_run(**run)["jobRun"]
    assert "ApplicationMaxCapacityExceededException" in found["stateDetails"]
    assert found["totalResourceUtilization"]["vCPUHour"] == 0


@case("ListJobRuns", "behaves", "newest first")
def prove_list_job_runs(emr: Any, client: Any) -> None:
    run = start(client, create(emr, client, maximumCapacity=TOO_SMALL))
    runs = client.list_job_runs(applicationId=run["applicationId"], states=["FAILED"])["jobRuns"]
    assert [found["id"] for found in runs] == [run["jobRunId"]]


@case("ListJobRunAttempts", "behaves", "")
def prove_list_job_run_attempts(emr: Any, client: Any) -> None:
    run = start(client, create(emr, client, maximumCapacity=TOO_SMALL))
    assert [attempt["attempt"] for attempt in client.list_job_run_attempts(**run)["jobRunAttempts"]] == [1]


@case("CancelJobRun", "behaves", "")
def prove_cancel_job_run(emr: Any, client: Any) -> None:
    run = start(client, create(emr, client, maximumCapacity=TOO_SMALL))
    refused(client.cancel_job_run, "ValidationException", **run)
    refused(client.cancel_job_run, "ResourceNotFoundException", **{**run, "jobRunId": "00fnone"})


@case("GetDashboardForJobRun", "refuses", "ValidationException")
def prove_get_dashboard_for_job_run(emr: Any, client: Any) -> None:
    run = start(client, create(emr, client, maximumCapacity=TOO_SMALL))
    refused(client.get_dashboard_for_job_run, "ValidationException", **run)


@case("TagResource", "behaves", "")
def prove_tag_resource(emr: Any, client: Any) -> None:
    arn = client.get_application(applicationId=create(emr, client))["application"]["arn"]
    client.tag_resource(resourceArn=arn, tags={"a": "b"})
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == {"a": "b"}


@case("UntagResource", "behaves", "")
def prove_untag_resource(emr: Any, client: Any) -> None:
    application = create(emr, client, tags={"a": "b", "c": "d"})
    arn = client.get_application(applicationId=application)["application"]["arn"]
    client.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == {"c": "d"}


@case("ListTagsForResource", "behaves", "")
def prove_list_tags_for_resource(emr: Any, client: Any) -> None:
    run = start(client, create(emr, client, maximumCapacity=TOO_SMALL))
    arn = client.get_job_run(**run)["jobRun"]["arn"]
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == {}


@case("StartSession", "refuses", "ValidationException")
def prove_start_session(emr: Any, client: Any) -> None:
    application = create(emr, client)
    refused(client.start_session, "ValidationException", applicationId=application, executionRoleArn=ROLE)


@case("ListSessions", "behaves", "there are none")
def prove_list_sessions(emr: Any, client: Any) -> None:
    assert client.list_sessions(applicationId=create(emr, client))["sessions"] == []


def _prove_no_session(operation: str) -> Proof:
    def prove(emr: Any, client: Any) -> None:
        call = getattr(client, operation)
        refused(call, "ResourceNotFoundException", applicationId=create(emr, client), sessionId="00fnone")

    return prove


for name, method in (
    ("GetSession", "get_session"),
    ("GetSessionEndpoint", "get_session_endpoint"),
    ("TerminateSession", "terminate_session"),
):
    case(name, "refuses", "ResourceNotFoundException")(_prove_no_session(method))


@case("GetResourceDashboard", "refuses", "ResourceNotFoundException")
def prove_get_resource_dashboard(emr: Any, client: Any) -> None:
    resource = {"resourceId": "00fnone", "resourceType": "SESSION"}
    application = create(emr, client)
    call = client.get_resource_dashboard
    refused(call, "ResourceNotFoundException", applicationId=application, **resource)
