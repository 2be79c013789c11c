"""From what a step asks for to what a process needs: programs from S3, Spark's settings, the environment."""

import logging
import os
import shutil
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sparkdrop.core.errors import SparkdropError
from sparkdrop_local.emr.jobs.commands import (
    Command,
    CommandError,
    PlainCommand,
    Script,
    SparkSubmission,
    is_local_conf,
)
from sparkdrop_local.emr.jobs.task import JobTask
from sparkdrop_local.emr.settings import EmrSettings
from sparkdrop_local.emr.storage import Storage, is_s3_uri
from sparkdrop_local.spark import (
    SparkRuntime,
    build_spark_arguments,
    build_spark_conf,
    build_spark_environment,
    find_runtime,
    write_spark_conf,
)

_LOGGER = logging.getLogger(__name__)
# What every process may see of ours; credentials and Airflow's settings are not among it.
_PASSED_ON = (
    *("HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "SHELL", "TZ", "USER", "SSL_CERT_FILE"),
    "SPARKDROP_SYSTEM_ID",  # the mark by which whatever started us finds and stops what we leave behind
)
_NO_COMMAND = "Cannot run program"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A process that is ready to be started."""

    arguments: Sequence[str]
    environment: Mapping[str, str]
    folder: Path


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
                spark = self._spark_environment(self._spark(), task, work, stderr)
                arguments = self._submit(command, work)
                return Prepared(arguments, {**environment, **spark}, work)
            case Script():
                script = self._storage.download(command.uri, work)
                script.chmod(0o755)
                found = [str(script), *command.arguments]
            case PlainCommand():
                found = list(command.arguments)
        environment |= self._spark_environment_if_any(task, work)
        if shutil.which(found[0], path=environment.get("PATH")) is None:
            raise CommandError("Unknown Error.", f'{_NO_COMMAND} "{found[0]}": no such file or directory')
        return Prepared(found, environment, work)

    def _submit(self, submission: SparkSubmission, work: Path) -> list[str]:
        """Build the command line of a spark-submit, with every file of S3 fetched."""
        program = (
            str(self._storage.download(submission.program, work))
            if is_s3_uri(submission.program)
            else submission.program
        )
        arguments: list[str] = []
        for name, value in submission.options:
            arguments += [name] if value is None else [name, value]
        for name, items in submission.files.items():
            folder = work / name.strip("-")
            arguments += [
                name,
                ",".join(str(self._storage.download(i, folder)) if is_s3_uri(i) else i for i in items),
            ]
        for key, value in submission.conf.items():
            arguments += ["--conf", f"{key}={value}"]
        return build_spark_arguments(
            self._spark(),
            [*arguments, program, *submission.arguments],
            java_options=(f"-Djava.io.tmpdir={work / 'tmp'}", *submission.java_options),
            class_path=submission.class_path,
        )

    def _environment(self, task: JobTask, work: Path) -> dict[str, str]:
        passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        return {
            **passed_on,
            **self._storage.environment(),
            "TMPDIR": str(work / "tmp"),
            **task.environment,
        }

    def _spark(self) -> SparkRuntime:
        with self._lock:
            if self._runtime is None:
                self._runtime = find_runtime()
            return self._runtime

    def _spark_environment(
        self, runtime: SparkRuntime, task: JobTask, work: Path, stderr: Path | None
    ) -> dict[str, str]:
        """Write the run's ``spark-defaults.conf``: the local defaults, then the cluster's own."""
        conf_dir = work / "spark-conf"
        conf = build_spark_conf(
            runtime,
            endpoint_url=self._storage.endpoint_url,
            region=self._settings.region,
            scratch_dir=work,
        )
        conf |= {key: value for key, value in task.spark_defaults().items() if is_local_conf(key)}
        if stderr is None:  # the spark-submit script, called by a command, takes these from here
            conf |= {"spark.master": f"local[{runtime.cores}]", "spark.driver.memory": runtime.driver_memory}
            conf["spark.driver.extraClassPath"] = f"{runtime.jars_dir}/*"
        write_spark_conf(conf_dir, conf)
        return build_spark_environment(runtime, conf_dir=conf_dir, stderr=stderr)

    def _spark_environment_if_any(self, task: JobTask, work: Path) -> dict[str, str]:
        """Let a plain command call ``spark-submit`` itself, where Spark is complete; others need none."""
        try:
            return self._spark_environment(self._spark(), task, work, None)
        except SparkdropError:
            return {}
