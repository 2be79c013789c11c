"""What Sparkdrop asks of EMR beside the provider's operators: finding again what a lost task started.

RunJobFlow and AddJobFlowSteps take no client token, so a task that died between its call and its note of the
answer cannot know whether the call went through. A job flow carries its batch in a tag and a step in its
name: both are looked up before anything is started again.
https://docs.aws.amazon.com/emr/latest/APIReference/API_RunJobFlow.html
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError

from sparkdrop.aws.storage import Storage
from sparkdrop.core.emr_request import NAME_PREFIX, TAG_BATCH, TAG_DEPLOYMENT
from sparkdrop.core.step_log import may_be_the_files, tail_excerpt, tail_reason

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient
    from mypy_boto3_emr.literals import ClusterStateType

LIVE_JOB_FLOW_STATES: "tuple[ClusterStateType, ...]" = ("STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING")
LIVE_STEP_STATES = ("PENDING", "RUNNING", "CANCEL_PENDING")
_CLUSTERS_FAULTS = {
    "INTERNAL_ERROR",
    "VALIDATION_ERROR",
    "INSTANCE_FAILURE",
    "INSTANCE_FLEET_TIMEOUT",
    "BOOTSTRAP_FAILURE",
}
"""https://docs.aws.amazon.com/emr/latest/APIReference/API_ClusterStateChangeReason.html"""


@dataclass(frozen=True, slots=True)
class StepStatus:
    """How a step stands.

    Attributes:
        state: EMR's word; see `StepEnd`.
        started_at: when it began to run; None where it waits, or never did.
    """

    state: str
    started_at: datetime | None = None

    @property
    def is_live(self) -> bool:
        """Whether it waits or runs."""
        return self.state in LIVE_STEP_STATES


@dataclass(frozen=True, slots=True)
class StepEnd:
    """How a step stands.

    Attributes:
        state: EMR's word: PENDING, RUNNING, COMPLETED, FAILED, CANCELLED, INTERRUPTED; UNKNOWN where EMR
            knows no such step any more.
        reason: why it failed, in the driver's own last lines where EMR has them.
        log: the URI of the log to read, or of the folder where it will be.
        excerpt: the end of that log; None where it has not reached S3.
        started_at: when it began to run; None where it never did.
        may_be_the_files: it failed, and neither the cluster nor AWS nor the program has to be to blame.
    """

    state: str
    reason: str | None
    log: str | None
    excerpt: str | None = None
    started_at: datetime | None = None
    may_be_the_files: bool = False


@dataclass(frozen=True, slots=True)
class LiveJobFlow:
    """A job flow of ours that is up."""

    job_flow_id: str
    batch_id: str
    created_at: datetime


