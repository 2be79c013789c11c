"""Clusters and steps as EMR's answers describe them. Pure: the caller holds the lock."""

from collections.abc import Mapping
from typing import Any

from sparkdrop_local.emr.ec2.hours import count_normalized_hours
from sparkdrop_local.emr.ec2.records import Cluster, Step, Timeline
from sparkdrop_local.emr.releases import find_version

# what a cluster's description repeats of its request, as it was
_ECHOED = (
    "AutoScalingRole", "CustomAmiId", "EbsRootVolumeIops", "EbsRootVolumeSize", "EbsRootVolumeThroughput",
    "ExtendedSupport", "LogEncryptionKmsKeyId", "MonitoringConfiguration", "OSReleaseLabel", "ReleaseLabel",
    "RepoUpgradeOnBoot", "SecurityConfiguration", "ServiceRole", "SessionEnabled",
)  # fmt: skip
_ECHOED_EC2 = (
    "AdditionalMasterSecurityGroups", "AdditionalSlaveSecurityGroups", "Ec2KeyName", "Ec2SubnetId",
    "EmrManagedMasterSecurityGroup", "EmrManagedSlaveSecurityGroup", "ServiceAccessSecurityGroup",
)  # fmt: skip


def build_cluster_summary(cluster: Cluster, *, now: float) -> dict[str, Any]:
    """Describe a cluster as ListClusters does."""
    return {
        "Id": cluster.id,
        "Name": cluster.name,
        "Status": {
            "State": cluster.state,
            "StateChangeReason": {"Code": cluster.code, "Message": cluster.message},
            "Timeline": build_timeline(cluster.timeline, "ReadyDateTime"),
            "ErrorDetails": cluster.error_details or None,
        },
        "NormalizedInstanceHours": count_normalized_hours(cluster, now=now),
        "ClusterArn": cluster.arn,
    }


def build_cluster(cluster: Cluster, *, now: float) -> dict[str, Any]:
    """Describe a cluster as DescribeCluster does."""
    request = cluster.request
    instances = request["Instances"]
    subnets = instances.get("Ec2SubnetIds") or [
        instances[key] for key in ("Ec2SubnetId",) if key in instances
    ]
    zone = (instances.get("Placement") or {}).get("AvailabilityZone")
    return {
        **build_cluster_summary(cluster, now=now),
        **{name: request.get(name) for name in _ECHOED},
        "Ec2InstanceAttributes": {
            **{name: instances.get(name) for name in _ECHOED_EC2},
            "Ec2AvailabilityZone": zone or f"{cluster.arn.split(':')[3]}a",
            "Ec2SubnetId": subnets[0] if subnets else None,
            "RequestedEc2SubnetIds": subnets,
            "RequestedEc2AvailabilityZones": [zone] if zone else [],
            "IamInstanceProfile": request.get("JobFlowRole"),
        },
        "InstanceCollectionType": "INSTANCE_FLEET" if cluster.uses_fleets else "INSTANCE_GROUP",
        "KerberosAttributes": _hide_passwords(request.get("KerberosAttributes")),
        "LogUri": cluster.log_uri,
        "RequestedAmiVersion": request.get("AmiVersion"),
        "RunningAmiVersion": request.get("AmiVersion"),
        "ScaleDownBehavior": request.get("ScaleDownBehavior", "TERMINATE_AT_TASK_COMPLETION"),
        "AutoTerminate": not cluster.keep_alive,
        "TerminationProtected": cluster.protected,
        "UnhealthyNodeReplacement": cluster.unhealthy_node_replacement,
        "VisibleToAllUsers": request.get("VisibleToAllUsers", True),
        "Applications": _build_applications(request),
        "Configurations": request.get("Configurations", []),
        "Tags": [{"Key": key, "Value": value} for key, value in cluster.tags.items()],
        "MasterPublicDnsName": "localhost" if cluster.timeline.ready is not None else None,
        "StepConcurrencyLevel": cluster.concurrency,
        "PlacementGroups": request.get("PlacementGroupConfigs", []),
    }


def _build_applications(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Describe the applications, with their versions where those are known; old AMIs call them products."""
    label = request.get("ReleaseLabel", "")
    products = [{"Name": name} for name in request.get("SupportedProducts", ())]
    applications = (*request.get("Applications", ()), *request.get("NewSupportedProducts", ()), *products)
    return [{"Version": find_version(label, one.get("Name", "")), **one} for one in applications]


def _hide_passwords(attributes: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if attributes is None:
        return None
    return {name: "********" if name.endswith("Password") else value for name, value in attributes.items()}


def build_step_summary(cluster: Cluster, step: Step) -> dict[str, Any]:
    """Describe a step as ListSteps does."""
    config = step.config
    status: dict[str, Any] = {
        "State": step.state,
        "StateChangeReason": {},
        "Timeline": build_timeline(step.timeline, "StartDateTime"),
    }
    if step.failure is not None:
        failure = step.failure
        status["FailureDetails"] = {
            "Reason": failure.reason,
            "Message": failure.message or None,
            "LogFile": failure.log_file,
        }
    return {
        "Id": step.id,
        "Name": step.name,
        "Config": {
            "Jar": config["Jar"],
            "Properties": {
                pair.get("Key", ""): pair.get("Value", "") for pair in config.get("Properties") or ()
            },
            "MainClass": config.get("MainClass"),
            "Args": list(config.get("Args") or ()),
        },
        "ActionOnFailure": step.action_on_failure,
        "Status": status,
        "LogUri": cluster.log_uri,
    }


def build_step(cluster: Cluster, step: Step) -> dict[str, Any]:
    """Describe a step as DescribeStep does."""
    return {**build_step_summary(cluster, step), "ExecutionRoleArn": step.execution_role}


def build_timeline(timeline: Timeline, ready_name: str) -> dict[str, float | None]:
    """Describe a timeline; JSON 1.1 writes times as seconds since the epoch, EMR's with three decimals."""
    return {
        "CreationDateTime": round(timeline.created, 3),
        ready_name: None if timeline.ready is None else round(timeline.ready, 3),
        "EndDateTime": None if timeline.ended is None else round(timeline.ended, 3),
    }
