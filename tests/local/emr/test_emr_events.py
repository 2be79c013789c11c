"""EMR's events, as a rule of EventBridge and a queue behind it see them: each change once, in order."""

import json
import re

import pytest

from tests.local.emr.calls import NEEDED

TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d UTC"


@pytest.fixture(scope="module")
def queue(stepped):
    """A queue behind a rule for all of EMR's events."""
    sqs, events = stepped.make_client("sqs"), stepped.make_client("events")
    url = sqs.create_queue(QueueName="emr-events")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="emr", EventPattern=json.dumps({"source": ["aws.emr"]}))
    events.put_targets(Rule="emr", Targets=[{"Id": "queue", "Arn": arn}])
    yield sqs, url
    events.remove_targets(Rule="emr", Ids=["queue"])
    events.delete_rule(Name="emr")
    sqs.close()
    events.close()


@pytest.fixture
def follow(stepped, queue):
    """Give the events of a cluster, up to the one that has some state."""
    sqs, url = queue
    seen: list[dict] = []

    def follow(cluster: str, last: str) -> list[dict]:
        def is_told() -> bool:
            for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
                seen.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            return any(one["detail"]["state"] == last for one in mine())

        def mine() -> list[dict]:
            return [one for one in seen if one["detail"]["clusterId"] == cluster]

        stepped.until(is_told)
        return mine()

    return follow


def test_every_change_of_a_cluster_and_its_steps_is_told_once_and_in_order(stepped, follow):
    cluster = stepped.run(stepped.bash("exit 3", name="bad"), stepped.bash("true"), keep_alive=True)
    stepped.until(lambda: stepped.states(cluster) == ["FAILED", "COMPLETED"])
    stepped.wait_cluster(cluster, "WAITING")
    stepped.client.terminate_job_flows(JobFlowIds=[cluster])
    told = follow(cluster, "TERMINATED")
    kinds = {"EMR Cluster State Change": "cluster", "EMR Step Status Change": "step"}
    assert [(kinds[one["detail-type"]], one["detail"]["name"], one["detail"]["state"]) for one in told] == [
        ("cluster", "test", "STARTING"),
        ("step", "bad", "PENDING"),
        ("step", "step", "PENDING"),
        ("cluster", "test", "WAITING"),
        ("step", "bad", "RUNNING"),
        ("cluster", "test", "RUNNING"),
        ("step", "bad", "FAILED"),
        ("step", "step", "RUNNING"),
        ("step", "step", "COMPLETED"),
        ("cluster", "test", "WAITING"),
        ("cluster", "test", "TERMINATED"),
    ]
    assert {one["source"] for one in told} == {"aws.emr"}
    first, failed, done, last = told[0]["detail"], told[6]["detail"], told[8]["detail"], told[-1]["detail"]
    assert re.fullmatch(
        rf"Amazon EMR cluster {cluster} \(test\) was requested at {TIME} and is being created\.",
        first["message"],
    )
    assert (first["severity"], json.loads(first["stateChangeReason"])) == ("INFO", {"code": ""})
    step = failed["stepId"]
    assert re.fullmatch(
        rf"Step {step} \(bad\) in Amazon EMR cluster {cluster} \(test\) failed at {TIME}\.", failed["message"]
    )
    assert (failed["severity"], failed["actionOnFailure"]) == ("ERROR", "CONTINUE")
    assert re.search(
        rf"completed execution at {TIME}\. The step started running at {TIME} and took 0 minutes to "
        r"complete\.$",
        done["message"],
    )
    assert last["stateChangeReason"] == '{"code":"USER_REQUEST","message":"Terminated by user request"}'
    assert re.fullmatch(
        rf"Amazon EMR Cluster {cluster} \(test\) has terminated at {TIME} with a reason of USER_REQUEST\.",
        last["message"],
    )
    assert last["severity"] == "INFO"


@pytest.mark.parametrize(
    ("action", "state"), [("TERMINATE_CLUSTER", "TERMINATED_WITH_ERRORS"), ("CONTINUE", "TERMINATED")]
)
def test_a_bad_end_is_critical(stepped, follow, action, state):
    cluster = stepped.run(stepped.bash("exit 3", action=action), keep_alive=False)
    detail = follow(cluster, state)[-1]["detail"]
    assert detail["severity"] == "CRITICAL"
    assert detail["message"].endswith("with a reason of STEP_FAILURE.")


def test_a_resize_of_a_group_is_told(stepped, follow):
    core = {"InstanceRole": "CORE", "InstanceType": "m5.xlarge", "InstanceCount": 1}
    master = {"InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1}
    cluster = stepped.run(instances={"InstanceGroups": [master, core]})
    group = stepped.client.list_instance_groups(ClusterId=cluster)["InstanceGroups"][1]["Id"]
    change = {"InstanceGroupId": group, "InstanceCount": 2}
    stepped.client.modify_instance_groups(ClusterId=cluster, InstanceGroups=[change])
    stepped.client.terminate_job_flows(JobFlowIds=[cluster])
    told = [
        one["detail"]
        for one in follow(cluster, "TERMINATED")
        if one["detail-type"].startswith("EMR Instance")
    ]
    numbers = [(one["state"], one["requestedInstanceCount"], one["runningInstanceCount"]) for one in told]
    assert numbers == [("RESIZING", "2", "1"), ("RUNNING", "2", "2")]
    assert {(one["instanceGroupId"], one["instanceGroupType"], one["market"]) for one in told} == {
        (group, "CORE", "ON_DEMAND")
    }
    place = rf"instance group {group} in Amazon EMR cluster {cluster} \(test\)"
    assert re.fullmatch(
        rf"A resize for {place} started at {TIME}\. It is resizing from an instance count of 1 to 2\.",
        told[0]["message"],
    )
    assert re.fullmatch(
        rf"The resizing operation for {place} is complete\. It now has an instance count of 2\. The resize "
        rf"started at {TIME} and took 0 minutes to complete\.",
        told[1]["message"],
    )


def test_a_fleet_that_comes_up_is_told(stepped, follow):
    types = [{"InstanceType": "m5.xlarge"}]
    fleet = {"InstanceFleetType": "MASTER", "TargetOnDemandCapacity": 1, "InstanceTypeConfigs": types}
    cluster = stepped.client.run_job_flow(Name="fleets", Instances={"InstanceFleets": [fleet]}, **NEEDED)[
        "JobFlowId"
    ]
    kinds = [one["detail-type"] for one in follow(cluster, "TERMINATED")]
    assert kinds.count("EMR Instance Fleet State Change") == 1
    (told,) = [one for one in follow(cluster, "TERMINATED") if "Fleet" in one["detail-type"]]
    detail = told["detail"]
    assert (detail["state"], detail["provisionedOnDemandCapacity"], detail["targetSpotCapacity"]) == (
        "RUNNING",
        "1",
        "0",
    )
    assert detail["message"].startswith(
        f"Provisioning for instance fleet {detail['instanceFleetId']} in Amazon"
    )