class Emr:
    """Look-ups and cancellations.

    Args:
        deployment: whose job flows are ours: the value of their tag.
        client: boto3's.
    """

    def __init__(self, deployment: str, *, client: "EMRClient | None" = None) -> None:
        self.client = client or boto3.client("emr")
        self._deployment = deployment

    def find_job_flow(self, name: str, batch_id: str) -> str | None:
        """Find the live job flow of a batch.

        Args:
            name: the job flow's name; listings show no tags, so it narrows what is asked after.
            batch_id: the value of its tag.
        """
        for job_flow in self._list_live():
            if job_flow["Name"] == name and self._read_batch_id(job_flow["Id"]) == batch_id:
                return str(job_flow["Id"])
        return None

    def list_job_flows(self) -> Iterator[LiveJobFlow]:
        """List the live job flows that carry our tag."""
        for job_flow in self._list_live():
            batch_id = self._read_batch_id(job_flow["Id"])
            if batch_id:
                created_at = job_flow["Status"]["Timeline"]["CreationDateTime"]
                yield LiveJobFlow(job_flow["Id"], batch_id, created_at)

    def list_named_batches(self) -> set[str]:
        """List the batches that live job flows are named after, which asks for no tags.

        Another deployment's are among them, and what somebody else has named so.
        """
        return {job_flow["Name"].rpartition(" ")[2] for job_flow in self._list_live()}

    def terminate(self, job_flow_id: str) -> None:
        """Terminate a job flow; one that is over already is no error."""
        self.client.terminate_job_flows(JobFlowIds=[job_flow_id])

    def find_step(self, job_flow_id: str, name: str) -> str | None:
        """Find the step of that name, however it stands; a job flow that EMR forgot has none."""
        pages = self.client.get_paginator("list_steps").paginate(ClusterId=job_flow_id)
        try:
            return next(
                (step["Id"] for page in pages for step in page["Steps"] if step["Name"] == name), None
            )
        except self.client.exceptions.InvalidRequestException:
            return None

    def cancel_step(self, job_flow_id: str, step_id: str) -> None:
        """Cancel a step, and stop it if it is running."""
        self.client.cancel_steps(
            ClusterId=job_flow_id, StepIds=[step_id], StepCancellationOption="TERMINATE_PROCESS"
        )

    def read_step(self, job_flow_id: str, step_id: str) -> StepStatus:
        """Read how a step stands, and no more; one that EMR forgot is UNKNOWN."""
        try:
            status: Any = self.client.describe_step(ClusterId=job_flow_id, StepId=step_id)["Step"]["Status"]
        except self.client.exceptions.InvalidRequestException:
            return StepStatus("UNKNOWN")
        return StepStatus(status["State"], status.get("Timeline", {}).get("StartDateTime"))

    def read_step_end(self, job_flow_id: str, step_id: str, storage: Storage) -> StepEnd:
        """Read how a step stands, and why it failed if it did.

        The reason is the end of the driver's stderr where it has reached S3 (EMR takes about five minutes),
        else what EMR says, else why the cluster ended.
        """
        try:
            status: Any = self.client.describe_step(ClusterId=job_flow_id, StepId=step_id)["Step"]["Status"]
        except self.client.exceptions.InvalidRequestException as error:
            # EMR forgets a job flow after two months
            reason = f"EMR knows nothing of step {step_id} of job flow {job_flow_id} any more: {error}"
            return StepEnd("UNKNOWN", reason, None)
        started_at = status.get("Timeline", {}).get("StartDateTime")
        if status["State"] in {*LIVE_STEP_STATES, "COMPLETED"}:
            return StepEnd(status["State"], None, None, started_at=started_at)
        cluster: Any = self.client.describe_cluster(ClusterId=job_flow_id)["Cluster"]
        folder = _step_logs(cluster.get("LogUri"), job_flow_id, step_id)
        stderr = storage.read_text(f"{folder}stderr.gz") if folder else None
        change = cluster["Status"].get("StateChangeReason", {})
        reason = _find_reason(status, change, stderr or "")
        return StepEnd(
            status["State"],
            reason,
            f"{folder}stderr.gz" if stderr else folder,
            tail_excerpt(stderr or ""),
            started_at,
            status["State"] == "FAILED"
            and change.get("Code") not in _CLUSTERS_FAULTS
            and may_be_the_files(reason),
        )

    def _list_live(self) -> Iterator[Any]:
        """List what is up and has a name such as ours: of the others nobody needs to ask for the tags."""
        pages = self.client.get_paginator("list_clusters").paginate(ClusterStates=list(LIVE_JOB_FLOW_STATES))
        found = (job_flow for page in pages for job_flow in page["Clusters"])
        return (job_flow for job_flow in found if job_flow["Name"].startswith(NAME_PREFIX))

    def _read_batch_id(self, job_flow_id: str) -> str | None:
        """Read whose batch a job flow is for; None where it is not ours, or ours is not to know."""
        try:
            cluster: Any = self.client.describe_cluster(ClusterId=job_flow_id)["Cluster"]
        except ClientError as error:
            # the role may look at the job flows that carry our deployment's tag, and at no others
            if error.response["Error"]["Code"] == "AccessDeniedException":
                return None
            raise
        tags = {tag["Key"]: tag["Value"] for tag in cluster.get("Tags", [])}
        return tags.get(TAG_BATCH) if tags.get(TAG_DEPLOYMENT) == self._deployment else None


def _step_logs(log_uri: str | None, job_flow_id: str, step_id: str) -> str | None:
    """Where EMR puts a step's logs.

    https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-manage-view-web-log-files.html
    """
    if not log_uri:
        return None
    root = log_uri.replace("s3n://", "s3://", 1).rstrip("/")
    return f"{root}/{job_flow_id}/steps/{step_id}/"


def _find_reason(status: Any, change: Any, stderr: str) -> str:  # noqa: ANN401 - parts of EMR's answers
    """Find why a step did not end well; the log of a cancelled one tells of everything but that."""
    told = status.get("StateChangeReason", {}).get("Message") or change.get("Message")
    if status["State"] in {"CANCELLED", "INTERRUPTED"}:
        word = "cancelled" if status["State"] == "CANCELLED" else "interrupted"
        return f"the step was {word}: {told}" if told else f"the step was {word}"
    details = status.get("FailureDetails", {})
    return (
        tail_reason(stderr)
        or details.get("Message")
        or details.get("Reason")
        or told
        or f"the step ended as {status['State']} and EMR gives no reason"
    )
