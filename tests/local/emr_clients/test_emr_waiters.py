"""Every waiter that boto3 and Airflow's amazon provider have for EMR and EMR Serverless."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.exceptions import WaiterError
from botocore.waiter import create_waiter_with_client

from tests.local.emr_clients.calls import command, run_cluster, start_job_run
from tests.local.emr_clients.waiter_models import load_waiter_model
from tests.local.emr_clients.waiting import QUICK

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
