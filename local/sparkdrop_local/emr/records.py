"""What the local EMR remembers of a cluster and its steps."""

import random
import string
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Condition
from typing import Any

from sparkdrop_local.emr.words import ClusterState, Ending, StepState

_ID_CHARACTERS = string.ascii_uppercase + string.digits


def make_id(prefix: str) -> str:
    """Make an id as EMR's look: a prefix and 13 capitals and digits."""
    return prefix + "".join(random.choices(_ID_CHARACTERS, k=13))  # noqa: S311 - a name, not a secret


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a step failed: EMR's FailureDetails."""

    reason: str
    message: str
    log_file: str | None


@dataclass(slots=True)
class Timeline:
    """Seconds since the epoch; ``ready`` is a step's start."""

    created: float = field(default_factory=time.time)
    ready: float | None = None
    ended: float | None = None


@dataclass(slots=True, kw_only=True)
class Step:
    """One step; ``config`` is its HadoopJarStep as it was asked for."""

    name: str
    config: Mapping[str, Any]
    action_on_failure: str
    execution_role: str | None = None
    id: str = field(default_factory=lambda: make_id("s-"))
    state: StepState = StepState.PENDING
    failure: Failure | None = None
    timeline: Timeline = field(default_factory=Timeline)


@dataclass(slots=True, kw_only=True)
class Cluster:
    """One cluster; ``request`` is the RunJobFlow that made it. Read and changed under the registry's lock.

    Attributes:
        changed: notified at every change that the cluster's thread has to look at.
        ending: why it is to end, once that is decided.
        idle_timeout: the auto-termination policy, in seconds.
        idle_since: ``time.monotonic()`` of when its last step ended, or of its start.
        last_step: the state of the step that ended last.
        failed: whether any step failed.
    """

    request: Mapping[str, Any]
    changed: Condition
    arn: str
    id: str
    keep_alive: bool
    protected: bool
    concurrency: int
    idle_timeout: int | None
    tags: dict[str, str]
    steps: list[Step] = field(default_factory=list)
    state: ClusterState = ClusterState.STARTING
    code: str | None = None
    message: str | None = None
    timeline: Timeline = field(default_factory=Timeline)
    ending: Ending | None = None
    idle_since: float = field(default_factory=time.monotonic)
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

    def find_step(self, step_id: str) -> Step | None:
        """Find a step by its id."""
        return next((step for step in self.steps if step.id == step_id), None)

    def steps_in(self, *states: StepState) -> list[Step]:
        """List the steps in some states, oldest first."""
        return [step for step in self.steps if step.state in states]

    def spark_defaults(self) -> dict[str, str]:
        """Collect ``spark-defaults`` from its Configurations; later ones win."""
        defaults: dict[str, str] = {}
        for configuration in self.request.get("Configurations", ()):
            if configuration.get("Classification") == "spark-defaults":
                defaults |= configuration.get("Properties") or {}
        return defaults
