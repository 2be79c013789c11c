"""Files that a JVM reads of a job: its JAR's manifest, Hadoop's and log4j's configuration."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from xml.sax.saxutils import escape

from sparkdrop_local.emr.jobs.options import CommandError

_HADOOP_PREFIX = "spark.hadoop."
# Spark's own log4j2-defaults.properties, which is not read where there is a file
_LOG4J2 = {
    "rootLogger.level": "info",
    "rootLogger.appenderRef.stdout.ref": "console",
    "appender.console.type": "Console",
    "appender.console.name": "console",
    "appender.console.target": "SYSTEM_ERR",
    "appender.console.layout.type": "PatternLayout",
    "appender.console.layout.pattern": "%d{yy/MM/dd HH:mm:ss} %p %c{1}: %m%n%ex",
    "logger.jetty.name": "org.sparkproject.jetty",
    "logger.jetty.level": "warn",
}
# What Hadoop logs is the step's syslog.
_SYSLOG_LOG4J2 = {
    "rootLogger.level": "info",
    "rootLogger.appenderRef.syslog.ref": "syslog",
    "appender.syslog.type": "File",
    "appender.syslog.name": "syslog",
    "appender.syslog.layout.type": "PatternLayout",
    "appender.syslog.layout.pattern": "%d{ISO8601} %p %c (%t): %m%n%ex",
}


def read_main_class(jar: str) -> str | None:
    """Read Main-Class from a JAR's manifest; None where it names none.

    Raises:
        CommandError: it is not there, or no JAR.
    """
    try:
        with zipfile.ZipFile(jar) as archive:
            manifest = archive.read("META-INF/MANIFEST.MF").decode("utf-8", errors="replace")
    except KeyError:
        return None
    except FileNotFoundError as error:
        raise CommandError("Unknown Error.", f"Not a valid JAR: {jar}") from error
    except (OSError, zipfile.BadZipFile) as error:
        raise CommandError("Unknown Error.", f"Error opening job jar: {jar}") from error
    # a line of a manifest has 72 bytes at most, and goes on after a space
    lines = manifest.replace("\r\n", "\n").replace("\n ", "").splitlines()
    return next(
        (line.partition(":")[2].strip() or None for line in lines if line.startswith("Main-Class:")), None
    )


def write_core_site(folder: Path, conf: Mapping[str, str]) -> None:
    """Write ``core-site.xml`` of what Spark's settings have of Hadoop's."""
    properties = "".join(
        f"<property><name>{escape(key.removeprefix(_HADOOP_PREFIX))}</name>"
        f"<value>{escape(value)}</value></property>\n"
        for key, value in conf.items()
        if key.startswith(_HADOOP_PREFIX)
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "core-site.xml"
    path.write_text(f"<configuration>\n{properties}</configuration>\n", encoding="utf-8")


def write_spark_log4j2(folder: Path, properties: Mapping[str, str]) -> Path:
    """Write ``log4j2.properties`` of Spark's own lines and a cluster's."""
    return _write_properties(folder, {**_LOG4J2, **properties})


def write_syslog_log4j2(folder: Path, syslog: Path) -> Path:
    """Write ``log4j2.properties`` by which what Hadoop logs is a step's syslog."""
    return _write_properties(folder, {**_SYSLOG_LOG4J2, "appender.syslog.fileName": str(syslog)})


def _write_properties(folder: Path, properties: Mapping[str, str]) -> Path:
    """Write them as Java reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "log4j2.properties"
    lines = [f"{key} = {value.replace(chr(92), chr(92) * 2)}\n" for key, value in properties.items()]
    path.write_text("".join(lines), encoding="utf-8")
    return path
