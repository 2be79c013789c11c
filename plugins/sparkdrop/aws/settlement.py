"""The end of a batch: what becomes of each of its uploads."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from sparkdrop.aws.emr import LIVE_STEP_STATES, Emr
from sparkdrop.aws.items import BatchState
from sparkdrop.aws.ledger import Ledger
from sparkdrop.aws.records import BatchHead, UploadOutcome
from sparkdrop.aws.same_content import note_contents
from sparkdrop.aws.storage import Storage
from sparkdrop.core.batch import InboxEntry
from sparkdrop.core.deployment import Deployment
from sparkdrop.core.emr_request import BatchPlaces, locate_batch
from sparkdrop.core.errors import StepStillLiveError
from sparkdrop.core.pipeline import Pipeline
from sparkdrop.core.report import BatchReport, FileReport
from sparkdrop.core.uploads import UploadState, upload_identity

_REASON_LIMIT = 4_000
"""Characters of a reason on record: far under an item's 400 KB, and more than a page."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a batch ended.

    Attributes:
        states: how many uploads ended in each state; none, where the batch was settled before.
        output: the URI of the result; None after a failure, and where nothing was written.
        report: the job's report, where it left one.
        reason: why it failed; None where it went well.
    """

    states: Counter[UploadState]
    output: str | None = None
    report: BatchReport | None = None
    reason: str | None = None


class BatchSettler:
    """Ends batches, as their steps ended.

    Args:
        ledger: where the uploads' ends are written.
        storage: where reports and logs are read.
        deployment: says where they are.
    """

    def __init__(self, ledger: Ledger, storage: Storage, deployment: Deployment) -> None:
        self._ledger = ledger
        self._storage = storage
        self._deployment = deployment

    def settle(self, pipeline: Pipeline, head: BatchHead, emr: Emr) -> Settlement:
        """Find out how a batch's step ended, and tell the ledger.

        Raises:
            StepStillLiveError: the step is not over. It is cancelled now, and can be settled in a moment.
        """
        step_id = head.step_id
        if step_id is None and head.job_flow_id and head.step_name:
            # whoever announced the step died before they wrote down its id
            step_id = emr.find_step(head.job_flow_id, head.step_name)
        if head.job_flow_id is None or step_id is None:
            return self.fail(
                pipeline, head, "no step was submitted: the log of the task that failed says why"
            )
        end = emr.read_step_end(head.job_flow_id, step_id, self._storage)
        if end.state in LIVE_STEP_STATES:
            emr.cancel_step(head.job_flow_id, step_id)
            raise StepStillLiveError(
                f"step {step_id} of job flow {head.job_flow_id} is {end.state}, though nobody waits for "
                "it any more; it is cancelled, and its batch is settled at the next try"
            )
        if end.state != "COMPLETED":
            return self.fail(pipeline, head, end.reason or end.state, end.log, end.excerpt)
        return self._succeed(pipeline, head)

    def fail(
        self,
        pipeline: Pipeline,
        head: BatchHead,
        reason: str,
        log: str | None = None,
        log_excerpt: str | None = None,
    ) -> Settlement:
        """End a batch that failed: uploads with attempts left wait for the next, the others have FAILED.

        What the batch has written goes first: a job may die after it committed its output, and the next batch
        would write the same rows once more.
        """
        self._storage.delete_folder(locate_batch(pipeline, self._deployment, head.batch_id).output)
        retry_at = self._ledger.now() + pipeline.retries.delay
        facts = {"reason": reason[-_REASON_LIMIT:], "log": log}
        outcomes = [
            UploadOutcome(entry, UploadState.PENDING, facts, retry_at)
            if entry.attempt < pipeline.retries.attempts
            else UploadOutcome(entry, UploadState.FAILED, facts)
            for entry in self._ledger.read_batch_entries(head)
        ]
        return Settlement(self._write(head, outcomes, BatchState.FAILED, log_excerpt), reason=reason)

    def _succeed(self, pipeline: Pipeline, head: BatchHead) -> Settlement:
        """End a batch whose step went well: each upload as the report says, if the program writes one."""
        places = locate_batch(pipeline, self._deployment, head.batch_id)
        try:
            report = self._storage.read_report(places.report)
        except ValidationError as error:
            return self.fail(pipeline, head, f"the report {places.report} cannot be believed: {error}")
        files = {upload_identity(file.upload_id): file for file in report.files} if report else None
        outcomes = [
            UploadOutcome(entry, UploadState.SUCCEEDED, {"output": places.output})
            if files is None
            else _follow_report(entry, files.get(upload_identity(entry.upload_id)), places)
            for entry in self._ledger.read_batch_entries(head)
        ]
        states = self._write(head, outcomes, BatchState.SUCCEEDED)
        written = places.output if _has_output(outcomes, report) else None
        return Settlement(states, output=written, report=report)

    def _write(
        self,
        head: BatchHead,
        outcomes: Sequence[UploadOutcome],
        state: BatchState,
        log_excerpt: str | None = None,
    ) -> Counter[UploadState]:
        moved = self._ledger.settle(head, outcomes)
        succeeded = (outcome.entry for outcome in moved if outcome.state is UploadState.SUCCEEDED)
        note_contents(self._ledger, head.pipeline, succeeded)
        ends = self._ledger.count_ends(head, outcomes) if head.invocation_id else {}
        self._ledger.close_batch(head.batch_id, state, ends, log_excerpt)
        return Counter(outcome.state for outcome in moved)


def _has_output(outcomes: Sequence[UploadOutcome], report: BatchReport | None) -> bool:
    """Whether the batch wrote anything: a report tells, and without one every good batch has."""
    has_rows = report is None or report.rows_out > 0
    return has_rows and any(outcome.state is UploadState.SUCCEEDED for outcome in outcomes)


def _follow_report(entry: InboxEntry, file: FileReport | None, places: BatchPlaces) -> UploadOutcome:
    if file is None:
        reason = "the job's report does not tell what became of this file"
        return UploadOutcome(entry, UploadState.FAILED, {"reason": reason})
    facts: dict[str, Any] = {
        "rows_in": file.rows_in,
        "rows_out": file.rows_out,
        "rows_rejected": file.rows_rejected,
        "reason": file.reason,
        "output": places.output if file.state is UploadState.SUCCEEDED else None,
        "rejects": f"{places.rejects}/" if file.rows_rejected else None,
    }
    return UploadOutcome(entry, file.state, facts)
