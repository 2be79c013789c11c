"""A local EMR before moto, over HTTP on the loopback: what an unmodified boto3 sees."""

import gzip
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from sparkdrop_local.emr import NO_DELAYS, Delays, EmrApp, EmrSettings
from tests.local.emr.calls import NEEDED
from tests.local.emr.responses import PROBLEMS, check_responses
from tests.local.emr.serverless import make

DEADLINE_SECONDS = 180  # a JVM on a busy machine takes a minute
RESIZING_SECONDS = 180
MASTER = {"InstanceRole": "MASTER", "InstanceType": "m7g.xlarge", "InstanceCount": 1}


class LocalEmr:
    """A server with an EmrApp, and the clients that speak to it."""

    def __init__(self, settings: EmrSettings) -> None:
        self.app = EmrApp(DomainDispatcherApplication(create_backend_app), settings)
        self.server = make_server("127.0.0.1", 0, check_responses(self.app), threaded=True)
        self.endpoint_url = f"http://127.0.0.1:{self.server.server_port}"
        self.app.set_endpoint_url(self.endpoint_url)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()
        self.client = self.make_client("emr")
        self.s3 = self.make_client("s3")
        self.s3.create_bucket(Bucket="logs")
        self.s3.create_bucket(Bucket="code")

    def make_client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.endpoint_url,
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
            # an error is for the test to see, at once
            config=Config(retries={"total_max_attempts": 1}),
        )

    def close(self) -> None:
        self.app.close()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
        self.client.close()
        self.s3.close()

    def step_clock(self, seconds: float) -> None:
        """Move EMR's clock on."""
        self.app.context.clock.step(seconds)

    def run(self, *steps: dict[str, Any], keep_alive: bool = True, **more: Any) -> str:
        """Run a cluster; ``instances`` adds to its Instances."""
        instances = {
            "InstanceGroups": [MASTER],
            "KeepJobFlowAliveWhenNoSteps": keep_alive,
            **more.pop("instances", {}),
        }
        request = {"Name": "test", "LogUri": "s3://logs/emr", **NEEDED, **more}
        return str(self.client.run_job_flow(Instances=instances, Steps=list(steps), **request)["JobFlowId"])

    def add(self, cluster: str, *steps: dict[str, Any]) -> list[str]:
        return list(self.client.add_job_flow_steps(JobFlowId=cluster, Steps=list(steps))["StepIds"])

    def cluster(self, cluster: str) -> dict[str, Any]:
        return dict(self.client.describe_cluster(ClusterId=cluster)["Cluster"])

    def step(self, cluster: str, step: str) -> dict[str, Any]:
        return dict(self.client.describe_step(ClusterId=cluster, StepId=step)["Step"])

    def steps(self, cluster: str) -> list[dict[str, Any]]:
        """All steps, oldest first."""
        pages = self.client.get_paginator("list_steps").paginate(ClusterId=cluster)
        return [step for page in pages for step in page["Steps"]][::-1]

    def states(self, cluster: str) -> list[str]:
        return [step["Status"]["State"] for step in self.steps(cluster)]

    def wait_cluster(self, cluster: str, *states: str) -> dict[str, Any]:
        self.until(lambda: self.cluster(cluster)["Status"]["State"] in states)
        return dict(self.cluster(cluster)["Status"])

    def wait_step(self, cluster: str, step: str, *states: str) -> dict[str, Any]:
        self.until(lambda: self.step(cluster, step)["Status"]["State"] in states)
        return dict(self.step(cluster, step)["Status"])

    def log(self, cluster: str, step: str, name: str) -> str:
        key = f"emr/{cluster}/steps/{step}/{name}.gz"
        return gzip.decompress(self.s3.get_object(Bucket="logs", Key=key)["Body"].read()).decode()

    @staticmethod
    def until(condition: Callable[[], bool]) -> None:
        """Wait for a condition, or fail at the deadline."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, "the condition did not come true in time"
            time.sleep(0.02)

    @staticmethod
    def command(*arguments: str, name: str = "step", action: str = "CONTINUE") -> dict[str, Any]:
        """A step of command-runner.jar."""
        jar_step = {"Jar": "command-runner.jar", "Args": list(arguments)}
        return {"Name": name, "ActionOnFailure": action, "HadoopJarStep": jar_step}

    @staticmethod
    def bash(script: str, *, action: str = "CONTINUE", name: str = "step") -> dict[str, Any]:
        """A step that runs a line of bash."""
        return LocalEmr.command("bash", "-c", script, action=action, name=name)


@pytest.fixture(autouse=True)
def _answers_are_as_the_model_has_them() -> Iterator[None]:
    """Fail the test in which EMR gave an answer that its model does not have."""
    PROBLEMS.clear()
    yield
    assert not PROBLEMS


@pytest.fixture(scope="session")
def make_emr() -> Callable[..., LocalEmr]:
    """Make another local EMR, with its own settings; whoever makes it closes it."""
    return lambda **settings: LocalEmr(EmrSettings(**settings))


@pytest.fixture(scope="session")
def emr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEmr]:
    """One quick EMR for all tests: each makes its own clusters."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    settings = EmrSettings(
        scratch_dir=tmp_path_factory.mktemp("emr"),
        delays=Delays(starting=0.025, bootstrapping=0.025, terminating=0.02, resizing=0.02, application=0.02),
        stop_grace_seconds=0.5,
    )
    local = LocalEmr(settings)
    yield local
    local.close()


@pytest.fixture(scope="session")
def stepped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEmr]:
    """An EMR without delays whose clock stands still until a test steps it."""
    settings = EmrSettings(
        scratch_dir=tmp_path_factory.mktemp("stepped"), delays=NO_DELAYS, clock_rate=0, stop_grace_seconds=0.5
    )
    local = LocalEmr(settings)
    yield local
    local.close()


@pytest.fixture(scope="session")
def slow(make_emr: Callable[..., LocalEmr], tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEmr]:
    """An EMR whose instances take their time, on a clock that stands still."""
    delays = Delays(starting=60, bootstrapping=60, terminating=60, resizing=RESIZING_SECONDS)
    folder = tmp_path_factory.mktemp("slow")
    local = make_emr(scratch_dir=folder, delays=delays, clock_rate=0, stop_grace_seconds=0.2)
    yield local
    local.close()


@pytest.fixture(scope="session")
def repo_root(pytestconfig: pytest.Config) -> Path:
    return pytestconfig.rootpath


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
