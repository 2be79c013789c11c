"""EMR Serverless's applications as boto3 sees them: states, configuration, errors, tags."""

import re

import httpx
import pytest
from botocore.exceptions import ClientError

from sparkdrop_local.emr import Delays
from sparkdrop_local.emr.serverless.operations import OPERATIONS

RELEASE = "emr-7.13.0"
ROLE = "arn:aws:iam::123456789012:role/job"


@pytest.fixture(scope="module")
def client(stepped):
    client = stepped.make_client("emr-serverless")
    yield client
    client.close()


@pytest.fixture(scope="module")
def slow(make_emr, tmp_path_factory):
    """An EMR that takes 60 s for what an application does, by a clock that is stepped."""
    emr = make_emr(scratch_dir=tmp_path_factory.mktemp("slow"), delays=Delays(application=60), clock_rate=0)
    yield emr
    emr.close()


def create(client, **more):
    request = {"releaseLabel": RELEASE, "type": "SPARK", "name": "test", **more}
    return client.create_application(**request)["applicationId"]


def read(client, application):
    return client.get_application(applicationId=application)["application"]


def refuse(call, **parameters):
    """Call what is to be refused, and give the error's code, message and status."""
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    answer = refused.value.response
    return (
        answer["Error"]["Code"],
        answer["Error"]["Message"],
        answer["ResponseMetadata"]["HTTPStatusCode"],
    )


def test_an_application_goes_through_its_states_by_the_clock(slow):
    client = slow.make_client("emr-serverless")
    application = create(client)
    for call, before, after in (
        (None, "CREATING", "CREATED"),
        (client.start_application, "STARTING", "STARTED"),
        (client.stop_application, "STOPPING", "STOPPED"),
    ):
        if call is not None:
            call(applicationId=application)
        slow.step_clock(59.9)
        assert read(client, application)["state"] == before
        slow.step_clock(0.1)
        assert read(client, application)["state"] == after
    client.delete_application(applicationId=application)
    assert read(client, application)["state"] == "TERMINATED"
    client.close()


def test_an_application_is_described_with_what_it_was_given_and_its_defaults(client):
    given = {
        "initialCapacity": {
            "DRIVER": {"workerCount": 1, "workerConfiguration": {"cpu": "2 vCPU", "memory": "4 GB"}}
        },
        "maximumCapacity": {"cpu": "400 vCPU", "memory": "3000 GB", "disk": "20000 GB"},
        "networkConfiguration": {"subnetIds": ["subnet-1"], "securityGroupIds": ["sg-1"]},
        "architecture": "ARM64",
        "imageConfiguration": {"imageUri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/spark:1"},
        "monitoringConfiguration": {"s3MonitoringConfiguration": {"logUri": "s3://logs/serverless"}},
        "runtimeConfiguration": [{"classification": "spark-defaults", "properties": {"a": "b"}}],
        "interactiveConfiguration": {"studioEnabled": True, "livyEndpointEnabled": False},
        "schedulerConfiguration": {"maxConcurrentRuns": 3, "queueTimeoutMinutes": 30},
        "tags": {"team": "data"},
    }
    application = create(client, **given)
    found = read(client, application)
    assert {name: found[name] for name in given} == given
    assert (found["autoStartConfiguration"], found["autoStopConfiguration"]) == (
        {"enabled": True},
        {"enabled": True, "idleTimeoutMinutes": 15},
    )
    assert (found["type"], found["releaseLabel"], found["name"]) == ("Spark", RELEASE, "test")
    assert found["arn"] == f"arn:aws:emr-serverless:us-east-1:123456789012:/applications/{application}"
    assert re.fullmatch("00f[0-9a-z]{13}", application)
    plain = read(client, create(client, releaseLabel="emr-6.15.0"))
    assert not {"maximumCapacity", "schedulerConfiguration"} & set(plain)
    assert plain["architecture"] == "X86_64"
    assert read(client, create(client))["schedulerConfiguration"] == {
        "maxConcurrentRuns": 15,
        "queueTimeoutMinutes": 360,
    }


def test_an_idle_application_stops_by_itself(stepped, client):
    application = create(client, autoStopConfiguration={"enabled": True, "idleTimeoutMinutes": 2})
    tireless = create(client, autoStopConfiguration={"enabled": False})
    client.start_application(applicationId=application)
    client.start_application(applicationId=tireless)
    stepped.step_clock(119.9)
    assert read(client, application)["state"] == "STARTED"
    stepped.step_clock(0.1)
    assert read(client, application)["state"] == "STOPPED"
    stepped.step_clock(100_000)
    assert read(client, tireless)["state"] == "STARTED"


