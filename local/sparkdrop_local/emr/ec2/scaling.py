"""Scaling policies: what EMR refuses of them. Pure.

They are kept and told; nothing scales by them, as this machine has no workload metrics of a cluster.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sparkdrop_local.emr.ec2.nodes import Collection
from sparkdrop_local.emr.errors import validation

_FLEET_UNITS = "InstanceFleetUnits"


def check_managed_scaling(policy: Mapping[str, Any], *, uses_fleets: bool) -> None:
    """Check a ManagedScalingPolicy's limits, or raise ValidationException.

    Rules: https://docs.aws.amazon.com/emr/latest/APIReference/API_ComputeLimits.html; EMR's wording of them
    is not public.
    """
    limits = policy.get("ComputeLimits")
    if not limits:
        raise validation("ComputeLimits must be specified in the managed scaling policy.")
    if uses_fleets != (limits["UnitType"] == _FLEET_UNITS):
        kind = "fleets" if uses_fleets else "groups"
        raise validation(
            f"UnitType {limits['UnitType']} is not valid for a cluster that uses instance {kind}."
        )
    low, high = limits["MinimumCapacityUnits"], limits["MaximumCapacityUnits"]
    if low < 1 or low > high:
        raise validation(
            f"MinimumCapacityUnits must be greater than 0 and at most MaximumCapacityUnits {high}, not {low}."
        )
    for name in ("MaximumOnDemandCapacityUnits", "MaximumCoreCapacityUnits"):
        if not 0 <= limits.get(name, 0) <= high:
            raise validation(f"{name} must be from 0 to MaximumCapacityUnits {high}, not {limits[name]}.")


def check_scaling_policies(collections: Iterable[Collection], request: Mapping[str, Any]) -> None:
    """Check the AutoScalingPolicies of a RunJobFlow's groups, or raise ValidationException."""
    for collection in collections:
        if collection.scaling_policy is not None:
            check_scaling_policy(collection, collection.scaling_policy, request.get("AutoScalingRole"))


def check_scaling_policy(collection: Collection, policy: Mapping[str, Any], role: str | None) -> None:
    """Check an AutoScalingPolicy for a group of a cluster with this AutoScalingRole, or raise as above.

    https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-automatic-scaling.html
    """
    if collection.role == "MASTER":
        raise validation("An automatic scaling policy cannot be attached to the master instance group.")
    if not role:
        raise validation("An automatic scaling policy needs a cluster with an AutoScalingRole.")
    low, high = policy["Constraints"]["MinCapacity"], policy["Constraints"]["MaxCapacity"]
    if low < 0 or low > high:
        raise validation(f"MinCapacity must be from 0 to MaxCapacity {high}, not {low}.")
    names = [rule["Name"] for rule in policy["Rules"]]
    if not names or len(names) != len(set(names)):
        raise validation("An automatic scaling policy needs rules, each with a name of its own.")
