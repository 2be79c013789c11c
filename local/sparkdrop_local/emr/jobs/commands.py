"""What a step asks to run, read from its HadoopJarStep. Pure: nothing is looked up, fetched or started here.

https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-commandrunner.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sparkdrop_local.emr.jobs.options import CommandError, split_words
from sparkdrop_local.emr.jobs.submission import SparkSubmission, parse_example, parse_submission

__all__ = [
    "Command",
    "CommandError",
    "CustomJar",
    "PlainCommand",
    "Script",
    "SparkSubmission",
    "parse_command",
    "parse_submission",
]

_SPARK = "write it as a spark-submit step"
# Programs of EMR that are not here, and what does their work.
_NOT_HERE = {
    "beeline": "query with Spark SQL, in a spark-submit step",
    "flink": _SPARK,
    "flink-yarn-session": _SPARK,
    "hadoop": "give the JAR as the step's own Jar, or read and write s3:// from a spark-submit step",
    "hadoop-streaming": f"{_SPARK}: rdd.pipe runs the same mapper",
    "hbase": _SPARK,
    "hcat": "query with Spark SQL, in a spark-submit step",
    "hdfs": "there is no HDFS: keep files in s3://",
    "hive": "query with Spark SQL, in a spark-submit step",
    "hive-script": "query with Spark SQL, in a spark-submit step",
    "mapred": _SPARK,
    "oozie": "order steps by the cluster's queue of steps",
    "pig": _SPARK,
    "pig-script": _SPARK,
    "presto-cli": "query with Spark SQL, in a spark-submit step",
    "s3-dist-cp": "copy with a spark-submit step, which reads and writes s3://",
    "sqoop": "read databases with Spark's JDBC source",
    "trino-cli": "query with Spark SQL, in a spark-submit step",
    "yarn": "there is no YARN: each spark-submit runs on this machine",
}


@dataclass(frozen=True, slots=True)
class PlainCommand:
    """Run a program of the machine."""

    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Script:
    """Run a script that lies in S3 or on the machine."""

    uri: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CustomJar:
    """Run a class of a JAR, as ``hadoop jar`` does.

    Attributes:
        uri: the JAR, in S3 or on the machine.
        main_class: the class to run; None for the one that its manifest names, else the first argument.
        arguments: the program's own.
        properties: the JVM's system properties.
    """

    uri: str
    main_class: str | None
    arguments: tuple[str, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict)


Command = PlainCommand | Script | CustomJar | SparkSubmission


def parse_command(config: Mapping[str, Any]) -> Command:
    """Read a HadoopJarStep.

    Raises:
        CommandError: its arguments make no command, or one of a program that is not here.
    """
    jar = str(config["Jar"])
    arguments = tuple(str(argument) for argument in config.get("Args") or ())
    match jar.rsplit("/", 1)[-1]:
        case "command-runner.jar":
            return _parse_command_runner(arguments)
        case "script-runner.jar":
            if not arguments:
                raise CommandError(
                    "Unknown Error.", "script-runner.jar needs the script's place as its first argument"
                )
            return Script(arguments[0], arguments[1:])
        case "hadoop-streaming.jar":
            raise _not_here("hadoop-streaming")
    return CustomJar(
        jar, config.get("MainClass"), arguments, _read_properties(config.get("Properties") or ())
    )


def _read_properties(properties: Any) -> dict[str, str]:  # noqa: ANN401 - the list is asked for, the map is told
    """Read Properties as AddJobFlowSteps takes them, a list of Key and Value."""
    return {str(pair["Key"]): str(pair.get("Value", "")) for pair in properties if pair.get("Key")}


def _parse_command_runner(arguments: tuple[str, ...]) -> Command:
    # the console puts a whole command into one argument
    if len(arguments) == 1 and " " in arguments[0].strip():
        arguments = split_words(arguments[0])
    if not arguments:
        raise CommandError("Unknown Error.", "command-runner.jar needs a command as its first argument")
    program = arguments[0].rsplit("/", 1)[-1]
    match program:
        case "spark-submit":
            return parse_submission(arguments[1:])
        case "spark-example" | "run-example":
            return parse_example(arguments[1:])
        case "state-pusher-script":  # EMR's own "enable debugging" step
            return PlainCommand(("true",))
    if program in _NOT_HERE:
        raise _not_here(program)
    return PlainCommand(arguments)


def _not_here(program: str) -> CommandError:
    return CommandError(
        "Unknown Error.", f"{program} is not here: the local EMR has Spark alone; {_NOT_HERE[program]}"
    )
