"""What the local EMR remembers of a cluster and its steps."""

from __future__ import annotations

import random
import string
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

from sparkdrop_local.emr.ec2.words import ClusterState, Ending, StepState
from sparkdrop_local.emr.jobs.task import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sparkdrop_local.emr.ec2.nodes import Collection, Instance

_ID_CHARACTERS = string.ascii_uppercase + string.digits
_OWN_RECORDS = ("steps", "active", "collections")


def make_id(prefix: str) -> str:
    """Make an id as EMR's look: a prefix and 13 capitals and digits."""
    return prefix + "".join(random.choices(_ID_CHARACTERS, k=13))  # noqa: S311 - a name, not a secret


@dataclass(slots=True)
class Timeline:
    """Seconds since 1970 by EMR's clock; ``ready`` is a step's start."""

    created: float
    ready: float | None = None
    ended: float | None = None

    @property
    def latest(self) -> float:
        """The last of its times."""
        return self.ended or self.ready or self.created


@dataclass(slots=True, kw_only=True)
class Step:
    """One step; ``config`` is its HadoopJarStep as it was asked for."""

    name: str
    config: Mapping[str, Any]
    action_on_failure: str
    timeline: Timeline
    execution_role: str | None = None
    id: str = field(default_factory=lambda: make_id("s-"))
    state: StepState = StepState.PENDING
    failure: Failure | None = None

    def to_record(self) -> dict[str, Any]:
        """Write it as JSON holds it."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Read what ``to_record`` wrote."""
        failure = record["failure"]
        return cls(
            **{
                **record,
                "timeline": Timeline(**record["timeline"]),
                "state": StepState(record["state"]),
                "failure": failure and Failure(**failure),
            }
        )


@dataclass(slots=True, kw_only=True)
class Cluster:
    """One cluster; ``request`` is the RunJobFlow that made it. Read and changed under the registry's lock.

    Attributes:
        ending: why it is to end, once that is decided.
        idle_timeout: the auto-termination policy, in seconds.
        idle_since: when its last step ended, or when it was ready.
        last_step: the state of the step that ended last.
        failed: whether any step failed.
        held: whether a failed step asked for the cluster's end, and termination protection held it.
        since: when it entered its state.
        steps: all of them, oldest first; each has a record of its own.
        active: those of them that are not done, so that no one has to look through thousands.
        collections: its instance groups, or its instance fleets, by id; each has a record of its own.
        bootstrapped: how many bootstrap actions have succeeded.
        error_details: ErrorDetails of its status.
        interruption_due: when its Spot Instances are to be lost.
        managed_scaling: its ManagedScalingPolicy.
        unhealthy_node_replacement: as it was asked for; no node gets unhealthy here.
    """

    request: Mapping[str, Any]
    arn: str
    id: str
    keep_alive: bool
    protected: bool
    concurrency: int
    idle_timeout: int | None
    tags: dict[str, str]
    timeline: Timeline
    steps: dict[str, Step] = field(default_factory=dict)
    active: dict[str, Step] = field(default_factory=dict)
    collections: dict[str, Collection] = field(default_factory=dict)
    state: ClusterState = ClusterState.STARTING
    since: float = 0.0
    code: str | None = None
    message: str | None = None
    ending: Ending | None = None
    idle_since: float = 0.0
    last_step: StepState | None = None
    failed: bool = False
    held: bool = False
    bootstrapped: int = 0
    error_details: list[dict[str, Any]] = field(default_factory=list)
    interruption_due: float | None = None
    managed_scaling: Mapping[str, Any] | None = None
    unhealthy_node_replacement: bool | None = None

    @property
    def name(self) -> str:
        """The name it was given."""
        return str(self.request["Name"])

    @property
    def log_uri(self) -> str | None:
        """The folder of its logs, with the slash at its end; None when it keeps none."""
        uri = self.request.get("LogUri")
        return f"{str(uri).rstrip('/')}/" if uri else None

    @property
    def uses_fleets(self) -> bool:
        """Whether it has instance fleets, and no instance groups."""
        return bool(self.request["Instances"].get("InstanceFleets"))

    @property
    def master(self) -> Instance | None:
        """The instance of its primary node."""
        for collection in self.collections.values():
            if collection.role == "MASTER":
                return next(iter(collection.instances.values()), None)
        return None

    @property
    def latest(self) -> float:
        """The time of its last change."""
        steps = (step.timeline.latest for step in self.steps.values())
        collections = (collection.latest for collection in self.collections.values())
        return max(self.since, self.timeline.latest, *steps, *collections)

    @property
    def configurations(self) -> list[Mapping[str, Any]]:
        """What its primary node is configured with: the cluster's own, then its group's or fleet's."""
        own = list(self.request.get("Configurations") or ())
        masters = [one for one in self.collections.values() if one.role == "MASTER"]
        return [*own, *(part for master in masters for part in master.applied)]

    def add_step(self, step: Step) -> None:
        """Put a step at the end."""
        self.steps[step.id] = step
        if step.state.is_active:
            self.active[step.id] = step

    def change_step(self, step: Step, state: StepState) -> None:
        """Give a step another state."""
        step.state = state
        if not state.is_active:
            self.active.pop(step.id, None)

    def steps_in(self, *states: StepState) -> list[Step]:
        """List the active steps in some active states, oldest first."""
        return [step for step in self.active.values() if step.state in states]

    def to_record(self) -> dict[str, Any]:
        """Write it as JSON holds it, without its steps and its collections."""
        names = (name for name in self.__dataclass_fields__ if name not in _OWN_RECORDS)
        record = {name: getattr(self, name) for name in names}
        return {
            **record,
            "timeline": asdict(self.timeline),
            "ending": self.ending and asdict(self.ending),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Read what ``to_record`` wrote."""
        ending, last_step = record["ending"], record["last_step"]
        return cls(
            **{
                **record,
                "timeline": Timeline(**record["timeline"]),
                "state": ClusterState(record["state"]),
                "ending": ending and Ending(**{**ending, "state": ClusterState(ending["state"])}),
                "last_step": last_step and StepState(last_step),
            }
        )