def test_an_application_is_updated_where_it_rests(client):
    application = create(client)
    changed = client.update_application(
        applicationId=application,
        maximumCapacity={"cpu": "8 vCPU", "memory": "32 GB"},
        autoStopConfiguration={"enabled": False},
    )["application"]
    assert changed == read(client, application)
    assert changed["maximumCapacity"] == {"cpu": "8 vCPU", "memory": "32 GB"}
    assert changed["autoStopConfiguration"]["enabled"] is False
    assert changed["schedulerConfiguration"]["maxConcurrentRuns"] == 15
    client.start_application(applicationId=application)
    allowed = "must be in one of the following statuses [CREATED, STOPPED]. Current status: STARTED"
    expected = ("ValidationException", f"Application {application} {allowed}", 400)
    assert refuse(client.update_application, applicationId=application) == expected
    assert refuse(client.delete_application, applicationId=application) == expected


def test_starting_and_stopping_twice_is_harmless(client):
    application = create(client)
    for call, state in ((client.start_application, "STARTED"), (client.stop_application, "STOPPED")):
        call(applicationId=application)
        call(applicationId=application)
        assert read(client, application)["state"] == state
    client.delete_application(applicationId=application)
    code, message, _ = refuse(client.start_application, applicationId=application)
    assert code == "ValidationException"
    assert message.endswith("Current status: TERMINATED")


def test_a_client_token_makes_one_application(client):
    first = create(client, clientToken="token-1", tags={"a": "b"})
    assert create(client, clientToken="token-1", tags={"a": "b"}) == first
    code, message, status = refuse(
        client.create_application, releaseLabel=RELEASE, type="SPARK", clientToken="token-1"
    )
    assert (code, status) == ("ConflictException", 409)
    assert "token-1" in message


def test_applications_are_listed_by_state_a_page_at_a_time(stepped):
    client = stepped.make_client("emr-serverless")
    made = [create(client, name=f"listed-{number}") for number in range(5)]
    client.start_application(applicationId=made[0])
    pages = client.get_paginator("list_applications").paginate(
        states=["CREATED"], PaginationConfig={"PageSize": 2}
    )
    found = [application for page in pages for application in page["applications"]]
    assert [application["id"] for application in found][:4] == made[:0:-1]
    assert {application["state"] for application in found} == {"CREATED"}
    assert made[0] in [
        application["id"]
        for application in client.list_applications(states=["STARTED", "STARTING"])["applications"]
    ]
    code, message, _ = refuse(client.list_applications, nextToken="bm9uZQ==")
    assert (code, message) == ("ValidationException", "Marker 'bm9uZQ==' is not valid.")
    client.close()


def test_tags_are_set_listed_and_removed(client):
    application = create(client, tags={"a": "1"})
    arn = read(client, application)["arn"]
    client.tag_resource(resourceArn=arn, tags={"a": "2", "b": "3"})
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == {"a": "2", "b": "3"}
    client.untag_resource(resourceArn=arn, tagKeys=["a", "none"])
    assert read(client, application)["tags"] == {"b": "3"}
    code, _, status = refuse(client.list_tags_for_resource, resourceArn=f"{arn[:-3]}xyz")
    assert (code, status) == ("ResourceNotFoundException", 404)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"type": "HIVE"}, "Unsupported engine HIVE: the local EMR runs Spark applications only"),
        ({"type": "PIG"}, "Unsupported engine PIG"),
        (
            {"releaseLabel": "emr-99.9.9"},
            "Type 'SPARK' is not supported for release label 'emr-99.9.9' or release label does not exist",
        ),
        (
            {"releaseLabel": "emr-5.0.0"},
            "Type 'SPARK' is not supported for release label 'emr-5.0.0' or release label does not exist",
        ),
        ({"releaseLabel": "latest"}, "or release label does not exist"),
        ({"architecture": "SPARC"}, "Member must satisfy enum value set: [ARM64, X86_64]"),
        ({"name": "a b"}, "Value 'a b' at 'name' failed to satisfy constraint: Member must satisfy regular"),
        ({"name": "n" * 65}, "Member must have length less than or equal to 64"),
        (
            {"autoStopConfiguration": {"idleTimeoutMinutes": 10_081}},
            "Member must have value less than or equal to 10080",
        ),
        ({"tags": {"a": "v" * 257}}, "at 'tags.a.member' failed to satisfy constraint"),
        (
            {"releaseLabel": "emr-6.15.0", "schedulerConfiguration": {"maxConcurrentRuns": 1}},
            "supported with release labels emr-7.0.0 and above",
        ),
        (
            {"schedulerConfiguration": {"queueTimeoutMinutes": 5}},
            "queueTimeoutMinutes must be between 15 and 720",
        ),
        (
            {
                "initialCapacity": {"DRIVER": {"workerCount": 2}},
                "maximumCapacity": {"cpu": "4 vCPU", "memory": "100 GB"},
            },
            "The initial capacity exceeds the maximum capacity: [cpu: 4 vCPU]",
        ),
    ],
)
def test_what_an_application_cannot_be_is_refused(client, request_, message):
    code, told, status = refuse(
        client.create_application, **{"releaseLabel": RELEASE, "type": "SPARK", **request_}
    )
    assert (code, status) == ("ValidationException", 400)
    assert message in told


