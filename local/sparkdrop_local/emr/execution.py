"""One step as a process: prepared, started in a process group of its own, awaited, stopped.

A step has a thread that waits for its process; a step that is stopped gets a signal to the whole group, so
that Spark's JVM and its Python go together.
"""

import os
import shlex
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from sparkdrop.core.errors import SparkdropError
from sparkdrop_local.emr.commands import CommandError, parse_command
from sparkdrop_local.emr.failures import UNKNOWN, find_cause
from sparkdrop_local.emr.logs import StepLogs
from sparkdrop_local.emr.preparation import Preparation, Prepared
from sparkdrop_local.emr.records import Cluster, Failure, Step
from sparkdrop_local.emr.settings import EmrSettings
from sparkdrop_local.emr.storage import Storage
from sparkdrop_local.emr.words import StepState

_NOT_STARTED = 127
_RUNNER = "hadoop jar /var/lib/aws/emr/step-runner/hadoop-jars"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a step ended."""

    state: StepState
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class StepTask:
    """What a step's thread needs of its cluster, copied so that it holds no lock."""

    cluster_id: str
    step: Step
    log_uri: str | None
    spark_defaults: Mapping[str, str]


class StepRunner:
    """Starts the steps of one local EMR."""

    def __init__(self, settings: EmrSettings, storage: Storage) -> None:
        self._settings = settings
        self._storage = storage
        self._preparation = Preparation(settings, storage)

    def warm_up(self) -> None:
        """Find Spark and make the S3 client before the first step needs them (about 1 s, once)."""
        self._preparation.warm_up()

    def start(self, cluster: Cluster, step: Step, on_end: Callable[[Step, Outcome], None]) -> "StepRun":
        """Start a step in a thread; ``on_end`` is called from there, once, when its logs are in S3."""
        task = StepTask(cluster.id, step, cluster.log_uri, cluster.spark_defaults())
        run = StepRun(task, self._settings, self._storage, self._preparation, on_end)
        run.start()
        return run


class StepRun(threading.Thread):
    """One step that runs."""

    def __init__(
        self,
        task: StepTask,
        settings: EmrSettings,
        storage: Storage,
        preparation: Preparation,
        on_end: Callable[[Step, Outcome], None],
    ) -> None:
        super().__init__(name=f"emr-{task.step.id}", daemon=True)
        self._task = task
        self._settings = settings
        self._storage = storage
        self._preparation = preparation
        self._on_end = on_end
        self._guard = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped_as: StepState | None = None
        self._killer: threading.Timer | None = None
        self._folder = settings.scratch_dir / task.cluster_id / task.step.id

    def cancel(self, *, force: bool) -> None:
        """Stop the step for CancelSteps: by SIGTERM, or by SIGKILL when forced."""
        with self._guard:
            self._stop(StepState.CANCELLED, signal.SIGKILL if force else signal.SIGTERM)

    def terminate(self, *, cancelled: bool) -> None:
        """Stop the step because its cluster ends: SIGTERM, and SIGKILL after the grace time."""
        with self._guard:
            self._stop(StepState.CANCELLED if cancelled else StepState.INTERRUPTED, signal.SIGTERM)
            self._killer = threading.Timer(self._settings.stop_grace_seconds, self._kill)
            self._killer.daemon = True
            self._killer.start()

    def run(self) -> None:
        """Run the step to its end and report how it went, whatever happens."""
        logs = StepLogs(self._folder / "logs", self._task.log_uri, self._task.cluster_id, self._task.step.id)
        try:
            outcome = self._run(logs)
            logs.upload(self._storage)
        except Exception as error:  # noqa: BLE001 - a thread's last line of defence: the step must end in a state
            outcome = Outcome(StepState.FAILED, Failure(UNKNOWN, f"the local EMR failed: {error!r}", None))
        if self._killer is not None:
            self._killer.cancel()
        shutil.rmtree(self._folder / "work", ignore_errors=True)
        self._on_end(self._task.step, outcome)

    def _run(self, logs: StepLogs) -> Outcome:
        config = self._task.step.config
        words = [str(config["Jar"]).rsplit("/", 1)[-1], *map(str, config.get("Args") or ())]
        line = f"{_RUNNER}/{shlex.join(words)}"
        logs.control("INFO", f"startExec '{line}'")
        try:
            prepared = self._preparation.prepare(
                parse_command(config), self._task, work=self._folder / "work", stderr=logs.path("stderr")
            )
            exit_code = self._execute(prepared, logs)
        except (CommandError, SparkdropError, OSError, ClientError, BotoCoreError) as error:
            logs.write_error(str(error))
            logs.control_end(_NOT_STARTED)
            return self._stopped_outcome() or self._fail(getattr(error, "reason", None), str(error), logs)
        logs.control("INFO", f"waitProcessCompletion ended with exit code {exit_code} : {line}")
        logs.control_end(exit_code)
        if stopped := self._stopped_outcome():
            return stopped
        if exit_code == 0:
            return Outcome(StepState.COMPLETED)
        return self._fail(*find_cause(logs.read_tail("stderr")), logs)

    def _execute(self, prepared: Prepared, logs: StepLogs) -> int:
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

    def _stop(self, state: StepState, number: signal.Signals) -> None:
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

    def _fail(self, reason: str | None, message: str, logs: StepLogs) -> Outcome:
        return Outcome(StepState.FAILED, Failure(reason or UNKNOWN, message, logs.uri("stderr")))


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        # gone; macOS answers EPERM for a group of zombies
        return
