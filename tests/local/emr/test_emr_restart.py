"""An EMR that ends and is started again on the same state: by SIGKILL, and in order."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from sparkdrop_local.emr import NO_DELAYS
from tests.local.emr.calls import NEEDED

READY_SECONDS = 60
DAY = 86_400


@dataclass
class Aws:
    """The process that ``sparkdrop local up`` starts, and its EMR."""

    process: subprocess.Popen[bytes]
    endpoint_url: str
    emr: Any

    def state(self, cluster: str) -> str:
        return str(self.emr.describe_cluster(ClusterId=cluster)["Cluster"]["Status"]["State"])

    def steps(self, cluster: str) -> list[dict[str, Any]]:
        return list(reversed(self.emr.list_steps(ClusterId=cluster)["Steps"]))


@contextmanager
def run_aws(home: Path, **settings: str):
    """Start an empty account in a process of its own; it gets SIGTERM at the end, if it still lives."""
    ready, log = home / "aws.json", home / "aws.log"
    ready.unlink(missing_ok=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "sparkdrop_local.aws", "--home", str(home), "--empty"],
            env={**environment, "SPARKDROP_LOCAL_EMR_DELAYS": "none", **settings},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    deadline = time.monotonic() + READY_SECONDS
    while not ready.exists():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)
    endpoint_url = json.loads(ready.read_bytes())["endpoint_url"]
    client = boto3.client(
        "emr",
        endpoint_url=endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"total_max_attempts": 1}),
    )
    try:
        yield Aws(process, endpoint_url, client)
    finally:
        client.close()
        if process.poll() is None:
            process.terminate()
        process.wait(timeout=30)


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition of another process, or fail at the deadline."""
    deadline = time.monotonic() + READY_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)


def bash(script: str, name: str = "step") -> dict[str, Any]:
    jar_step = {"Jar": "command-runner.jar", "Args": ["bash", "-c", script]}
    return {"Name": name, "ActionOnFailure": "CONTINUE", "HadoopJarStep": jar_step}


def request(name: str, *steps: dict[str, Any], keep_alive: bool = True) -> dict[str, Any]:
    instances = {
        "MasterInstanceType": "m7g.xlarge",
        "InstanceCount": 1,
        "KeepJobFlowAliveWhenNoSteps": keep_alive,
    }
    return {"Name": name, "Instances": instances, "Steps": list(steps), **NEEDED}


def test_a_killed_process_is_taken_up_by_the_next_with_its_clusters_and_steps(tmp_path):
    go, home = tmp_path / "go", tmp_path / "home"
    home.mkdir()
    wait = f"until [ -e {go} ]; do sleep 0.02; done"
    with run_aws(home) as first:
        ended = first.emr.run_job_flow(**request("ended", keep_alive=False))["JobFlowId"]
        until(lambda: first.state(ended) == "TERMINATED")
        steps = [bash("true"), bash(wait, name="cut off"), bash("echo later")]
        cluster = first.emr.run_job_flow(**request("lasting", *steps), Tags=[{"Key": "k", "Value": "v"}])
        cluster = cluster["JobFlowId"]
        until(
            lambda: (
                [one["Status"]["State"] for one in first.steps(cluster)]
                == ["COMPLETED", "RUNNING", "PENDING"]
            )
        )
        before = first.emr.describe_cluster(ClusterId=cluster)["Cluster"]
        os.kill(first.process.pid, signal.SIGKILL)
        first.process.wait()
    go.touch()  # what the killed process left ends by itself

    with run_aws(home) as second:
        listed = {one["Name"]: one["Id"] for one in second.emr.list_clusters()["Clusters"]}
        assert listed == {"ended": ended, "lasting": cluster}
        until(lambda: second.state(cluster) == "WAITING")
        found = second.emr.describe_cluster(ClusterId=cluster)["Cluster"]
        for kept in ("Name", "Tags", "ClusterArn", "ReleaseLabel"):
            assert found[kept] == before[kept]
        assert (
            found["Status"]["Timeline"]["CreationDateTime"]
            == before["Status"]["Timeline"]["CreationDateTime"]
        )
        states = [(one["Name"], one["Status"]["State"]) for one in second.steps(cluster)]
        assert states == [("step", "COMPLETED"), ("cut off", "FAILED"), ("step", "COMPLETED")]
        failure = second.steps(cluster)[1]["Status"]["FailureDetails"]
        assert failure["Message"] == "The local EMR was stopped while the step ran"
        second.emr.add_job_flow_steps(JobFlowId=cluster, Steps=[bash("true")])
        until(lambda: second.steps(cluster)[-1]["Status"]["State"] == "COMPLETED")

    # and that one was stopped in order
    with run_aws(home) as third:
        assert {third.state(one["Id"]) for one in third.emr.list_clusters()["Clusters"]} == {"TERMINATED"}
        status = third.emr.describe_cluster(ClusterId=cluster)["Cluster"]["Status"]
        assert status["StateChangeReason"]["Code"] == "USER_REQUEST"


