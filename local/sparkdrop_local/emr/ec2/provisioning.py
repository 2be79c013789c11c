"""From what RunJobFlow asks for to instance groups, instance fleets and instances. Pure.

https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-cluster-instance-group-configuration.html
"""

import string
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sparkdrop_local.emr.ec2.nodes import ON_DEMAND, SPOT, Collection, Instance, make_ec2_id
from sparkdrop_local.emr.ec2.records import Timeline, make_id
from sparkdrop_local.emr.errors import validation

_MAX_TASK_GROUPS = 48
# https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-instance-fleet.html
MAX_INSTANCES = 4_000
# one primary node, or three of a highly available cluster
_MASTER_COUNTS = (1, 3)
AGAIN = "Revise the configuration and resubmit."
NO_MASTER = {
    "group": "Zero master instance groups supplied, you must specify exactly one master instance group",
    "fleet": "No master instance fleets were supplied; you must specify exactly one master instance fleet. "
    + AGAIN,
}
_DEVICE = "/dev/sd{letter}"


def build_collections(instances: Mapping[str, Any], *, now: float) -> list[Collection]:
    """Make the collections of a RunJobFlow's Instances, in the order in which they were asked for.

    Raises:
        EmrError: ValidationException for what makes no cluster.
    """
    if fleets := instances.get("InstanceFleets"):
        made = [build_fleet(fleet, now=now) for fleet in fleets]
    else:
        groups = instances.get("InstanceGroups") or _short_form(instances)
        made = [build_group(group, now=now) for group in groups]
    check_roles(made)
    roles = {collection.role for collection in made}
    if "TASK" in roles and "CORE" not in roles:
        what = "instance fleets" if made[0].is_fleet else "nodes"
        raise validation(f"Clusters with task {what} must also define core {what}.")
    return made


def check_roles(collections: Sequence[Collection]) -> None:
    """Check how many collections of each role a cluster has, or raise ValidationException."""
    roles = Counter(collection.role for collection in collections)
    kind = "fleet" if collections and collections[0].is_fleet else "group"
    for role in ("MASTER", "CORE") if kind == "group" else ("MASTER", "CORE", "TASK"):
        if roles[role] > 1:
            one = f"{role.lower()} instance {kind}"
            raise validation(f"Multiple {one}s supplied, you must specify exactly one {one}")
    if not roles["MASTER"]:
        raise validation(NO_MASTER[kind])
    if roles["TASK"] > _MAX_TASK_GROUPS:
        raise validation(f"At most {_MAX_TASK_GROUPS} task instance groups may be specified.")


def build_group(config: Mapping[str, Any], *, now: float) -> Collection:
    """Make an instance group.

    Raises:
        EmrError: ValidationException for a count that its role does not have.
    """
    role, count = config["InstanceRole"], int(config["InstanceCount"])
    if role == "MASTER" and count not in _MASTER_COUNTS:
        raise validation("A master instance group must specify a single instance")
    if count < (0 if role == "TASK" else 1):
        raise validation("An instance group must have at least one instance")
    configurations = list(config.get("Configurations") or ())
    return _begin(
        Collection(
            config=config,
            is_fleet=False,
            id=make_id("ig-"),
            targets={config.get("Market") or ON_DEMAND: count},
            timeline=Timeline(now),
            since=now,
            configurations=configurations,
            applied=configurations,
            scaling_policy=config.get("AutoScalingPolicy"),
        ),
        now,
    )


def build_fleet(config: Mapping[str, Any], *, now: float) -> Collection:
    """Make an instance fleet.

    Raises:
        EmrError: ValidationException for one without instance types, or with targets that its role does not
            have.
    """
    role = config["InstanceFleetType"]
    targets = {
        ON_DEMAND: int(config.get("TargetOnDemandCapacity") or 0),
        SPOT: int(config.get("TargetSpotCapacity") or 0),
    }
    if role == "MASTER" and sorted(targets.values()) != [0, 1]:
        raise validation(f"A master instance fleet can only have a target capacity of 1. {AGAIN}")
    check_targets(role, config.get("Name"), targets)
    if not config.get("InstanceTypeConfigs"):
        raise validation(f"The {role} instance fleet must specify at least one instance type.")
    configurations = list(config["InstanceTypeConfigs"][0].get("Configurations") or ())
    return _begin(
        Collection(
            config=config,
            is_fleet=True,
            id=make_id("if-"),
            targets=targets,
            timeline=Timeline(now),
            since=now,
            configurations=configurations,
            applied=configurations,
        ),
        now,
    )


