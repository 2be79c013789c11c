"""From a spark-submit, or a JAR, to a command line of java: its files, settings and part of the machine."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

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
from sparkdrop_local.emr.jobs.task import JobTask
from sparkdrop_local.emr.jobs.yarn import CONTAINER_LOGS, submit_to_container
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
        task: what it is for.
        work: its folder.
    """

    runtime: SparkRuntime
    settings: EmrSettings
    storage: Storage
    task: JobTask
    work: Path

    def submit(self, submission: SparkSubmission, *, stderr: Path) -> Prepared:
        """Prepare a spark-submit; ``stderr`` is the file of the job's stderr, beside its other logs.

        Raises:
            CommandError: the program, or what it needs, is not here.
            ClientError: a file is not in S3.
        """
        configuration = read_configurations(self.task.configurations)
        asked = submission.with_defaults(self._defaults(submission, configuration))
        runtime = bound_runtime(self.runtime, asked.resources, takes_all=configuration.takes_all)
        application = self.task.application_id if asked.deploy_mode == "cluster" else None
        stdout, stderr = _output(stderr, in_container=application is not None)

        python = _own_python(asked, configuration)
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
        if application is not None:
            arguments = submit_to_container(
                arguments, application, work=self.work, stdout=stdout, stderr=stderr
            )
        environment = {
            **configuration.environment,
            **(clean_environment(asked.environment) if application is not None else {}),
            **build_spark_environment(runtime, conf_dir=conf_dir, stderr=stderr, python=python),
        }
        return Prepared(arguments, environment, self.work)

    def run_jar(self, jar: CustomJar, *, syslog: Path) -> Prepared:
        """Prepare a class of a JAR, with Hadoop and Spark on its class path as ``hadoop jar`` has Hadoop.

        Raises:
            CommandError: there is no such JAR, or no class to run.
            ClientError: it is not in S3.
        """
        configuration = read_configurations(self.task.configurations)
        path = JobFiles(self.storage, self.work, self.runtime.home).fetch(jar.uri)
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
        return Prepared([*java, main_class, *arguments], environment, self.work)

    def script_environment(self) -> dict[str, str]:
        """Give the variables by which a plain command may call ``spark-submit`` itself."""
        configuration = read_configurations(self.task.configurations)
        conf = {
            **self._local_conf(configuration),
            # the spark-submit script takes these from here
            "spark.master": f"local[{self.runtime.cores}]",
            "spark.driver.memory": self.runtime.driver_memory,
            "spark.driver.extraClassPath": f"{self.runtime.jars_dir}/*",
        }
        conf_dir = self._write_conf(self.runtime, conf)
        return {
            **configuration.environment,
            **build_spark_environment(self.runtime, conf_dir=conf_dir),
        }

    def _defaults(self, submission: SparkSubmission, configuration: JobConfiguration) -> Mapping[str, str]:
        """Read the file that the submission names in place of ``spark-defaults``, or give those."""
        if submission.properties_file is None:
            return configuration.spark
        path = JobFiles(self.storage, self.work, self.runtime.home).fetch(
            submission.properties_file, "properties"
        )
        try:
            return parse_properties((self.work / path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError("Unknown Error.", f"spark-submit: properties file {path}: {error}") from error

    def _arguments(self, submission: SparkSubmission, conf: Mapping[str, str]) -> list[str]:
        """Build spark-submit's arguments, with every file of S3 fetched."""
        files = JobFiles(self.storage, self.work, self.runtime.home)
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


def _output(stderr: Path, *, in_container: bool) -> tuple[Path, Path]:
    """Say where the driver's output goes: to the container's logs, or to the step's."""
    if not in_container:
        return stderr.with_name("stdout"), stderr
    names = {file: name for name, file in CONTAINER_LOGS.items()}
    return stderr.with_name(names["stdout"]), stderr.with_name(names["stderr"])


def _own_python(submission: SparkSubmission, configuration: JobConfiguration) -> str:
    """Find the Python that a job brings along in an archive; any other of a cluster is not here."""
    variables = {**configuration.environment, **submission.environment}
    asked = [submission.conf.get(key, "") for key in _PYTHON_CONF]
    asked += [variables.get(name, "") for name in ("PYSPARK_DRIVER_PYTHON", "PYSPARK_PYTHON")]
    return next((python for python in asked if python.startswith("./")), sys.executable)
