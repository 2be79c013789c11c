"""One job as a process: prepared, started in a session of its own, awaited, stopped.

A job has a thread that waits for its process; a job that is stopped gets a signal to the whole group, so
that Spark's JVM and its Python go together. Every process of a job carries two marks in its environment, that
of its EMR and that of the job: with the job ends all that carries the job's, in whatever session, and with
the process that has the EMR ends all that carries the EMR's, when that was killed too.
"""

import logging
import os
import shutil
import signal
import subprocess
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from sparkdrop.core.errors import SparkdropError
from sparkdrop_local.emr.context import EmrContext
from sparkdrop_local.emr.faults import FaultKind
from sparkdrop_local.emr.jobs.commands import CommandError
from sparkdrop_local.emr.jobs.failures import OUT_OF_MEMORY, UNKNOWN, find_cause
from sparkdrop_local.emr.jobs.logs import JobLogs
from sparkdrop_local.emr.jobs.memory import JOB_MARK, MemoryWatch, bound, describe_excess
from sparkdrop_local.emr.jobs.preparation import Preparation, Prepared
from sparkdrop_local.emr.jobs.task import Failure, JobState, JobTask, Outcome
from sparkdrop_local.emr.jobs.uploads import LogUploads
from sparkdrop_local.guard import Guard
from sparkdrop_local.processes import stop_marked

EMR_MARK = "SPARKDROP_EMR_ID"
"""The environment name that marks every process of one local EMR."""

_LOGGER = logging.getLogger(__name__)
_NOT_STARTED = 127
_CANCELLED = 128 + signal.SIGTERM


@dataclass(frozen=True, slots=True)
class _Shared:
    """What all jobs of one local EMR run with."""

    identifier: str
    context: EmrContext
    preparation: Preparation
    guard: Guard
    memory: MemoryWatch
    uploads: LogUploads


class JobRunner:
    """Starts the jobs of one local EMR. Close it, or they outlive it until this process ends."""

    def __init__(self, context: EmrContext) -> None:
        identifier = uuid.uuid4().hex
        self._shared = _Shared(
            identifier=identifier,
            context=context,
            preparation=Preparation(context.settings, context.storage),
            guard=Guard(identifier, name=EMR_MARK),
            memory=MemoryWatch(context.settings.step_memory_bytes),
            uploads=LogUploads(context),
        )
        self._runs: set[JobRun] = set()
        self._lock = threading.Lock()
        self._is_warm = False

    def warm_up(self) -> None:
        """Start the guard, find Spark and make the S3 client before the first job: once, 1 s, in a thread."""
        with self._lock:
            if self._is_warm:
                return
            self._is_warm = True
        threading.Thread(target=self._warm_up, name="emr-warm-up", daemon=True).start()

    def start(self, task: JobTask, on_end: Callable[[Outcome], None]) -> "JobRun":
        """Start a job in a thread; ``on_end`` is called from there, once.

        Its logs are in S3 by then, or they follow as late as EMR brings them (``LogUploads``).
        """

        def end(outcome: Outcome) -> None:
            try:
                on_end(outcome)
            finally:
                with self._lock:
                    self._runs.discard(run)

        run = JobRun(task, self._shared, end)
        with self._lock:
            self._runs.add(run)
        run.start()
        return run

    def join(self, timeout_seconds: float) -> None:
        """Wait until every job that was told to stop has ended."""
        for run in self._list_runs():
            if not run.is_stopping:
                continue
            run.join(timeout_seconds)
            if run.is_alive():
                _LOGGER.error("the local EMR could not stop %s", run.name)

    def close(self) -> None:
        """Stop what still runs, bring the logs that are due later to S3, and let the guard go."""
        for run in self._list_runs():
            run.terminate(cancelled=False)
        self.join(self._shared.context.settings.stop_grace_seconds * 2 + 30)
        self._shared.uploads.close()
        self._shared.guard.close()

    def _list_runs(self) -> list["JobRun"]:
        with self._lock:
            return list(self._runs)

    def _warm_up(self) -> None:
        self._shared.guard.ensure()
        self._shared.preparation.warm_up()


