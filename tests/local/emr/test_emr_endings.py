"""How clusters end, or do not: failing steps, protection, faults at the start, and a restart on the way."""

import json

import pytest

from sparkdrop_local.emr import NO_DELAYS
from sparkdrop_local.emr.faults import Fault, FaultKind


@pytest.mark.parametrize("action", ["TERMINATE_CLUSTER", "TERMINATE_JOB_FLOW"])
def test_both_words_for_it_take_the_cluster_down(emr, action):
    cluster = emr.run(emr.bash("exit 3", action=action), emr.bash("true"))
    reason = emr.wait_cluster(cluster, "TERMINATED_WITH_ERRORS")["StateChangeReason"]
    assert reason == {"Code": "STEP_FAILURE", "Message": "Shut down as step failed"}
    assert emr.states(cluster) == ["FAILED", "CANCELLED"]


def test_steps_at_once_touch_neither_each_other_nor_the_cluster(emr):
    # with a level of 1 the action is taken; it is raised before the step fails
    cluster = emr.run(emr.bash("sleep 0.5; exit 3", action="CANCEL_AND_WAIT"), emr.bash("true"))
    emr.until(lambda: emr.states(cluster)[0] == "RUNNING")
    emr.client.modify_cluster(ClusterId=cluster, StepConcurrencyLevel=2)
    emr.until(lambda: emr.states(cluster) == ["FAILED", "COMPLETED"])


def test_a_cancelled_rest_ends_a_cluster_that_is_not_kept(emr):
    cluster = emr.run(emr.bash("exit 3", action="CANCEL_AND_WAIT"), emr.bash("true"), keep_alive=False)
    assert emr.wait_cluster(cluster, "TERMINATED")["StateChangeReason"]["Code"] == "STEP_FAILURE"
    assert emr.states(cluster) == ["FAILED", "CANCELLED"]


def test_protection_holds_a_cluster_against_its_failed_step_until_it_is_lifted(emr):
    protected = {"TerminationProtected": True}
    cluster = emr.run(emr.bash("exit 3", action="TERMINATE_CLUSTER"), keep_alive=False, instances=protected)
    emr.wait_cluster(cluster, "WAITING")
    emr.client.set_termination_protection(JobFlowIds=[cluster], TerminationProtected=False)
    assert emr.wait_cluster(cluster, "TERMINATED")["StateChangeReason"]["Code"] == "STEP_FAILURE"


def test_protection_does_not_keep_a_cluster_whose_steps_succeed(emr):
    cluster = emr.run(emr.bash("true"), keep_alive=False, instances={"TerminationProtected": True})
    assert emr.wait_cluster(cluster, "TERMINATED")["StateChangeReason"]["Code"] == "ALL_STEPS_COMPLETED"


def test_a_cluster_can_fail_to_start(stepped):
    stepped.app.context.faults.add(Fault(kind=FaultKind.START_FAILURE, match="unlucky"))
    cluster = stepped.run(stepped.bash("true"), Name="unlucky")
    status = stepped.wait_cluster(cluster, "TERMINATED_WITH_ERRORS")
    assert status["StateChangeReason"]["Code"] == "INTERNAL_ERROR"
    assert "ReadyDateTime" not in status["Timeline"]
    assert stepped.states(cluster) == ["CANCELLED"]
    (instance,) = stepped.client.list_instances(ClusterId=cluster)["Instances"]
    assert "ReadyDateTime" not in instance["Status"]["Timeline"]


def test_clusters_go_on_after_a_restart(make_emr, tmp_path, monkeypatch):
    settings = {
        "state_file": tmp_path / "state",
        "delays": NO_DELAYS,
        "clock_rate": 0,
        "stop_grace_seconds": 0.2,
    }
    emr = make_emr(scratch_dir=tmp_path / "one", **settings)
    again = None
    try:
        idle = emr.run(AutoTerminationPolicy={"IdleTimeout": 60})
        ended = emr.run(keep_alive=False)
        busy = emr.run(emr.bash("sleep 60"), emr.bash("true"))
        emr.until(lambda: emr.states(busy) == ["RUNNING", "PENDING"])
        # a SIGKILL writes nothing more: whatever this process still does is not remembered
        monkeypatch.setattr(emr.app.context.store, "put", lambda *_: None)
        again = make_emr(scratch_dir=tmp_path / "two", **settings)
        again.until(lambda: again.states(busy) == ["FAILED", "COMPLETED"])
        failure = again.steps(busy)[0]["Status"]["FailureDetails"]
        assert "stopped while the step ran" in failure["Message"]
        again.wait_cluster(busy, "WAITING")
        assert again.cluster(idle)["Status"]["State"] == "WAITING"
        assert again.cluster(ended)["Status"] == emr.cluster(ended)["Status"]
        again.step_clock(60)
        assert again.cluster(idle)["Status"]["State"] == "TERMINATED"
    finally:
        emr.close()
        if again is not None:
            again.close()


def test_a_step_lost_in_a_restart_is_told_too(make_emr, tmp_path, monkeypatch):
    settings = {"state_file": tmp_path / "state", "delays": NO_DELAYS, "stop_grace_seconds": 0.2}
    emr = make_emr(scratch_dir=tmp_path / "one", **settings)
    again = None
    sqs, events = emr.make_client("sqs"), emr.make_client("events")
    try:
        cluster = emr.run(emr.bash("sleep 60"))
        emr.until(lambda: emr.states(cluster) == ["RUNNING"])
        monkeypatch.setattr(emr.app.context.store, "put", lambda *_: None)
        url = sqs.create_queue(QueueName="lost-steps")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        pattern = {"source": ["aws.emr"], "detail": {"state": ["FAILED"], "clusterId": [cluster]}}
        events.put_rule(Name="lost", EventPattern=json.dumps(pattern))
        events.put_targets(Rule="lost", Targets=[{"Id": "queue", "Arn": arn}])
        again = make_emr(scratch_dir=tmp_path / "two", **settings)
        emr.until(lambda: "Messages" in sqs.receive_message(QueueUrl=url))
        assert again.states(cluster) == ["FAILED"]
    finally:
        emr.close()
        if again is not None:
            again.close()
        sqs.close()
        events.close()
