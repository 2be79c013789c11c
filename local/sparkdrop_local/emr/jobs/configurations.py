"""The Configurations of a cluster or a job run, as far as they mean something to Spark on one machine. Pure.

https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-configure-apps.html. Classifications of programs that
are not here, and of daemons that one machine has not, are accepted and change nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# Hadoop's files that Spark reads as well, by its prefix for them.
_HADOOP = ("core-site", "hdfs-site", "mapred-site")
_ENVIRONMENTS = ("hadoop-env", "spark-env")
# Where programs are: this machine's own, whatever a cluster's image has.
_KEPT_VARIABLES = frozenset({
    "HADOOP_CONF_DIR", "HADOOP_HOME", "JAVA_HOME", "PATH", "PYSPARK_DRIVER_PYTHON", "PYSPARK_PYTHON",
    "SPARK_CONF_DIR", "SPARK_HOME", "SPARK_LOCAL_DIRS", "SPARK_LOCAL_IP", "YARN_CONF_DIR",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class JobConfiguration:
    """What Configurations say.

    Attributes:
        spark: Spark's settings: ``spark-defaults``, and Hadoop's as ``spark.hadoop.*``.
        environment: the variables of ``spark-env`` and ``hadoop-env``.
        log4j2: lines of ``log4j2.properties`` that are added to Spark's own.
        takes_all: whether Spark is to have all that there is (``maximizeResourceAllocation``).
    """

    spark: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    log4j2: Mapping[str, str] = field(default_factory=dict)
    takes_all: bool = False


def read_configurations(configurations: Sequence[Mapping[str, Any]]) -> JobConfiguration:
    """Read Configurations, each with its Classification, Properties and further Configurations; later win."""
    spark: dict[str, str] = {}
    hadoop: dict[str, str] = {}
    environment: dict[str, str] = {}
    log4j2: dict[str, str] = {}
    takes_all = False
    for configuration in configurations:
        properties = _properties(configuration)
        match configuration.get("Classification"):
            case "spark-defaults":
                spark |= properties
            case "spark-log4j2":
                log4j2 |= properties
            case "spark":
                takes_all = properties.get("maximizeResourceAllocation", str(takes_all)).lower() == "true"
            case name if name in _HADOOP:
                hadoop |= {f"spark.hadoop.{key}": value for key, value in properties.items()}
            case name if name in _ENVIRONMENTS:
                for nested in configuration.get("Configurations") or ():
                    if nested.get("Classification") == "export":
                        environment |= _properties(nested)
    return JobConfiguration({**hadoop, **spark}, clean_environment(environment), log4j2, takes_all)


def clean_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Leave out what says where programs are, but for a Python that the job brings along (``./env/bin``)."""
    return {
        name: value
        for name, value in variables.items()
        if name not in _KEPT_VARIABLES or (name.endswith("_PYTHON") and value.startswith("./"))
    }


def parse_properties(text: str) -> dict[str, str]:
    r"""Read a properties file as Java does: ``key=value``, ``key: value`` or ``key value``, ``\`` goes on.

    https://docs.oracle.com/en/java/javase/17/docs/api/java.base/java/util/Properties.html#load(java.io.Reader)
    """
    properties: dict[str, str] = {}
    pending = ""
    for written in text.splitlines():
        line = pending + written.lstrip()
        pending = ""
        if not line or line[0] in "#!":
            continue
        if (len(line) - len(line.rstrip("\\"))) % 2:
            pending = line[:-1]
            continue
        key, value = _split_pair(line)
        properties[key] = value.rstrip()  # as SparkSubmit does, which trims what it reads
    return properties


def _split_pair(line: str) -> tuple[str, str]:
    """Split a line at the first separator that no backslash takes away."""
    position = 0
    while position < len(line) and line[position] not in "=: \t\f":
        position += 2 if line[position] == "\\" else 1
    key, rest = line[:position], line[position:].lstrip()
    if rest[:1] in ("=", ":"):
        rest = rest[1:].lstrip()
    return _unescape(key), _unescape(rest)


def _unescape(text: str) -> str:
    taken = []
    characters = iter(text)
    for character in characters:
        if character == "\\":
            escaped = next(characters, "")
            taken.append({"t": "\t", "n": "\n", "r": "\r", "f": "\f"}.get(escaped, escaped))
        else:
            taken.append(character)
    return "".join(taken)


def _properties(configuration: Mapping[str, Any]) -> dict[str, str]:
    return {str(key): str(value) for key, value in (configuration.get("Properties") or {}).items()}
