"""What a step asks to run, read from its HadoopJarStep. Pure: nothing is looked up, fetched or started here.

https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-commandrunner.html
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# spark-submit's options that take a value: SparkSubmitOptionParser of Spark 4.0
_VALUED = frozenset({
    "--archives", "--class", "--conf", "--deploy-mode", "--driver-class-path", "--driver-cores",
    "--driver-java-options", "--driver-library-path", "--driver-memory", "--exclude-packages",
    "--executor-cores", "--executor-memory", "--files", "--jars", "--keytab", "--master", "--name",
    "--num-executors", "--packages", "--principal", "--properties-file", "--proxy-user", "--py-files",
    "--queue", "--remote", "--repositories", "--total-executor-cores",
})  # fmt: skip
_SWITCHES = frozenset({"--supervise", "--verbose", "-v", "--usage-error"})
_SHORT = {"-c": "--conf"}
# A cluster's business: here there is one machine, and its bounds are the settings'.
_DROPPED_OPTIONS = frozenset({
    "--deploy-mode", "--driver-cores", "--driver-memory", "--executor-cores", "--executor-memory",
    "--keytab", "--master", "--num-executors", "--principal", "--proxy-user", "--queue", "--remote",
    "--total-executor-cores",
})  # fmt: skip
_DROPPED_CONF = (
    "spark.driver.cores", "spark.driver.memory", "spark.dynamicAllocation.", "spark.emr.",
    "spark.eventLog.", "spark.executor.", "spark.history.", "spark.kerberos.", "spark.master",
    "spark.shuffle.service.", "spark.submit.deployMode", "spark.yarn.",
)  # fmt: skip
# Where the run takes place: no setting may move it off the loopback or out of its folder.
_KEPT_CONF = ("spark.driver.bindAddress", "spark.driver.host", "spark.local.dir")
_FILE_LISTS = ("--py-files", "--files", "--jars", "--archives")


class CommandError(Exception):
    """A step asks for something that cannot be run.

    Attributes:
        reason: FailureDetails' Reason.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class PlainCommand:
    """Run a program of the machine."""

    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Script:
    """Download a script from S3 and run it."""

    uri: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SparkSubmission:
    """Run spark-submit.

    Attributes:
        program: the primary resource: a Python file or a jar.
        arguments: the program's own.
        options: spark-submit's options that stay, as pairs; switches have None.
        conf: ``--conf``, of those keys that mean something on one machine.
        files: comma-separated lists by option (``--py-files``, ``--files``, ``--jars``, ``--archives``).
        java_options: the driver's JVM flags.
        class_path: what is added to the driver's class path.
    """

    program: str
    arguments: tuple[str, ...] = ()
    options: tuple[tuple[str, str | None], ...] = ()
    conf: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    java_options: tuple[str, ...] = ()
    class_path: tuple[str, ...] = ()


Command = PlainCommand | Script | SparkSubmission


def parse_command(config: Mapping[str, Any]) -> Command:
    """Read a HadoopJarStep.

    Raises:
        CommandError: the jar is none that runs here, or its arguments make no command.
    """
    jar = str(config["Jar"]).rsplit("/", 1)[-1]
    arguments = tuple(str(argument) for argument in config.get("Args") or ())
    if jar == "command-runner.jar":
        return _parse_command_runner(arguments)
    if jar == "script-runner.jar":
        if not arguments:
            raise CommandError(
                "Unknown Error.", "script-runner.jar needs the script's place as its first argument"
            )
        return Script(arguments[0], arguments[1:])
    raise CommandError(
        "Main Class not found",
        f"{config['Jar']} does not run here: the local EMR knows command-runner.jar and script-runner.jar",
    )


def is_local_conf(key: str) -> bool:
    """Tell whether a Spark setting of a cluster means something on one machine."""
    return not key.startswith(_DROPPED_CONF) and key not in _KEPT_CONF


def _parse_command_runner(arguments: tuple[str, ...]) -> Command:
    # the console puts a whole command into one argument
    if len(arguments) == 1 and " " in arguments[0].strip():
        arguments = tuple(shlex.split(arguments[0]))
    if not arguments:
        raise CommandError("Unknown Error.", "command-runner.jar needs a command as its first argument")
    program = arguments[0].rsplit("/", 1)[-1]
    if program == "spark-submit":
        return parse_submission(arguments[1:])
    if program == "state-pusher-script":  # EMR's own "enable debugging" step
        return PlainCommand(("true",))
    return PlainCommand(arguments)


def parse_submission(arguments: Sequence[str]) -> SparkSubmission:
    """Read spark-submit's arguments; those about a cluster's size and place are left out.

    Raises:
        CommandError: an option that spark-submit does not know, or no program.
    """
    pairs, rest = _split_options(list(arguments))
    if not rest:
        raise CommandError(
            "Unknown Error.", "spark-submit: missing application resource: name the program after the options"
        )
    conf: dict[str, str] = {}
    files: dict[str, tuple[str, ...]] = {}
    options: list[tuple[str, str | None]] = []
    for name, value in pairs:
        if name == "--conf":
            key, separator, text = (value or "").partition("=")
            if not separator:
                raise CommandError("Unknown Error.", f"spark-submit: --conf {value} is not key=value")
            conf[key.strip()] = text
        elif name in _FILE_LISTS:
            files[name] = tuple(item for item in (value or "").split(",") if item)
        elif name == "--driver-java-options":
            conf["spark.driver.extraJavaOptions"] = value or ""
        elif name == "--driver-class-path":
            conf["spark.driver.extraClassPath"] = value or ""
        elif name not in _DROPPED_OPTIONS and name not in _SWITCHES:
            options.append((name, value))
    # the JVM is started by us: what its driver wants has to be on the command line
    java_options = tuple(shlex.split(conf.pop("spark.driver.extraJavaOptions", "")))
    class_path = tuple(part for part in conf.pop("spark.driver.extraClassPath", "").split(":") if part)
    return SparkSubmission(
        program=rest[0],
        arguments=tuple(rest[1:]),
        options=tuple(options),
        conf={key: value for key, value in conf.items() if is_local_conf(key)},
        files=files,
        java_options=tuple(option for option in java_options if not option.startswith("-Xm")),
        class_path=class_path,
    )


def _split_options(arguments: list[str]) -> tuple[list[tuple[str, str | None]], list[str]]:
    """Part spark-submit's own options from the program and its arguments, as its parser does."""
    pairs: list[tuple[str, str | None]] = []
    position = 0
    while position < len(arguments):
        argument = arguments[position]
        if not argument.startswith("-"):
            break
        name, separator, value = argument.partition("=")
        name = _SHORT.get(name, name)
        position += 1
        if name in _SWITCHES and not separator:
            pairs.append((name, None))
        elif name not in _VALUED:
            raise CommandError("Unknown Error.", f"spark-submit: unrecognized option: {argument}")
        elif separator:
            pairs.append((name, value))
        elif position == len(arguments):
            raise CommandError("Unknown Error.", f"spark-submit: missing argument for option '{argument}'")
        else:
            pairs.append((name, arguments[position]))
            position += 1
    return pairs, arguments[position:]
