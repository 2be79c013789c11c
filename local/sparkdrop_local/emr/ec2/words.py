"""EMR's words: the states of clusters and steps, and what EMR says when they change.

States: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-overview.html#emr-overview-cluster-lifecycle
"""

from dataclasses import dataclass
from enum import StrEnum

MAX_ACTIVE_STEPS = 256
MAX_STEP_CHARACTERS = 10_240

MODIFY_TERMINATED = "A job flow that is shutting down, terminated, or finished may not be modified."
UNKNOWN_JOB_FLOW = "Specified job flow ID not valid."
TERMINATION_PROTECTED = "Could not shut down one or more job flows since they are termination protected."
TOO_MANY_STEPS = (
    "Maximum number of active steps(State = 'Running', 'Pending' or 'Cancel_Pending') for cluster exceeded."
)


class ClusterState(StrEnum):
    """Where a cluster is on its way."""

    STARTING = "STARTING"
    BOOTSTRAPPING = "BOOTSTRAPPING"
    RUNNING = "RUNNING"
    WAITING = "WAITING"
    TERMINATING = "TERMINATING"
    TERMINATED = "TERMINATED"
    TERMINATED_WITH_ERRORS = "TERMINATED_WITH_ERRORS"

    @property
    def is_over(self) -> bool:
        """Whether the cluster takes no more steps."""
        return self.startswith("TERMINAT")

    @property
    def is_final(self) -> bool:
        """Whether the cluster is gone."""
        return self.startswith("TERMINATED")


class StepState(StrEnum):
    """Where a step is on its way."""

    PENDING = "PENDING"
    CANCEL_PENDING = "CANCEL_PENDING"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"
    INTERRUPTED = "INTERRUPTED"

    @property
    def is_active(self) -> bool:
        """Whether the step counts against the limit of 256."""
        return self in (StepState.PENDING, StepState.CANCEL_PENDING, StepState.RUNNING)


class CollectionState(StrEnum):
    """Where an instance group or an instance fleet is on its way."""

    PROVISIONING = "PROVISIONING"
    BOOTSTRAPPING = "BOOTSTRAPPING"
    RUNNING = "RUNNING"
    RESIZING = "RESIZING"
    RECONFIGURING = "RECONFIGURING"
    TERMINATING = "TERMINATING"
    TERMINATED = "TERMINATED"


class InstanceState(StrEnum):
    """Where an instance is on its way; none is AWAITING_FULFILLMENT, as no Spot request waits here."""

    PROVISIONING = "PROVISIONING"
    BOOTSTRAPPING = "BOOTSTRAPPING"
    RUNNING = "RUNNING"
    TERMINATED = "TERMINATED"


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a cluster ends, and the state that it ends in."""

    code: str
    message: str
    state: ClusterState = ClusterState.TERMINATED


STEPS_COMPLETED = Ending("ALL_STEPS_COMPLETED", "Steps completed")
STEPS_COMPLETED_WITH_ERRORS = Ending("STEP_FAILURE", "Steps completed with errors")
STEP_FAILED = Ending("STEP_FAILURE", "Shut down as step failed", ClusterState.TERMINATED_WITH_ERRORS)
USER_REQUEST = Ending("USER_REQUEST", "Terminated by user request")
INTERNAL_ERROR = Ending(
    "INTERNAL_ERROR", "Failed to provision ec2 instances because of an internal error",
    ClusterState.TERMINATED_WITH_ERRORS,
)  # fmt: skip
# EMR's wording of a lost primary node is not public; the code is.
MASTER_INTERRUPTED = Ending(
    "INSTANCE_FAILURE", "The master node was terminated: its Spot Instance was interrupted",
    ClusterState.TERMINATED_WITH_ERRORS,
)  # fmt: skip
# EMR's wording of an idle end is not public; the code is the nearest of the API's eight.
IDLE = Ending("ALL_STEPS_COMPLETED", "Terminated by the auto-termination policy: the cluster was idle")

# What EMR says of groups, fleets and instances that are gone.
CLUSTER_TERMINATED = "CLUSTER_TERMINATED"
INSTANCE_FAILURE = "INSTANCE_FAILURE"
JOB_FLOW_TERMINATED = "Job flow terminated"
INSTANCE_GONE = "Instance was terminated."
SPOT_INTERRUPTED = "Spot Instance was terminated: Server.SpotInstanceTermination"

# How EMR words a bootstrap action's failure: the documents quote the first, mrjob's tests both.
BOOTSTRAP_FAILURE = "BOOTSTRAP_FAILURE"
ACTION_FAILED = (
    "On the master instance ({instance}), bootstrap action {number} returned a non-zero return code"
)
ACTION_NOT_FETCHED = (
    "Master instance ({instance}) failed attempting to download bootstrap action {number} file from S3"
)

GROUP_NOT_MODIFIABLE = "An instance group may only be modified when the job flow is running or waiting"
MASTER_NOT_MODIFIABLE = "A master instance group may not be modified"

LOST_STEP = "The local EMR was stopped while the step ran"
RUNNING_STEP = "Running step"
BOOTSTRAPPING = "Running bootstrap actions"
READY = "Cluster ready to run steps."
READY_AFTER = {
    StepState.COMPLETED: "Cluster ready after last step completed.",
    StepState.FAILED: "Cluster ready after last step failed.",
    StepState.CANCELLED: "Cluster ready after last step cancelled.",
    StepState.INTERRUPTED: "Cluster ready after last step cancelled.",
}
