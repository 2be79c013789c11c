"""What happens behind the page, one move at a call: the test plays Airflow and Spark on the real ledger."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any

from sparkdrop.aws.intake import record_arrivals
from sparkdrop.aws.items import BatchState
from sparkdrop.aws.ledger import Ledger
from sparkdrop.aws.records import BatchHead, RunKey, UploadOutcome
from sparkdrop.core.events import parse_arrival
from sparkdrop.core.uploads import UploadState

if TYPE_CHECKING:
    from sparkdrop.core.batch import InboxEntry
    from tests.api_process import Api

ARRIVAL_SECONDS = 60
INBOX_LIMIT = 1_000


class Backstage:
    """One pipeline's runs.

    Args:
        api: The running API, whose emulation has bucket, queue and ledger.
        pipeline: The pipeline.
    """

    _numbers = itertools.count(1)

    def __init__(self, api: Api, pipeline: str) -> None:
        self.pipeline = pipeline
        self._sqs, self._queue = api.aws("sqs"), api.environment["SPARKDROP_ARRIVALS_QUEUE_URL"]
        self._ledger = Ledger(api.environment["SPARKDROP_LEDGER_TABLE"], client=api.aws("dynamodb"))
        self._head: BatchHead | None = None
        self._entries: list[InboxEntry] = []

    def notice(self, count: int = 1) -> None:
        """Wait until so many objects have landed, and put them into their inboxes."""
        deadline = time.monotonic() + ARRIVAL_SECONDS
        while count > 0:
            assert time.monotonic() < deadline, f"{count} more objects should have landed"
            arrivals = [parse_arrival(body) for body in self._receive(wait_seconds=1)]
            record_arrivals(self._ledger, route, arrivals)
            count -= len(arrivals)

    def forget_arrivals(self) -> None:
        """Take no notice of what has landed so far."""
        while self._receive(wait_seconds=0):
            pass

    def _receive(self, wait_seconds: int) -> list[str]:
        answer = self._sqs.receive_message(
            QueueUrl=self._queue, MaxNumberOfMessages=10, WaitTimeSeconds=wait_seconds
        )
        messages = answer.get("Messages", [])
        for message in messages:
            self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
        return [message["Body"] for message in messages]

    def claim(self) -> None:
        """Claim all that waits, as a run does first."""
        number = next(self._numbers)
        run = RunKey(f"batch-{number}", self.pipeline, self.pipeline, f"run-{number}")
        entries = self._ledger.read_inbox(self.pipeline, INBOX_LIMIT)
        self._head = self._ledger.open_batch(run, entries)
        self._entries = self._ledger.claim_entries(self._head, entries)

    def start(self) -> None:
        """Start the batch's step."""
        head = self._require_head()
        self._ledger.announce_step(head.batch_id, "j-2AXXXXXXGAPLF", f"sparkdrop-{head.batch_id}")
        self._ledger.start_batch(head.batch_id, "s-3M8DXXXXXXXXX")

    def succeed(self, **facts: Any) -> None:
        """End every upload of the batch with a result."""
        given = {"rows_in": 27004, "rows_out": 27004, "rows_rejected": 0, "output": self.output, **facts}
        self._settle(UploadState.SUCCEEDED, BatchState.SUCCEEDED, given)

    def fail(self, reason: str, log_excerpt: str, log: str) -> None:
        """End every upload of the batch with a failed run."""
        self._settle(UploadState.FAILED, BatchState.FAILED, {"reason": reason, "log": log}, log_excerpt)

    def finish(self, **facts: Any) -> None:
        """All the rest of a good run, at once."""
        self.claim()
        self.start()
        self.succeed(**facts)

    @property
    def output(self) -> str:
        """Where results go."""
        return f"s3://sparkdrop-curated/{self.pipeline}/"

    def _settle(
        self, state: UploadState, batch: BatchState, facts: dict[str, Any], excerpt: str | None = None
    ) -> None:
        head = self._require_head()
        self._ledger.settle(head, [UploadOutcome(entry, state, facts) for entry in self._entries])
        self._ledger.close_batch(head.batch_id, batch, log_excerpt=excerpt)

    def _require_head(self) -> BatchHead:
        assert self._head is not None, "nothing is claimed"
        return self._head


def route(_: str, key: str) -> str:
    """Name the pipeline of an object: here each takes one folder that has its name."""
    return key.partition("/")[0]
