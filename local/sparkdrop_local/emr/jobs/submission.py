"""What spark-submit is asked for, read from its arguments. Pure: nothing is fetched or started here.

The options: https://spark.apache.org/docs/4.0.2/submitting-applications.html
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from sparkdrop_local.emr.jobs.examples import example_program
from sparkdrop_local.emr.jobs.options import SWITCHES, CommandError, split_options, split_words, submit_error

# Options that are settings by another name.
_SETTINGS = {
    "--deploy-mode": "spark.submit.deployMode",
    "--driver-class-path": "spark.driver.extraClassPath",
    "--driver-java-options": "spark.driver.extraJavaOptions",
    "--driver-memory": "spark.driver.memory",
    "--executor-cores": "spark.executor.cores",
    "--executor-memory": "spark.executor.memory",
    "--master": "spark.master",
    "--num-executors": "spark.executor.instances",
}
# A cluster's business, which one machine does not have.
_DROPPED_OPTIONS = frozenset({
    "--driver-cores", "--keytab", "--principal", "--proxy-user", "--queue", "--total-executor-cores",
})  # fmt: skip
_DROPPED_CONF = (
    "spark.driver.cores", "spark.driver.memory", "spark.dynamicAllocation.", "spark.emr.",
    "spark.eventLog.", "spark.executor.", "spark.history.", "spark.kerberos.", "spark.master",
    "spark.shuffle.service.", "spark.submit.deployMode", "spark.yarn.",
)  # fmt: skip
# Where the run takes place: no setting may move it off the loopback or out of its folder, nor to another S3.
_KEPT_CONF = frozenset({
    "spark.driver.bindAddress", "spark.driver.host", "spark.local.dir",
    *(f"spark.hadoop.fs.{key}" for key in ("defaultFS", "s3.impl", "AbstractFileSystem.s3.impl")),
    *(f"spark.hadoop.fs.s3a.{key}" for key in (
        "access.key", "aws.credentials.provider", "buffer.dir", "connection.ssl.enabled", "endpoint",
        "endpoint.region", "impl", "path.style.access", "secret.key", "session.token",
    )),
})  # fmt: skip
_FILE_LISTS = ("--py-files", "--files", "--jars", "--archives")
# Spark's and YARN's settings that are the lists' other names; an option wins over them.
_LIST_CONF = {
    "spark.submit.pyFiles": "--py-files",
    "spark.files": "--files",
    "spark.yarn.dist.files": "--files",
    "spark.jars": "--jars",
    "spark.archives": "--archives",
    "spark.yarn.dist.archives": "--archives",
}
_APP_MASTER_ENV = "spark.yarn.appMasterEnv."
_LOCAL_MASTER = re.compile(r"^local(?:\[(?P<threads>\d+|\*)(?:,\s*\d+)?\])?$")


@dataclass(frozen=True, slots=True)
class Resources:
    """What a submission asks of its cluster; None where it does not say. Memory is as Spark writes it."""

    driver_memory: str | None = None
    executor_memory: str | None = None
    executor_cores: int | None = None
    executors: int | None = None
    threads: int | None = None

    def or_else(self, other: Self) -> Self:
        """Take from another what this one does not say."""
        mine = {name: value for name in self.__slots__ if (value := getattr(self, name)) is not None}
        return replace(other, **mine)


@dataclass(frozen=True, slots=True)
class SparkSubmission:
    """Run spark-submit.

    Attributes:
        program: the primary resource: a Python file or a jar.
        arguments: the program's own.
        options: spark-submit's options that stay, as pairs; switches have None.
        conf: ``--conf``, of those keys that mean something on one machine.
        files: lists by option (``--py-files``, ``--files``, ``--jars``, ``--archives``), each item a path or
            URI, with ``#name`` at its end where it asks for another name.
        java_options: the driver's JVM flags.
        class_path: what is added to the driver's class path.
        deploy_mode: ``client`` or ``cluster``; None where it is not said, which is Spark's ``client``.
        resources: what it asks of the cluster, for whoever bounds it.
        environment: the driver's variables on YARN (``spark.yarn.appMasterEnv``).
        properties_file: a file of settings that are used where ``conf`` has none.
    """

    program: str
    arguments: tuple[str, ...] = ()
    options: tuple[tuple[str, str | None], ...] = ()
    conf: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    java_options: tuple[str, ...] = ()
    class_path: tuple[str, ...] = ()
    deploy_mode: str | None = None
    resources: Resources = field(default_factory=Resources)
    environment: Mapping[str, str] = field(default_factory=dict)
    properties_file: str | None = None

    def with_defaults(self, conf: Mapping[str, str]) -> Self:
        """Add settings (``spark-defaults``) for all that the submission does not say itself.

        Raises:
            CommandError: one of them makes no sense, as parse_submission tells.
        """
        other = _read_settings(conf)
        return replace(
            self,
            conf={**other.conf, **self.conf},
            files={**other.files, **self.files},
            java_options=self.java_options or other.java_options,
            class_path=self.class_path or other.class_path,
            deploy_mode=self.deploy_mode or other.deploy_mode,
            resources=self.resources.or_else(other.resources),
            environment={**other.environment, **self.environment},
        )


def is_local_conf(key: str) -> bool:
    """Tell whether a Spark setting of a cluster means something on one machine."""
    return not key.startswith(_DROPPED_CONF) and key not in _KEPT_CONF


def parse_submission(arguments: Sequence[str]) -> SparkSubmission:
    """Read spark-submit's arguments.

    Raises:
        CommandError: an option that spark-submit does not know, a master that is not here, or no program.
    """
    pairs, rest = split_options(list(arguments))
    if not rest:
        raise submit_error("missing application resource: name the program after the options")
    asked = _read_options(pairs)
    program, main_class = rest[0], dict(pairs).get("--class") or ""
    if program.rsplit("/", 1)[-1].startswith("spark-examples") and program.endswith(".jar"):
        program = example_program(main_class)
        asked = replace(asked, options=tuple(pair for pair in asked.options if pair[0] != "--class"))
    return replace(asked, program=program, arguments=tuple(rest[1:]))


def parse_example(arguments: Sequence[str]) -> SparkSubmission:
    """Read run-example's arguments: spark-submit's options, the example's class, and its arguments.

    Raises:
        CommandError: as parse_submission, or no example.
    """
    pairs, rest = split_options(list(arguments))
    if not rest:
        raise CommandError("Unknown Error.", "run-example: missing example: name its class after the options")
    return replace(_read_options(pairs), program=example_program(rest[0]), arguments=tuple(rest[1:]))


def _read_options(pairs: Sequence[tuple[str, str | None]]) -> SparkSubmission:
    """Read what is said before the program."""
    conf: dict[str, str] = {}
    settings: dict[str, str] = {}
    files: dict[str, tuple[str, ...]] = {}
    options: list[tuple[str, str | None]] = []
    properties_file = None
    for name, text in pairs:
        value = text or ""
        if name == "--conf":
            key, separator, setting = value.partition("=")
            if not separator:
                raise submit_error(f"--conf {value} is not key=value")
            conf[key.strip()] = setting
        elif name in _SETTINGS:
            settings[_SETTINGS[name]] = value
        elif name in _FILE_LISTS:
            files[name] = _split_list(value)
        elif name == "--properties-file":
            properties_file = value
        elif name == "--remote":
            raise submit_error(
                "--remote: there is no Spark Connect server here; leave it out, or give --master yarn"
            )
        elif name not in _DROPPED_OPTIONS and name not in SWITCHES:
            options.append((name, text))
    said = _read_settings(conf | settings)
    files = {**said.files, **files}
    return replace(said, options=tuple(options), files=files, properties_file=properties_file)


def _read_settings(conf: Mapping[str, str]) -> SparkSubmission:
    """Part settings into those that stay and those that are done otherwise here."""
    files: dict[str, tuple[str, ...]] = {}
    for key, name in _LIST_CONF.items():
        if items := _split_list(conf.get(key, "")):
            files[name] = (*files.get(name, ()), *items)
    taken = {*_LIST_CONF, "spark.driver.extraJavaOptions", "spark.driver.extraClassPath"}
    threads = _read_master(conf.get("spark.master", "yarn"))
    deploy_mode = conf.get("spark.submit.deployMode")
    if deploy_mode not in (None, "client", "cluster"):
        raise submit_error("Deploy mode must be either client or cluster")
    if deploy_mode == "cluster" and conf.get("spark.master", "yarn").startswith("local"):
        raise submit_error('Cluster deploy mode is not compatible with master "local"')
    java_options = split_words(conf.get("spark.driver.extraJavaOptions", ""))
    class_path = conf.get("spark.driver.extraClassPath", "").split(":")
    return SparkSubmission(
        program="",
        conf={key: value for key, value in conf.items() if is_local_conf(key) and key not in taken},
        files=files,
        # the heap is the runtime's to bound
        java_options=tuple(option for option in java_options if not option.startswith("-Xm")),
        class_path=tuple(part for part in class_path if part),
        deploy_mode=deploy_mode,
        resources=Resources(
            driver_memory=_read_memory(conf, "spark.driver.memory"),
            executor_memory=_read_memory(conf, "spark.executor.memory"),
            executor_cores=_read_number(conf, "spark.executor.cores"),
            executors=_read_number(conf, "spark.executor.instances"),
            threads=threads,
        ),
        environment={
            key.removeprefix(_APP_MASTER_ENV): value
            for key, value in conf.items()
            if key.startswith(_APP_MASTER_ENV)
        },
    )


def _read_master(master: str) -> int | None:
    """Read how many threads a local master asks for; YARN's asks for none, and there is no other here."""
    if match := _LOCAL_MASTER.match(master):
        threads = match["threads"]
        return None if threads == "*" else int(threads or 1)
    if master == "yarn":
        return None
    if re.match(r"^(k8s|spark|mesos)://", master):
        raise submit_error(f"--master {master} is not here: the local EMR takes yarn and local")
    raise submit_error(f"Master must either be yarn or start with spark, k8s, or local; it is {master}")


def _read_memory(conf: Mapping[str, str], key: str) -> str | None:
    value = conf.get(key)
    if value is not None and not re.fullmatch(r"\d+([kmgtp]b?|b)?", value.strip().lower()):
        raise submit_error(f"{key}={value} is no size such as 512m or 4g")
    return value and value.strip().lower()


def _read_number(conf: Mapping[str, str], key: str) -> int | None:
    value = conf.get(key)
    if value is None:
        return None
    if not value.strip().isdecimal():
        raise submit_error(f"{key}={value} is no number")
    return int(value) or None  # none to begin with: YARN gives more as they are needed


def _split_list(text: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in text.split(",") if item.strip())
