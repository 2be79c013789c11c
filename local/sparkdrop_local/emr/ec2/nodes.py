"""What the local EMR remembers of a cluster's instance groups, instance fleets and instances.

No machine is started: every instance is this one, so its addresses are the loopback's.
"""

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from sparkdrop_local.emr.ec2.records import Timeline, make_id
from sparkdrop_local.emr.ec2.words import CollectionState, InstanceState

ON_DEMAND, SPOT = "ON_DEMAND", "SPOT"
MARKETS = (ON_DEMAND, SPOT)


def make_ec2_id(prefix: str) -> str:
    """Make an id as EC2's look: a prefix and 17 hexadecimal digits."""
    return f"{prefix}{random.getrandbits(68):017x}"


@dataclass(slots=True, kw_only=True)
class Instance:
    """One instance; ``ready`` of its timeline is when it ran.

    Attributes:
        weight: the units of a fleet's capacity that it counts for; 1 in a group.
        volumes: the ids of its EBS volumes, by device.
    """

    instance_type: str
    market: str
    timeline: Timeline
    weight: int = 1
    volumes: dict[str, str] = field(default_factory=dict)
    id: str = field(default_factory=lambda: make_id("ci-"))
    ec2_id: str = field(default_factory=lambda: make_ec2_id("i-"))
    state: InstanceState = InstanceState.PROVISIONING
    code: str | None = None
    message: str | None = None

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Read what ``asdict`` wrote."""
        timeline, state = Timeline(**record["timeline"]), InstanceState(record["state"])
        return cls(**{**record, "timeline": timeline, "state": state})


@dataclass(slots=True, kw_only=True)
class Collection:
    """An instance group or an instance fleet, with its instances.

    Attributes:
        config: the InstanceGroupConfig or InstanceFleetConfig that made it.
        targets: the units that are asked for, by market; a group has one market.
        instances: all that it ever had, by id, oldest first.
        since: when it entered its state.
        due: when the change that it is in is done; None when it moves with its cluster, or rests.
        leaving: ids of the instances that are gone then.
        configurations: what it was last asked to be configured with; ``applied``: what it is configured with.
        version: of ``configurations``; ``applied_version`` of ``applied``.
        shrink_policy: as ModifyInstanceGroups gave it last.
        scaling_policy: the AutoScalingPolicy, as it was put.
    """

    config: Mapping[str, Any]
    is_fleet: bool
    id: str
    targets: dict[str, int]
    timeline: Timeline
    instances: dict[str, Instance] = field(default_factory=dict)
    state: CollectionState = CollectionState.PROVISIONING
    code: str | None = None
    message: str | None = None
    since: float = 0.0
    due: float | None = None
    leaving: list[str] = field(default_factory=list)
    configurations: list[dict[str, Any]] = field(default_factory=list)
    version: int = 0
    applied: list[dict[str, Any]] = field(default_factory=list)
    applied_version: int = 0
    shrink_policy: Mapping[str, Any] = field(default_factory=dict)
    scaling_policy: Mapping[str, Any] | None = None

    @property
    def role(self) -> str:
        """MASTER, CORE or TASK."""
        return str(self.config["InstanceFleetType" if self.is_fleet else "InstanceRole"])

    @property
    def name(self) -> str:
        """The name it was given, or its role."""
        return str(self.config.get("Name") or self.role.title())

    @property
    def target(self) -> int:
        """The units that are asked for, of both markets."""
        return sum(self.targets.values())

    @property
    def latest(self) -> float:
        """The time of its last change."""
        return max([self.since, *(one.timeline.latest for one in self.instances.values())])

    def alive(self) -> list[Instance]:
        """List the instances that are not gone."""
        return [one for one in self.instances.values() if one.state is not InstanceState.TERMINATED]

    def staying(self) -> list[Instance]:
        """List the instances that are there, or come, and do not leave."""
        return [one for one in self.alive() if one.id not in self.leaving]

    def provisioned(self, *markets: str) -> int:
        """Count the units that run, of some markets or of all."""
        return sum(
            one.weight
            for one in self.instances.values()
            if one.state is InstanceState.RUNNING and one.market in (markets or MARKETS)
        )

    def to_record(self) -> dict[str, Any]:
        """Write it as JSON holds it."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Read what ``to_record`` wrote."""
        instances = {name: Instance.from_record(one) for name, one in record["instances"].items()}
        timeline, state = Timeline(**record["timeline"]), CollectionState(record["state"])
        return cls(**{**record, "instances": instances, "timeline": timeline, "state": state})
