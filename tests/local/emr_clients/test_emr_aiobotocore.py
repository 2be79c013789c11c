"""aiobotocore, which Airflow's deferrable operators speak: calls, paginators and waiters in asyncio."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from aiobotocore.waiter import create_waiter_with_client
from botocore.exceptions import ClientError, WaiterError

from tests.local.emr_clients.waiter_models import load_waiter_model
from tests.local.emr_clients.waiting import QUICK

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from tests.local.emr_clients.server import Server

MASTER = {"InstanceRole": "MASTER", "InstanceType": "m7g.xlarge", "InstanceCount": 1}
ROLE = "arn:aws:iam::123456789012:role/job"


def connect(server: Server, service: str) -> AbstractAsyncContextManager[Any]:
    return get_session().create_client(
        service,
        endpoint_url=server.endpoint_url,
        region_name=server.environment["AWS_REGION"],
        aws_access_key_id=server.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=server.environment["AWS_SECRET_ACCESS_KEY"],
        config=AioConfig(retries={"total_max_attempts": 1}),
    )


async def run_cluster(emr: Any, *commands: str, keep_alive: bool = False) -> str:
    steps = [
        {
            "Name": line,
            "ActionOnFailure": "TERMINATE_CLUSTER",
            "HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["bash", "-c", line]},
        }
        for line in commands
    ]
    started = await emr.run_job_flow(
        Name="aio",
        ReleaseLabel="emr-spark-8.0.0",
        JobFlowRole="EMR_EC2_DefaultRole",
        ServiceRole="EMR_DefaultRole",
        Instances={"InstanceGroups": [MASTER], "KeepJobFlowAliveWhenNoSteps": keep_alive},
        Steps=steps,
    )
    return str(started["JobFlowId"])


async def wait(client: Any, service: str, name: str, **parameters: Any) -> None:
    """Wait by one of the provider's waiters, as its triggers do."""
    waiter = create_waiter_with_client(name, load_waiter_model(service), client)
    await waiter.wait(**parameters, WaiterConfig=QUICK)


async def test_a_cluster_s_life(server):
    async with connect(server, "emr") as emr:
        cluster = await run_cluster(emr, "true", keep_alive=True)
        await emr.get_waiter("cluster_running").wait(ClusterId=cluster, WaiterConfig=QUICK)
        await wait(emr, "emr", "job_flow_waiting", ClusterId=cluster)
        (step,) = (await emr.list_steps(ClusterId=cluster))["Steps"]
        await emr.get_waiter("step_complete").wait(ClusterId=cluster, StepId=step["Id"], WaiterConfig=QUICK)
        await wait(emr, "emr", "step_wait_for_terminal", ClusterId=cluster, StepId=step["Id"])
        await wait(emr, "emr", "steps_wait_for_terminal", ClusterId=cluster, StepIds=[step["Id"]])
        await emr.terminate_job_flows(JobFlowIds=[cluster])
        await emr.get_waiter("cluster_terminated").wait(ClusterId=cluster, WaiterConfig=QUICK)
        await wait(emr, "emr", "job_flow_terminated", ClusterId=cluster)


async def test_a_failure_is_told_by_every_waiter(server):
    async with connect(server, "emr") as emr:
        cluster = await run_cluster(emr, "echo it broke >&2; exit 3")
        with pytest.raises(WaiterError, match="TERMINATED_WITH_ERRORS"):
            await wait(emr, "emr", "job_flow_terminated", ClusterId=cluster)
        (step,) = (await emr.list_steps(ClusterId=cluster))["Steps"]
        with pytest.raises(WaiterError, match="FAILED") as caught:
            await wait(emr, "emr", "step_wait_for_terminal", ClusterId=cluster, StepId=step["Id"])
        with pytest.raises(ClientError, match=r"Cluster id 'j-ABCDEFGHIJKLM' is not valid\."):
            await emr.describe_cluster(ClusterId="j-ABCDEFGHIJKLM")

    status = caught.value.last_response["Step"]["Status"]
    assert status["FailureDetails"]["Message"] == "it broke"


async def test_many_clusters_at_once_over_one_client(server):
    async with connect(server, "emr") as emr:
        clusters = await asyncio.gather(*(run_cluster(emr, "true") for _ in range(20)))
        await asyncio.gather(
            *(wait(emr, "emr", "job_flow_terminated", ClusterId=cluster) for cluster in clusters)
        )
        pages = emr.get_paginator("list_clusters").paginate(ClusterStates=["TERMINATED"])
        found = {cluster["Id"] async for page in pages for cluster in page["Clusters"]}

    assert len(set(clusters)) == 20
    assert set(clusters) <= found


async def test_a_job_run_of_emr_serverless(server):
    async with connect(server, "emr-serverless") as serverless, connect(server, "s3") as s3:
        await s3.create_bucket(Bucket="aio")
        await s3.put_object(Bucket="aio", Key="program.py", Body=b"print('done')\n")
        application = (
            await serverless.create_application(name="aio", releaseLabel="emr-spark-8.0.0", type="SPARK")
        )["applicationId"]
        named = {"applicationId": application}
        await wait(serverless, "emr-serverless", "serverless_app_created", **named)
        runs = [
            (
                await serverless.start_job_run(
                    **named, executionRoleArn=ROLE, jobDriver={"sparkSubmit": {"entryPoint": program}}
                )
            )["jobRunId"]
            for program in ("s3://aio/program.py", "s3://aio/nowhere.py")
        ]
        await wait(serverless, "emr-serverless", "serverless_job_completed", **named, jobRunId=runs[0])
        with pytest.raises(WaiterError, match="FAILED"):
            await wait(serverless, "emr-serverless", "serverless_job_completed", **named, jobRunId=runs[1])
        pages = serverless.get_paginator("list_job_runs").paginate(**named)
        assert {run["id"] async for page in pages for run in page["jobRuns"]} == set(runs)
        await serverless.stop_application(**named)
        await wait(serverless, "emr-serverless", "serverless_app_stopped", **named)