class JobRun(threading.Thread):
    """One job that runs.

    A fault of the kind HANG leaves it without a process: it runs, does nothing, and ends only when it is
    cancelled or terminated, as a process does that waits for ever. Clearing the order frees no job that hangs
    already.
    """

    def __init__(self, task: JobTask, shared: _Shared, on_end: Callable[[Outcome], None]) -> None:
        super().__init__(name=f"emr-{task.folder}", daemon=True)
        self._task = task
        self._shared = shared
        self._settings = shared.context.settings
        self._on_end = on_end
        self._mark = f"{shared.identifier}/{task.folder}"
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped_as: JobState | None = None
        self._stopped = threading.Event()
        self._excess_bytes: int | None = None
        self._killer: threading.Timer | None = None
        self._folder = self._settings.scratch_dir / task.folder

    @property
    def is_stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._stopped.is_set()

    def cancel(self, *, force: bool) -> None:
        """Stop the job for CancelSteps: by SIGTERM, or by SIGKILL when forced."""
        with self._lock:
            self._halt(JobState.CANCELLED, signal.SIGKILL if force else signal.SIGTERM)

    def terminate(self, *, cancelled: bool) -> None:
        """Stop the job because its cluster ends: SIGTERM, and SIGKILL after the grace time; idempotent."""
        with self._lock:
            self._halt(JobState.CANCELLED if cancelled else JobState.INTERRUPTED, signal.SIGTERM)
            if self._killer is None:
                self._killer = threading.Timer(self._settings.stop_grace_seconds, self._kill)
                self._killer.daemon = True
                self._killer.start()

    def run(self) -> None:
        """Run the job to its end and report how it went, whatever happens."""
        try:
            # an earlier process may have left its own: a bootstrap action that ran then starts over
            shutil.rmtree(self._folder, ignore_errors=True)
            logs = JobLogs(self._folder / "logs", self._task.log_uris)
            try:
                outcome = self._run(logs)
            finally:
                self._shared.uploads.add(logs, self._task.names)
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
            exit_code = self._hang() or self._execute(self._prepare(logs), logs)
        except (CommandError, SparkdropError, OSError, ClientError, BotoCoreError) as error:
            logs.write_error(str(error))
            logs.control_end(_NOT_STARTED)
            return self._stopped_outcome() or self._fail(
                getattr(error, "reason", None), str(error), logs, None
            )
        logs.control("INFO", f"waitProcessCompletion ended with exit code {exit_code} : {line}")
        logs.control_end(exit_code)
        return self._judge(exit_code, logs)

    def _hang(self) -> int | None:
        """Do nothing until the job is told to stop, where a fault asks for that."""
        if self._shared.context.faults.take(FaultKind.HANG, *self._task.names) is None:
            return None
        self._stopped.wait()
        return _CANCELLED

    def _prepare(self, logs: JobLogs) -> Prepared:
        return self._shared.preparation.prepare(
            self._task.build_command(), self._task, work=self._folder / "work", stderr=logs.path("stderr")
        )

    def _execute(self, prepared: Prepared, logs: JobLogs) -> int:
        """Start the process, wait for it, and take down what it left behind; answers its exit code.

        A process that a signal ended has the code that a shell gives it, 128 and the signal's number: EMR's
        steps have one above theirs.
        """
        process = self._start(prepared, logs)
        if process is None:
            return _CANCELLED
        try:
            bound(process.pid, self._settings.step_memory_bytes)
            self._shared.uploads.follow(logs)
            with self._shared.memory.watching(self._mark, process.pid, self._stop_excess):
                # not reaped yet: until the group is down, its number cannot be another's
                os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        finally:
            with self._lock:
                self._process = None
                _signal_group(process.pid, signal.SIGKILL)
            stop_marked(self._mark, name=JOB_MARK, grace_seconds=0)
            code = process.wait()
        return code if code >= 0 else 128 - code

    def _start(self, prepared: Prepared, logs: JobLogs) -> "subprocess.Popen[bytes] | None":
        """Start the process, unless the job was told to stop before."""
        # before the lock: whoever stops the job waits for that while holding the lock over all records
        self._shared.guard.ensure()
        marks = {EMR_MARK: self._shared.identifier, JOB_MARK: self._mark}
        with logs.path("stdout").open("ab") as stdout, logs.path("stderr").open("ab") as stderr, self._lock:
            if self._stopped_as is not None:
                return None
            self._process = subprocess.Popen(
                prepared.arguments,
                cwd=prepared.folder,
                env={**prepared.environment, **marks},
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
            return self._process

    def _judge(self, exit_code: int, logs: JobLogs) -> Outcome:
        """Say how a job went whose process has ended."""
        if stopped := self._stopped_outcome():
            return stopped
        if self._excess_bytes is not None:
            message = describe_excess(self._excess_bytes, self._settings.step_memory_bytes)
            logs.write_error(message)
            return self._fail(OUT_OF_MEMORY, message, logs, exit_code)
        if exit_code == 0:
            return Outcome(JobState.COMPLETED, exit_code=0)
        return self._fail(*find_cause(logs.read_tail("stderr")), logs, exit_code)

    def _halt(self, state: JobState, number: signal.Signals) -> None:
        self._stopped_as = self._stopped_as or state
        self._stopped.set()
        if self._process is not None:
            _signal_group(self._process.pid, number)

    def _kill(self) -> None:
        with self._lock:
            if self._process is not None:
                _signal_group(self._process.pid, signal.SIGKILL)

    def _stop_excess(self, held_bytes: int) -> None:
        """Kill the job because it holds too much; one that is being stopped is left to that."""
        with self._lock:
            if self._process is not None and self._stopped_as is None:
                self._excess_bytes = self._excess_bytes or held_bytes
                _signal_group(self._process.pid, signal.SIGKILL)

    def _stopped_outcome(self) -> Outcome | None:
        with self._lock:
            return Outcome(self._stopped_as) if self._stopped_as is not None else None

    def _fail(self, reason: str | None, message: str, logs: JobLogs, exit_code: int | None) -> Outcome:
        return Outcome(JobState.FAILED, Failure(reason or UNKNOWN, message, logs.uri("stderr")), exit_code)


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        # gone; macOS answers EPERM for a group of zombies
        return
