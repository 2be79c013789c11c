"""The end of a step that ran too long, or that nobody waits for.

Whoever looks can bring it about: the trigger that waits for the step, and the sweep where that is gone. What
is known of it lies in the batch's head. What is asked of the cluster is in `Emr`, so that a second kind of
compute has the same three: how a job stands, cancel it, and end what runs it.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from botocore.exceptions import ClientError

from sparkdrop.aws.emr import Emr, StepStatus
from sparkdrop.aws.ledger import Ledger
from sparkdrop.aws.records import BatchHead, CancelCause
from sparkdrop.core.errors import StepStillLiveError

GRACE = timedelta(seconds=45)
"""How long a cancelled step may take to be over, before its cluster is ended under it."""

GIVE_UP_AFTER = timedelta(minutes=3)
"""How long after its cancellation a step is waited for: then its run ends without it."""


def locate_step(emr: Emr, head: BatchHead) -> BatchHead:
    """Find a step by its name where whoever announced it died before they wrote down its id."""
    if head.step_id is None and head.job_flow_id and head.step_name:
        return replace(head, step_id=emr.find_step(head.job_flow_id, head.step_name))
    return head


def is_over_time(head: BatchHead, status: StepStatus, timeout: timedelta, now: datetime) -> bool:
    """Whether a step has had its time: since it began to run, or since its submission where it never did."""
    if head.deadline is None or head.deadline > now:
        return False
    return status.started_at is None or status.started_at + timeout <= now


def enforce_timeout(
    ledger: Ledger, emr: Emr, head: BatchHead, timeout: timedelta, *, owns_job_flow: bool
) -> datetime | None:
    """Cancel a batch's step if its time is over; the answer is when to look again, None where it is over.

    Args:
        ledger: the ledger.
        emr: EMR.
        head: of a batch whose step was announced.
        timeout: the pipeline's `job.timeout`.
        owns_job_flow: the cluster is the batch's own, and goes where the step does not.
    """
    now = ledger.now()
    head = locate_step(emr, head)
    if head.deadline is None or head.job_flow_id is None or head.step_id is None:
        return None
    if head.deadline > now:
        return head.deadline
    status = emr.read_step(head.job_flow_id, head.step_id)
    if not status.is_live:
        return None
    if not is_over_time(head, status, timeout, now) and status.started_at:
        # it waited for its cluster: what counts is how long it runs
        deadline = status.started_at + timeout
        ledger.postpone_deadline(head.batch_id, deadline)
        return deadline
    cancel_step(ledger, emr, head, CancelCause.TIMEOUT, owns_job_flow=owns_job_flow)
    return now + GRACE


def cancel_step(
    ledger: Ledger, emr: Emr, head: BatchHead, cause: CancelCause, *, owns_job_flow: bool
) -> None:
    """Cancel a batch's step; where that was done before and did not help, end its own cluster under it.

    The reason is written down first: whoever finds the step cancelled has to know it.

    Raises:
        StepStillLiveError: EMR refuses, as it does where the cluster is ending and the step with it.
    """
    if head.job_flow_id is None or head.step_id is None:
        return
    ledger.note_cancellation(head, cause)
    try:
        emr.cancel_step(head.job_flow_id, head.step_id)
    except ClientError as error:
        raise StepStillLiveError(
            f"step {head.step_id} of job flow {head.job_flow_id} lives and cannot be cancelled: {error}"
        ) from error
    finally:
        if owns_job_flow and head.cancelled_at and head.cancelled_at + GRACE <= ledger.now():
            emr.terminate(head.job_flow_id)
