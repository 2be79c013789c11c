"""From what a step asks for to what a process needs: programs from S3, Spark's settings, the environment."""

import logging
import os
import shutil
import sys
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from sparkdrop.core.errors import SparkdropError
from sparkdrop_local.emr.jobs.commands import (
    Command,
    CommandError,
    CustomJar,
    PlainCommand,
    Script,
    SparkSubmission,
)
from sparkdrop_local.emr.jobs.files import JobFiles
from sparkdrop_local.emr.jobs.shim import write_shims
from sparkdrop_local.emr.jobs.spark_job import Prepared, SparkJob
from sparkdrop_local.emr.jobs.task import JobTask
from sparkdrop_local.emr.settings import EmrSettings
from sparkdrop_local.emr.storage import Storage, is_s3_uri
from sparkdrop_local.spark import SparkRuntime, find_runtime

__all__ = ["Preparation", "Prepared"]

_LOGGER = logging.getLogger(__name__)
# What every process may see of ours; credentials and Airflow's settings are not among it.
_PASSED_ON = (
    *("HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "SHELL", "TZ", "USER", "SSL_CERT_FILE"),
    "SPARKDROP_SYSTEM_ID",  # the mark by which whatever started us finds and stops what we leave behind
)
_NO_COMMAND = "Cannot run program"
_PROGRAM_STARTS = (b"#!", b"\x7fELF")


class Preparation:
    """Prepares the jobs of one local EMR. Thread-safe."""

    def __init__(self, settings: EmrSettings, storage: Storage) -> None:
        self._settings = settings
        self._storage = storage
        self._lock = threading.Lock()
        self._runtime = settings.spark

    def warm_up(self) -> None:
        """Find Spark and make the S3 client; what is missing is told by the job that needs it."""
        try:
            self._spark()
            self._storage.client("s3")
        except SparkdropError as error:
            _LOGGER.info("steps that need it will fail: %s", error)

    def prepare(self, command: Command, task: JobTask, *, work: Path, stderr: Path) -> Prepared:
        """Prepare a command in its work folder.

        Args:
            command: what to run.
            task: the job that it belongs to.
            work: the folder it runs in; it is made here and removed when the job has ended.
            stderr: the file of the job's stderr.

        Raises:
            CommandError: there is no such program.
            SparkdropError: Spark is not complete on this machine.
            ClientError: a program is not in S3.
        """
        (work / "tmp").mkdir(parents=True, exist_ok=True)
        environment = self._environment(task, work)
        match command:
            case SparkSubmission():
                prepared = self._spark_job(task, work).submit(command, stderr=stderr)
                return self._with_environment(prepared, environment)
            case CustomJar():
                prepared = self._spark_job(task, work).run_jar(command, syslog=stderr.with_name("syslog"))
                return self._with_environment(prepared, environment)
            case Script():
                found = [*self._prepare_script(command.uri, work), *command.arguments]
            case PlainCommand():
                found = list(command.arguments)
        environment |= self._script_environment_if_any(task, work, environment["PATH"])
        if shutil.which(found[0], path=environment.get("PATH")) is None:
            raise CommandError("Unknown Error.", f'{_NO_COMMAND} "{found[0]}": no such file or directory')
        return Prepared(found, environment, work)

    def _prepare_script(self, uri: str, work: Path) -> list[str]:
        """Bring a script; one that does not say by what it runs is run by sh, as script-runner.jar does."""
        script = Path(JobFiles(self._storage, work).fetch(uri))
        if not is_s3_uri(uri):
            return [str(script)]
        script.chmod(0o755)
        with script.open("rb") as file:
            is_program = file.read(4).startswith(_PROGRAM_STARTS)
        return [str(script)] if is_program else ["/bin/sh", str(script)]

    def _spark_job(self, task: JobTask, work: Path) -> SparkJob:
        return SparkJob(
            runtime=self._spark(),
            settings=self._settings,
            storage=self._storage,
            configurations=task.configurations,
            work=work,
            folder=work,
            application_id=task.application_id,
        )

    @staticmethod
    def _with_environment(prepared: Prepared, environment: Mapping[str, str]) -> Prepared:
        """Add what every process sees; what Spark needs wins."""
        return replace(prepared, environment={**environment, **prepared.environment})

    def _environment(self, task: JobTask, work: Path) -> dict[str, str]:
        passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        # EMR's machines have the AWS CLI: where it is installed with us, it is found last
        path = f"{passed_on.get('PATH', os.defpath)}{os.pathsep}{Path(sys.executable).parent}"
        return {
            **passed_on,
            "PATH": path,
            **self._storage.environment(),
            "TMPDIR": str(work / "tmp"),
            **task.environment,
        }

    def _spark(self) -> SparkRuntime:
        with self._lock:
            if self._runtime is None:
                self._runtime = find_runtime()
            return self._runtime

    def _script_environment_if_any(self, task: JobTask, work: Path, path: str) -> dict[str, str]:
        """Let a plain command use Spark itself, where that is complete; others need none."""
        try:
            job = self._spark_job(task, work)
        except SparkdropError:
            return {}
        places = (write_shims(job), job.runtime.jdk.home / "bin", job.runtime.home / "bin", path)
        return {**job.script_environment(), "PATH": os.pathsep.join(map(str, places))}
