"""What the local EMR remembers of a cluster and its steps."""

import string
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from sparkdrop_local.emr.ec2.words import ClusterState, Ending, StepState
from sparkdrop_local.emr.ids import make_name
from sparkdrop_local.emr.jobs.task import Failure

_ID_CHARACTERS = string.ascii_uppercase + string.digits


def make_id(prefix: str) -> str:
    """Make an id as EMR's look: a prefix and 13 capitals and digits."""
    return make_name(prefix, _ID_CHARACTERS, 13)


@dataclass(slots=True)
class Timeline:
    """Seconds since 1970 by EMR's clock; ``ready`` is a step's start."""

    created: float
    ready: float | None = None
    ended: float | None = None


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
        steps: all of them, oldest first; each has a record of its own.
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
    state: ClusterState = ClusterState.STARTING
    code: str | None = None
    message: str | None = None
    ending: Ending | None = None
    idle_since: float = 0.0
    last_step: StepState | None = None
    failed: bool = False

    @property
    def name(self) -> str:
        """The name it was given."""
        return str(self.request["Name"])

    @property
    def log_uri(self) -> str | None:
        """The folder of its logs, with the slash at its end; None when it keeps none."""
        uri = self.request.get("LogUri")
        return f"{str(uri).rstrip('/')}/" if uri else None

    def steps_in(self, *states: StepState) -> list[Step]:
        """List the steps in some states, oldest first."""
        return [step for step in self.steps.values() if step.state in states]

    def to_record(self) -> dict[str, Any]:
        """Write it as JSON holds it, without its steps."""
        names = (name for name in self.__dataclass_fields__ if name != "steps")
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
