"""From a spark-submit, or a JAR, to a command line of java: its files, settings and part of the machine."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparkdrop_local.emr.jobs.commands import CommandError, CustomJar, SparkSubmission
from sparkdrop_local.emr.jobs.configurations import (
    JobConfiguration,
    clean_environment,
    parse_properties,
    read_configurations,
)
from sparkdrop_local.emr.jobs.examples import EXAMPLES_FOLDER
from sparkdrop_local.emr.jobs.files import JobFiles
from sparkdrop_local.emr.jobs.jvm_files import (
    read_main_class,
    write_core_site,
    write_spark_log4j2,
    write_syslog_log4j2,
)
from sparkdrop_local.emr.jobs.resources import bound_runtime
from sparkdrop_local.emr.jobs.submission import is_local_conf
from sparkdrop_local.emr.jobs.yarn import CONTAINER_STDERR, CONTAINER_STDOUT, submit_to_container
from sparkdrop_local.emr.settings import EmrSettings
from sparkdrop_local.emr.storage import Storage
from sparkdrop_local.spark import (
    SparkRuntime,
    build_java_arguments,
    build_spark_arguments,
    build_spark_environment,
)
from sparkdrop_local.spark_conf import build_event_log_conf, build_spark_conf, write_spark_conf

EVENT_LOGS = "spark-events"
_PYTHON_CONF = ("spark.pyspark.driver.python", "spark.pyspark.python")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A process that is ready to be started."""

    arguments: list[str]
    environment: Mapping[str, str]
    folder: Path


