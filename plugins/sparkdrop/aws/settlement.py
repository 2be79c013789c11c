"""The end of a batch: what becomes of each of its uploads."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from pydantic import ValidationError

from sparkdrop.aws.content_notes import note_contents
from sparkdrop.aws.emr import LIVE_STEP_STATES, Emr, StepEnd, StepStatus
from sparkdrop.aws.items import BatchState
from sparkdrop.aws.ledger import Ledger
from sparkdrop.aws.overtime import cancel_step, is_over_time, locate_step
from sparkdrop.aws.pace import note_pace
from sparkdrop.aws.records import BatchHead, CancelCause, UploadOutcome
from sparkdrop.aws.storage import Storage
from sparkdrop.core.batch import InboxEntry
from sparkdrop.core.bisection import Failure, Fate, decide_fates, find_root
from sparkdrop.core.deployment import Deployment
from sparkdrop.core.emr_request import locate_batch
from sparkdrop.core.errors import StepStillLiveError
from sparkdrop.core.pipeline import Pipeline
from sparkdrop.core.quantities import format_duration
from sparkdrop.core.report import BatchReport, FileReport
from sparkdrop.core.step_log import may_be_the_files
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
        head = locate_step(emr, head)
        if head.job_flow_id is None or head.step_id is None:
            return self.fail(
                pipeline, head, "no step was submitted: the log of the task that failed says why"
            )
        end = emr.read_step_end(head.job_flow_id, head.step_id, self._storage)
        if end.state in LIVE_STEP_STATES:
            self._cancel(pipeline, head, emr, StepStatus(end.state, end.started_at))
        if end.state == "COMPLETED":
            return self._succeed(pipeline, head)
        reason, is_files_fault = self._explain(pipeline, head, end)
        return self.fail(pipeline, head, reason, end, is_files_fault=is_files_fault)

    def _cancel(self, pipeline: Pipeline, head: BatchHead, emr: Emr, status: StepStatus) -> NoReturn:
        """Cancel a step that nobody waits for."""
        cause = CancelCause.ABANDONED
        if head.deadline and is_over_time(head, status, pipeline.job.timeout, self._ledger.now()):
            cause = CancelCause.TIMEOUT
        cancel_step(self._ledger, emr, head, cause, owns_job_flow=pipeline.compute.reuse == "never")
        raise StepStillLiveError(
            f"step {head.step_id} of job flow {head.job_flow_id} is {status.state}, though nobody waits for "
            "it any more; it is cancelled, and its batch is settled at the next try"
        )

    def _explain(self, pipeline: Pipeline, head: BatchHead, end: StepEnd) -> tuple[str, bool]:
        """Say why a step did not end well, and whether its files may be to blame.

        What the job left itself goes before its log, which EMR brings minutes later and which knows no blame.
        """
        if head.cancelled_for is CancelCause.TIMEOUT:
            timeout = format_duration(pipeline.job.timeout)
            if end.started_at is None:
                return f"the step did not start within job.timeout ({timeout}) and was cancelled", False
            return f"the step ran longer than job.timeout ({timeout}) and was cancelled", True
        if head.cancelled_for is CancelCause.ABANDONED:
            return "the step was cancelled, for its run was over: marked as failed, cleared or deleted", False
        places = locate_batch(pipeline, self._deployment, head.batch_id)
        failure = self._storage.read_failure(places) if end.state == "FAILED" else None
        if failure is None:
            return end.reason or end.state, end.may_be_the_files
        if failure.fault is None:
            return failure.reason, end.may_be_the_files and may_be_the_files(failure.reason)
        return failure.reason, failure.fault == "files"

    def fail(
        self,
        pipeline: Pipeline,
        head: BatchHead,
        reason: str,
        end: StepEnd | None = None,
        *,
        is_files_fault: bool = False,
    ) -> Settlement:
        """End a batch that failed: uploads wait for another attempt, whole or in halves, or are at their end.

        What the batch has written goes first: a job may die after it committed its output, and the next batch
        would write the same rows once more.
        """
        self._storage.delete_folder(locate_batch(pipeline, self._deployment, head.batch_id).output)
        entries = self._ledger.read_batch_entries(head)
        root = find_root(entries[0].group_id) if entries else None
        failed_before = self._ledger.read_failures_in_a_row(root) if root else 0
        failure = Failure(head.batch_id, is_files_fault, failed_before, self._ledger.now())
        retries = pipeline.retries
        fates = decide_fates(entries, failure, attempts=retries.attempts, delay=retries.delay)
        log = end.log if end else None
        outcomes = [_build_outcome(fate, reason, log) for fate in fates]
        states = self._write(head, outcomes, BatchState.FAILED, end.excerpt if end else None)
        if root and states and is_files_fault:
            self._ledger.note_piece(root, failed_before + 1)
        return Settlement(states, reason=reason)

    def _succeed(self, pipeline: Pipeline, head: BatchHead) -> Settlement:
        """End a batch whose step went well: each upload as the report says, if the program writes one."""
        places = locate_batch(pipeline, self._deployment, head.batch_id)
        try:
            report = self._storage.read_report(places.report)
        except ValidationError as error:
            reason = f"the report {places.report} cannot be believed: {error}"
            return self.fail(pipeline, head, reason, is_files_fault=True)
        files = {upload_identity(file.upload_id): file for file in report.files} if report else None
        entries = self._ledger.read_batch_entries(head)
        output = places.output if report is None or report.rows_out else None
        outcomes = [
            UploadOutcome(entry, UploadState.SUCCEEDED, {"output": output})
            if files is None
            else _follow_report(entry, files.get(upload_identity(entry.upload_id)), output, places.rejects)
            for entry in entries
        ]
        states = self._write(head, outcomes, BatchState.SUCCEEDED)
        if states:
            self._note_success(head, find_root(entries[0].group_id))
        return Settlement(states, output=output, report=report)

    def _note_success(self, head: BatchHead, root: str | None) -> None:
        if root:
            self._ledger.note_piece(root, 0)
        if head.announced_at:
            note_pace(self._ledger, head.pipeline, self._ledger.now() - head.announced_at)

    def _write(
        self,
        head: BatchHead,
        outcomes: Sequence[UploadOutcome],
        state: BatchState,
        log_excerpt: str | None = None,
    ) -> Counter[UploadState]:
        note_contents(self._ledger, head.pipeline, outcomes)
        moved = self._ledger.settle(head, outcomes)
        ends = self._ledger.count_ends(head, outcomes) if head.invocation_id else {}
        self._ledger.close_batch(head.batch_id, state, ends, log_excerpt)
        return Counter(outcome.state for outcome in moved)


def _build_outcome(fate: Fate, reason: str, log: str | None) -> UploadOutcome:
    told = (
        f"the file fails its batch by itself: {reason}" if fate.state is UploadState.QUARANTINED else reason
    )
    facts = {"reason": told[:_REASON_LIMIT], "log": log}
    return UploadOutcome(fate.entry, fate.state, facts, fate.retry_at, fate.group_id, fate.uncounted)


def _follow_report(
    entry: InboxEntry, file: FileReport | None, output: str | None, rejects: str
) -> UploadOutcome:
    if file is None:
        reason = "the job's report does not tell what became of this file"
        return UploadOutcome(entry, UploadState.FAILED, {"reason": reason})
    facts: dict[str, Any] = {
        "rows_in": file.rows_in,
        "rows_out": file.rows_out,
        "rows_rejected": file.rows_rejected,
        "reason": file.reason,
        "output": output if file.state is UploadState.SUCCEEDED else None,
        "rejects": f"{rejects}/" if file.rows_rejected else None,
    }
    return UploadOutcome(entry, file.state, facts)
