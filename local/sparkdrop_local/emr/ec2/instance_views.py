"""Instance groups, fleets and instances as EMR's answers describe them. Pure: the caller holds the lock."""

from collections.abc import Mapping
from typing import Any

from sparkdrop_local.emr.ec2.nodes import ON_DEMAND, SPOT, Collection, Instance
from sparkdrop_local.emr.ec2.provisioning import ebs_devices
from sparkdrop_local.emr.ec2.views import build_timeline

_HOST, _ADDRESS = "localhost", "127.0.0.1"
_TYPE_ECHOED = (
    "BidPrice", "BidPriceAsPercentageOfOnDemandPrice", "Configurations", "CustomAmiId", "InstanceType",
    "Priority",
)  # fmt: skip


def build_group(group: Collection) -> dict[str, Any]:
    """Describe an instance group as ListInstanceGroups does."""
    config = group.config
    return {
        "Id": group.id,
        "Name": group.name,
        "Market": next(iter(group.targets)),
        "InstanceGroupType": group.role,
        "BidPrice": config.get("BidPrice"),
        "InstanceType": config["InstanceType"],
        "RequestedInstanceCount": group.target,
        "RunningInstanceCount": group.provisioned(),
        "Status": _build_status(group),
        "Configurations": group.configurations,
        "ConfigurationsVersion": group.version,
        "LastSuccessfullyAppliedConfigurations": group.applied,
        "LastSuccessfullyAppliedConfigurationsVersion": group.applied_version,
        **_build_ebs(config),
        "ShrinkPolicy": dict(group.shrink_policy),
        "AutoScalingPolicy": group.scaling_policy and build_scaling_policy(group.scaling_policy),
        "CustomAmiId": config.get("CustomAmiId"),
    }


def build_fleet(fleet: Collection) -> dict[str, Any]:
    """Describe an instance fleet as ListInstanceFleets does."""
    config = fleet.config
    return {
        "Id": fleet.id,
        "Name": fleet.name,
        "Status": _build_status(fleet),
        "InstanceFleetType": fleet.role,
        "TargetOnDemandCapacity": fleet.targets[ON_DEMAND],
        "TargetSpotCapacity": fleet.targets[SPOT],
        "ProvisionedOnDemandCapacity": fleet.provisioned(ON_DEMAND),
        "ProvisionedSpotCapacity": fleet.provisioned(SPOT),
        "InstanceTypeSpecifications": [_build_type(one) for one in config["InstanceTypeConfigs"]],
        "LaunchSpecifications": config.get("LaunchSpecifications"),
        "ResizeSpecifications": config.get("ResizeSpecifications"),
        "Context": config.get("Context"),
    }


def build_instance(collection: Collection, instance: Instance) -> dict[str, Any]:
    """Describe an instance as ListInstances does."""
    return {
        "Id": instance.id,
        "Ec2InstanceId": instance.ec2_id,
        "PublicDnsName": _HOST,
        "PublicIpAddress": _ADDRESS,
        "PrivateDnsName": _HOST,
        "PrivateIpAddress": _ADDRESS,
        "Status": {
            "State": instance.state,
            "StateChangeReason": {"Code": instance.code, "Message": instance.message},
            "Timeline": build_timeline(instance.timeline, "ReadyDateTime"),
        },
        "InstanceFleetId" if collection.is_fleet else "InstanceGroupId": collection.id,
        "Market": instance.market,
        "InstanceType": instance.instance_type,
        "EbsVolumes": [{"Device": device, "VolumeId": name} for device, name in instance.volumes.items()],
    }


def build_scaling_policy(policy: Mapping[str, Any]) -> dict[str, Any]:
    """Describe an AutoScalingPolicy: it is attached, though there are no metrics that set off its rules."""
    status = {"State": "ATTACHED", "StateChangeReason": {"Code": "USER_REQUEST"}}
    return {"Status": status, "Constraints": policy["Constraints"], "Rules": policy["Rules"]}


def _build_status(collection: Collection) -> dict[str, Any]:
    return {
        "State": collection.state,
        "StateChangeReason": {"Code": collection.code, "Message": collection.message},
        "Timeline": build_timeline(collection.timeline, "ReadyDateTime"),
    }


def _build_type(config: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{name: config.get(name) for name in _TYPE_ECHOED},
        "WeightedCapacity": config.get("WeightedCapacity", 1),
        **_build_ebs(config),
    }


def _build_ebs(config: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "EbsBlockDevices": [
            {"VolumeSpecification": dict(specification), "Device": device}
            for device, specification in ebs_devices(config)
        ],
        "EbsOptimized": (config.get("EbsConfiguration") or {}).get("EbsOptimized"),
    }
