"""One job as a process: prepared, started in a process group of its own, awaited, stopped.

A job has a thread that waits for its process; a job that is stopped gets a signal to the whole group, so
that Spark's JVM and its Python go together.
"""

import logging
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError

from sparkdrop.core.errors import SparkdropError
from sparkdrop_local.emr.context import EmrContext
from sparkdrop_local.emr.jobs.commands import CommandError
from sparkdrop_local.emr.jobs.failures import UNKNOWN, find_cause
from sparkdrop_local.emr.jobs.logs import JobLogs
from sparkdrop_local.emr.jobs.preparation import Preparation, Prepared
from sparkdrop_local.emr.jobs.task import Failure, JobState, JobTask, Outcome

_LOGGER = logging.getLogger(__name__)
_NOT_STARTED = 127


class JobRunner:
    """Starts the jobs of one local EMR."""

    def __init__(self, context: EmrContext) -> None:
        self._context = context
        self._preparation = Preparation(context.settings, context.storage)
        self._runs: set[JobRun] = set()
        self._guard = threading.Lock()
        self._is_warm = False

    def warm_up(self) -> None:
        """Find Spark and make the S3 client before the first job needs them: once, about 1 s, in a thread."""
        with self._guard:
            if self._is_warm:
                return
            self._is_warm = True
        threading.Thread(target=self._preparation.warm_up, name="emr-warm-up", daemon=True).start()

    def start(self, task: JobTask, on_end: Callable[[Outcome], None]) -> "JobRun":
        """Start a job in a thread; ``on_end`` is called from there, once, when its logs are in S3."""

        def end(outcome: Outcome) -> None:
            on_end(outcome)
            with self._guard:
                self._runs.discard(run)

        run = JobRun(task, self._context, self._preparation, end)
        with self._guard:
            self._runs.add(run)
        run.start()
        return run

    def join(self, timeout_seconds: float) -> None:
        """Wait until every job has ended."""
        with self._guard:
            runs = list(self._runs)
        for run in runs:
            run.join(timeout_seconds)
            if run.is_alive():
                _LOGGER.error("the local EMR could not stop %s", run.name)


class JobRun(threading.Thread):
    """One job that runs."""

    def __init__(
        self, task: JobTask, context: EmrContext, preparation: Preparation, on_end: Callable[[Outcome], None]
    ) -> None:
        super().__init__(name=f"emr-{task.folder}", daemon=True)
        self._task = task
        self._settings = context.settings
        self._storage = context.storage
        self._preparation = preparation
        self._on_end = on_end
        self._guard = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped_as: JobState | None = None
        self._killer: threading.Timer | None = None
        self._folder = context.settings.scratch_dir / task.folder

    def cancel(self, *, force: bool) -> None:
        """Stop the job for CancelSteps: by SIGTERM, or by SIGKILL when forced."""
        with self._guard:
            self._halt(JobState.CANCELLED, signal.SIGKILL if force else signal.SIGTERM)

    def terminate(self, *, cancelled: bool) -> None:
        """Stop the job because its cluster ends: SIGTERM, and SIGKILL after the grace time."""
        with self._guard:
            self._halt(JobState.CANCELLED if cancelled else JobState.INTERRUPTED, signal.SIGTERM)
            self._killer = threading.Timer(self._settings.stop_grace_seconds, self._kill)
            self._killer.daemon = True
            self._killer.start()

    def run(self) -> None:
        """Run the job to its end and report how it went, whatever happens."""
        logs = JobLogs(self._folder / "logs", self._task.log_uris)
        try:
            outcome = self._run(logs)
            logs.upload(self._storage)
        except Exception as error:  # noqa: BLE001 - a thread's last line of defence: the job must end in a state
            outcome = Outcome(JobState.FAILED, Failure(UNKNOWN, f"the local EMR failed: {error!r}", None))
        if self._killer is not None:
            self._killer.cancel()
        shutil.rmtree(self._folder / "work", ignore_errors=True)
        self._on_end(outcome)

    def _run(self, logs: JobLogs) -> Outcome:
        line = self._task.line
        logs.control_start(line)
        try:
            prepared = self._preparation.prepare(
                self._task.build_command(), self._task, work=self._folder / "work", stderr=logs.path("stderr")
            )
            exit_code = self._execute(prepared, logs)
        except (CommandError, SparkdropError, OSError, ClientError, BotoCoreError) as error:
            logs.write_error(str(error))
            logs.control_end(_NOT_STARTED)
            return self._stopped_outcome() or self._fail(
                getattr(error, "reason", None), str(error), logs, None
            )
        logs.control("INFO", f"waitProcessCompletion ended with exit code {exit_code} : {line}")
        logs.control_end(exit_code)
        if stopped := self._stopped_outcome():
            return stopped
        if exit_code == 0:
            return Outcome(JobState.COMPLETED, exit_code=0)
        return self._fail(*find_cause(logs.read_tail("stderr")), logs, exit_code)

    def _execute(self, prepared: Prepared, logs: JobLogs) -> int:
        """Start the process, wait for it, and take down what it left in its group."""
        with logs.path("stdout").open("ab") as stdout, logs.path("stderr").open("ab") as stderr, self._guard:
            if self._stopped_as is not None:
                return -signal.SIGTERM
            process = subprocess.Popen(
                prepared.arguments,
                cwd=prepared.folder,
                env=dict(prepared.environment),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
            self._process = process
        # not reaped yet: until the group is down, its number cannot be another's
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        with self._guard:
            self._process = None
            _signal_group(process.pid, signal.SIGKILL)
        return process.wait()

    def _halt(self, state: JobState, number: signal.Signals) -> None:
        self._stopped_as = self._stopped_as or state
        if self._process is not None:
            _signal_group(self._process.pid, number)

    def _kill(self) -> None:
        with self._guard:
            if self._process is not None:
                _signal_group(self._process.pid, signal.SIGKILL)

    def _stopped_outcome(self) -> Outcome | None:
        with self._guard:
            return Outcome(self._stopped_as) if self._stopped_as is not None else None

    def _fail(self, reason: str | None, message: str, logs: JobLogs, exit_code: int | None) -> Outcome:
        return Outcome(JobState.FAILED, Failure(reason or UNKNOWN, message, logs.uri("stderr")), exit_code)


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        # gone; macOS answers EPERM for a group of zombies
        return
