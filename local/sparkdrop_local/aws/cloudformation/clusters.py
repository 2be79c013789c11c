"""EMR: clusters, which really come up, and security configurations."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sparkdrop_local.aws.cloudformation.kinds import Kind, Made, Properties, Target, make_tag_setter, pick

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sparkdrop_local.aws.clients import Clients

# RunJobFlow calls them what a template calls them.
_SAME = (
    "Applications",
    "AutoTerminationPolicy",
    "EbsRootVolumeSize",
    "JobFlowRole",
    "LogUri",
    "ManagedScalingPolicy",
    "Name",
    "OSReleaseLabel",
    "ReleaseLabel",
    "ScaleDownBehavior",
    "SecurityConfiguration",
    "ServiceRole",
    "StepConcurrencyLevel",
    "Tags",
    "VisibleToAllUsers",
)
_GROUPS = {"MasterInstanceGroup": "MASTER", "CoreInstanceGroup": "CORE"}


def to_run_job_flow(properties: Properties) -> dict[str, Any]:
    """``AWS::EMR::Cluster`` as RunJobFlow takes it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-emr-cluster.html
    """
    instances = dict(properties["Instances"])
    groups = [
        {**_to_group(instances.pop(name)), "InstanceRole": role}
        for name, role in _GROUPS.items()
        if name in instances
    ]
    groups += [
        {**_to_group(group), "InstanceRole": "TASK"} for group in instances.pop("TaskInstanceGroups", ())
    ]
    return {
        **pick(properties, *_SAME),
        "Instances": {**instances, "InstanceGroups": groups},
        "Configurations": [_to_configuration(one) for one in properties.get("Configurations", ())],
        "BootstrapActions": list(properties.get("BootstrapActions", ())),
    }


def _to_group(group: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **group,
        **(
            {"Configurations": [_to_configuration(one) for one in group["Configurations"]]}
            if "Configurations" in group
            else {}
        ),
    }


def _to_configuration(one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **pick(one, "Classification"),
        "Properties": dict(one.get("ConfigurationProperties", {})),
        "Configurations": [_to_configuration(inner) for inner in one.get("Configurations", ())],
    }


def _make_cluster(clients: Clients, _: str, properties: Properties) -> Made:
    cluster = clients("emr").run_job_flow(**to_run_job_flow(properties))["JobFlowId"]
    return Made(cluster, {"Id": cluster, "MasterPublicDNS": "ip-127-0-0-1.ec2.internal"})


def _remove_cluster(clients: Clients, cluster: str, _: Properties) -> None:
    clients("emr").terminate_job_flows(JobFlowIds=[cluster])


def _make_configuration(clients: Clients, name: str, properties: Properties) -> Made:
    clients("emr").create_security_configuration(
        Name=name, SecurityConfiguration=json.dumps(properties["SecurityConfiguration"])
    )
    return Made(name)


def _remove_configuration(clients: Clients, name: str, _: Properties) -> None:
    clients("emr").delete_security_configuration(Name=name)


def _set_idle_timeout(target: Target) -> None:
    emr, cluster = target.clients("emr"), target.physical_id
    if (policy := target.properties.get("AutoTerminationPolicy")) is None:
        emr.remove_auto_termination_policy(ClusterId=cluster)
    else:
        emr.put_auto_termination_policy(ClusterId=cluster, AutoTerminationPolicy=policy)


KINDS = {
    "AWS::EMR::Cluster": Kind(
        make=_make_cluster,
        remove=_remove_cluster,
        made_with=frozenset({*_SAME, "BootstrapActions", "Configurations", "Instances"})
        - {"AutoTerminationPolicy", "Tags"},
        setters={
            "AutoTerminationPolicy": _set_idle_timeout,
            "Tags": make_tag_setter(
                lambda target, tags: target.clients("emr").add_tags(
                    ResourceId=target.physical_id,
                    Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
                ),
                lambda target, keys: target.clients("emr").remove_tags(
                    ResourceId=target.physical_id, TagKeys=keys
                ),
            ),
        },
    ),
    "AWS::EMR::SecurityConfiguration": Kind(
        make=_make_configuration,
        remove=_remove_configuration,
        made_with=frozenset({"SecurityConfiguration"}),
        name_property="Name",
    ),
}
