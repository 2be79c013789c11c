"""Instance groups and fleets of a cluster that is up: resized, configured anew, lost to the Spot market."""

from sparkdrop_local.emr import Delays
from sparkdrop_local.emr.ec2.provisioning import build_collections
from sparkdrop_local.emr.ec2.records import Cluster, Step, Timeline
from sparkdrop_local.emr.ec2.steps import build_task
from sparkdrop_local.emr.faults import Fault, FaultKind
from sparkdrop_local.emr.jobs.configurations import read_configurations
from tests.local.emr.calls import error_of
from tests.local.emr.hardware import (
    fleet,
    fleets_of,
    group,
    groups_of,
    instances_of,
    run_fleets,
    run_groups,
    states_of,
)

RESIZING_SECONDS = 180


def test_a_fleet_is_filled_by_weight_and_resized(slow):
    cluster = run_fleets(slow, fleet("MASTER", 0, 1), fleet("CORE", 5, 4, weight=2))
    slow.step_clock(120)
    _, core = fleets_of(slow, cluster)
    # 3 x 2 units are more than 5, and two would be too few
    assert (core["ProvisionedOnDemandCapacity"], core["ProvisionedSpotCapacity"]) == (6, 4)
    spot = instances_of(slow, cluster, InstanceFleetType="MASTER")
    assert [one["Market"] for one in spot] == ["SPOT"]
    change = {"InstanceFleetId": core["Id"], "TargetOnDemandCapacity": 2, "TargetSpotCapacity": 8}
    slow.client.modify_instance_fleet(ClusterId=cluster, InstanceFleet=change)
    _, core = fleets_of(slow, cluster)
    assert (core["Status"]["State"], core["ProvisionedOnDemandCapacity"]) == ("RESIZING", 6)
    slow.step_clock(RESIZING_SECONDS)
    _, core = fleets_of(slow, cluster)
    assert core["Status"]["State"] == "RUNNING"
    assert (core["ProvisionedOnDemandCapacity"], core["ProvisionedSpotCapacity"]) == (2, 8)
    task = fleet("TASK", 1, 0)
    added = slow.client.add_instance_fleet(ClusterId=cluster, InstanceFleet=task)["InstanceFleetId"]
    assert fleets_of(slow, cluster)[2]["Status"]["State"] == "PROVISIONING"
    slow.step_clock(RESIZING_SECONDS)
    (one,) = instances_of(slow, cluster, InstanceFleetId=added, InstanceStates=["RUNNING"])
    assert one["InstanceFleetId"] == added


def test_a_group_is_resized_in_its_time(slow):
    cluster = run_groups(slow, group("MASTER", 1), group("CORE", 2))
    slow.step_clock(120)
    core = groups_of(slow, cluster)[1]["Id"]
    slow.client.modify_instance_groups(InstanceGroups=[{"InstanceGroupId": core, "InstanceCount": 4}])
    status = groups_of(slow, cluster)[1]
    assert (status["Status"]["State"], status["RunningInstanceCount"]) == ("RESIZING", 2)
    slow.step_clock(RESIZING_SECONDS - 1)
    assert groups_of(slow, cluster)[1]["RunningInstanceCount"] == 2
    slow.step_clock(1)
    status = groups_of(slow, cluster)[1]
    assert (status["Status"]["State"], status["RunningInstanceCount"]) == ("RUNNING", 4)


def test_a_shrinking_group_loses_whom_it_is_told_to(slow):
    cluster = run_groups(slow, group("MASTER", 1), group("CORE", 4))
    slow.step_clock(120)
    core = groups_of(slow, cluster)[1]["Id"]
    before = [one["Ec2InstanceId"] for one in instances_of(slow, cluster, InstanceGroupId=core)]
    resize = {"InstancesToTerminate": before[:1], "InstancesToProtect": before[3:]}
    change = {"InstanceGroupId": core, "InstanceCount": 2, "ShrinkPolicy": {"InstanceResizePolicy": resize}}
    slow.client.modify_instance_groups(ClusterId=cluster, InstanceGroups=[change])
    slow.step_clock(RESIZING_SECONDS)

    def left() -> list[str]:
        up = instances_of(slow, cluster, InstanceGroupId=core, InstanceStates=["RUNNING"])
        return [one["Ec2InstanceId"] for one in up]

    assert left() == [before[1], before[3]]
    change = {"InstanceGroupId": core, "EC2InstanceIdsToTerminate": before[1:2]}
    slow.client.modify_instance_groups(ClusterId=cluster, InstanceGroups=[change])
    slow.step_clock(RESIZING_SECONDS)
    assert left() == before[3:]
    assert groups_of(slow, cluster)[1]["RequestedInstanceCount"] == 1
    change = {"InstanceGroupId": core, "EC2InstanceIdsToTerminate": before[3:]}
    _, message = error_of(slow.client.modify_instance_groups, ClusterId=cluster, InstanceGroups=[change])
    assert "core instance group must not be 0" in message
    change = {"InstanceGroupId": core, "InstanceCount": 1, "EC2InstanceIdsToTerminate": before[3:]}
    slow.client.modify_instance_groups(ClusterId=cluster, InstanceGroups=[change])
    slow.step_clock(RESIZING_SECONDS)
    (replaced,) = left()
    assert replaced not in before


