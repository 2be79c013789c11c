"""Every waiter and paginator that boto3 and Airflow's amazon provider have for EMR and EMR Serverless."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError, WaiterError
from botocore.waiter import create_waiter_with_client

from tests.local.emr_clients.waiter_models import load_waiter_model
from tests.local.emr_clients.waiting import QUICK, wait_for_job_run, wait_for_step

if TYPE_CHECKING:
    from collections.abc import Iterator

MASTER = {"InstanceRole": "MASTER", "InstanceType": "m7g.xlarge", "InstanceCount": 1}
FLEET = {
    "InstanceFleetType": "MASTER",
    "TargetOnDemandCapacity": 1,
    "InstanceTypeConfigs": [{"InstanceType": "m7g.xlarge"}],
}
ROLE = "arn:aws:iam::123456789012:role/job"
# runs until there is an object `end`
UNTIL_TOLD = b"""
import time
import boto3

s3 = boto3.client("s3")
while "Contents" not in s3.list_objects_v2(Bucket="boto3", Prefix="end"):
    time.sleep(0.05)
"""
# one look is enough where what is waited for is over
ONCE = {"Delay": 0, "MaxAttempts": 1}


def command(*arguments: str, action: str = "CONTINUE") -> dict[str, Any]:
    jar_step = {"Jar": "command-runner.jar", "Args": list(arguments)}
    return {"Name": "step", "ActionOnFailure": action, "HadoopJarStep": jar_step}


def run_cluster(emr: Any, *steps: dict[str, Any], keep_alive: bool = True, **more: Any) -> str:
    instances = more.pop("instances", {"InstanceGroups": [MASTER]})
    return str(
        emr.run_job_flow(
            Name="boto3",
            ReleaseLabel="emr-spark-8.0.0",
            JobFlowRole="EMR_EC2_DefaultRole",
            ServiceRole="EMR_DefaultRole",
            Instances={**instances, "KeepJobFlowAliveWhenNoSteps": keep_alive},
            Steps=list(steps),
            **more,
        )["JobFlowId"]
    )


@pytest.fixture(scope="module")
def waiting(emr: Any) -> Any:
    """A cluster that stays, with a step that went well and one that did not."""
    cluster = run_cluster(emr, command("true"), command("bash", "-c", "echo it broke >&2; exit 3"))
    steps = {
        wait_for_step(emr, cluster, step["Id"], "COMPLETED", "FAILED"): step["Id"]
        for step in emr.list_steps(ClusterId=cluster)["Steps"]
    }
    yield cluster, steps
    emr.terminate_job_flows(JobFlowIds=[cluster])


@pytest.fixture(scope="module")
def failed(emr: Any) -> str:
    """A cluster that a step of it ended."""
    cluster = run_cluster(emr, command("false", action="TERMINATE_CLUSTER"))
    with pytest.raises(WaiterError):
        emr.get_waiter("cluster_terminated").wait(ClusterId=cluster, WaiterConfig=QUICK)
    return cluster


@pytest.fixture
def wait(request: pytest.FixtureRequest):
    """Wait by a waiter of either kind, looking often."""

    def wait(client: str, name: str, configuration: dict[str, Any] = QUICK, **parameters: Any) -> None:
        service = request.getfixturevalue(client)
        if name in service.waiter_names:
            waiter = service.get_waiter(name)
        else:
            model = load_waiter_model(service.meta.service_model.service_name)
            waiter = create_waiter_with_client(name, model, service)
        waiter.wait(**parameters, WaiterConfig=configuration)

    return wait


# boto3's own ----------------------------------------------------------------------------------------------


def test_cluster_running(wait, waiting):
    wait("emr", "cluster_running", ONCE, ClusterId=waiting[0])


def test_cluster_running_fails_where_the_cluster_has_ended(wait, failed):
    with pytest.raises(WaiterError, match='matched expected path: "TERMINATED_WITH_ERRORS"') as caught:
        wait("emr", "cluster_running", ClusterId=failed)

    status = caught.value.last_response["Cluster"]["Status"]
    assert status["StateChangeReason"] == {"Code": "STEP_FAILURE", "Message": "Shut down as step failed"}


def test_cluster_terminated(emr, wait):
    cluster = run_cluster(emr, command("true"), keep_alive=False)

    wait("emr", "cluster_terminated", ClusterId=cluster)

    reason = emr.describe_cluster(ClusterId=cluster)["Cluster"]["Status"]["StateChangeReason"]
    assert reason == {"Code": "ALL_STEPS_COMPLETED", "Message": "Steps completed"}


def test_cluster_terminated_fails_where_a_step_ended_it(wait, failed):
    with pytest.raises(WaiterError, match='matched expected path: "TERMINATED_WITH_ERRORS"'):
        wait("emr", "cluster_terminated", ClusterId=failed)


def test_step_complete(wait, waiting):
    cluster, steps = waiting
    wait("emr", "step_complete", ClusterId=cluster, StepId=steps["COMPLETED"])


def test_step_complete_fails_and_the_last_response_says_why(wait, waiting):
    cluster, steps = waiting
    with pytest.raises(WaiterError, match='matched expected path: "FAILED"') as caught:
        wait("emr", "step_complete", ClusterId=cluster, StepId=steps["FAILED"])

    failure = caught.value.last_response["Step"]["Status"]["FailureDetails"]
    assert (failure["Reason"], failure["Message"]) == ("Unknown Error.", "it broke")


def test_step_complete_fails_for_a_cancelled_step(emr, wait, waiting):
    cluster, _ = waiting
    (step,) = emr.add_job_flow_steps(JobFlowId=cluster, Steps=[command("sleep", "600")])["StepIds"]
    emr.cancel_steps(ClusterId=cluster, StepIds=[step], StepCancellationOption="TERMINATE_PROCESS")
    with pytest.raises(WaiterError, match='matched expected path: "CANCELLED"'):
        wait("emr", "step_complete", ClusterId=cluster, StepId=step)


def test_a_waiter_gives_up_on_what_does_not_come(wait, waiting):
    with pytest.raises(WaiterError, match="Max attempts exceeded"):
        wait("emr", "cluster_terminated", ONCE, ClusterId=waiting[0])


def test_a_waiter_ends_with_the_error_of_a_cluster_that_is_not_there(wait):
    with pytest.raises(WaiterError, match=r"Cluster id 'j-ABCDEFGHIJKLM' is not valid\."):
        wait("emr", "cluster_running", ClusterId="j-ABCDEFGHIJKLM")


# the provider's, for EMR ----------------------------------------------------------------------------------


def test_job_flow_waiting(wait, waiting, failed):
    wait("emr", "job_flow_waiting", ClusterId=waiting[0])
    with pytest.raises(WaiterError, match="TERMINATED_WITH_ERRORS"):
        wait("emr", "job_flow_waiting", ClusterId=failed)


def test_job_flow_terminated(emr, wait, failed):
    cluster = run_cluster(emr)
    emr.terminate_job_flows(JobFlowIds=[cluster])
    wait("emr", "job_flow_terminated", ClusterId=cluster)
    with pytest.raises(WaiterError, match="TERMINATED_WITH_ERRORS"):
        wait("emr", "job_flow_terminated", ClusterId=failed)


def test_step_wait_for_terminal(wait, waiting):
    cluster, steps = waiting
    wait("emr", "step_wait_for_terminal", ClusterId=cluster, StepId=steps["COMPLETED"])
    with pytest.raises(WaiterError, match="FAILED"):
        wait("emr", "step_wait_for_terminal", ClusterId=cluster, StepId=steps["FAILED"])


def test_steps_wait_for_terminal(wait, waiting):
    cluster, steps = waiting
    wait("emr", "steps_wait_for_terminal", ClusterId=cluster, StepIds=[steps["COMPLETED"]])
    with pytest.raises(WaiterError, match="FAILED"):
        wait("emr", "steps_wait_for_terminal", ClusterId=cluster, StepIds=list(steps.values()))


@pytest.mark.parametrize("name", ["notebook_running", "notebook_stopped"])
def test_a_waiter_for_a_notebook_ends_at_once(wait, name):
    """There are no notebooks here: whoever waits for one is told, and does not wait for a day."""
    with pytest.raises(WaiterError, match="has no notebooks") as caught:
        wait("emr", name, NotebookExecutionId="ex-IZX3VTVZWVWPP27KUB90BZ7V9IEDG")
    assert caught.value.last_response["ResponseMetadata"]["HTTPStatusCode"] == 400


# the provider's, for EMR Serverless -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def application(serverless: Any) -> Any:
    identifier = serverless.create_application(name="boto3", releaseLabel="emr-spark-8.0.0", type="SPARK")
    yield identifier["applicationId"]
    serverless.stop_application(applicationId=identifier["applicationId"])


@pytest.fixture(scope="module")
def failed_run(serverless: Any, application: str) -> str:
    """A job run whose program is nowhere."""
    run = start_job_run(serverless, application, "s3://nowhere/program.py")
    assert wait_for_job_run(serverless, application, run) == "FAILED"
    return run


def start_job_run(serverless: Any, application: str, program: str) -> str:
    return str(
        serverless.start_job_run(
            applicationId=application,
            executionRoleArn=ROLE,
            jobDriver={"sparkSubmit": {"entryPoint": program}},
        )["jobRunId"]
    )


def test_an_application_s_life(serverless, wait):
    application = serverless.create_application(name="life", releaseLabel="emr-spark-8.0.0", type="SPARK")[
        "applicationId"
    ]
    wait("serverless", "serverless_app_created", applicationId=application)
    serverless.start_application(applicationId=application)
    wait("serverless", "serverless_app_started", applicationId=application)
    wait("serverless", "no_job_running", applicationId=application, states=["RUNNING", "PENDING"])
    serverless.stop_application(applicationId=application)
    wait("serverless", "serverless_app_stopped", applicationId=application)
    with pytest.raises(WaiterError, match="STOPPED"):
        wait("serverless", "serverless_app_started", applicationId=application)
    serverless.delete_application(applicationId=application)
    for name in ("serverless_app_terminated", "serverless_app_deleted"):
        wait("serverless", name, applicationId=application)
    for name in ("serverless_app_created", "serverless_app_started", "serverless_app_stopped"):
        with pytest.raises(WaiterError, match="TERMINATED"):
            wait("serverless", name, applicationId=application)


def test_a_job_run_s_life(server, serverless, wait, application, failed_run):
    s3 = server.make_client("s3")
    s3.create_bucket(Bucket="boto3")
    s3.put_object(Bucket="boto3", Key="program.py", Body=UNTIL_TOLD)
    run = start_job_run(serverless, application, "s3://boto3/program.py")
    named = {"applicationId": application, "jobRunId": run}

    wait("serverless", "serverless_job_running", **named)
    with pytest.raises(WaiterError, match="Max attempts exceeded"):
        wait("serverless", "no_job_running", ONCE, applicationId=application, states=["RUNNING"])
    s3.put_object(Bucket="boto3", Key="end")
    wait("serverless", "serverless_job_completed", **named)

    for name in ("serverless_job_running", "serverless_job_completed"):
        with pytest.raises(WaiterError, match="FAILED") as caught:
            wait("serverless", name, applicationId=application, jobRunId=failed_run)
        assert "does not exist" in caught.value.last_response["jobRun"]["stateDetails"]


@pytest.mark.parametrize("name", ["serverless_session_ready", "serverless_session_terminated"])
def test_a_waiter_for_a_session_ends_at_once(wait, application, name):
    """There are no sessions here: whoever waits for one is told."""
    with pytest.raises(WaiterError) as caught:
        wait("serverless", name, applicationId=application, sessionId="00abcdefghijklmn")
    assert caught.value.last_response["Error"]["Code"] == "ResourceNotFoundException"


# which there are ------------------------------------------------------------------------------------------


def test_every_waiter_is_tried(request):
    source = "\n".join(request.path.read_text().splitlines())
    names = [*boto3.client("emr", region_name="us-east-1").waiter_names]
    names += load_waiter_model("emr").waiter_names + load_waiter_model("emr-serverless").waiter_names
    assert len(names) == 19
    assert [name for name in names if f'"{name}"' not in source] == []


# paginators -----------------------------------------------------------------------------------------------


def find_paginators(service: str) -> list[str]:
    client = boto3.client(service, region_name="us-east-1")
    names = [xform_name(name) for name in client.meta.service_model.operation_names]
    return [name for name in names if client.can_paginate(name)]


@pytest.fixture
def security_configuration(emr: Any) -> Iterator[str]:
    name = "boto3"
    emr.create_security_configuration(Name=name, SecurityConfiguration="{}")
    yield name
    emr.delete_security_configuration(Name=name)


# what the local EMR has none of, and says so
REFUSED = {
    "list_notebook_executions": "notebooks",
    "list_studio_session_mappings": "studios",
    "list_studios": "studios",
}


@pytest.mark.usefixtures("security_configuration")
@pytest.mark.parametrize("name", [name for name in find_paginators("emr") if name not in REFUSED])
def test_every_paginator_of_emr(emr, waiting, name):
    cluster, _ = waiting
    members = emr.meta.service_model.operation_model(emr.meta.method_to_api_mapping[name]).input_shape.members
    parameters = {"ClusterId": cluster} if "ClusterId" in members else {}
    if name == "list_instance_fleets":
        parameters = {"ClusterId": run_cluster(emr, instances={"InstanceFleets": [FLEET]}, keep_alive=False)}

    found = emr.get_paginator(name).paginate(**parameters).build_full_result()

    (items,) = (value for value in found.values() if isinstance(value, list))
    # the cluster has neither of these
    assert bool(items) == (name not in {"list_bootstrap_actions", "list_sessions"})


@pytest.mark.parametrize(("name", "what"), REFUSED.items())
def test_a_paginator_of_what_is_not_here_is_told(emr, name, what):
    with pytest.raises(ClientError, match=f"has no {what}") as caught:
        emr.get_paginator(name).paginate().build_full_result()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_a_listing_of_many_pages_is_whole(emr):
    cluster = run_cluster(emr, *(command("true") for _ in range(60)))
    steps = emr.get_paginator("list_steps")

    pages = [page["Steps"] for page in steps.paginate(ClusterId=cluster)]

    assert [len(page) for page in pages] == [50, 10]
    assert len({step["Id"] for page in pages for step in page}) == 60
    # going on from a token that an earlier client was left with
    first = steps.paginate(ClusterId=cluster, PaginationConfig={"MaxItems": 7}).build_full_result()
    token = {"StartingToken": first["NextToken"]}
    rest = steps.paginate(ClusterId=cluster, PaginationConfig=token).build_full_result()
    assert [len(first["Steps"]), len(rest["Steps"])] == [7, 53]


@pytest.mark.parametrize("name", find_paginators("emr-serverless"))
def test_every_paginator_of_emr_serverless(serverless, application, failed_run, name):
    parameters: dict[str, Any] = {} if name == "list_applications" else {"applicationId": application}
    if name == "list_job_run_attempts":
        parameters["jobRunId"] = failed_run

    found = serverless.get_paginator(name).paginate(**parameters).build_full_result()

    (items,) = (value for value in found.values() if isinstance(value, list))
    assert bool(items) == (name != "list_sessions")


def test_a_paginator_does_not_ask_for_less_than_the_least_page(serverless, application):
    with pytest.raises(ClientError, match="ValidationException"):
        serverless.list_job_runs(applicationId=application, maxResults=51)
