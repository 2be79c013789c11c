"""Bootstrap actions: each really runs, its logs are where EMR puts them, and a failure ends the cluster."""

import gzip

import pytest

from sparkdrop_local.emr import NO_DELAYS


def action(emr, name: str, script: str, *arguments: str) -> dict:
    """A bootstrap action whose script is in S3."""
    key = f"bootstrap/{name}.sh"
    emr.s3.put_object(Bucket="code", Key=key, Body=f"#!/bin/bash\n{script}\n".encode())
    return {"Name": name, "ScriptBootstrapAction": {"Path": f"s3://code/{key}", "Args": list(arguments)}}


def log_of(emr, cluster: str, number: int, name: str) -> str:
    (instance,) = emr.client.list_instances(ClusterId=cluster, InstanceGroupTypes=["MASTER"])["Instances"]
    place = f"node/{instance['Ec2InstanceId']}/bootstrap-actions/{number}"
    answer = emr.s3.get_object(Bucket="logs", Key=f"emr/{cluster}/{place}/{name}.gz")
    return gzip.decompress(answer["Body"].read()).decode()


def test_actions_run_one_after_the_other_before_the_first_step(emr, tmp_path):
    trace = tmp_path / "trace"
    first = action(emr, "first", f'sleep 0.2; echo "first $1 $2" | tee -a {trace}; pwd >&2', "a b", "c")
    second = action(emr, "second", f"echo second >> {trace}; pwd >&2; env | cut -d= -f1 | sort")
    step = emr.bash(f"echo step >> {trace}")
    cluster = emr.run(step, BootstrapActions=[first, second], keep_alive=False)
    assert emr.wait_cluster(cluster, "TERMINATED")["StateChangeReason"]["Code"] == "ALL_STEPS_COMPLETED"
    assert trace.read_text().splitlines() == ["first a b c", "second", "step"]
    assert log_of(emr, cluster, 1, "stdout") == "first a b c\n"
    # each has a folder of its own
    assert log_of(emr, cluster, 1, "stderr") != log_of(emr, cluster, 2, "stderr")
    assert "first.sh" in log_of(emr, cluster, 1, "controller")
    names = log_of(emr, cluster, 2, "stdout").split()
    assert {"AWS_ENDPOINT_URL", "EMR_CLUSTER_ID", "PATH"} <= set(names)
    assert not [name for name in names if name.startswith(("AIRFLOW", "PYTEST"))]


def test_a_script_of_this_machine_is_run_too(emr, tmp_path):
    made = tmp_path / "made"
    local = {"Name": "local", "ScriptBootstrapAction": {"Path": "file:///bin/mkdir", "Args": [str(made)]}}
    cluster = emr.run(BootstrapActions=[local])
    emr.wait_cluster(cluster, "WAITING")
    assert made.is_dir()


@pytest.mark.parametrize(
    ("script", "message", "error"),
    [
        (
            "exit 3",
            "On the master instance ({}), bootstrap action 2 returned a non-zero return code",
            "BOOTSTRAP_FAILURE_PRIMARY_WITH_NON_ZERO_CODE",
        ),
        (
            None,
            "Master instance ({}) failed attempting to download bootstrap action 2 file from S3",
            "BOOTSTRAP_FAILURE_BA_DOWNLOAD_FAILED_PRIMARY",
        ),
    ],
)
def test_the_first_that_fails_ends_the_cluster(emr, tmp_path, script, message, error):
    never = tmp_path / "never"
    failing = action(emr, "failing", script or "")
    if script is None:
        failing["ScriptBootstrapAction"]["Path"] = "s3://code/bootstrap/missing.sh"
    actions = [action(emr, "good", "true"), failing, action(emr, "late", f"touch {never}")]
    cluster = emr.run(emr.bash(f"touch {never}"), BootstrapActions=actions)
    status = emr.wait_cluster(cluster, "TERMINATED_WITH_ERRORS")
    (instance,) = emr.client.list_instances(ClusterId=cluster)["Instances"]
    worded = message.format(instance["Ec2InstanceId"])
    assert status["StateChangeReason"] == {"Code": "BOOTSTRAP_FAILURE", "Message": worded}
    (detail,) = status["ErrorDetails"]
    assert (detail["ErrorCode"], detail["ErrorMessage"]) == (error, worded)
    (data,) = detail["ErrorData"]
    assert (data["primary-instance-id"], data["bootstrap-action"]) == (instance["Ec2InstanceId"], "2")
    assert data["amazon-s3-path"] == failing["ScriptBootstrapAction"]["Path"]
    assert data.get("return-code") == ("3" if script else None)
    assert emr.states(cluster) == ["CANCELLED"]
    assert "ReadyDateTime" not in status["Timeline"]
    assert not never.exists()


def test_a_request_to_terminate_stops_an_action(emr, tmp_path):
    started, ended = tmp_path / "started", tmp_path / "ended"
    cluster = emr.run(BootstrapActions=[action(emr, "long", f"touch {started}; sleep 60; touch {ended}")])
    emr.until(started.exists)
    assert emr.cluster(cluster)["Status"]["State"] == "BOOTSTRAPPING"
    emr.client.terminate_job_flows(JobFlowIds=[cluster])
    assert emr.wait_cluster(cluster, "TERMINATED")["StateChangeReason"]["Code"] == "USER_REQUEST"
    assert not ended.exists()


def test_an_action_that_ran_starts_over_after_a_restart(make_emr, tmp_path, monkeypatch):
    first, second, go = tmp_path / "first", tmp_path / "second", tmp_path / "go"
    settings = {"state_file": tmp_path / "state", "delays": NO_DELAYS, "stop_grace_seconds": 0.2}
    emr = make_emr(scratch_dir=tmp_path / "one", **settings)
    actions = [
        action(emr, "first", f"echo ran >> {first}"),
        action(emr, "second", f"echo ran >> {second}; until [ -e {go} ]; do sleep 0.02; done"),
    ]
    cluster = emr.run(emr.bash("true"), BootstrapActions=actions)
    emr.until(second.exists)
    # a SIGKILL writes nothing more: whatever this process still does is not remembered
    monkeypatch.setattr(emr.app.context.store, "put", lambda *_: None)
    again = make_emr(scratch_dir=tmp_path / "two", **settings)
    try:
        again.until(lambda: second.read_text() == "ran\nran\n")
        go.touch()
        again.wait_cluster(cluster, "WAITING")
        again.until(lambda: again.states(cluster) == ["COMPLETED"])
        assert first.read_text() == "ran\n"
    finally:
        emr.close()
        again.close()
