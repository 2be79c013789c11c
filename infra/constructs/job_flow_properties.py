"""From RunJobFlow's arguments to the properties of ``AWS::EMR::Cluster``, key by key.

Most keys have one name in both; groups, fleets and configurations do not. A key that is not listed here is
refused, so that nothing which a pipeline's cluster has is missing in CloudFormation's without a word.

https://docs.aws.amazon.com/emr/latest/APIReference/API_RunJobFlow.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-emr-cluster.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
from aws_cdk.aws_emr import CfnCluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Rule = tuple[str, Callable[[Any], Any]]


class UntranslatedKeyError(ValueError):
    """RunJobFlow was asked for what this module has no property for."""


def translate_job_flow(request: Mapping[str, Any]) -> dict[str, Any]:
    """Translate RunJobFlow's arguments into CfnCluster's.

    Raises:
        UntranslatedKeyError: A key, or a second group or fleet of a kind that CloudFormation takes one of.
    """
    return _translate("RunJobFlow", request, _JOB_FLOW)


def _translate(where: str, given: Mapping[str, Any], rules: Mapping[str, Rule]) -> dict[str, Any]:
    unknown = sorted(given.keys() - rules.keys())
    if unknown:
        raise UntranslatedKeyError(
            f"{where}: {', '.join(unknown)}: no property of AWS::EMR::Cluster is known"
        )
    return {rules[key][0]: rules[key][1](value) for key, value in given.items()}


def _same(*keys: str) -> dict[str, Rule]:
    """Rules of plain values: CDK writes InstanceType as instance_type."""
    return {key: (re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).lower(), lambda value: value) for key in keys}


def _one(build: Callable[..., Any], rules: Mapping[str, Rule]) -> Callable[[Mapping[str, Any]], Any]:
    return lambda given: build(**_translate(build.__name__, given, rules))


def _each(build: Callable[[Any], Any]) -> Callable[[Iterable[Any]], list[Any]]:
    return lambda given: [build(one) for one in given]


def _build_configuration(given: Mapping[str, Any]) -> CfnCluster.ConfigurationProperty:
    return _one(CfnCluster.ConfigurationProperty, _CONFIGURATION)(given)  # type: ignore[no-any-return]


_CONFIGURATIONS: Rule = ("configurations", _each(_build_configuration))
_CONFIGURATION = {
    **_same("Classification"),
    "Properties": ("configuration_properties", dict),
    "Configurations": _CONFIGURATIONS,
}
_VOLUMES = _one(
    CfnCluster.EbsConfigurationProperty,
    {
        **_same("EbsOptimized"),
        "EbsBlockDeviceConfigs": (
            "ebs_block_device_configs",
            _each(
                _one(
                    CfnCluster.EbsBlockDeviceConfigProperty,
                    {
                        **_same("VolumesPerInstance"),
                        "VolumeSpecification": (
                            "volume_specification",
                            _one(
                                CfnCluster.VolumeSpecificationProperty,
                                {
                                    **_same("VolumeType", "Iops", "Throughput"),
                                    "SizeInGB": ("size_in_gb", int),
                                },
                            ),
                        ),
                    },
                )
            ),
        ),
    },
)
_NODES: dict[str, Rule] = {
    **_same("InstanceType", "BidPrice", "CustomAmiId"),
    "Configurations": _CONFIGURATIONS,
    "EbsConfiguration": ("ebs_configuration", _VOLUMES),
}
_GROUP = _one(CfnCluster.InstanceGroupConfigProperty, {**_NODES, **_same("Name", "InstanceCount", "Market")})
_FLEET = _one(
    CfnCluster.InstanceFleetConfigProperty,
    {
        **_same("Name", "TargetOnDemandCapacity", "TargetSpotCapacity"),
        "InstanceTypeConfigs": (
            "instance_type_configs",
            _each(
                _one(
                    CfnCluster.InstanceTypeConfigProperty,
                    {
                        **_NODES,
                        **_same("WeightedCapacity", "BidPriceAsPercentageOfOnDemandPrice", "Priority"),
                    },
                )
            ),
        ),
        "LaunchSpecifications": (
            "launch_specifications",
            _one(
                CfnCluster.InstanceFleetProvisioningSpecificationsProperty,
                {
                    "OnDemandSpecification": (
                        "on_demand_specification",
                        _one(
                            CfnCluster.OnDemandProvisioningSpecificationProperty,
                            _same("AllocationStrategy"),
                        ),
                    ),
                    "SpotSpecification": (
                        "spot_specification",
                        _one(
                            CfnCluster.SpotProvisioningSpecificationProperty,
                            _same(
                                "TimeoutDurationMinutes",
                                "TimeoutAction",
                                "BlockDurationMinutes",
                                "AllocationStrategy",
                            ),
                        ),
                    ),
                },
            ),
        ),
    },
)


def _sort_nodes(
    kind: str, role_key: str, build: Callable[[Mapping[str, Any]], Any]
) -> Callable[[Iterable[Mapping[str, Any]]], dict[str, Any]]:
    """RunJobFlow lists groups (fleets) with their roles; CloudFormation has a property a role."""

    def sort(listed: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for one in listed:
            role = one[role_key].lower()
            nodes = build({key: value for key, value in one.items() if key != role_key})
            if role == "task":
                found.setdefault(f"task_{kind}s", []).append(nodes)
            elif f"{role}_{kind}" in found:
                raise UntranslatedKeyError(f"{kind}: two of role {one[role_key]}")
            else:
                found[f"{role}_{kind}"] = nodes
        return found

    return sort


def _build_instances(given: Mapping[str, Any]) -> CfnCluster.JobFlowInstancesConfigProperty:
    translated = _translate("Instances", given, _INSTANCES)
    for kind in ("instance_groups", "instance_fleets"):
        translated |= translated.pop(kind, {})
    return CfnCluster.JobFlowInstancesConfigProperty(**translated)


_INSTANCES: dict[str, Rule] = {
    **_same(
        "KeepJobFlowAliveWhenNoSteps",
        "TerminationProtected",
        "Ec2SubnetId",
        "Ec2SubnetIds",
        "EmrManagedMasterSecurityGroup",
        "EmrManagedSlaveSecurityGroup",
        "ServiceAccessSecurityGroup",
    ),
    "InstanceGroups": ("instance_groups", _sort_nodes("instance_group", "InstanceRole", _GROUP)),
    "InstanceFleets": ("instance_fleets", _sort_nodes("instance_fleet", "InstanceFleetType", _FLEET)),
}
_JOB_FLOW: dict[str, Rule] = {
    **_same(
        "Name",
        "ReleaseLabel",
        "LogUri",
        "ServiceRole",
        "JobFlowRole",
        "SecurityConfiguration",
        "StepConcurrencyLevel",
        "VisibleToAllUsers",
    ),
    "Applications": ("applications", _each(_one(CfnCluster.ApplicationProperty, _same("Name")))),
    "AutoTerminationPolicy": (
        "auto_termination_policy",
        _one(CfnCluster.AutoTerminationPolicyProperty, _same("IdleTimeout")),
    ),
    "Configurations": _CONFIGURATIONS,
    "Instances": ("instances", _build_instances),
    "Tags": ("tags", _each(lambda tag: cdk.CfnTag(key=tag["Key"], value=tag["Value"]))),
}