def check_targets(role: str, name: str | None, targets: Mapping[str, int]) -> None:
    """Check a fleet's targets, or raise ValidationException."""
    if any(units < 0 for units in targets.values()) or (role != "TASK" and not any(targets.values())):
        raise validation(
            f"The instance fleet ({name or 'null'}) should have a value of one or greater for either "
            "targetOnDemandCapacity or targetSpotCapacity."
        )


def build_missing(collection: Collection, *, now: float) -> list[Instance]:
    """Make the instances that a collection lacks, of its first instance type: capacity never ends here.

    A fleet is filled until its target is reached, even if that exceeds it:
    https://docs.aws.amazon.com/emr/latest/APIReference/API_InstanceFleet.html

    Raises:
        EmrError: ValidationException for more than EMR provisions.
    """
    made = []
    for market, target in collection.targets.items():
        units = sum(one.weight for one in collection.staying() if one.market == market)
        while units < target:
            instance = _build_instance(collection, market, now)
            units += instance.weight
            made.append(instance)
            if len(made) > MAX_INSTANCES:
                raise validation(f"At most {MAX_INSTANCES} instances may be provisioned at once.")
    return made


def pick_surplus(collection: Collection, protected: Sequence[str] = ()) -> list[Instance]:
    """Pick the instances that a collection has too many: the newest first, none of the protected EC2 ids."""
    picked = []
    for market, target in collection.targets.items():
        staying = [one for one in collection.staying() if one.market == market]
        units = sum(one.weight for one in staying)
        for one in reversed(staying):
            if one.ec2_id not in protected and units - one.weight >= target:
                units -= one.weight
                picked.append(one)
    return picked


def ebs_devices(config: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """List the EBS volumes of a group's or an instance type's config: device and VolumeSpecification."""
    letters = iter(string.ascii_lowercase[1:])
    for block in (config.get("EbsConfiguration") or {}).get("EbsBlockDeviceConfigs") or ():
        for _ in range(block.get("VolumesPerInstance") or 1):
            letter = next(letters, None)
            if letter is None:
                raise validation("An instance may have at most 25 EBS volumes.")
            yield _DEVICE.format(letter=letter), block["VolumeSpecification"]


def _begin(collection: Collection, now: float) -> Collection:
    collection.instances = {one.id: one for one in build_missing(collection, now=now)}
    return collection


def _build_instance(collection: Collection, market: str, now: float) -> Instance:
    config = collection.config["InstanceTypeConfigs"][0] if collection.is_fleet else collection.config
    # a primary node is one unit, whatever its type weighs
    weight = config.get("WeightedCapacity") or 1 if collection.role != "MASTER" else 1
    return Instance(
        instance_type=config["InstanceType"],
        market=market,
        weight=int(weight),
        timeline=Timeline(now),
        volumes={device: make_ec2_id("vol-") for device, _ in ebs_devices(config)},
    )


def _short_form(instances: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Make groups of MasterInstanceType, SlaveInstanceType and InstanceCount."""
    master, count = instances["MasterInstanceType"], instances.get("InstanceCount", 1)
    if count < 1:
        raise validation("An instance group must have at least one instance")
    groups = [{"InstanceRole": "MASTER", "InstanceType": master, "InstanceCount": 1}]
    if count > 1:
        worker = instances.get("SlaveInstanceType") or master
        groups.append({"InstanceRole": "CORE", "InstanceType": worker, "InstanceCount": count - 1})
    return groups