def test_a_group_is_configured_anew(slow):
    old = [{"Classification": "spark-defaults", "Properties": {"spark.a": "1", "spark.b": "1"}}]
    cluster = run_groups(slow, group("MASTER", 1, Configurations=old))
    slow.step_clock(120)
    (master,) = groups_of(slow, cluster)
    new = [{"Classification": "spark-defaults", "Properties": {"spark.b": "2"}}]
    change = {"InstanceGroupId": master["Id"], "ReconfigurationType": "MERGE", "Configurations": new}
    slow.client.modify_instance_groups(ClusterId=cluster, InstanceGroups=[change])
    (master,) = groups_of(slow, cluster)
    assert (master["Status"]["State"], master["ConfigurationsVersion"]) == ("RECONFIGURING", 1)
    assert master["LastSuccessfullyAppliedConfigurations"] == old
    slow.step_clock(RESIZING_SECONDS)
    (master,) = groups_of(slow, cluster)
    assert master["LastSuccessfullyAppliedConfigurationsVersion"] == 1
    (applied,) = master["LastSuccessfullyAppliedConfigurations"]
    assert applied["Properties"] == {"spark.a": "1", "spark.b": "2"}


def test_lost_spot_instances_are_replaced(slow):
    slow.app.context.faults.add(Fault(kind=FaultKind.SPOT_INTERRUPTION, match="spotty", seconds=30))
    cluster = run_groups(slow, group("MASTER", 1), group("CORE", 1), group("TASK", 2, "SPOT"), Name="spotty")
    slow.step_clock(120)
    slow.step_clock(29)
    assert states_of(slow, cluster) == ["RUNNING"] * 4
    slow.step_clock(1)
    task = groups_of(slow, cluster)[2]
    assert (task["Status"]["State"], task["RunningInstanceCount"]) == ("RESIZING", 0)
    assert states_of(slow, cluster) == ["RUNNING"] * 2 + ["TERMINATED"] * 2 + ["PROVISIONING"] * 2
    lost = instances_of(slow, cluster, InstanceStates=["TERMINATED"])[0]["Status"]
    assert lost["StateChangeReason"]["Code"] == "INSTANCE_FAILURE"
    slow.step_clock(RESIZING_SECONDS)
    assert groups_of(slow, cluster)[2]["RunningInstanceCount"] == 2
    assert slow.cluster(cluster)["Status"]["State"] == "WAITING"


def test_a_cluster_does_not_outlive_its_spot_master(stepped):
    stepped.app.context.faults.add(Fault(kind=FaultKind.SPOT_INTERRUPTION, match="spot-master", seconds=30))
    cluster = run_groups(stepped, group("MASTER", 1, "SPOT"), Name="spot-master")
    (step,) = stepped.add(cluster, stepped.bash("sleep 60"))
    stepped.wait_step(cluster, step, "RUNNING")
    stepped.step_clock(30)
    status = stepped.wait_cluster(cluster, "TERMINATED_WITH_ERRORS")
    assert status["StateChangeReason"]["Code"] == "INSTANCE_FAILURE"
    assert stepped.states(cluster) == ["INTERRUPTED"]


def test_a_resize_goes_on_after_a_restart(make_emr, tmp_path):
    delays = Delays(starting=0, bootstrapping=0, terminating=0, resizing=RESIZING_SECONDS)
    settings = {"state_file": tmp_path / "state", "delays": delays, "clock_rate": 0}
    emr = make_emr(scratch_dir=tmp_path / "one", **settings)
    again = None
    try:
        cluster = run_groups(emr, group("MASTER", 1), group("CORE", 1))
        before = instances_of(emr, cluster)
        change = {"InstanceGroupId": groups_of(emr, cluster)[1]["Id"], "InstanceCount": 2}
        emr.client.modify_instance_groups(InstanceGroups=[change])
        again = make_emr(scratch_dir=tmp_path / "two", **settings)
        assert groups_of(again, cluster)[1]["Status"]["State"] == "RESIZING"
        assert instances_of(again, cluster)[:2] == before
        again.step_clock(RESIZING_SECONDS)
        assert groups_of(again, cluster)[1]["RunningInstanceCount"] == 2
    finally:
        emr.close()
        if again is not None:
            again.close()


def test_a_step_is_configured_as_its_cluster_and_then_its_primary_node():
    own, masters, cores = (
        [{"Classification": "spark-defaults", "Properties": {"spark.a": text, f"spark.{text}": text}}]
        for text in ("own", "masters", "cores")
    )
    groups = [group("MASTER", 1, Configurations=masters), group("CORE", 1, Configurations=cores)]
    instances = {"InstanceGroups": groups}
    cluster = Cluster(
        request={"Name": "any", "Instances": instances, "Configurations": own},
        arn="arn",
        id="j-1",
        keep_alive=True,
        protected=False,
        concurrency=1,
        idle_timeout=None,
        tags={},
        timeline=Timeline(0.0),
        collections={one.id: one for one in build_collections(instances, now=0.0)},
    )
    jar = {"Jar": "command-runner.jar", "Args": ["true"]}
    step = Step(name="any", config=jar, action_on_failure="CONTINUE", timeline=Timeline(0.0))
    cluster.add_step(step)
    assert read_configurations(build_task(cluster, step).configurations).spark == {
        "spark.a": "masters",
        "spark.own": "own",
        "spark.masters": "masters",
    }
