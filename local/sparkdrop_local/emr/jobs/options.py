"""spark-submit's command line, parted as its own parser does. Pure."""

import shlex

# spark-submit's options that take a value: SparkSubmitOptionParser of Spark 4.0
_VALUED = frozenset({
    "--archives", "--class", "--conf", "--deploy-mode", "--driver-class-path", "--driver-cores",
    "--driver-java-options", "--driver-library-path", "--driver-memory", "--exclude-packages",
    "--executor-cores", "--executor-memory", "--files", "--jars", "--keytab", "--master", "--name",
    "--num-executors", "--packages", "--principal", "--properties-file", "--proxy-user", "--py-files",
    "--queue", "--remote", "--repositories", "--total-executor-cores",
})  # fmt: skip
SWITCHES = frozenset({"--load-spark-defaults", "--supervise", "--verbose", "-v", "--usage-error"})
_SHORT = {"-c": "--conf"}


class CommandError(Exception):
    """A step asks for something that cannot be run.

    Attributes:
        reason: FailureDetails' Reason.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def submit_error(message: str) -> CommandError:
    """What spark-submit says of its arguments."""
    return CommandError("Unknown Error.", f"spark-submit: {message}")


def split_words(line: str) -> tuple[str, ...]:
    """Part a command line into words as a shell does, or raise CommandError."""
    try:
        return tuple(shlex.split(line))
    except ValueError as error:
        raise CommandError("Unknown Error.", f"{line}: {error}") from error


def split_options(arguments: list[str]) -> tuple[list[tuple[str, str | None]], list[str]]:
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
        if name in SWITCHES and not separator:
            pairs.append((name, None))
        elif name not in _VALUED:
            raise submit_error(f"unrecognized option: {argument}")
        elif separator:
            pairs.append((name, value))
        elif position == len(arguments):
            raise submit_error(f"missing argument for option '{argument}'")
        else:
            pairs.append((name, arguments[position]))
            position += 1
    return pairs, arguments[position:]