def test_a_home_has_one_process_and_settings_reach_it(tmp_path):
    with run_aws(tmp_path, SPARKDROP_LOCAL_EMR_DELAYS="8", SPARKDROP_LOCAL_EMR_CLOCK_RATE="0") as aws:
        connection = http.client.HTTPConnection(aws.endpoint_url.removeprefix("http://"), timeout=10)
        connection.request("GET", "/_emr/state")
        state = json.load(connection.getresponse())
        connection.close()
        assert (state["settings"]["delays"]["starting"], state["clock"]["rate"]) == (4, 0)
        said = start_in_vain(tmp_path)
        assert said == f"another local system is starting or running in {tmp_path / 'emr'}"


@pytest.mark.parametrize(
    ("name", "value", "takes"),
    [
        ("SPARKDROP_LOCAL_EMR_DELAYS", "slow", "none, local, real or seconds"),
        ("SPARKDROP_LOCAL_EMR_CLOCK_RATE", "fast", "a number, 0 to 1000000"),
        ("SPARKDROP_LOCAL_EMR_STEP_MEMORY_MIB", "0", "MiB, 1 or more"),
    ],
)
def test_a_bad_setting_is_one_line(tmp_path, name, value, takes):
    assert start_in_vain(tmp_path, **{name: value}) == f"{name}={value}: give {takes}"


def start_in_vain(home: Path, **settings: str) -> str:
    """Start the process where it cannot be started; gives all that it says."""
    done = subprocess.run(
        [sys.executable, "-m", "sparkdrop_local.aws", "--home", str(home), "--empty"],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    return done.stderr.strip()


@pytest.fixture
def reopen(make_emr, tmp_path):
    """Open an EMR on one state, again and again; each is closed before the next."""
    opened = []

    def open_next():
        if opened:
            opened.pop().close()
        settings = {"scratch_dir": tmp_path, "state_file": tmp_path / "state.sqlite"}
        opened.append(make_emr(**settings, delays=NO_DELAYS, clock_rate=0, stop_grace_seconds=0.5))
        return opened[0]

    yield open_next
    opened[0].close()


def test_what_ended_is_forgotten_after_emrs_two_months(reopen, tmp_path):
    emr = reopen()
    old = emr.run(emr.bash("true"), keep_alive=False)
    emr.wait_cluster(old, "TERMINATED")
    assert (tmp_path / old).exists()
    emr.step_clock(30 * DAY)
    young = emr.run(keep_alive=False)
    emr.wait_cluster(young, "TERMINATED")

    emr = reopen()
    assert [one["Id"] for one in emr.client.list_clusters()["Clusters"]] == [young, old]
    emr.step_clock(30 * DAY + 1)
    assert [one["Id"] for one in emr.client.list_clusters()["Clusters"]] == [young]
    assert not (tmp_path / old).exists()

    emr = reopen()
    assert emr.app.context.store.count() == {"clock": 1, "cluster": 1, "collection": 1}


def test_time_does_not_go_back_when_a_stepped_clock_is_opened_again(reopen):
    emr = reopen()
    emr.step_clock(3 * DAY)
    cluster = emr.run()
    created = emr.cluster(cluster)["Status"]["Timeline"]["CreationDateTime"]
    emr = reopen()
    timeline = emr.cluster(cluster)["Status"]["Timeline"]
    assert timeline["CreationDateTime"] == created
    assert timeline["EndDateTime"] - created < timedelta(hours=1)
    assert emr.cluster(emr.run())["Status"]["Timeline"]["CreationDateTime"] >= timeline["EndDateTime"]


def test_a_damaged_state_starts_anew_and_keeps_the_file(reopen, tmp_path, caplog):
    reopen().run()
    emr = reopen()
    emr.close()
    (tmp_path / "state.sqlite").write_bytes(b"damaged by something else" * 100)
    emr = reopen()
    assert emr.client.list_clusters()["Clusters"] == []
    assert (tmp_path / "state.sqlite.unreadable-1").exists()
    assert "starts anew" in caplog.text


def test_an_emr_that_is_closing_takes_no_more_calls(reopen):
    emr = reopen()
    emr.app.close()
    with pytest.raises(ClientError, match="shutting down") as refused:
        emr.client.list_clusters()
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
