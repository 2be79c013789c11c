"""Jobs' logs on their way to S3: at once, or as late as EMR brings them."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from sparkdrop.core.errors import SparkdropError
from sparkdrop_local.emr.context import EmrContext
from sparkdrop_local.emr.faults import FaultKind
from sparkdrop_local.emr.jobs.logs import JobLogs

if TYPE_CHECKING:
    from sparkdrop_local.emr.clock import Timer

_LOGGER = logging.getLogger(__name__)


class LogUploads:
    """The logs that are due later. Thread-safe.

    A job's logs are due ``Delays.logs`` seconds of EMR's clock after its end, and a fault of the kind
    SLOW_LOGS adds its own seconds to that. Those of a job that runs are brought as often, as far as they are,
    as EMR does every five minutes:
    https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-plan-debugging.html
    """

    def __init__(self, context: EmrContext) -> None:
        self._context = context
        self._pending: dict[JobLogs, Timer] = {}
        # whose upload while they run has not been made yet: a slow S3 does not get one more each time
        self._queued: set[JobLogs] = set()
        self._closed = False
        # a timer holds the lock over all records, and an upload is a request: it needs a thread of its own
        self._uploader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="emr-logs")

    def follow(self, logs: JobLogs) -> None:
        """Bring the logs of a job that runs time and again, where logs are not brought at once."""
        delay = self._context.settings.delays.logs
        if delay > 0:
            with self._context.lock:
                self._pending[logs] = self._call_after(delay, lambda: self._bring_and_follow(logs))

    def add(self, logs: JobLogs, names: tuple[str, ...]) -> None:
        """Upload the logs of a job that has ended, before this returns where they are not due later.

        Args:
            logs: the job's.
            names: by what a fault may be ordered for it.
        """
        context = self._context
        fault = context.faults.take(FaultKind.SLOW_LOGS, *names)
        delay = context.settings.delays.logs + (fault.seconds if fault else 0)
        if delay > 0:
            with context.lock:
                if (followed := self._pending.pop(logs, None)) is not None:
                    followed.cancel()
                if not self._closed:
                    self._pending[logs] = self._call_after(delay, lambda: self._hand_over(logs))
                    return
        logs.upload(context.storage)

    def close(self) -> None:
        """Upload what is still due, now."""
        with self._context.lock:
            self._closed = True
            for logs, timer in list(self._pending.items()):
                timer.cancel()
                self._hand_over(logs)
        self._uploader.shutdown()

    def _call_after(self, seconds: float, callback: Callable[[], None]) -> "Timer":
        return self._context.clock.call_at(self._context.clock.now() + seconds, callback)

    def _bring_and_follow(self, logs: JobLogs) -> None:
        if logs not in self._queued:
            self._queued.add(logs)
            self._uploader.submit(self._upload_queued, logs)
        self.follow(logs)

    def _hand_over(self, logs: JobLogs) -> None:
        del self._pending[logs]
        self._uploader.submit(self._upload, logs)

    def _upload_queued(self, logs: JobLogs) -> None:
        try:
            self._upload(logs)
        finally:
            with self._context.lock:
                self._queued.discard(logs)

    def _upload(self, logs: JobLogs) -> None:
        try:
            logs.upload(self._context.storage)
        except (SparkdropError, OSError) as error:
            _LOGGER.warning("the logs of a job could not be uploaded: %s", error)