@dataclass(frozen=True, slots=True)
class SparkJob:
    """One job that runs on Spark's JVM.

    Attributes:
        runtime: the Spark it runs on, with its bounds.
        settings: the local EMR's.
        storage: its S3.
        configurations: EMR's Configurations.
        work: the folder of what is written for it.
        folder: where it runs: relative paths are looked for, and files placed, there.
        application_id: YARN's id of its application in cluster mode; None has it run in client mode.
    """

    runtime: SparkRuntime
    settings: EmrSettings
    storage: Storage
    configurations: Sequence[Mapping[str, Any]]
    work: Path
    folder: Path
    application_id: str | None = None

    def submit(self, submission: SparkSubmission, *, stderr: Path | None) -> Prepared:
        """Prepare a spark-submit.

        Args:
            submission: what is submitted.
            stderr: the file of the job's stderr, beside its other logs; None leaves Python's in stdout, as
                Spark does.

        Raises:
            CommandError: the program, or what it needs, is not here.
            ClientError: a file is not in S3.
        """
        configuration = read_configurations(self.configurations)
        asked = submission.with_defaults(self._defaults(submission, configuration))
        runtime = bound_runtime(self.runtime, asked.resources, takes_all=configuration.takes_all)
        application = self.application_id if asked.deploy_mode == "cluster" else None
        conf = {key: value for key, value in asked.conf.items() if key not in submission.conf}
        if application is not None:
            # a second session of the driver has the same id, and may write its events over the first's
            conf |= {"spark.test.appId": application, "spark.eventLog.overwrite": "true"}
        conf_dir = self._write_conf(runtime, conf)
        arguments = build_spark_arguments(
            runtime,
            self._arguments(asked, submission.conf),
            java_options=(
                f"-Djava.io.tmpdir={self.work / 'tmp'}",
                *self._log4j2_options(configuration),
                *asked.java_options,
            ),
            class_path=asked.class_path,
        )
        variables = dict(configuration.environment)
        if application is not None and stderr is not None:
            variables |= clean_environment(asked.environment)
            stdout, stderr = stderr.with_name(CONTAINER_STDOUT), stderr.with_name(CONTAINER_STDERR)
            arguments = submit_to_container(
                arguments, application, work=self.work, stdout=stdout, stderr=stderr
            )
        python = _own_python(asked, configuration)
        spark = build_spark_environment(runtime, conf_dir=conf_dir, stderr=stderr, python=python)
        return Prepared(arguments, {**variables, **spark}, self.folder)

    def run_jar(self, jar: CustomJar, *, syslog: Path) -> Prepared:
        """Prepare a class of a JAR, with Hadoop and Spark on its class path as ``hadoop jar`` has Hadoop.

        Raises:
            CommandError: there is no such JAR, or no class to run.
            ClientError: it is not in S3.
        """
        configuration = read_configurations(self.configurations)
        path = JobFiles(self.storage, self.folder, self.runtime.home).fetch(jar.uri)
        arguments = list(jar.arguments)
        main_class = jar.main_class or read_main_class(path) or (arguments.pop(0) if arguments else None)
        if main_class is None:
            raise CommandError(
                "Main Class not found.",
                f"{jar.uri} names no Main-Class: give MainClass or the first argument",
            )
        conf = self._local_conf(configuration)
        conf_dir = self._write_conf(self.runtime, conf)
        hadoop_conf = self.work / "hadoop-conf"
        write_core_site(hadoop_conf, {**self._base_conf(self.runtime), **conf})
        logging = write_syslog_log4j2(hadoop_conf, syslog)
        options = [f"-D{key}={value}" for key, value in jar.properties.items()]
        java = build_java_arguments(
            self.runtime,
            java_options=(
                f"-Djava.io.tmpdir={self.work / 'tmp'}",
                f"-Dlog4j2.configurationFile={logging}",
                *options,
            ),
            class_path=(path, str(hadoop_conf)),
        )
        environment = {
            **configuration.environment,
            **build_spark_environment(self.runtime, conf_dir=conf_dir),
        }
        return Prepared([*java, main_class, *arguments], environment, self.folder)

    def script_environment(self) -> dict[str, str]:
        """Give the variables by which a plain command may make a Spark session in its own Python."""
        conf = {
            **self._local_conf(read_configurations(self.configurations)),
            "spark.master": f"local[{self.runtime.cores}]",
            "spark.driver.memory": self.runtime.driver_memory,
            "spark.driver.extraClassPath": f"{self.runtime.jars_dir}/*",
        }
        return build_spark_environment(self.runtime, conf_dir=self._write_conf(self.runtime, conf))

    def _defaults(self, submission: SparkSubmission, configuration: JobConfiguration) -> Mapping[str, str]:
        """Read the file that the submission names in place of ``spark-defaults``, or give those."""
        if submission.properties_file is None:
            return configuration.spark
        path = JobFiles(self.storage, self.folder, self.runtime.home).fetch(
            submission.properties_file, "properties"
        )
        try:
            return parse_properties((self.folder / path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError("Unknown Error.", f"spark-submit: properties file {path}: {error}") from error

    def _arguments(self, submission: SparkSubmission, conf: Mapping[str, str]) -> list[str]:
        """Build spark-submit's arguments, with every file of S3 fetched."""
        files = JobFiles(self.storage, self.folder, self.runtime.home)
        arguments: list[str] = []
        for name, value in submission.options:
            arguments += [name] if value is None else [name, value]
        for name, items in submission.files.items():
            if name == "--archives":
                for item in items:
                    files.unpack(item)
            elif name == "--files":
                arguments += [name, ",".join(files.place(item) for item in items)]
            else:
                arguments += [name, ",".join(files.fetch(item, name.strip("-")) for item in items)]
        for key, value in conf.items():
            if key not in _PYTHON_CONF:
                arguments += ["--conf", f"{key}={value}"]
        return [*arguments, self._program(submission.program, files), *submission.arguments]

    def _program(self, program: str, files: JobFiles) -> str:
        """Bring the program; of Spark's examples, say which there are where this one is not."""
        path = files.fetch(program)
        if program.startswith(EXAMPLES_FOLDER) and not Path(path).exists():
            folder = Path(files.fetch(EXAMPLES_FOLDER))
            there = ", ".join(sorted(one.stem for one in folder.glob("*.py") if one.stem != "__init__"))
            raise CommandError(
                "Unknown Error.",
                f"PySpark has no example {program.removeprefix(EXAMPLES_FOLDER + '/')}; it has {there},"
                " and more in ml, mllib, sql and streaming",
            )
        return path

    def _local_conf(self, configuration: JobConfiguration) -> dict[str, str]:
        return {key: value for key, value in configuration.spark.items() if is_local_conf(key)}

    def _base_conf(self, runtime: SparkRuntime) -> dict[str, str]:
        return build_spark_conf(
            runtime,
            endpoint_url=self.storage.endpoint_url,
            region=self.settings.region,
            scratch_dir=self.work,
        )

    def _write_conf(self, runtime: SparkRuntime, conf: Mapping[str, str]) -> Path:
        """Write the run's ``spark-defaults.conf``: the local defaults, then the given ones."""
        folder = self.work / "spark-conf"
        events = build_event_log_conf(self.settings.scratch_dir / EVENT_LOGS)
        kept = {key: value for key, value in conf.items() if key not in _PYTHON_CONF}
        write_spark_conf(folder, {**self._base_conf(runtime), **events, **kept})
        return folder

    def _log4j2_options(self, configuration: JobConfiguration) -> tuple[str, ...]:
        if not configuration.log4j2:
            return ()
        path = write_spark_log4j2(self.work / "spark-conf", configuration.log4j2)
        return (f"-Dlog4j2.configurationFile={path}",)


def _own_python(submission: SparkSubmission, configuration: JobConfiguration) -> str:
    """Find the Python that a job brings along in an archive; any other of a cluster is not here."""
    variables = {**configuration.environment, **submission.environment}
    asked = [submission.conf.get(key, "") for key in _PYTHON_CONF]
    asked += [variables.get(name, "") for name in ("PYSPARK_DRIVER_PYTHON", "PYSPARK_PYTHON")]
    return next((python for python in asked if python.startswith("./")), sys.executable)