def test_starting_more_than_the_account_may_have_is_refused(client):
    application = create(client, initialCapacity={"EXECUTOR": {"workerCount": 251}})
    code, message, status = refuse(client.start_application, applicationId=application)
    assert (code, status) == ("ServiceQuotaExceededException", 402)
    assert "1000 concurrent vCPUs" in message


def test_what_is_not_there_is_not_found(client):
    application = create(client)
    run = {"applicationId": application, "jobRunId": "00fnone"}
    session = {"applicationId": application, "sessionId": "00fnone"}
    for call, parameters, message in (
        (client.get_application, {"applicationId": "00fnone"}, "Application 00fnone does not exist"),
        (client.list_job_runs, {"applicationId": "00fnone"}, "Application 00fnone does not exist"),
        (client.get_job_run, run, "JobRun 00fnone does not exist"),
        (client.cancel_job_run, run, "JobRun 00fnone does not exist"),
        (client.get_session, session, "Session 00fnone does not exist"),
        (client.get_session_endpoint, session, "Session 00fnone does not exist"),
        (client.terminate_session, session, "Session 00fnone does not exist"),
        (
            client.get_resource_dashboard,
            {"applicationId": application, "resourceId": "00fnone", "resourceType": "SESSION"},
            "Session 00fnone does not exist",
        ),
    ):
        assert refuse(call, **parameters) == ("ResourceNotFoundException", message, 404)
    assert client.list_sessions(applicationId=application)["sessions"] == []
    code, message, _ = refuse(client.start_session, applicationId=application, executionRoleArn=ROLE)
    assert code == "ValidationException"
    assert "does not have interactive sessions enabled" in message


@pytest.mark.parametrize(
    ("request_", "body", "error", "message"),
    [
        ("POST /applications", "{", (400, "SerializationException"), "The request is not JSON"),
        ("POST /applications", '{"name": NaN}', (400, "SerializationException"), "NaN is no JSON"),
        ("POST /applications", "[]", (400, "SerializationException"), "not a JSON object but list"),
        ("POST /applications", "{}", (400, "ValidationException"), "Member must not be null"),
        ("GET /applications?maxResults=many", "", (400, "ValidationException"), "must be of type integer"),
        ("GET /applications?maxResults=51", "", (400, "ValidationException"), "less than or equal to 50"),
        ("GET /applications?states=GONE", "", (400, "ValidationException"), "enum value set"),
        ("GET /applications/A-B", "", (400, "ValidationException"), "regular expression pattern"),
        ("GET /nothing", "", (404, "UnknownOperationException"), "is no operation"),
    ],
)
def test_malformed_requests_are_refused(stepped, request_, body, error, message):
    method, path = request_.split()
    scope = "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/emr-serverless/aws4_request"
    answer = httpx.request(
        method, f"{stepped.endpoint_url}{path}", content=body, headers={"Authorization": scope}
    )
    assert (answer.status_code, answer.headers["x-amzn-ErrorType"]) == error
    assert message in answer.json()["message"]


def test_a_failure_of_ours_is_an_internal_error(client, monkeypatch, caplog):
    monkeypatch.setitem(OPERATIONS, "ListApplications", lambda _registry, _parameters: 1 / 0)
    code, message, status = refuse(client.list_applications)
    assert (code, status) == ("InternalServerException", 500)
    assert "ZeroDivisionError" in message
    assert "EMR Serverless failed at GET /applications" in caplog.text


def test_the_same_path_of_another_service_is_not_ours(stepped):
    other = stepped.make_client("appconfig")
    assert other.create_application(Name="features")["Name"] == "features"
    other.close()
